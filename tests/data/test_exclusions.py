from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ferda.data.domain import open_domain
from ferda.data.exclusions import EXCLUDED, count_excluded, exclude, excluded_rows, include_all
from ferda.data.pack import Pack, write_pack
from ferda.errors import UserError

CLASSES = ("happiness", "sadness")


@pytest.fixture
def pack(tmp_path: Path) -> Pack:
    table = {
        "file": [f"{row}.png" for row in range(6)],
        "expression": [*CLASSES] * 2 + ["happiness", None],
        "split": ["train"] * 4 + ["test"] * 2,
    }
    return write_pack(tmp_path / "pack", np.zeros((6, 16, 16, 3), np.uint8), pd.DataFrame(table))


def reasons(*rows: int) -> pd.Series:
    return pd.Series([f"file of x: {row}" for row in rows], index=list(rows))


def test_excluded_rows_are_left_out_and_counted_and_come_back(pack: Pack) -> None:
    assert excluded_rows(pack).tolist() == [] and count_excluded(pack.path) == 0
    exclude(pack, reasons(3, 1))
    exclude(pack, reasons(1, 5))
    assert excluded_rows(Pack.open(pack.path)).tolist() == [1, 3, 5] and count_excluded(pack.path) == 3
    listed = pd.read_csv(pack.path / "excluded.csv")
    assert listed.iloc[0].tolist() == [1, "1.png", "file of x: 1"]
    train = open_domain(f"{pack.path}@train", CLASSES)
    assert train.rows.tolist() == [0, 2] and train.left_out == {EXCLUDED: 2}
    target = open_domain(pack.path, CLASSES, labelled=False)
    assert target.rows.tolist() == [0, 2, 4] and target.left_out == {EXCLUDED: 3}
    include_all(pack)
    assert excluded_rows(pack).tolist() == []
    assert open_domain(f"{pack.path}@train", CLASSES).left_out == {}


def test_nothing_to_exclude_leaves_no_list(pack: Pack) -> None:
    exclude(pack, reasons())
    assert not (pack.path / "excluded.csv").exists()


def test_when_nothing_remains_it_says_why(pack: Pack) -> None:
    exclude(pack, reasons(0, 1, 2, 3))
    with pytest.raises(UserError, match=r"All rows of 'pack@train' are excluded .* --include-all"):
        open_domain(f"{pack.path}@train", CLASSES)


@pytest.mark.parametrize(
    "text", ["row,file\n0,other.png\n", "row,file\n9,9.png\n", "row\n0\n", "row,file\nx,y\n"]
)
def test_a_list_of_another_pack(pack: Pack, text: str) -> None:
    (pack.path / "excluded.csv").write_text(text)
    with pytest.raises(UserError, match="does not fit its pack"):
        excluded_rows(pack)


def test_a_pack_that_cannot_be_written(pack: Pack, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def full(*arguments: object, **options: object) -> Callable[..., None]:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pd.DataFrame, "to_csv", full)
    with pytest.raises(UserError, match="No space left"):
        exclude(pack, reasons(0))
    assert excluded_rows(pack).tolist() == []
