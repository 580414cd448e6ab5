from __future__ import annotations

from pathlib import Path
from typing import Any

from .owner import junk, picture

BELOW = "neural"
WORDS = {"disgust": "disgust", "fear": "fear", "anger": "anger", "happy": "happiness"} | {
    "surprise": "surprise",
    "sad": "sadness",
    "neural": "neutral",
}


def make(root: Path) -> list[dict[str, Any]]:
    rows = []
    for number, (word, expression) in enumerate(WORDS.items(), 8):  # 8 to 14: not in the order of text
        name = f"{word}/occ_img_{number}.{'JPG' if word == 'sad' else 'jpg'}"
        picture(root / name)
        rows.append({"file": name, "expression": expression, "split": "test", "source_label": word})
    junk(root / "fear")
    return rows
