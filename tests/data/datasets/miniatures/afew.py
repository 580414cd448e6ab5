from __future__ import annotations

from pathlib import Path
from typing import Any

from .owner import junk, picture
from .sfew import WORDS

BELOW = "Val_AFEW"


def make(root: Path) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for split, clip in (("Train", "000046280"), ("Val", "001234567")):
        for word, expression in WORDS.items():
            for frame in (2, 10):
                name = f"{split}_AFEW/{word}/{clip}/{frame}.{'JPG' if word == 'Sad' else 'jpg'}"
                picture(root / name)
                rows.append({"file": name, "expression": expression, "split": split.lower()})
                rows[-1] |= {"sequence": clip, "frame": frame, "source_label": word, "subject": None}
    name = "Test_AFEW/000099999_0007.png"
    picture(root / name)
    junk(root / "Val_AFEW")
    return [*rows, {"file": name, "expression": None, "split": "test", "sequence": "000099999", "frame": 7}]
