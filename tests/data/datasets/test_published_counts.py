"""What `read_dataset` says when a copy has other numbers than its owner published."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from ferda.data.datasets import raf_db, read_dataset
from ferda.data.datasets.base import split_counts

from .miniatures.owner import picture, text
from .miniatures.raf_db import ORDER

PUBLISHED = {"train": (9, 1, 4, 20, 7, 3, 12), "test": (3, 1, 2, 6, 4, 2, 5)}


@pytest.fixture
def published(monkeypatch: pytest.MonkeyPatch) -> None:
    small = replace(raf_db.DATASET, counts={"basic": split_counts(ORDER, **PUBLISHED)})
    monkeypatch.setattr(raf_db, "DATASET", small)


def lay(root: Path, turned: int = 0, less: int = 0) -> None:
    """RAF-DB as published; its codes turned; without some surprised faces of the training part."""
    lines = []
    for split, numbers in PUBLISHED.items():
        codes = [code for code, number in enumerate(numbers) for _ in range(number)]
        for number, code in enumerate(codes[less if split == "train" else 0 :]):
            stem = f"{split}_{number:0{5 if split == 'train' else 4}d}"
            lines.append(f"{stem}.jpg {(code + turned) % 7 + 1}")
            picture(root / "Image" / "aligned" / f"{stem}_aligned.jpg", (4, 4))
    text(root / "EmoLabel" / "list_patition_label.txt", "\n".join(lines))


@pytest.mark.usefixtures("published")
def test_numbers_as_published_need_no_word(tmp_path: Path) -> None:
    lay(tmp_path)
    assert read_dataset("raf-db", tmp_path).warnings == ()


@pytest.mark.usefixtures("published")
def test_a_difference_is_told_class_by_class(tmp_path: Path) -> None:
    lay(tmp_path, less=2)
    reading = read_dataset("RAF DB", tmp_path)
    assert reading.warnings == ("RAF-DB has other numbers than published; train: surprise 7 instead of 9.",)
    assert reading.dataset == "raf-db"


@pytest.mark.usefixtures("published")
def test_a_split_that_is_missing_altogether_is_told(tmp_path: Path) -> None:
    lay(tmp_path, less=sum(PUBLISHED["train"]))
    assert read_dataset("raf-db", tmp_path).warnings == ("RAF-DB has no row of 'train', 56 are published.",)


@pytest.mark.usefixtures("published")
def test_labels_that_are_off_by_one_are_noticed(tmp_path: Path) -> None:
    lay(tmp_path, turned=1)
    differs, misread = read_dataset("raf-db", tmp_path).warnings
    assert "train: surprise 12 instead of 9, train: fear 9 instead of 1" in differs
    assert "off by one: each number was read one too high" in misread and "fear is surprise" in misread
    assert misread.startswith("The counts fit those of RAF-DB only if")


def test_a_variant_without_published_numbers_is_not_compared(tmp_path: Path) -> None:
    picture(tmp_path / "Image" / "aligned" / "train_00001_aligned.jpg")
    text(tmp_path / "EmoLabel" / "list_patition_label.txt", "train_00001.jpg 11")
    assert read_dataset("raf-db", tmp_path).warnings == ()
