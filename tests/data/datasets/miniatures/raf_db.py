from __future__ import annotations

from pathlib import Path
from typing import Any

from .owner import junk, pack_up, picture, text

BELOW = "basic"
LOST = 1
OPTIONS = {"images": "original"}
ORDER = ("surprise", "fear", "disgust", "happiness", "sadness", "anger", "neutral")


def make(root: Path) -> list[dict[str, Any]]:
    basic, rows, lines = root / "basic", [], []
    for split, digits in (("test", 4), ("train", 5)):
        for code, expression in enumerate(ORDER, 1):
            stem = f"{split}_{code:0{digits}d}"
            lines.append(f"{stem}.jpg {code}")
            picture(basic / "Image" / "original" / f"{stem}.jpg")
            picture(basic / "Image" / "aligned" / f"{stem}_aligned.jpg", (10, 10))
            rows.append({"expression": expression, "split": split, "source_label": str(code)})
            rows[-1]["file"] = f"basic/Image/original.zip/original/{stem}.jpg"
    lines.append("train_00099.jpg 3")  # listed, but missing
    label_file = basic / "EmoLabel" / "list_patition_label.txt"
    text(label_file, "\n".join([*lines[7:], "", *lines[:7]]), newline="\r\n")
    manual = basic / "Annotation" / "manual"
    text(manual / "test_0001_manu_attri.txt", "".join(f"{n}.5\t{n + 1}\n" for n in range(5)) + "1\n2\n4\n")
    text(manual / "train_00001_manu_attri.txt", "".join(f"{n} {n}\n" for n in range(5)) + "2\n0\n1\n")
    text(basic / "Annotation" / "boundingbox" / "test_0001_boundingbox.txt", "1.5 2\n9.5 12 \n")
    rows[0] |= {"right_eye_x": 0.5, "right_eye_y": 1.0, "left_mouth_x": 4.5, "left_mouth_y": 5.0}
    rows[0] |= {"gender": "female", "race": "Asian", "age": "70+"}
    rows[0] |= {"box_x": 1.5, "box_y": 2.0, "box_w": 8.0, "box_h": 10.0}
    rows[7] |= {"gender": None, "race": "Caucasian", "nose_x": 2.0, "box_x": None}
    pack_up(basic / "Image" / "original", basic / "Image" / "original.zip")
    for path in (basic / "Image" / "original").iterdir():
        path.unlink()
    junk(basic / "Image" / "aligned")
    return rows
