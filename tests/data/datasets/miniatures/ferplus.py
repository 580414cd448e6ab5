from __future__ import annotations

from pathlib import Path
from typing import Any

from .owner import junk, picture, text

BELOW = "Images"
LOST = 1
PARTS = {"FER2013Train": "train", "FER2013Valid": "val", "FER2013Test": "test"}
ORDER = ("neutral", "happiness", "surprise", "sadness", "anger", "disgust", "fear", "contempt")
#: By the rule of the majority undecided; by the others anger and disgust, of which anger comes first.
UNDECIDED = (2, 0, 0, 0, 4, 4, 0, 0, 0, 0)


def votes_of(code: int) -> tuple[int, ...]:
    """Votes that give class `code` by every rule."""
    return tuple(9 if column == code else int(column == 9) for column in range(10))


def make(root: Path) -> list[dict[str, Any]]:
    rows = []
    for first, (part, split) in zip((0, 100, 200), PARTS.items(), strict=True):
        lines = []
        for code, expression in [*enumerate(ORDER), (8, None)]:
            votes = votes_of(code) if expression else UNDECIDED
            name = f"fer{first + code:07d}.png"
            lines.append(f'{name},"(0, 0, 48, 48)",{",".join(map(str, votes))}')
            picture(root / "Images" / part / name, (6, 6), mode="L")
            rows.append({"file": f"Images/{part}/{name}", "expression": expression, "split": split})
            rows[-1]["source_label"] = " ".join(map(str, votes))
            rows[-1]["votes_happiness"] = float(code == 1)
            rows[-1]["note"] = None if expression else "FER+ by majority: unknown"
        if split == "train":
            lines.append(lines[0].replace("fer0000000", "fer0000099"))  # no such picture
        text(root / "Labels" / part / "label.csv", "\n".join([*lines, ""]), newline="\r\n")
    junk(root / "Images" / "FER2013Train")
    return rows
