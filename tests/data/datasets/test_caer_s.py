from __future__ import annotations

from pathlib import Path

from ferda.data.datasets import read_dataset

from .miniatures import caer_s
from .miniatures.owner import pack_up, picture


def test_a_folder_that_is_no_class_is_left_out_with_a_warning(tmp_path: Path) -> None:
    caer_s.make(tmp_path)
    reading = read_dataset("caer-s", tmp_path)
    assert reading.warnings == ("1 other pictures lie there and were left out: train/Contempt/0001.png.",)


def test_an_archive_beside_its_folder_counts_once(tmp_path: Path) -> None:
    rows = caer_s.make(tmp_path / "CAER-S")
    pack_up(tmp_path / "CAER-S", tmp_path / "CAER-S.zip")
    reading = read_dataset("caer-s", tmp_path)
    assert len(reading.manifest) == len(rows)
    assert any(f"{len(rows)} pictures lie there more than once" in said for said in reading.warnings)


def test_numbers_are_in_their_order(tmp_path: Path) -> None:
    for number in ("2", "10", "0001"):
        picture(tmp_path / "train" / "Sad" / f"{number}.png")
    files = read_dataset("caer-s", tmp_path).manifest["file"].tolist()
    assert files == [f"train/Sad/{number}.png" for number in ("0001", "2", "10")]
