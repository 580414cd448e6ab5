from __future__ import annotations

from pathlib import Path
from typing import Any

from .owner import junk, picture, text

CODES = {"AN": "anger", "DI": "disgust", "FE": "fear", "HA": "happiness", "NE": "neutral"} | {
    "SA": "sadness",
    "SU": "surprise",
}
README = """The JAFFE database, see KA.AN1 and others.

 #  HAP SAD SUR ANG DIS FEA PIC
39 1.10 1.20 1.30 4.90 1.50 1.60 KA-AN1
131 1.00 2.00 3.00 4.00 5.00 4.50 MK-FE2
132 1.01 2.01 3.01 4.01 4.99 4.51 MK-FE2
40 1.11 1.21 1.31 4.91 1.51 1.61 KA-AN1

(Fear Excluded)
 #  HAP SAD SUR ANG DIS PIC
39 3.10 3.20 3.30 3.90 3.50 KA-AN1
"""
RATED = {"rating_happiness": 1.1, "rating_sadness": 1.2, "rating_anger": 4.9, "rating_fear": 1.6}


def make(root: Path) -> list[dict[str, Any]]:
    kinds = [f"{person}.{code}1" for person in ("KA", "AN") for code in CODES]  # AN is a person, too
    names = [f"{kind}.{number}.tiff" for number, kind in enumerate(kinds, 39)]
    names += ["MK.FE2.131.tiff", "MK.FE2.132.TIFF"]
    rows = {}
    for name in names:
        person, kind, number, _ = name.split(".")
        picture(root / "jaffe" / name, (8, 8), mode="L")
        rows[name] = {"file": f"jaffe/{name}", "expression": CODES[kind[:2]], "subject": person}
        rows[name] |= {"source_label": kind[:2], "number": int(number), "split": None, "rating_anger": None}
    rows["KA.AN1.39.tiff"] |= RATED
    rows["MK.FE2.131.tiff"] |= {"rating_surprise": 3.0, "rating_anger": 4.0, "rating_disgust": 5.0}
    rows["MK.FE2.132.TIFF"] |= {"rating_surprise": 3.01, "rating_anger": 4.01, "rating_disgust": 4.99}
    text(root / "jaffe" / "README_FIRST.txt", README, newline="\r\n")
    junk(root / "jaffe")
    return list(rows.values())
