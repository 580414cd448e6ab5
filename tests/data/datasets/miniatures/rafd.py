from __future__ import annotations

from pathlib import Path
from typing import Any

from .owner import junk, picture

OPTIONS = {"views": "all"}
WORDS = {"angry": "anger", "contemptuous": "contempt", "disgusted": "disgust", "fearful": "fear"} | {
    "happy": "happiness",
    "neutral": "neutral",
    "sad": "sadness",
    "surprised": "surprise",
}


def make(root: Path) -> list[dict[str, Any]]:
    rows = []
    for person in ("01_Caucasian_female", "73_Moroccan_male"):
        for word, expression in WORDS.items():
            name = f"Rafd090_{person}_{word}_{'left' if word == 'sad' else 'frontal'}.jpg"
            name = name.replace(".jpg", ".JPG") if word == "happy" else name
            picture(root / name)
            number, group, gender = person.split("_")
            rows.append({"file": name, "expression": expression, "subject": number, "view": "090"})
            rows[-1] |= {"group": group, "gender": gender, "source_label": word, "split": None}
            rows[-1] |= {"gaze": "left" if word == "sad" else "frontal"}
    side = "Rafd180_05_Kid_female_happy_right.jpg"
    picture(root / side)
    junk(root)
    return [*rows, {"file": side, "expression": "happiness", "view": "180", "group": "Kid", "gaze": "right"}]
