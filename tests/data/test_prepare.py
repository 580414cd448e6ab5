from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ferda.data import cropping
from ferda.data.pack import Pack
from ferda.data.prepare import prepare
from ferda.data.readers import read_any
from ferda.errors import UserError
from ferda.faces.crops import CropRule

Maker = Callable[..., Path]
WHOLE = CropRule(kind="whole", size=12, detect=False)
CLASSES = ("happy", "sad", "fear")


def names(count: int) -> list[str]:
    return [f"{CLASSES[row % 3]}/{row:03d}.png" for row in range(count)]


def test_a_tree_becomes_a_pack(tree: Maker, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    summary = prepare(
        tree(names(9)), tmp_path / "out", WHOLE, progress=lambda done, total: seen.append((done, total))
    )
    pack = Pack.open(summary.path)
    assert (summary.count, summary.unusable, summary.no_face, summary.reused) == (9, 0, 0, False)
    assert summary.counts == {"happiness": 3, "sadness": 3, "fear": 3}
    assert any("No row is" in text for text in summary.warnings)
    assert pack.images.shape == (9, 12, 12, 3)
    assert CropRule.from_dict(pack.crop) == WHOLE
    assert pack.manifest["sha256"].nunique() == 9
    assert seen[-1] == (9, 9)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "tree"]
    assert sorted(path.name for path in pack.path.iterdir()) == [
        "images.npy",
        "landmarks.npy",
        "manifest.parquet",
        "pack.json",
        "unusable.csv",
    ]


def test_pixels_are_those_of_the_picture(tree: Maker, tmp_path: Path) -> None:
    root = tree(["happy/a.png", "sad/b.png"])
    pixels = np.random.default_rng(0).integers(0, 256, (12, 12, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(root / "sad/b.png")
    prepare(root, tmp_path / "out", WHOLE)
    np.testing.assert_array_equal(Pack.open(tmp_path / "out").images[1], pixels)


def test_the_same_pack_is_reused_and_another_refused(
    tree: Maker, tmp_path: Path, picture: Callable[..., bytes]
) -> None:
    root, out = tree(names(6)), tmp_path / "out"
    first = prepare(root, out, WHOLE)
    again = prepare(root, out, WHOLE)
    assert again.reused
    assert (again.count, again.counts, again.warnings) == (first.count, first.counts, first.warnings)
    other = CropRule(kind="whole", size=10, detect=False)
    with pytest.raises(UserError, match="other files or by another rule"):
        prepare(root, out, other)
    (root / names(6)[0]).write_bytes(picture(99))
    with pytest.raises(UserError, match="other files or by another rule"):
        prepare(root, out, WHOLE)
    assert prepare(root, out, other, force=True).count == 6
    assert Pack.open(out).size == 10
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "tree"]


def test_nothing_readable_is_the_users_mistake_and_leaves_nothing(tree: Maker, tmp_path: Path) -> None:
    root = tree(["happy/a.png", "sad/b.png"])
    for file in ("happy/a.png", "sad/b.png"):
        (root / file).write_bytes(b"broken")
    with pytest.raises(UserError, match="None of the 2 pictures"):
        prepare(root, tmp_path / "out", WHOLE)
    (tmp_path / "nothing").mkdir()
    with pytest.raises(UserError, match="no picture"):
        prepare(tmp_path / "nothing", tmp_path / "out", WHOLE)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["nothing", "tree"]


def test_a_missing_picture_of_a_table_is_counted(tree: Maker, table: Maker, tmp_path: Path) -> None:
    tree(["a.png"])
    path = table("tree/t.csv", file=["a.png", "b.png"], label=["sad", "fear"])
    assert prepare(path, tmp_path / "out", WHOLE, missing="skip").unusable == 1


def test_a_picture_that_vanishes_on_the_way_is_named(tree: Maker, tmp_path: Path) -> None:
    reading = read_any(tree(names(3)))
    (tmp_path / "tree" / names(3)[1]).unlink()
    assert prepare(reading, tmp_path / "out", WHOLE).unusable == 1


def test_a_failing_crop_is_not_swallowed(
    tree: Maker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(cropping, "crop_face", broken)
    with pytest.raises(ZeroDivisionError):
        prepare(tree(names(3)), tmp_path / "out", WHOLE)
    assert [path.name for path in tmp_path.iterdir()] == ["tree"]
