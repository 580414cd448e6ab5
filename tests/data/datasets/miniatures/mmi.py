from __future__ import annotations

from pathlib import Path
from typing import Any

from .owner import junk, picture, text

BELOW = "Sessions"
LOST = 4
ORDER = ("anger", "disgust", "fear", "happiness", "sadness", "surprise")


def session(root: Path, number: int, name: str, code: int | None, view: int = 0, about: str = "") -> Path:
    """The texts of one session."""
    folder = root / "Sessions" / str(number)
    person = f'<subject id="{int(name[1:4])}" gender="F" age="23"/>{about}'
    track = f'<track view="{view}" filename="{name}.avi"><annotation filename="{name}.xml"/></track>'
    text(folder / "session.xml", f'<?xml version="1.0"?>\n<session>{person}{track}</session>\n', "\r\n")
    tag = "" if code is None else f'<Metatag Name="Emotion" Value="{code}"/>'
    text(folder / f"{name}.xml", f'<Metadata><Metatag Name="Task" Value="9"/>{tag}</Metadata>')
    return folder


def make(root: Path) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for number, person in ((9, "S001"), (100, "S054")):
        for code, expression in enumerate(ORDER, 1):
            name = f"{person}-{code:03d}"
            folder = session(root, number + code, name, code, view=2 if code == 6 else 0)
            view = "frontal and profile" if code == 6 else "frontal"
            still: dict[str, Any] = {
                "expression": expression,
                "source_label": str(code),
                "subject": str(int(person[1:])),
            }
            still |= {"view": view, "session": str(number + code), "gender": "F", "split": None}
            if code > 1:  # stills
                picture(folder / f"{name}.{'JPG' if code == 4 else 'jpg'}")
                suffix = "JPG" if code == 4 else "jpg"
                rows.append(still | {"file": f"Sessions/{number + code}/{name}.{suffix}", "frame": 1})
                continue
            for frame in range(1, 12):  # frames that somebody cut out of a film
                picture(folder / name / f"{frame}.jpg")
            for frame in (1, 5, 6, 7):
                file = f"Sessions/{number + code}/{name}/{frame}.jpg"
                rows.append(still | {"file": file, "frame": frame})
            rows[-4] |= {"expression": "neutral", "note": "first frame of a sequence"}
    picture(session(root, 200, "S001-020", 7) / "S001-020.jpg")  # another display
    picture(session(root, 201, "S001-021", None) / "S001-021.jpg")  # a single muscle
    picture(session(root, 202, "S001-022", 3, view=1) / "S001-022.jpg")  # from the side
    session(root, 203, "S001-023", 3)  # its film is missing
    junk(root / "Sessions" / "10")
    return rows
