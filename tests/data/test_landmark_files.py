"""Points written as files are the points that the reader of such files gets back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ferda.data.landmark_files import REPORT, write_landmark_files
from ferda.data.manifest import BOX, LANDMARKS, complete_manifest
from ferda.data.pack import Pack, write_pack
from ferda.data.readers.point_files import with_files
from ferda.errors import UserError

RANDOM = np.random.default_rng(0)
FILES = ["a/b/one.jpg", "a/two.png", "three.jpg", "дом/four.jpg"]


def make_pack(place: Path, **columns: Any) -> Pack:
    """Four pictures of 200 x 100; the third has no face."""
    frame = pd.DataFrame({"file": FILES, "picture_w": 200.0, "picture_h": 100.0, **columns})
    frame[list(LANDMARKS)] = RANDOM.uniform(0, 100, (len(frame), 10)).astype(np.float32)
    frame[list(BOX)] = RANDOM.uniform(1, 50, (len(frame), 4))
    frame.loc[2, [*LANDMARKS, *BOX]] = np.nan
    return write_pack(place / "pack", np.zeros((len(frame), 8, 8, 3), np.uint8), frame)


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    pack = make_pack(tmp_path)
    written = write_landmark_files(pack, tmp_path / "points", boxes=tmp_path / "boxes")
    assert (written.files, written.without["file"].tolist()) == (3, ["three.jpg"])
    bare = complete_manifest(pd.DataFrame({"file": FILES}))
    read, _, warnings = with_files(bare, tmp_path / "boxes", tmp_path / "points", "keep")
    pd.testing.assert_frame_equal(read[list(LANDMARKS)], pack.manifest[list(LANDMARKS)])
    pd.testing.assert_frame_equal(read[list(BOX)], pack.manifest[list(BOX)], rtol=1e-12)
    assert len(warnings) == 2 and all("no file for 1 pictures: three.jpg" in said for said in warnings)
    lines = (tmp_path / "points" / "a/two.txt").read_text().splitlines()
    assert len(lines) == 5 and all(len(line.split()) == 2 for line in lines)
    assert len((tmp_path / "boxes" / "a/two.txt").read_text().splitlines()) == 1


@given(st.lists(st.floats(-1e6, 1e6), min_size=10, max_size=10))
def test_no_digit_is_lost(numbers: list[float]) -> None:
    from ferda.data.landmark_files import _text

    assert [float(word) for word in _text(np.array(numbers)).split()] == numbers


def test_a_mean_face_is_the_mean_share_of_the_picture(tmp_path: Path) -> None:
    pack = make_pack(tmp_path, picture_w=[100.0, 200.0, 400.0, 50.0])
    written = write_landmark_files(pack, tmp_path / "points", boxes=tmp_path / "boxes", fallback="mean-face")
    assert written.files == 4
    assert pd.read_csv(tmp_path / "points" / REPORT)["written"].tolist() == ["mean-face"]
    x = pack.manifest["nose_x"].to_numpy()[[0, 1, 3]] / [100, 200, 50]
    y = pack.manifest["nose_y"].to_numpy()[[0, 1, 3]] / 100
    nose = np.loadtxt(tmp_path / "points" / "three.txt")[2]
    np.testing.assert_allclose(nose, [400 * x.mean(), 100 * y.mean()], atol=0.006)
    right = (pack.manifest["box_x"] + pack.manifest["box_w"]).to_numpy()[[0, 1, 3]] / [100, 200, 50]
    assert np.loadtxt(tmp_path / "boxes" / "three.txt")[2] == pytest.approx(400 * right.mean(), abs=0.006)


def test_a_second_run_leaves_what_is_right_and_mends_what_is_not(tmp_path: Path) -> None:
    pack, points = make_pack(tmp_path), tmp_path / "points"
    write_landmark_files(pack, points)
    right, wrong = points / "a/two.txt", points / "a/b/one.txt"
    good, stamp = wrong.read_text(), right.stat().st_mtime_ns
    wrong.write_text("1 2")
    seen: list[tuple[int, int]] = []
    write_landmark_files(pack, points, progress=lambda done, total: seen.append((done, total)))
    assert wrong.read_text() == good and right.stat().st_mtime_ns == stamp
    assert seen == [(1, 3), (2, 3), (3, 3)]
    assert not list(points.rglob(".*"))


def test_several_faces_of_one_picture_are_told(tmp_path: Path) -> None:
    pack = make_pack(tmp_path, file=["a.jpg", "b.jpg", "b.jpg", "b.jpg"])
    written = write_landmark_files(pack, tmp_path / "points")
    assert (written.files, written.several, len(written.without)) == (2, ("b.jpg",), 0)
    nose = np.loadtxt(tmp_path / "points" / "b.txt")[2, 0]
    assert nose == pack.manifest["nose_x"][1]


def test_what_could_not_be_read_is_in_the_report(tmp_path: Path) -> None:
    pack = make_pack(tmp_path)
    (pack.path / "unusable.csv").write_text("file,reason\nbroken.jpg,the file is empty\n")
    write_landmark_files(pack, tmp_path / "points", fallback="mean-face")
    report = pd.read_csv(tmp_path / "points" / REPORT)
    assert report["file"].tolist() == ["three.jpg", "broken.jpg"]
    assert report["reason"].tolist() == ["no face", "the file is empty"]


def test_mistakes_are_said(tmp_path: Path) -> None:
    two = make_pack(tmp_path / "two", file=["a/x.jpg", "a/x.png", "y.jpg", "z.jpg"])
    with pytest.raises(UserError, match=r"a/x\.jpg, a/x\.png would share one file"):
        write_landmark_files(two, tmp_path / "points")
    pack = make_pack(tmp_path)
    with pytest.raises(UserError, match="--fallback is none or mean-face"):
        write_landmark_files(pack, tmp_path / "points", fallback="mean")  # type: ignore[arg-type]
    pack.manifest = pack.manifest.drop(columns="picture_w")
    with pytest.raises(UserError, match="does not know how large"):
        write_landmark_files(pack, tmp_path / "points", fallback="mean-face")
    pack.manifest = pack.manifest.assign(picture_w=1.0, nose_x=np.nan)
    with pytest.raises(UserError, match="no mean face"):
        write_landmark_files(pack, tmp_path / "points", fallback="mean-face")
    assert not (tmp_path / "points").exists()
