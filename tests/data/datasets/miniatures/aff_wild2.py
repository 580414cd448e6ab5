from __future__ import annotations

from pathlib import Path
from typing import Any

from .owner import junk, picture, text

BELOW = "cropped_aligned"
LOST = 3
HEADER = "Neutral,Anger,Disgust,Fear,Happiness,Sadness,Surprise,Other"
CLASSES = ("neutral", "anger", "disgust", "fear", "happiness", "sadness", "surprise", None)


def make(root: Path) -> list[dict[str, Any]]:
    rows = []
    videos = {("Train", "5-60_left"): "train", ("Train", "5-60_right"): "train", ("Validation", "v"): "val"}
    for (part, video), split in videos.items():
        # Frame 1 is not judged, frame 2 has no crop, frames 3 to 10 are codes 0 to 7.
        codes = [-1, 4, *range(8)] if video == "v" else list(range(8))
        lines = "\n".join([HEADER, *map(str, codes)])
        text(root / "EXPR_Classification_Challenge" / f"{part}_Set" / f"{video}.txt", lines, newline="\r\n")
        for frame, code in enumerate(codes, 1):
            if (video, frame) in (("v", 1), ("v", 2)):
                continue
            name = f"cropped_aligned/{video}/{frame:05d}.{'JPG' if code == 3 else 'jpg'}"
            picture(root / name, (16, 16))
            note = "Aff-Wild2: other than the seven" if code == 7 else None
            rows.append({"file": name, "expression": CLASSES[code], "split": split, "subject": video})
            rows[-1] |= {"frame": frame, "source_label": str(code), "note": note}
    listed = root / "EXPR_Classification_Challenge" / "Train_Set" / "5-60_left.txt"
    listed.write_text(listed.read_text() + "\n-1\n")
    picture(root / "cropped_aligned" / "v" / "00099.jpg", (16, 16))  # no label
    junk(root / "cropped_aligned")
    return rows
