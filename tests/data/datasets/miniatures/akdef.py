from __future__ import annotations

from pathlib import Path
from typing import Any

from .kdef import CODES
from .owner import junk, picture


def make(root: Path) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for gender, word in (("F", "female"), ("M", "male")):
        for code, expression in CODES.items():
            name = f"AKDEF/{gender}{code}{'HR' if code == 'HA' else 'S'}.{'jpg' if code == 'DI' else 'JPG'}"
            picture(root / name, mode="L")
            rows.append({"file": name, "expression": expression, "gender": word, "subject": None})
            rows[-1] |= {"view": "half right" if code == "HA" else "straight", "source_label": code}
    picture(root / "KDEF" / "AF01" / "AF01AFFL.JPG")
    junk(root / "AKDEF")
    return rows
