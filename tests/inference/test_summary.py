"""When each face was seen, and what it showed most often."""

from __future__ import annotations

import pandas as pd

from ferda.inference.summary import seen_faces


def test_one_row_a_face_with_its_times_and_its_most_frequent_expression() -> None:
    rows = [
        ("b.mp4", 0, 1.0, "anger"),
        ("b.mp4", 1, 1.0, "fear"),
        ("b.mp4", 0, 1.5, "fear"),
        ("b.mp4", 0, 2.5, "anger"),
        ("b.mp4", pd.NA, 3.0, None),
        ("a.mp4", 0, 0.0, "neutral"),
    ]
    table = pd.DataFrame(rows, columns=["input", "face_id", "time_s", "expression"])
    seen = seen_faces(table)
    assert seen.columns.tolist() == ["input", "face_id", "from_s", "to_s", "frames", "expression", "share"]
    assert list(seen.itertuples(index=False, name=None)) == [
        ("b.mp4", 0, 1.0, 2.5, 3, "anger", 2 / 3),
        ("b.mp4", 1, 1.0, 1.0, 1, "fear", 1.0),
        ("a.mp4", 0, 0.0, 0.0, 1, "neutral", 1.0),
    ]


def test_nobody() -> None:
    table = pd.DataFrame({"input": ["a"], "face_id": [pd.NA], "time_s": [0.0], "expression": [None]})
    assert seen_faces(table).empty
