from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from ferda.data.exclusions import exclude
from ferda.data.leaks import PAIR_COLUMNS, across, find_leaks, rows_to_exclude, summarise
from ferda.data.pack import Pack, write_pack

Draw = Callable[..., np.ndarray]
MakePack = Callable[..., Pack]


@pytest.fixture
def make(tmp_path: Path, blots: Draw) -> MakePack:
    """Makes a pack of different pictures from columns of its manifest; 4 train, 2 val, 2 test by default."""

    def build(name: str = "a", seed: int = 0, images: np.ndarray | None = None, **columns: Any) -> Pack:
        count = len(next(iter(columns.values()), range(8)))
        table = {
            "file": [f"{row:03d}.png" for row in range(count)],
            "split": ["train"] * 4 + ["val"] * 2 + ["test"] * 2,
            "expression": ["fear"] * count,
        }
        given = blots(count, seed=seed) if images is None else images
        return write_pack(tmp_path / name, given, pd.DataFrame(table | columns))

    return build


def sha(*rows: int | None) -> list[str | None]:
    return [None if row is None else f"{row:064x}" for row in rows]


def found(pairs: pd.DataFrame, how: str) -> set[tuple[str, str]]:
    kept = pairs[pairs["how"] == how]
    a, b = ([f"{x}@{y}:{z}" for x, y, z in kept[cols].to_numpy()] for cols in (SIDE_A, SIDE_B))
    return set(zip(a, b, strict=True))


SIDE_A, SIDE_B = (["pack_" + side, "split_" + side, "row_" + side] for side in "ab")


def test_sound_packs_share_nothing(make: MakePack) -> None:
    one = make(subject=list("aaaabbcc"), sha256=sha(*range(8)))
    other = make("b", 1, subject=list("aaaabbcc"), sha256=sha(*range(8, 16)))
    pairs = find_leaks([one, other], within=True)
    assert len(pairs) == 0 and tuple(pairs.columns) == PAIR_COLUMNS
    assert across(pairs).empty and summarise(pairs).empty and rows_to_exclude(pairs, "a").empty


def test_equal_files_across_splits_and_packs(make: MakePack) -> None:
    one = make(sha256=sha(1, 1, 2, None, 3, 1, 4, None), expression=[*["fear"] * 5, "anger", None, None])
    other = make("b", 1, sha256=sha(4, 5, 5, None, None, None, 4, 2))
    pairs = find_leaks([one, other], pictures=False)
    assert found(pairs, "file") == {
        ("a@train:0", "a@val:5"),
        ("a@train:1", "a@val:5"),
        ("a@train:2", "b@test:7"),
        ("b@train:0", "a@test:6"),
        ("b@train:0", "b@test:6"),
        ("a@test:6", "b@test:6"),
    }
    assert pairs.set_index(["row_a", "row_b"])["labels_differ"][(0, 5)]
    assert pairs["labels_differ"].sum() == 2
    assert rows_to_exclude(pairs, "a").to_dict() == {
        0: "file of a: 005.png",
        1: "file of a: 005.png",
        2: "file of b: 007.png",
    }
    assert rows_to_exclude(pairs, "b").index.tolist() == [0]


def test_copies_within_a_split_only_on_demand_and_they_are_no_leak(make: MakePack) -> None:
    one = make(sha256=sha(1, 1, 1, 2, 3, 4, 5, 5))
    assert len(find_leaks([one], pictures=False)) == 0
    pairs = find_leaks([one], pictures=False, within=True)
    assert found(pairs, "file") == {
        ("a@train:1", "a@train:0"),
        ("a@train:2", "a@train:0"),
        ("a@test:7", "a@test:6"),
    }
    assert across(pairs).empty
    assert rows_to_exclude(pairs, "a").index.tolist() == [1, 2]


def test_faces_of_one_photo_are_no_copies_within_a_split(make: MakePack) -> None:
    boxes = {"box_x": np.arange(8.0), "box_y": 0.0, "box_w": 5.0, "box_h": 5.0}
    files = ["a", "a", "b", "c", "d", "e", "a", "f"]
    one = make(file=files, sha256=sha(*map(ord, files)), **boxes)
    assert found(find_leaks([one], within=True), "file") == {
        ("a@train:0", "a@test:6"),
        ("a@train:1", "a@test:6"),
    }


