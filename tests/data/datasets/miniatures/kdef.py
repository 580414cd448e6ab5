from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from .owner import junk, picture

LOST = 2
CODES = {"AF": "fear", "AN": "anger", "DI": "disgust", "HA": "happiness", "NE": "neutral"} | {
    "SA": "sadness",
    "SU": "surprise",
}


def make(root: Path) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for session, person in (("A", "F01"), ("B", "F01"), ("A", "M35")):
        for code, expression in CODES.items():
            view = {"AN": "HL", "SA": "FR"}.get(code, "S")
            folder = f"KDEF/{session}{person}"
            name = f"{folder}/{session}{person}{code}{view}.{'jpg' if code == 'DI' else 'JPG'}"
            picture(root / name)
            rows.append({"file": name, "expression": expression, "subject": person, "split": None})
            rows[-1] |= {"session": session, "gender": "male" if person == "M35" else "female"}
            rows[-1] |= {"source_label": code}
            rows[-1] |= {"view": {"HL": "half left", "FR": "full right"}.get(view, "straight")}
    picture(root / "KDEF" / "AF31" / "AF31V.JPG")
    Image.fromarray(np.full((16, 20, 3), 9, dtype=np.uint8)).save(root / "KDEF" / "AF01" / "AF01SUFR.JPG")
    picture(root / "AKDEF" / "FAFFL.JPG")
    junk(root / "KDEF" / "AF01")
    return rows
