from __future__ import annotations

from pathlib import Path
from typing import Any

from .owner import junk, picture, text

BELOW = "list"
LOST = 3
CODES = {0: "neutral", 1: "happiness", 3: "surprise", 4: "sadness", 5: "disgust", 6: "fear", 9: "anger"}
POINTS = "2.5 4\n6 4\n4 6.5\n3 9\n6 9\n"


def make(root: Path) -> list[dict[str, Any]]:
    rows = {}
    lines: dict[str, list[str]] = {"train": [], "val": []}
    for split, film in (("train", "Film A"), ("val", "b")):
        for code, expression in CODES.items():
            name = f"{film}/{code}.{'JPG' if code == 9 else 'jpg'}"
            picture(root / "images" / name)
            lines[split].append(f"{name} 1 2 9 12 {code}")
            rows[name] = {"file": f"images/{name}", "expression": expression, "split": split}
            rows[name] |= {"source_label": str(code), "note": None}
            rows[name] |= {"box_x": 1.0, "box_y": 2.0, "box_w": 8.0, "box_h": 10.0}
    picture(root / "images" / "b" / "odd.jpg")
    lines["val"] += ["b/odd.jpg 1 2 9 12 2", "b/odd.jpg 1 2 8 12 10", "b/gone.jpg 1 2 9 12 3"]
    lines["val"][0] = lines["val"][0].replace(" 1 2 9", "\t9\t2\t9")  # a box without area
    rows["b/0.jpg"] |= dict.fromkeys(("box_x", "box_y", "box_w", "box_h"))
    rows["b/0.jpg"] |= {"note": "the owner's box has no area"}
    lines["train"].append("Film A/9.JPG 12 3 19 13 4")  # another face, where the points are not
    rows["second"] = {"file": "images/Film A/9.JPG", "expression": "sadness", "box_x": 12.0, "nose_x": None}
    for split, listed in lines.items():
        text(root / "list" / f"{split}_list.txt", "\n".join([*listed, "", ""]), newline="\r\n")
    text(root / "annos" / "landmark_5" / "Film A" / "1.txt", POINTS, newline="\r\n")
    text(root / "annos" / "landmark_5" / "Film A" / "9.txt", POINTS.replace("\n", "\t"))
    rows["Film A/1.jpg"] |= {"right_eye_x": 2.5, "right_eye_y": 4.0, "left_mouth_x": 6.0}
    rows["Film A/9.JPG"] |= {"left_eye_x": 6.0, "nose_y": 6.5}
    rows["Film A/0.jpg"] |= {"nose_x": None}
    junk(root / "images")
    return list(rows.values())
