from __future__ import annotations

from pathlib import Path
from typing import Any

from .owner import junk, picture

BELOW = "C_PreProcess Img/VL"
WORDS = ("Anger", "Disgust", "Fear", "Happiness", "Sadness", "Surprise")


def make(root: Path) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for person in ("P001", "P080"):
        for word in WORDS:
            folder = f"C_PreProcess Img/VL/Strong/{person}/{word}"
            for frame in range(12):
                name = f"{folder}/{frame:03d}.{'JPEG' if word == 'Fear' else 'jpeg'}"
                picture(root / name, (8, 8))
                row: dict[str, Any] = {
                    "file": name,
                    "expression": word.lower() if frame else "neutral",
                    "split": None,
                }
                row |= {"subject": person, "sequence": f"vl/strong/{person}/{word}", "frame": frame}
                row |= {"source_label": word, "modality": "vl", "light": "strong"}
                row |= {"note": None if frame else "first frame of a sequence"}
                rows += [row] if frame in (0, 9, 10, 11) else []
    junk(root / "C_PreProcess Img" / "VL" / "Strong" / "P001" / "Anger")
    return rows
