from __future__ import annotations

from pathlib import Path

import pytest

from ferda.data.datasets import read_dataset
from ferda.errors import UserError

from .miniatures import aff_wild2
from .miniatures.owner import picture, text

SEVEN = aff_wild2.HEADER.removesuffix(",Other")


def video(root: Path, *lines: object, header: str = SEVEN, track: str = "EXPR_Recognition_Challenge") -> None:
    text(root / track / "Train_Set" / "v.txt", "\n".join([header, *map(str, lines)]))
    for frame in range(1, len(lines) + 1):
        picture(root / "cropped_aligned" / "v" / f"{frame:05d}.jpg", (8, 8))


def test_older_releases_have_seven_names(tmp_path: Path) -> None:
    video(tmp_path, 6, 0)
    reading = read_dataset("aff-wild2", tmp_path)
    assert reading.variant == "7 classes"
    assert reading.manifest["expression"].tolist() == ["surprise", "neutral"]
    video(tmp_path, 6, 7)
    with pytest.raises(UserError, match=r"Line 3 of .*v\.txt is '7'"):
        read_dataset("aff-wild2", tmp_path)


def test_the_header_gives_the_codes(tmp_path: Path) -> None:
    video(tmp_path, 0, header=",".join(reversed(SEVEN.split(","))))
    assert read_dataset("aff-wild2", tmp_path).manifest["expression"].tolist() == ["surprise"]
    for header in ("0", "Neutral,Anger", SEVEN + ",Bored", SEVEN + ",Fear"):
        video(tmp_path, 0, header=header)
        with pytest.raises(UserError, match="does not begin with the names"):
            read_dataset("aff-wild2", tmp_path)


def test_an_empty_line_would_shift_all_frames_after_it(tmp_path: Path) -> None:
    video(tmp_path, 0, "", 1)
    with pytest.raises(UserError, match=r"Line 3 .* none may be missing"):
        read_dataset("aff-wild2", tmp_path)


def test_two_releases_are_not_mixed(tmp_path: Path) -> None:
    video(tmp_path, 0)
    video(tmp_path, 0, track="EXPR_Classification_Challenge")
    with pytest.raises(UserError, match="EXPR_Classification_Challenge and EXPR_Recognition_Challenge"):
        read_dataset("aff-wild2", tmp_path)


def test_every_nth_frame_is_counted_by_its_number(tmp_path: Path) -> None:
    aff_wild2.make(tmp_path)
    rows = read_dataset("aff-wild2", tmp_path, every=4).manifest
    assert rows.loc[rows["subject"] == "v", "frame"].tolist() == [5, 9], "1 is not judged"
    with pytest.raises(UserError, match="at least 1"):
        read_dataset("aff-wild2", tmp_path, every=0)


def test_crops_without_a_label_are_counted(tmp_path: Path) -> None:
    aff_wild2.make(tmp_path)
    reading = read_dataset("aff-wild2", tmp_path)
    assert "1 crops have no annotation and were left out." in reading.warnings
    assert "2 were left out: nobody judged the frame (-1)" in reading.told