def test_each_row_of_a_person_in_two_splits_is_named(make: MakePack) -> None:
    one = make(subject=["a", "b", "b", "b", "a", "a", "b", None])
    pairs = find_leaks([one], pictures=False)
    assert found(pairs, "subject") == {
        ("a@train:0", "a@val:4"),
        ("a@train:0", "a@val:5"),
        *((f"a@train:{row}", "a@test:6") for row in (1, 2, 3)),
    }
    assert not pairs["labels_differ"].any()
    assert sorted(rows_to_exclude(pairs, "a").index) == [0, 1, 2, 3]


def test_people_of_two_packs_are_the_same_if_they_have_names(make: MakePack) -> None:
    numbered = [f"s{row:02d}" for row in range(8)]
    assert len(find_leaks([make("a", subject=numbered), make("b", 1, subject=numbered)], pictures=False)) == 0
    named = [*numbered[:6], "Ada_Byron", "Ada_Byron"]
    pairs = find_leaks([make("c", subject=named), make("d", 1, subject=named)], pictures=False)
    assert found(pairs, "subject") == {("c@test:6", "d@test:6"), ("c@test:7", "d@test:7")}


def test_telling_names_are_a_hint_and_no_leak(make: MakePack) -> None:
    files = [
        "x/img_1.png",
        "y/img_2.png",
        "x/Ada_0001.png",
        "c3.png",
        "d/img_1.png",
        "y/Ada_0001.png",
        "e",
        "f",
    ]
    one = make(file=files)
    pairs = find_leaks([one], pictures=False)
    assert found(pairs, "name") == {("a@train:2", "a@val:5")}
    assert across(pairs).empty and rows_to_exclude(pairs, "a").empty
    proved = make("b", file=files, sha256=sha(1, 2, 3, 4, 5, 3, 6, 7))
    assert set(find_leaks([proved], pictures=False)["how"]) == {"file"}


def test_near_copies_also_mirrored_and_equal_files_are_told_once(make: MakePack, blots: Draw) -> None:
    images = blots(8)
    images[5], images[6], images[7] = images[0] // 2, images[1][:, ::-1], images[2]
    labels = ["fear"] * 5 + ["anger"] * 3
    one = make(images=images, expression=labels, sha256=sha(0, 1, 2, 3, 4, 5, 6, 2))
    pairs = find_leaks([one])
    assert found(pairs, "file") == {("a@train:2", "a@test:7")}
    assert found(pairs, "picture") == {("a@train:0", "a@val:5"), ("a@train:1", "a@test:6")}
    assert pairs[pairs["mirrored"]]["row_a"].tolist() == [1]
    assert pairs["labels_differ"].all()
    table = summarise(pairs).set_index(["split_b", "how"])
    assert table.loc[("test", "picture"), ["pairs", "mirrored", "labels_differ"]].tolist() == [1, 1, 1]


def test_rows_out_of_use_are_not_looked_at(make: MakePack, blots: Draw) -> None:
    images = blots(8)
    images[5], images[7] = images[0], images[3]
    one = make(images=images)
    exclude(one, rows_to_exclude(find_leaks([one]), "a")[[0]])
    assert found(find_leaks([one]), "picture") == {("a@train:3", "a@test:7")}


def test_packs_of_one_name_and_rows_without_a_split(make: MakePack, tmp_path: Path, blots: Draw) -> None:
    one = make(split=["train", None, None, "val", "test", "test", "test", "test"])
    images = blots(8, 96)
    table = pd.DataFrame({"file": [f"{row}.jpg" for row in range(8)], "split": "test"})
    twin = write_pack(tmp_path / "twin", images, table, name="a")
    pairs = find_leaks([one, twin])
    assert found(pairs, "picture") == {
        *(
            ("a@:1", "a-2@test:1"),
            ("a@:2", "a-2@test:2"),
            ("a@train:0", "a-2@test:0"),
            ("a@val:3", "a-2@test:3"),
        ),
        *((f"a@test:{row}", f"a-2@test:{row}") for row in range(4, 8)),
    }
    assert sorted(rows_to_exclude(pairs, "a").index) == [0, 1, 2, 3]
    assert rows_to_exclude(pairs, "a-2").empty
