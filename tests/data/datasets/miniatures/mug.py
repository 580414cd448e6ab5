from __future__ import annotations

from pathlib import Path
from typing import Any

from .owner import junk, picture

BELOW = "images"
CODES = {"an": "anger", "di": "disgust", "fe": "fear", "ha": "happiness", "ne": "neutral"} | {
    "sa": "sadness",
    "su": "surprise",
}


def make(root: Path) -> list[dict[str, Any]]:
    rows = []
    for person in ("001", "086"):
        for code, expression in CODES.items():
            name = f"images/{person}_{code}_002_0050.{'JPG' if code == 'su' else 'jpg'}"
            picture(root / name)
            rows.append({"file": name, "expression": expression, "subject": person, "split": None})
            rows[-1] |= {"sequence": "002", "frame": 50, "source_label": code}
    junk(root / "images")
    return rows
