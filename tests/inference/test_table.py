"""The table's columns and types, its files, and the words of other tools."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ferda.errors import UserError
from ferda.inference import table as tables
from ferda.inference.face import PredictedFace
from ferda.inference.names import to_deepface, to_pyfeat
from ferda.inference.table import build_table, face_rows, joined_tables, unusable, write_table

CLASSES = ("happiness", "anger", "contempt")


def face(**changes: object) -> PredictedFace:
    values: dict[str, object] = {
        "input": "a.png",
        "face_id": 0,
        "box": (1.5, 2.25, 30.0, 40.0),
        "landmarks": np.arange(10, dtype=np.float32).reshape(5, 2),
        "detection_score": 0.75,
        "expression": "anger",
        "confidence": 0.5,
        "probabilities": {"happiness": 0.25, "anger": 0.5, "contempt": 0.25},
    }
    return PredictedFace(**(values | changes))


@pytest.fixture
def table() -> pd.DataFrame:
    whole = face(input="b,\n'é.png", box=None, landmarks=None, detection_score=None)
    rows = [
        *face_rows("a.png", [face(), face(face_id=1, expression="happiness")]),
        *face_rows("b,\n'é.png", [whole]),
        *face_rows("film.mp4", [], frame=7, time_s=0.28),
        *face_rows("c.png", [], "the file is empty"),
    ]
    return build_table(rows, CLASSES)


def test_columns_are_those_of_the_docstring(table: pd.DataFrame) -> None:
    points = ("right_eye", "left_eye", "nose", "right_mouth", "left_mouth")
    assert table.columns.tolist() == [
        *("input", "frame", "time_s", "face_id", "box_x", "box_y", "box_w", "box_h"),
        *(f"{point}_{axis}" for point in points for axis in "xy"),
        *("detection_score", "expression", "confidence", "p_happiness", "p_anger", "p_contempt", "note"),
    ]


def test_valence_and_arousal_stand_before_the_note_if_any_face_has_them() -> None:
    rows = [
        *face_rows("a.png", [face(valence=-0.5, arousal=0.25), face(face_id=1)]),
        *face_rows("b.png", []),
    ]
    found = build_table(rows, CLASSES)
    assert found.columns.tolist()[-4:] == ["p_contempt", "valence", "arousal", "note"]
    assert found[["valence", "arousal"]].iloc[0].tolist() == [-0.5, 0.25]
    assert found[["valence", "arousal"]].iloc[1:].isna().all(axis=None)


def test_rows(table: pd.DataFrame) -> None:
    first = table.iloc[0]
    assert first[["box_x", "box_y", "box_w", "box_h"]].tolist() == [1.5, 2.25, 30, 40]
    assert first[["right_eye_x", "right_eye_y", "left_mouth_x", "left_mouth_y"]].tolist() == [0, 1, 8, 9]
    assert first[["p_happiness", "p_anger", "p_contempt"]].tolist() == [0.25, 0.5, 0.25]
    assert table["note"].tolist()[2:] == ["whole picture", "no face found", "unreadable: the file is empty"]
    empty = table.iloc[3].drop(["input", "frame", "time_s", "note"])
    assert empty.isna().all()
    assert table["frame"].dropna().tolist() == [7]


def test_types_do_not_depend_on_what_is_empty(table: pd.DataFrame) -> None:
    nobody = build_table(face_rows("a.png", []), CLASSES)
    nothing = build_table([], CLASSES)
    assert (table.dtypes == nobody.dtypes).all()
    assert (table.dtypes == nothing.dtypes).all()
    assert str(table["face_id"].dtype) == "Int64"


@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".jsonl", ".CSV"])
def test_files_hold_the_table(table: pd.DataFrame, tmp_path: Path, suffix: str) -> None:
    path = tmp_path / "new" / f"faces{suffix}"
    listed = write_table(table, path)
    if suffix == ".parquet":
        back = pd.read_parquet(path)
        text = {"expression": "", "note": ""}  # what is empty comes back as another kind of nothing
        back_same = back.astype(table.dtypes.to_dict())
        pd.testing.assert_frame_equal(back_same.fillna(text), table.fillna(text))
    elif suffix == ".jsonl":
        lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        back = pd.DataFrame(lines)
        assert lines[3]["expression"] is None and lines[3]["frame"] == 7
    else:
        back = pd.read_csv(path)
    assert back.columns.tolist() == table.columns.tolist()
    assert back["input"].tolist() == table["input"].tolist()
    np.testing.assert_allclose(back["p_anger"].astype(float), table["p_anger"], rtol=1e-5)
    assert listed == tmp_path / "new" / "faces.unusable.csv"
    assert pd.read_csv(listed).to_dict("records") == [{"file": "c.png", "reason": "the file is empty"}]
    assert sorted(file.name for file in path.parent.iterdir()) == sorted([path.name, listed.name])


def test_a_list_of_a_former_run_does_not_stay(table: pd.DataFrame, tmp_path: Path) -> None:
    write_table(table, tmp_path / "faces.csv")
    assert write_table(table.iloc[:3], tmp_path / "faces.csv") is None
    assert not (tmp_path / "faces.unusable.csv").exists()


def test_a_failed_write_leaves_the_former_file(
    table: pd.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "faces.csv"
    write_table(table, path)
    before = path.read_bytes()

    def full(self: pd.DataFrame, file: Path, **options: object) -> None:
        Path(file).write_text("half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pd.DataFrame, "to_csv", full)
    with pytest.raises(UserError, match="No space left"):
        write_table(table, path)
    assert path.read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 2


def test_an_unknown_suffix_is_said(table: pd.DataFrame, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"\.csv, \.parquet, \.jsonl"):
        write_table(table, tmp_path / "faces.xlsx")


def test_a_name_that_is_no_unicode_can_be_written(tmp_path: Path) -> None:
    name = b"caf\xe9.png".decode("utf-8", "surrogateescape")
    table = build_table(face_rows(name, [face()]), CLASSES)
    for suffix in (".csv", ".parquet", ".jsonl"):
        write_table(table, tmp_path / f"t{suffix}")


def test_unusable_lists_reasons(table: pd.DataFrame) -> None:
    assert unusable(table).to_dict("records") == [{"file": "c.png", "reason": "the file is empty"}]
    assert unusable(build_table([], CLASSES)).empty


def test_deepface_words(table: pd.DataFrame) -> None:
    pictures = to_deepface(table)
    assert [len(faces) for faces in pictures] == [2, 1, 0, 0]
    first = pictures[0][0]
    assert first["dominant_emotion"] == "angry"
    assert first["emotion"] == {"happy": 25.0, "angry": 50.0, "contempt": 25.0}
    assert first["region"] == {"x": 2, "y": 2, "w": 30, "h": 40, "left_eye": (2, 3), "right_eye": (0, 1)}
    assert first["face_confidence"] == 0.75
    assert pictures[1][0]["region"] == {} and pictures[1][0]["face_confidence"] is None
    json.dumps(pictures)


def test_deepface_keeps_the_frames_of_a_film_apart() -> None:
    rows = [row for frame in (0, 1) for row in face_rows("f.mp4", [face()], frame=frame, time_s=frame / 25)]
    assert len(to_deepface(build_table(rows, CLASSES))) == 2


def test_pyfeat_words(table: pd.DataFrame) -> None:
    other = to_pyfeat(table)
    assert other.columns.tolist() == [
        *("input", "frame", "approx_time", "FaceRectX", "FaceRectY", "FaceRectWidth", "FaceRectHeight"),
        *("FaceScore", "happiness", "anger", "contempt", "Identity"),
    ]
    assert other["Identity"].tolist() == [None] * 5, "only in a video a number is a person"
    assert other["anger"].equals(table["p_anger"].rename("anger"))
    assert len(other) == len(table)
    assert tables.columns(CLASSES) == table.columns.tolist(), "the table itself is left alone"


def test_pyfeat_knows_the_people_of_a_video_and_how_they_feel() -> None:
    rows = face_rows("f.mp4", [face(face_id=3, valence=0.5, arousal=-0.25)], frame=4, time_s=0.16)
    other = to_pyfeat(build_table([*rows, *face_rows("f.mp4", [], frame=5, time_s=0.2)], CLASSES))
    assert other.columns.tolist()[-3:] == ["valence", "arousal", "Identity"]
    assert other["Identity"].tolist() == ["Person_3", None]
    assert other["approx_time"].tolist() == [0.16, 0.2] and other["frame"].tolist() == [4, 5]


def test_tables_are_joined_with_the_types_of_one() -> None:
    film = build_table(face_rows("f.mp4", [face(valence=0.5, arousal=0.1)], frame=4, time_s=0.16), CLASSES)
    nobody = build_table(face_rows("a.png", []), CLASSES)
    both = joined_tables([nobody, film, build_table([], CLASSES)], CLASSES)
    assert both.columns.tolist() == tables.columns(CLASSES, affect=True)
    assert (both.dtypes == film.dtypes).all() and both.index.tolist() == [0, 1]
    assert both["expression"].tolist() == [None, "anger"] and both["note"].tolist() == ["no face found", None]
