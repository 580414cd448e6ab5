from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ferda.data.manifest import (
    BOX,
    COLUMNS,
    LANDMARKS,
    check_manifest,
    complete_manifest,
    file_problem,
    name_list,
    read_manifest,
    vote_columns,
    write_manifest,
)
from ferda.errors import UserError
from ferda.landmarks import FIVE_POINTS


def manifest(**columns: list[object]) -> pd.DataFrame:
    return complete_manifest(pd.DataFrame({"file": ["a.png", "b.png", "c.png"], **columns}))


def test_every_column_is_there_in_order_and_others_follow() -> None:
    frame = manifest(rater=["x", "", "y"], votes_fear=["1", "2", None])
    assert tuple(frame.columns) == (*COLUMNS, "rater", "votes_fear")
    assert frame["rater"].tolist() == ["x", None, "y"]
    assert frame["votes_fear"].tolist()[:2] == [1.0, 2.0]
    assert frame["expression"].tolist() == [None] * 3
    assert vote_columns(frame) == ["votes_fear"]


def test_landmark_columns_follow_the_order_of_the_points() -> None:
    assert [column[:-2] for column in LANDMARKS[::2]] == list(FIVE_POINTS)
    assert {column[-2:] for column in LANDMARKS} == {"_x", "_y"}


def test_all_bad_rows_come_in_one_message() -> None:
    frame = manifest(
        expression=["happiness", "hapiness", "7"], split=["train", "dev", None], box_x=[1, 1, None]
    )
    frame.loc[2, "file"] = "../secret.png"
    frame.loc[0, "sha256"] = "short"
    frame.loc[1, "nose_x"] = 3.0
    with pytest.raises(UserError) as caught:
        check_manifest(frame, "my.csv")
    message = str(caught.value)
    expected = (
        "my.csv",
        "'hapiness'",
        "'7'",
        "'dev'",
        "box is incomplete",
        "leaves the folder",
        "sha256",
        "landmarks",
    )
    for part in expected:
        assert part in message
    assert "rows 0, 1" in message  # both incomplete boxes


def test_a_box_without_area_is_bad() -> None:
    frame = manifest()
    frame.loc[1, list(BOX)] = [0.0, 0.0, 0.0, 5.0]
    with pytest.raises(UserError, match="no area in row 1"):
        check_manifest(frame)


def test_one_picture_may_have_several_faces_but_not_the_same_twice() -> None:
    frame = manifest()
    frame["file"] = ["a.png", "a.png", "b.png"]
    with pytest.raises(UserError, match="twice in row 1"):
        check_manifest(frame)
    frame.loc[0, list(BOX)] = [0.0, 0.0, 5.0, 5.0]
    check_manifest(frame)


def test_negative_votes_are_bad() -> None:
    with pytest.raises(UserError, match="votes are negative in row 2"):
        check_manifest(manifest(votes_fear=[1, 2, -1]))


def test_text_where_a_number_belongs_is_named() -> None:
    with pytest.raises(UserError, match=r"'box_x' holds 'left'.*row 1"):
        manifest(box_x=[1, "left", 2])


@pytest.mark.parametrize("name", ["m.parquet", "m.csv"])
def test_what_is_written_is_read(tmp_path: Path, name: str) -> None:
    frame = manifest(
        expression=["happiness", None, "fear"],
        subject=["007", "NA", None],
        rater=["a", None, "b"],
        box_x=[1.5, None, 2],
    )
    frame.loc[[0, 2], list(BOX)] = [[1.5, 2.0, 3.0, 4.0], [2.0, 1.0, 1.0, 1.0]]
    write_manifest(frame, tmp_path / name)
    pd.testing.assert_frame_equal(read_manifest(tmp_path / name), frame)
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_bad_manifest_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(UserError):
        write_manifest(manifest(split=["a", None, None]), tmp_path / "m.csv")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["none.csv", "broken.parquet"])
def test_an_unreadable_manifest_is_the_users_mistake(tmp_path: Path, name: str) -> None:
    (tmp_path / "broken.parquet").write_bytes(b"no parquet")
    with pytest.raises(UserError, match=name):
        read_manifest(tmp_path / name)


@pytest.mark.parametrize(
    "file",
    [
        "/etc/passwd",
        "../x.png",
        "a/../../x.png",
        "C:/x.png",
        "a\\..\\x.png",
        "caf\udce9.png",
        "",
        None,
        np.nan,
    ],
)
def test_names_that_leave_the_root_are_refused(file: object) -> None:
    assert file_problem(file)


@given(
    st.lists(
        st.text("abc. -_é", min_size=1, max_size=8).filter(lambda part: part not in (".", "..")), min_size=1
    )
)
def test_ordinary_names_are_fine(parts: list[str]) -> None:
    name = "/".join(parts)
    assert file_problem(name) is None or not name.strip()


def test_long_lists_are_cut() -> None:
    assert name_list(["a", "b"]) == "a, b"
    assert name_list(list("abcde"), 2) == "a, b and 3 more"
