from __future__ import annotations

from pathlib import Path
from typing import Any

from .owner import junk, picture, text

BELOW = "Manually_Annotated"
LOST = 6
CODES = ("neutral", "happiness", "sadness", "surprise", "fear", "disgust", "anger", "contempt")
HEADER = (
    "subDirectory_filePath,face_x,face_y,face_width,face_height,facial_landmarks,expression,valence,arousal"
)
POINTS = ";".join(f"{point + 0.25};{2 * point}" for point in range(68))
ABOVE = "Manually_Annotated/Manually_Annotated_Images"


def hashed(number: int, ending: str = "jpg") -> str:
    """A name of 56 hexadecimal digits in a numbered folder."""
    return f"{number % 3 + 9}/{number:056x}.{ending}"


def make(root: Path) -> list[dict[str, Any]]:
    rows, lines = [], {"training": [HEADER], "validation": []}
    for start, (name, split) in zip((0, 100), (("training", "train"), ("validation", "val")), strict=True):
        for code, expression in enumerate(CODES):
            path = hashed(start + code, "JPG" if code == 7 else "jpg")
            picture(root / ABOVE / path)
            lines[name].append(f"{path},3.0,4,9,10,{POINTS},{code},{code / 10 - 0.5},-0.25")
            rows.append({"file": f"{ABOVE}/{path}", "expression": expression, "split": split, "note": None})
            rows[-1] |= {"source_label": str(code), "valence": code / 10 - 0.5, "arousal": -0.25}
            rows[-1] |= {"box_x": 3.0, "box_y": 4.0, "box_w": 9.0, "box_h": 10.0}
            rows[-1] |= {"nose_x": 30.25, "nose_y": 60.0, "right_eye_x": 38.75, "left_mouth_y": 108.0}
    for code in (8, 9, 10):
        picture(root / ABOVE / hashed(50 + code))
        lines["training"].append(f"{hashed(50 + code)},0,0,-1,-1,,{code},-2,-2")
    first = lines["training"][1]
    lines["training"] += [
        first,
        lines["validation"][3],
        first.replace(hashed(0), hashed(77)),
    ]  # 77 is missing
    path = hashed(99, "png")
    picture(root / ABOVE / path)
    lines["training"].append(f"{path},5,5,-2,9,,1,-2,-2")  # a face, but no box, no points, no rating
    rows.append({"file": f"{ABOVE}/{path}", "expression": "happiness", "valence": None, "nose_x": None})
    rows[-1] |= {"box_x": None, "note": "the owner's box has no area", "split": "train", "arousal": None}
    for name, listed in lines.items():
        text(root / "Manually_Annotated_file_lists" / f"{name}.csv", "\n".join(listed), newline="\r\n")
    junk(root / ABOVE)
    return rows
