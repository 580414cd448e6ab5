"""Who was seen in a video, and when: one row a face where the prediction table has one a frame."""

from __future__ import annotations

import pandas as pd


def seen_faces(table: pd.DataFrame) -> pd.DataFrame:
    """Return when each face was seen and what it showed most often.

    Args:
        table: A prediction table of videos whose faces were tracked.

    Returns:
        Columns `input, face_id, from_s, to_s, frames, expression, share`: of the face's frames, so many
        showed the expression. Pictures among the inputs count as one frame without a time.
    """
    faces = table[table["face_id"].notna()].groupby(["input", "face_id"], sort=False)
    often = faces["expression"].agg(lambda said: said.mode()[0])
    frames = faces.size()
    seen = pd.DataFrame(
        {
            "from_s": faces["time_s"].min(),
            "to_s": faces["time_s"].max(),
            "frames": frames,
            "expression": often,
            "share": faces["expression"].agg(lambda said: (said == said.mode()[0]).mean()),
        }
    )
    return seen.reset_index()
