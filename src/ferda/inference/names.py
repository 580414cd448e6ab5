"""The prediction table in the words of other tools, for notebooks that were written for those.

Boxes and probabilities keep their meaning; only names, units and the shape of the answer change. Classes that
the other tool does not have (contempt) keep ferda's name.
"""

from __future__ import annotations

from typing import Any

import pandas as pd

from ferda.data.affect import AFFECT

#: deepface (and fer) say it with adjectives.
DEEPFACE = {"anger": "angry", "happiness": "happy", "sadness": "sad"}
#: py-feat's columns for what ferda's table also has.
PYFEAT = {
    "input": "input",
    "frame": "frame",
    "time_s": "approx_time",
    "box_x": "FaceRectX",
    "box_y": "FaceRectY",
    "box_w": "FaceRectWidth",
    "box_h": "FaceRectHeight",
    "detection_score": "FaceScore",
}


def to_deepface(table: pd.DataFrame) -> list[list[dict[str, Any]]]:
    """Return what `DeepFace.analyze(paths, actions=["emotion"])` would: a list of faces for each picture.

    Probabilities are in percent, boxes in whole pixels, and eyes are the person's own. A picture without a
    face is an empty list (deepface raises). A face without a box, judged as a whole, has an empty region.

    Args:
        table: A prediction table.
    """
    pictures: dict[tuple[Any, Any], list[dict[str, Any]]] = {}
    for row in table.to_dict("records"):
        frame = row["frame"]
        faces = pictures.setdefault((row["input"], None if pd.isna(frame) else int(frame)), [])
        if not pd.isna(row["face_id"]):
            faces.append(_deepface_face({str(name): value for name, value in row.items()}))
    return list(pictures.values())


def to_pyfeat(table: pd.DataFrame) -> pd.DataFrame:
    """Return the table with py-feat's column names: `FaceRectX ... FaceScore`, then one column an expression.

    `valence` and `arousal` follow if the model says them, then `Identity`: `Person_0` for face 0 of a video.
    Times are in seconds. Smoothed answers are left out.

    Args:
        table: A prediction table.
    """
    expressions = {name: name.removeprefix("p_") for name in table.columns if name.startswith("p_")}
    names = {**PYFEAT, **expressions, **{name: name for name in AFFECT if name in table}}
    other = table[list(names)].rename(columns=names)
    is_known = table["face_id"].notna() & table["frame"].notna()
    people = zip(table["face_id"], is_known, strict=True)
    other["Identity"] = pd.Series(
        [f"Person_{n}" if known else None for n, known in people], table.index, object
    )
    return other


def _deepface_face(row: dict[str, Any]) -> dict[str, Any]:
    region: dict[str, Any] = {}
    if not pd.isna(row["box_x"]):
        region = {key: round(row[f"box_{key}"]) for key in "xywh"}
        for eye in ("left_eye", "right_eye"):
            x, y = row[f"{eye}_x"], row[f"{eye}_y"]
            region[eye] = None if pd.isna(x) or pd.isna(y) else (round(x), round(y))
    score = row["detection_score"]
    words = {name.removeprefix("p_"): value for name, value in row.items() if name.startswith("p_")}
    return {
        "emotion": {DEEPFACE.get(word, word): 100 * value for word, value in words.items()},
        "dominant_emotion": DEEPFACE.get(row["expression"], row["expression"]),
        "region": region,
        "face_confidence": None if pd.isna(score) else score,
    }
