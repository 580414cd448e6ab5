from __future__ import annotations

from pathlib import Path
from typing import Any

from .owner import junk, picture, text

CODES = {"AN": "anger", "DI": "disgust", "FE": "fear", "HA": "happiness", "NE": "neutral"} | {
    "SA": "sadness",
    "SU": "surprise",
}


def make(root: Path) -> list[dict[str, Any]]:
    rows = []
    for person, race, level in (("F0001", "WH", 1), ("M0044", "AE", 3)):
        for code, expression in CODES.items():
            strength = 0 if code == "NE" else level
            name = f"{person}/{person}_{code}{strength:02d}{race}_F2D.{'BMP' if code == 'SA' else 'bmp'}"
            picture(root / name)
            rows.append({"file": name, "expression": expression, "subject": person, "race": race})
            rows[-1] |= {"level": strength, "gender": "female" if person < "M" else "male"}
            rows[-1] |= {"source_label": code, "split": None}
        picture(root / person / f"{person}_AN01{race}_F3D.bmp")  # skin of the scan
        text(root / person / f"{person}_AN01{race}_F3D.wrl", "#VRML V2.0", newline="\r\n")
    junk(root / "F0001")
    return rows
