from __future__ import annotations

from pathlib import Path
from typing import Any

from .owner import junk, picture, text

BELOW = "cohn-kanade-images"
LOST = 1
CODES = ("neutral", "anger", "contempt", "disgust", "fear", "happiness", "sadness", "surprise")
POINTS = "".join(f"   {point + 1:.7e}   {2 * point:.7e}\n" for point in range(68))


def make(root: Path) -> list[dict[str, Any]]:
    rows = []
    for code in range(1, 8):
        subject, sequence = ("S005", "S010")[code % 2], f"{code:03d}"
        place = f"{subject}/{sequence}/{subject}_{sequence}_"
        numbers = range(9, 14) if code == 1 else range(1, 6)  # 9 is before 10, whatever the alphabet says
        for frame in numbers:
            name = f"cohn-kanade-images/{place}{frame:08d}.{'PNG' if frame == 5 else 'png'}"
            if (code, frame) == (6, 5):  # its label is there, and the picture is not
                continue
            picture(root / name, mode="L")
            if frame in (*numbers[-3:], numbers[0]):
                is_neutral = frame == numbers[0]
                rows.append({"file": name, "subject": subject, "sequence": f"{subject}/{sequence}"})
                rows[-1] |= {"expression": "neutral" if is_neutral else CODES[code], "frame": frame}
                rows[-1] |= {"source_label": None if is_neutral else str(code), "split": None}
                rows[-1] |= {"nose_x": None, "action_units": None}
        label = root / "emotion" / f"{place}{numbers[-1]:08d}_emotion.txt"
        text(label, f"   {code:.7e}\n", newline="\r\n" if code == 3 else "\n")
    place = "S005/002/S005_002_"
    picture(root / "cohn-kanade-images" / "S111" / "001" / "S111_001_00000001.png", mode="L")
    (root / "emotion" / "S111" / "001").mkdir(parents=True)
    text(root / "Landmarks" / f"{place}00000004_landmarks.txt", POINTS)
    text(root / "FACS" / f"{place}00000005_facs.txt", "   4.0e+00   3.0e+00\n   25.0e+00   0.0e+00\n")
    with_points = next(row for row in rows if f"{place}00000004" in row["file"])
    with_points |= {"nose_x": 31.0, "nose_y": 60.0, "right_eye_x": 39.5, "left_eye_y": 89.0}
    with_points |= {"right_mouth_x": 49.0, "left_mouth_x": 55.0}
    next(row for row in rows if f"{place}00000005" in row["file"])["action_units"] = "4:3 25:0"
    junk(root / "emotion" / "S111" / "001")
    return rows
