from __future__ import annotations

from pathlib import Path
from typing import Any

from .owner import junk, picture, text

BELOW = "label"
LOST = 1
ORDER = ("anger", "disgust", "fear", "happiness", "sadness", "surprise", "neutral")


def make(root: Path) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    lines = []
    for code, expression in enumerate(ORDER):
        name = f"angry_asian_{code}.{'JPG' if code == 3 else 'jpg'}"  # the first word is no label
        picture(root / "image" / "origin" / name)
        lines.append(f"{name} 0 1 2 12 14 {40 + code}.5 {code}")
        rows.append({"file": f"image/origin/{name}", "expression": expression, "source_label": str(code)})
        rows[-1] |= {"box_x": 2.0, "box_y": 1.0, "box_w": 10.0, "box_h": 13.0, "split": None}
        rows[-1] |= {"face": 0, "confidence": 40.5 + code, "subject": None}
    lines.append("angry_asian_0.jpg 1 -3 11 19 9 99 6")  # another face, above the picture's edge
    rows.insert(1, {"file": rows[0]["file"], "expression": "neutral", "face": 1, "confidence": 99.0})
    rows[1] |= {"box_x": 11.0, "box_y": 0.0, "box_w": 8.0, "box_h": 9.0}
    lines.append(lines[1])  # a repeat
    lines.append("amazed_teacher_289.jpg 0 1 2 12 14 50 5")  # missing
    picture(root / "image" / "origin" / "not_listed_1.jpg")
    text(root / "label" / "label.lst", "\n".join([*lines, ""]), newline="\r\n")
    junk(root / "image" / "origin")
    return rows
