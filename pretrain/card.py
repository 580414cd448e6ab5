"""Write the starter model's numbers into its card, `docs/starter.md`, from `starter.json`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
CARD = ROOT / "docs" / "starter.md"
BEGIN, END = "<!-- numbers: begin, written by pretrain/card.py -->", "<!-- numbers: end -->"


def with_numbers(text: str, found: dict[str, Any]) -> str:
    """Return a page with the tables between its marks made anew.

    Args:
        text: Of the page.
        found: What `starter.json` holds.
    """
    before, rest = text.split(BEGIN)
    return f"{before}{BEGIN}\n{tables(found)}\n{END}{rest.split(END)[1]}"


def tables(found: dict[str, Any]) -> str:
    """Return a table of the data sets and one of the classes."""
    measures = ("faces", "macro_recall", "macro_f1", "accuracy", "calibration_error")
    rows = found["measured"]
    lines = [f"| | {' | '.join(name.replace('_', ' ') for name in measures)} |", "|---|---|---|---|---|---|"]
    for name, numbers in rows.items():
        cells = [f"{numbers[key]:,}" if key == "faces" else f"{numbers[key]:.3f}" for key in measures]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    lines += ["", f"| recall | {' | '.join(found['classes'])} |", "|---" * (len(found["classes"]) + 1) + "|"]
    for name, numbers in rows.items():
        recall = numbers["recall"]
        cells = [f"{recall[one]:.2f}" if one in recall else "" for one in found["classes"]]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    """Make the tables anew."""
    found = json.loads((ROOT / "src" / "ferda" / "weights" / "starter.json").read_text(encoding="utf-8"))
    CARD.write_text(with_numbers(CARD.read_text(encoding="utf-8"), found), encoding="utf-8")


if __name__ == "__main__":
    main()
