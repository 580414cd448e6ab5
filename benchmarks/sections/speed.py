"""What a step and an answer cost."""

from __future__ import annotations

from typing import Any

from sections.cells import ORDER, made


def section(found: dict[str, Any]) -> str:
    """Return the section of what a step costs."""
    methods = {name: found["methods"][name] for name in ORDER if name in found["methods"]}
    formats = ", ".join(dict.fromkeys(one["auto"]["format"] for one in methods.values()))
    commits = ", ".join(sorted({one["commit"] for one in methods.values()} - {found["about"]["commit"]}))
    lines = [
        "## Speed\n",
        f"{made(found['about'])} {f'Some methods are from commit {commits}. ' if commits else ''}"
        f"CPU seconds for batches of {found['about']['rows']} rows (for adaptation as many of the target "
        f"beside them), best of {found['about']['runs']} after a warm-up; the medians stand in the JSON. "
        "`fp32` is float32 on contiguous tensors, as `ferda predict` computes. `auto` is "
        f"{formats} and channels last, as `ferda fit` trains here; between epochs it answers in float32. "
        "Memory is the peak of a process above its imports.\n",
        "| method | network, picture | weights | answer fp32 | auto | step of stage | fp32 | auto "
        "| MB, answer fp32 | auto | MB, step fp32 | auto |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for name, one in methods.items():
        plain, auto = one["fp32"], one["auto"]
        shown = f"{plain['network'] or 'its own'}, {plain['size']}"
        for stage, step in plain["steps"].items():
            numbers = [plain["forward"]["best"], auto["forward"]["best"]]
            steps = [step["best"], auto["steps"][stage]["best"]]
            memory = [way[key] for key in ("forward_megabytes", "step_megabytes") for way in (plain, auto)]
            lines.append(
                f"| `{name}` | {shown} | {plain['parameters'] / 1e6:.1f} M | {seconds(numbers)} | {stage} "
                f"| {seconds(steps)} | {' | '.join(map(str, memory))} |"
            )
    return "\n".join(lines + against_originals(methods))


def against_originals(methods: dict[str, Any]) -> list[str]:
    """Return a table of our times beside the authors' programs'; nothing if none is known."""
    lines = [
        "\nBeside the authors' programs, float32 both. Theirs were measured on another, busy machine (as the "
        "sections on cost say of the specifications that ferda was written from): a ratio is of two machines "
        "as well as of two programs, and tells a slip from a match, not a tenth.\n",
        "| method | program | answer, theirs | ours | ours / theirs | step, theirs | ours | ours / theirs |",
        "|---|---|---|---|---|---|---|---|",
    ]
    head = len(lines)
    for name, one in methods.items():
        if theirs := one["original"]:
            answer, step = one["fp32"]["forward"]["best"], one["fp32"]["steps"][theirs["stage"]]["best"]
            lines.append(
                f"| `{name}` | {theirs['program']} | {seconds([theirs['forward'], answer])} "
                f"| {answer / theirs['forward']:.2f} | {seconds([theirs['step'], step])} "
                f"| {step / theirs['step']:.2f} |"
            )
    return lines if len(lines) > head else []


def seconds(values: list[float]) -> str:
    """Return cells of seconds."""
    return " | ".join(f"{value:.2f}" for value in values)
