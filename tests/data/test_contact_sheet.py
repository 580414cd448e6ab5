"""Sheets: who is on which, the same faces for the same seed, and sheets of a run that was interrupted."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from ferda.data.contact_sheet import Faces, write_sheets
from ferda.data.manifest import complete_manifest
from ferda.data.pack import Pack
from ferda.data.prepare import prepare
from ferda.data.quality import MEASURES
from ferda.faces.crops import CropRule

Maker = Callable[..., Path]
#: Each row's picture is of one colour, by which it is found on a sheet.
COLOURS = np.array([[10 * row, 255 - 10 * row, 100] for row in range(20)], dtype=np.uint8)


def faces(**changed: object) -> Faces:
    count = len(COLOURS)
    manifest = complete_manifest(
        pd.DataFrame(
            {
                "file": [f"дом/a very long name of a picture\n{row}.png" for row in range(count)],
                "expression": ["happiness"] * 12 + ["sadness"] * 6 + [None] * 2,
                "split": ["train"] * 8 + ["test"] * 8 + [None] * 4,
            }
        )
    )
    manifest[list(MEASURES)] = np.arange(6 * count).reshape(count, 6)
    manifest.loc[[3, 17], "face_pixels"] = np.nan
    given = {
        "images": np.broadcast_to(COLOURS[:, None, None], (count, 16, 16, 3)),
        "landmarks": None,
        "manifest": manifest,
        "there": np.arange(count) != 5,
        "kept": ~np.isin(np.arange(count), (3, 5)),
    }
    return Faces(**(given | changed))  # type: ignore[arg-type]


def seen(path: Path) -> set[int]:
    """Rows whose colour is on a sheet."""
    pixels, colours = (
        np.asarray(part).astype(int) @ (1 << 16, 1 << 8, 1) for part in (Image.open(path), COLOURS)
    )
    return set(np.flatnonzero(np.isin(colours, pixels)).tolist())


def test_who_is_on_which_sheet(tmp_path: Path) -> None:
    (tmp_path / "sheets").mkdir()
    (tmp_path / "sheets" / "old.png").write_bytes(b"")
    told: list[tuple[int, int]] = []
    written = write_sheets(tmp_path / "sheets", faces(), progress=lambda *counts: told.append(counts))
    assert told == [(number, 5) for number in range(1, 6)]
    assert sorted(tmp_path.rglob("*.png")) == sorted(written)
    rows = {path.stem: seen(path) for path in written}
    assert rows == {
        "happiness": set(range(12)) - {3, 5},
        "sadness": set(range(12, 18)),
        "unlabelled": {18, 19},
        "no-face-found": {3, 17},
        "lowest-quality": set(range(20)) - {5},
    }


def test_a_few_by_chance_and_the_worst_by_rank(tmp_path: Path) -> None:
    happy, worst = {}, {}
    for seed in range(3):
        write_sheets(tmp_path, faces(), count=3, seed=seed)
        happy[seed], worst[seed] = seen(tmp_path / "happiness.png"), seen(tmp_path / "lowest-quality.png")
    assert len({frozenset(rows) for rows in happy.values()}) > 1
    for rows in happy.values():
        assert [len(rows & set(part)) for part in (range(8), range(8, 12))] == [3, 3]
    assert all(rows == {0, 1, 2} for rows in worst.values())


def test_the_same_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    first, second = (write_sheets(tmp_path / name, faces(), count=2) for name in "ab")
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]


def test_points_are_drawn_where_they_are_known(tmp_path: Path) -> None:
    points = np.full((20, 5, 2), np.nan, np.float32)
    points[0] = 8.0
    plain = write_sheets(tmp_path / "plain", faces())
    dotted = write_sheets(tmp_path / "dotted", faces(landmarks=points))
    changed = {a.stem for a, b in zip(plain, dotted, strict=True) if a.read_bytes() != b.read_bytes()}
    assert changed == {"happiness", "lowest-quality"}


def test_data_without_measures_has_sheets_of_classes_alone(tmp_path: Path) -> None:
    bare = faces(manifest=faces().manifest.drop(columns=list(MEASURES)))
    assert [path.stem for path in write_sheets(tmp_path / "s", bare)] == [
        "happiness",
        "sadness",
        "unlabelled",
    ]


@pytest.mark.usefixtures("small_blocks")
def test_a_run_that_was_interrupted_ends_in_the_same_bytes(tree: Maker, tmp_path: Path) -> None:
    root = tree(f"{name}/{row}.png" for row in range(4) for name in ("happy", "sad", "fear"))
    (root / "happy/1.png").write_bytes(b"no picture")
    rule = CropRule("whole", size=12, detect=False)

    def interrupt(done: int, total: int) -> None:
        if done >= 8:
            raise KeyboardInterrupt

    prepare(root, tmp_path / "at once", rule, sheets="faces", name="x")
    with pytest.raises(KeyboardInterrupt):
        prepare(root, tmp_path / "resumed", rule, sheets="faces", name="x", progress=interrupt)
    assert not (tmp_path / "resumed").exists()
    prepare(root, tmp_path / "resumed", rule, sheets="faces", name="x")
    whole, resumed = (
        {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
        for folder in (tmp_path / "at once", tmp_path / "resumed")
    )
    assert whole == resumed and len(whole) == 5 + 5


def test_a_pack_made_without_gets_them_later(tree: Maker, tmp_path: Path) -> None:
    root, rule = tree(["happy/a.png", "sad/b.png"]), CropRule("whole", size=12, detect=False)
    assert prepare(root, tmp_path / "out", rule).sheets is None
    again = prepare(root, tmp_path / "out", rule, sheets="faces")
    assert again.reused and again.sheets == tmp_path / "out" / "sheets"
    assert {"happiness.png", "sadness.png"} < {path.name for path in again.sheets.iterdir()}
    assert len(Pack.open(tmp_path / "out")) == 2
