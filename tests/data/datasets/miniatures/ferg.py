from __future__ import annotations

from pathlib import Path
from typing import Any

from .owner import junk, picture

WORDS = ("anger", "disgust", "fear", "joy", "neutral", "sadness", "surprise")


def make(root: Path) -> list[dict[str, Any]]:
    rows = []
    for head in ("mery", "ray"):
        for word in WORDS:
            name = f"FERG_DB_256/{head}/{head}_{word}/{head}_{word}_{10 if head == 'ray' else 9}.png"
            name = name.replace(".png", ".PNG") if word == "fear" else name
            picture(root / name, (16, 16))
            rows.append({"file": name, "expression": "happiness" if word == "joy" else word})
            rows[-1] |= {"subject": head, "source_label": word, "split": None}
    junk(root / "FERG_DB_256" / "ray")
    return rows
