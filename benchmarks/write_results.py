"""Writes RESULTS.md, and the table in the README, from the JSON files in `results/`. No table is typed.

python benchmarks/write_results.py
"""

from __future__ import annotations

import json
from pathlib import Path
from statistics import mean, stdev
from typing import Any

HERE = Path(__file__).parent
#: All methods as tables show them: what each must beat, then by the date of the paper.
ORDER = (
    "source_only",
    "dann",
    "cdan",
    "mfsan",
    "esr",
    "mcc",
    "agra",
    "manet",
    "cglrl",
    "diversified_esr",
    "diversified_manet",
    "ddamfn",
    "duml",
    "aglrls",
    "la_cmfer",
    "osa",
)
BEGIN, END = "<!-- results: begin -->", "<!-- results: end -->"


def main() -> None:
    """Write the page."""
    made_by = "Made by `python benchmarks/write_results.py` from `benchmarks/results/*.json`"
    parts = [f"# Results\n\n{made_by} and the remarks in `benchmarks/notes/`."]
    sections = (("demo_table", demo), ("real_pairs", pairs), ("speed", speed), ("startup", startup))
    for name, write in sections:
        path = HERE / "results" / f"{name}.json"
        if path.is_file():
            parts.append(write(json.loads(path.read_text(encoding="utf-8"))))
    for path in sorted((HERE / "notes").glob("*.md")):
        parts.append(path.read_text(encoding="utf-8").strip())
    (HERE / "RESULTS.md").write_text("\n\n".join(parts) + "\n", encoding="utf-8")
    readme = HERE.parent / "README.md"
    text = readme.read_text(encoding="utf-8")
    before, after = text.split(BEGIN)[0], text.split(END)[1]
    readme.write_text(f"{before}{BEGIN}\n{short()}\n{END}{after}", encoding="utf-8")


def short() -> str:
    """Return the README's table: macro recall on the target, chosen without its labels."""
    columns: dict[str, dict[str, list[float]]] = {}
    path = HERE / "results" / "demo_table.json"
    if path.is_file():
        found = json.loads(path.read_text(encoding="utf-8"))
        for row in [row for run in found["seeds"] for row in run["table"]]:
            name = row["model"].removesuffix(" (chosen)").replace(" ", "_")
            columns.setdefault("studio → cctv (rendered)", {}).setdefault(name, []).append(row["target"])
    path = HERE / "results" / "real_pairs.json"
    if path.is_file():
        titles = {"fer2013-lfw": "FER2013 → LFW", "lfw-fer2013": "LFW → FER2013"}
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
            place = columns.setdefault(titles[cell["pair"]], {}).setdefault(cell["method"], [])
            place.append(cell["im"]["macro_recall"])
    methods = [name for name in ORDER if any(name in column for column in columns.values())]
    if not methods:
        return "Nothing was measured yet: `make bench`."
    lines = [f"| macro recall | {' | '.join(columns)} |", "|---|" + "---|" * len(columns)]
    for name in methods:
        cells = [spread(column[name]) if name in column else "" for column in columns.values()]
        lines.append(f"| `{name}` | {' | '.join(cells)} |")
    return "\n".join(lines)


def demo(found: dict[str, Any]) -> str:
    """Return the section of the demo."""
    runs = found["seeds"]
    lines = [
        "## Synthetic faces: studio to cctv (`make demo`)\n",
        f"{made(found['about'])} Macro recall over seven classes on held-out identities, mean ± standard "
        f"deviation over {len(runs)} seeds. The adapted model is chosen by `im`, without a camera label.\n",
        "| model | studio | cctv | cctv, oracle's epoch |",
        "|---|---|---|---|",
    ]
    names = [
        "source only",
        *sorted(
            {row["model"].removesuffix(" (chosen)") for run in runs for row in run["table"]} - {"source only"}
        ),
    ]
    for name in [*names, "chosen"]:
        rows = [row for run in runs for row in run["table"] if matches(row["model"], name)]
        cells = [spread([row[key] for row in rows]) for key in ("own domain", "target", "oracle")]
        lines.append(f"| {'**the chosen one**' if name == 'chosen' else name} | {' | '.join(cells)} |")
    lost, won = [run["loss"] for run in runs], [run["won_back"] for run in runs]
    per_seed = ", ".join(f"{value:.0%}" for value in won)
    lines.append(
        f"\nThe camera costs {spread(lost)} of macro recall; the chosen model wins back {per_seed} of it."
    )
    return "\n".join(lines)


