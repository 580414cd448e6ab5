from __future__ import annotations

from pathlib import Path

import pytest

from ferda.data.datasets import read_dataset
from ferda.errors import UserError

from .miniatures import akdef
from .miniatures.owner import picture


def test_kdefs_own_pictures_are_no_averages(tmp_path: Path) -> None:
    rows = akdef.make(tmp_path)
    reading = read_dataset("akdef", tmp_path)
    assert len(reading.manifest) == len(rows)
    assert "1 other pictures" in reading.warnings[0] and "AF01AFFL.JPG" in reading.warnings[0]


def test_kdef_alone_is_not_akdef(tmp_path: Path) -> None:
    picture(tmp_path / "AF01" / "AF01AFFL.JPG")
    with pytest.raises(UserError, match="does not look like AKDEF"):
        read_dataset("akdef", tmp_path)


def test_an_unknown_expression_is_named(tmp_path: Path) -> None:
    picture(tmp_path / "FXXFL.JPG")
    with pytest.raises(UserError, match="code 'XX'"):
        read_dataset("akdef", tmp_path)
