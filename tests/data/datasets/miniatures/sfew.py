from __future__ import annotations

from pathlib import Path
from typing import Any

from .owner import junk, pack_up, picture

BELOW = "Val"
WORDS = {"Angry": "anger", "Disgust": "disgust", "Fear": "fear", "Happy": "happiness"} | {
    "Neutral": "neutral",
    "Sad": "sadness",
    "Surprise": "surprise",
}
FOLDERS = {"Train": "Train_Aligned_Faces", "Val": "Val_Aligned_Faces_new"}


def make(root: Path) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for split, folder in FOLDERS.items():
        movie = "Bridget_Jones 2" if split == "Train" else "Airheads"  # blanks and underscores in a title
        for word, expression in WORDS.items():
            name = f"{movie}_000519240_00000005.{'PNG' if word == 'Sad' else 'png'}"
            picture(root / split / folder / word / name, (9, 11))
            inside = f"{folder}.zip/{folder}" if split == "Train" else folder
            rows.append({"file": f"{split}/{inside}/{word}/{name}", "expression": expression})
            rows[-1] |= {"split": split.lower(), "subject": movie, "movie": movie, "source_label": word}
            rows[-1] |= {"sequence": "000519240", "frame": 5}
    pack_up(root / "Train" / FOLDERS["Train"], root / "Train" / "Train_Aligned_Faces.zip")
    for path in sorted((root / "Train" / FOLDERS["Train"]).glob("*/*")):
        path.unlink()
    for number in (9, 10):
        name = f"Test/Test_Aligned_Faces/Airheads_000519240_{number:08d}.png"
        picture(root / name, (9, 11))
        rows.append({"file": name, "expression": None, "split": "test", "source_label": None})
        rows[-1] |= {"frame": number}
    junk(root / "Train")
    return rows
