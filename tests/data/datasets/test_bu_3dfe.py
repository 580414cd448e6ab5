from __future__ import annotations

from pathlib import Path

import pytest

from ferda.data.datasets import read_dataset
from ferda.errors import UserError

from .miniatures import bu_3dfe
from .miniatures.owner import picture


def test_the_high_strengths_keep_the_neutral_face(tmp_path: Path) -> None:
    bu_3dfe.make(tmp_path)
    rows = read_dataset("bu-3dfe", tmp_path, levels="high").manifest
    assert rows["level"].tolist() == [0, *[3] * 4, 0, *[3] * 2]
    assert rows.loc[rows["level"] == 0, "expression"].unique().tolist() == ["neutral"]


def test_an_unknown_code_is_named(tmp_path: Path) -> None:
    picture(tmp_path / "F0001" / "F0001_XX01WH_F2D.bmp")
    with pytest.raises(UserError, match=r"F0001_XX01WH_F2D\.bmp.*code 'XX'.*AN, DI"):
        read_dataset("bu-3dfe", tmp_path)
