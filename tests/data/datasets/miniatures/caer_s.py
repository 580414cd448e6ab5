from __future__ import annotations

from pathlib import Path
from typing import Any

from .owner import junk, picture

BELOW = "test"
WORDS = {"Disgust": "disgust", "Fear": "fear", "Happy": "happiness", "Neutral": "neutral"} | {
    "Sad": "sadness",
    "Surprise": "surprise",
}


def make(root: Path) -> list[dict[str, Any]]:
    rows = []
    for split, anger in (("train", "Anger"), ("test", "Angry")):
        for word, expression in ({anger: "anger"} | WORDS).items():
            name = f"{split}/{word}/0001.{'PNG' if word == 'Sad' else 'png'}"
            picture(root / name)
            rows.append({"file": name, "expression": expression, "split": split, "source_label": word})
    picture(root / "train" / "Contempt" / "0001.png")  # none of the owner's classes
    junk(root / "train" / "Sad")
    return rows
