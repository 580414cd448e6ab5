from __future__ import annotations

from pathlib import Path

import pytest

from ferda.data.datasets import read_dataset
from ferda.errors import UserError

from .miniatures import kdef
from .miniatures.owner import picture, text


def test_views_are_chosen(tmp_path: Path) -> None:
    kdef.make(tmp_path)
    seen = {views: read_dataset("kdef", tmp_path, views=views) for views in ("all", "half", "frontal")}
    assert {views: len(reading.manifest) for views, reading in seen.items()} == {
        "all": 21,
        "half": 18,
        "frontal": 15,
    }
    assert set(seen["half"].manifest["view"]) == {"half left", "straight"}
    assert set(seen["frontal"].manifest["view"]) == {"straight"}
    assert seen["frontal"].variant == "frontal"


def test_black_pictures_and_names_without_expression_are_listed(tmp_path: Path) -> None:
    kdef.make(tmp_path)
    unusable = read_dataset("kdef", tmp_path).unusable
    assert dict(zip(unusable["file"], unusable["reason"], strict=True)) == {
        "KDEF/AF01/AF01SUFR.JPG": "the picture is nearly black",
        "KDEF/AF31/AF31V.JPG": "its name has lost the expression",
    }
    broken = read_dataset("kdef", tmp_path, views="frontal").unusable
    assert broken["file"].tolist() == ["KDEF/AF31/AF31V.JPG"], "a view that nobody wants is not looked at"


def test_a_damaged_picture_is_left_to_prepare(tmp_path: Path) -> None:
    rows = kdef.make(tmp_path)
    text(tmp_path / rows[0]["file"], "no JPEG")
    assert rows[0]["file"] in read_dataset("kdef", tmp_path).manifest["file"].tolist()


def test_an_unknown_expression_is_named(tmp_path: Path) -> None:
    picture(tmp_path / "AF01" / "AF01XXFL.JPG")
    with pytest.raises(UserError, match="code 'XX'"):
        read_dataset("kdef", tmp_path)
