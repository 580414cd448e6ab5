"""FER2013 and LFW: every method, and several sources."""

from __future__ import annotations

from statistics import mean
from typing import Any

from sections.cells import ORDER, made, spread

FIGURE = [
    "\n![What each method gains over source-only](figures/real_pairs.svg)\n",
    "Dots are seeds, bars their means; the diamond is the mean of the epochs that the test labels would have "
    "chosen.",
]
_NAMES = {
    "fer2013": "FER2013",
    "lfw": "LFW",
    "fer2013_agreed": "FER2013 (rows on which owner and FER+ agree)",
    "movie": "film",
    "studio": "rendered studio",
    "street": "rendered street",
}


def section(found: dict[str, Any]) -> str:
    """Return the section of the real pairs."""
    commits = ", ".join(dict.fromkeys(cell["commit"] for cell in found["cells"]))
    about = {**found["about"], "commit": commits}
    lines = [f"## Real faces: FER2013 and LFW\n\n{made(about)}", *FIGURE]
    for pair in dict.fromkeys(cell["pair"] for cell in found["cells"]):
        cells = in_order([cell for cell in found["cells"] if cell["pair"] == pair])
        sources, target = pair.split("-")
        classes = found["about"]["scored_classes"][target]
        title = f"{', '.join(_NAMES[name] for name in sources.split('+'))} to {_NAMES[target]}"
        lines += [
            f"\n### {title}\n",
            f"{cells[0]['im']['faces']} test faces, {len(classes)} classes ({', '.join(classes)}); mean ± "
            "standard deviation over seeds. `im` chose the epoch without a label of the target; `gain` is "
            "the macro recall above source-only of the same seed, and how many seeds gain.\n",
            "| method | seeds | weights | macro recall | gain | macro F1 | accuracy "
            "| macro recall, oracle (not a result) |",
            "|---|---|---|---|---|---|---|---|",
        ]
        for method in dict.fromkeys(cell["method"] for cell in cells):
            own = [cell for cell in cells if cell["method"] == method]
            recall, f1, accuracy = (
                spread([cell["im"][key] for cell in own]) for key in ("macro_recall", "macro_f1", "accuracy")
            )
            weights = f"{own[0]['weights'] / 1e6:.1f} M" if "weights" in own[0] else ""
            oracle = spread([cell["oracle"]["macro_recall"] for cell in own])
            gain = "" if method == "source_only" else gained(own, cells)
            lines.append(
                f"| {method} | {len(own)} | {weights} | {recall} | {gain} | {f1} | {accuracy} | {oracle} |"
            )
        lines += beside(cells)
        lines += ["\nRecall by class:\n", *by_class(cells, classes, "per_class_recall")]
        lines += ["\nShare of the answers, and of the faces:\n"]
        lines += by_class(cells, classes, "share_of_answers")
        shares = cells[0]["im"]["share_of_faces"]
        lines.append(f"| *the faces* | {' | '.join(f'{shares[c]:.3f}' for c in classes)} |")
    return "\n".join(lines)


def in_order(cells: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return cells as tables show their methods; a variant stands behind its method."""
    return sorted(
        cells, key=lambda cell: (ORDER.index(base_method(cell["method"])), cell["method"], cell["seed"])
    )


def base_method(name: str) -> str:
    """Return the method that a cell's name begins with: `la_cmfer` of `la_cmfer_unaligned`."""
    return max((method for method in ORDER if name.startswith(method)), key=len)


def gains(cells: list[dict[str, Any]], pair: list[dict[str, Any]], choice: str = "im") -> list[float]:
    """Return the macro recall of cells above source-only of the same seed."""
    base = {cell["seed"]: cell["im"]["macro_recall"] for cell in pair if cell["method"] == "source_only"}
    return [cell[choice]["macro_recall"] - base[cell["seed"]] for cell in cells if cell["seed"] in base]


def gained(cells: list[dict[str, Any]], pair: list[dict[str, Any]]) -> str:
    """Return mean gain and in how many seeds there is one."""
    found = gains(cells, pair)
    return f"{mean(found):+.3f} ({sum(gain > 0 for gain in found)} of {len(found)})" if found else ""


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