def matches(model: str, name: str) -> bool:
    """Whether a row of a demo is of a model, or of the chosen one."""
    return model.endswith("(chosen)") if name == "chosen" else model.removesuffix(" (chosen)") == name


def pairs(found: dict[str, Any]) -> str:
    """Return the section of the real pairs."""
    lines = [f"## Real faces: FER2013 and LFW\n\n{made(found['about'])}"]
    for pair in dict.fromkeys(cell["pair"] for cell in found["cells"]):
        cells = [cell for cell in found["cells"] if cell["pair"] == pair]
        source, target = pair.split("-")
        classes = found["about"]["scored_classes"][target]
        lines += [
            f"\n### {source} to {target}\n",
            f"{cells[0]['im']['faces']} test faces, {len(classes)} classes ({', '.join(classes)}); mean ± "
            "standard deviation over seeds.\n",
            "| method | seeds | macro recall | macro F1 | accuracy | macro recall, oracle (not a result) |",
            "|---|---|---|---|---|---|",
        ]
        for method in dict.fromkeys(cell["method"] for cell in cells):
            own = [cell for cell in cells if cell["method"] == method]
            numbers = [
                spread([cell["im"][key] for cell in own]) for key in ("macro_recall", "macro_f1", "accuracy")
            ]
            oracle = spread([cell["oracle"]["macro_recall"] for cell in own])
            lines.append(f"| {method} | {len(own)} | {' | '.join(numbers)} | {oracle} |")
        lines += beside(cells)
        lines += ["\nRecall by class:\n", *by_class(cells, classes, "per_class_recall")]
        lines += ["\nShare of the answers, and of the faces:\n"]
        lines += by_class(cells, classes, "share_of_answers")
        shares = cells[0]["im"]["share_of_faces"]
        lines.append(f"| *the faces* | {' | '.join(f'{shares[c]:.3f}' for c in classes)} |")
    return "\n".join(lines)


def speed(found: dict[str, Any]) -> str:
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


def startup(found: dict[str, Any]) -> str:
    """Return the section of what it costs to ask something."""
    seconds = found["cpu_seconds"]
    idle = seconds["python -c pass"]
    lines = [
        "## Start\n",
        f"{made(found['about'])} CPU time of a new process, median of {found['about']['runs']}.\n",
        "| command | CPU seconds | against an idle Python |",
        "|---|---|---|",
        *(f"| `{name}` | {value:.2f} | {value / idle:.0f} × |" for name, value in seconds.items()),
    ]
    return "\n".join(lines)


def beside(cells: list[dict[str, Any]]) -> list[str]:
    """Return a table of what explains the cells of a pair; nothing if nothing was measured."""
    titles = {"target_norm": "with the target's batch statistics", "first_stage": "after its source stage"}
    lines = []
    for key, title in titles.items():
        for method in dict.fromkeys(cell["method"] for cell in cells if key in cell):
            own = [cell[key] for cell in cells if cell["method"] == method and key in cell]
            numbers = [
                spread([one[name] for one in own]) for name in ("macro_recall", "macro_f1", "accuracy")
            ]
            lines.append(f"| {method} {title} | {' | '.join(numbers)} |")
    head = ["\nBeside the table:\n", "| model | macro recall | macro F1 | accuracy |", "|---|---|---|---|"]
    return head + lines if lines else []


def by_class(cells: list[dict[str, Any]], classes: list[str], key: str) -> list[str]:
    """Return a table of one number by method and class, mean over seeds."""
    lines = [f"| method | {' | '.join(classes)} |", "|---|" + "---|" * len(classes)]
    for method in dict.fromkeys(cell["method"] for cell in cells):
        own = [cell["im"][key] for cell in cells if cell["method"] == method]
        lines.append(f"| {method} | {' | '.join(f'{mean(one[c] for one in own):.3f}' for c in classes)} |")
    return lines


def made(about: dict[str, Any]) -> str:
    """Return one line on command, machine and versions."""
    versions = ", ".join(f"{name} {number}" for name, number in about["versions"].items())
    return f"`{about['command']}`, commit {about['commit']}; {about['machine']}; {versions}."


def spread(values: list[float]) -> str:
    """Return mean ± standard deviation."""
    return f"{mean(values):.3f}" + (f" ± {stdev(values):.3f}" if len(values) > 1 else "")


if __name__ == "__main__":
    main()
