from __future__ import annotations

import errno
import json
import pickle
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ferda.data import pack_writer
from ferda.data.manifest import complete_manifest
from ferda.data.pack import Pack, PackWriter, Pictures, is_pack, write_pack
from ferda.errors import UserError

COUNT, SIZE = 23, 6


def images(count: int = COUNT, size: int = SIZE) -> np.ndarray:
    return np.random.default_rng(count).integers(0, 256, (count, size, size, 3), dtype=np.uint8)


def manifest(count: int = COUNT) -> pd.DataFrame:
    names = ["happiness", "fear", None]
    return pd.DataFrame(
        {
            "file": [f"{row}.png" for row in range(count)],
            "expression": [names[row % 3] for row in range(count)],
        }
    )


@pytest.fixture
def pack(tmp_path: Path) -> Pack:
    landmarks = np.arange(COUNT * 10, dtype=np.float32).reshape(COUNT, 5, 2)
    return write_pack(tmp_path / "pack", images(), manifest(), landmarks=landmarks, name="toy")


def test_a_pack_holds_what_was_written(pack: Pack) -> None:
    assert (len(pack), pack.size, pack.name) == (COUNT, SIZE, "toy")
    assert pack.crop["kind"] == "whole"
    assert pack.description["counts"] == {"fear": 8, "happiness": 8}
    np.testing.assert_array_equal(pack.images, images())
    np.testing.assert_array_equal(pack.landmarks.ravel(), np.arange(COUNT * 10))
    pd.testing.assert_frame_equal(pack.manifest, complete_manifest(manifest()))
    assert sorted(path.name for path in pack.path.parent.iterdir()) == ["pack"]
    assert isinstance(pack.images, np.memmap)


@settings(max_examples=settings.default.max_examples // 4)
@given(st.lists(st.integers(0, COUNT - 1), max_size=40))
def test_gather_is_indexing(rows: list[int]) -> None:
    pictures = Pictures("toy", {}, images(), np.zeros((COUNT, 5, 2), np.float32))
    np.testing.assert_array_equal(
        pictures.gather(np.array(rows, dtype=int)), images()[np.array(rows, dtype=int)]
    )


def test_a_row_that_is_not_there_is_an_error(pack: Pack) -> None:
    with pytest.raises(IndexError):
        pack.gather(np.array([COUNT]))


def test_a_pack_travels_to_another_process(pack: Pack) -> None:
    other = pickle.loads(pickle.dumps(pack))
    np.testing.assert_array_equal(other.gather(np.arange(3)), pack.gather(np.arange(3)))


def test_pictures_of_a_pack_do_not_hold_it(pack: Pack) -> None:
    assert "manifest" not in vars(pack.pictures)
    assert type(pack.pictures) is Pictures


@pytest.mark.parametrize("keep", [[0, 5, 22], list(range(1, COUNT)), list(range(COUNT)), [7]])
def test_rows_left_out_at_the_end_close_the_gap(
    tmp_path: Path, keep: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pack_writer, "_BLOCK", 4)
    mask = np.isin(np.arange(COUNT), keep)
    with PackWriter(tmp_path / "p", COUNT, SIZE) as writer:
        for start in (20, 0, 10):  # blocks come in any order
            writer.write(start, images()[start : start + 10], np.full((min(10, COUNT - start), 5, 2), start))
        lost = pd.DataFrame({"file": ["x"], "reason": ["broken"]})
        writer.finish(manifest(), {"kind": "box"}, keep=mask, unusable=lost)
    pack = Pack.open(tmp_path / "p")
    np.testing.assert_array_equal(pack.images, images()[mask])
    assert pack.landmarks[:, 0, 0].tolist() == [row // 10 * 10 for row in keep]
    assert pack.manifest["file"].tolist() == [f"{row}.png" for row in keep]
    assert pack.description["unusable"] == 1
    assert (tmp_path / "p" / "unusable.csv").read_text() == "file,reason\nx,broken\n"


def test_an_error_within_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), PackWriter(tmp_path / "p", 4, SIZE) as writer:
        writer.write(0, images(4))
        raise RuntimeError
    assert not list(tmp_path.iterdir())


def test_a_full_disk_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(pack_writer, "write_bytes", full)
    with pytest.raises(OSError, match="No space"):
        write_pack(tmp_path / "p", images(), manifest())
    assert not list(tmp_path.iterdir())


def test_a_pack_is_not_overwritten_unless_asked(pack: Pack) -> None:
    with pytest.raises(UserError, match="exists already"):
        PackWriter(pack.path, 1, SIZE)
    with PackWriter(pack.path, 2, SIZE, replace=True) as writer:
        writer.write(0, images(2))
        writer.finish(manifest(2), {"kind": "whole"})
    assert len(Pack.open(pack.path)) == 2
    assert sorted(path.name for path in pack.path.parent.iterdir()) == ["pack"]


def test_wrong_pictures_are_our_mistake(tmp_path: Path) -> None:
    with PackWriter(tmp_path / "p", 4, SIZE) as writer:
        with pytest.raises(ValueError, match="uint8"):
            writer.write(0, images(2).astype(np.float32))
        with pytest.raises(ValueError, match="outside"):
            writer.write(3, images(2))
        with pytest.raises(ValueError, match="manifest rows"):
            writer.finish(manifest(3), {"kind": "whole"})
    with pytest.raises(ValueError, match="closed"):
        writer.write(0, images(1))


def spoil(pack: Pack, how: str) -> None:
    description = json.loads((pack.path / "pack.json").read_text())
    if how == "newer":
        (pack.path / "pack.json").write_text(json.dumps({**description, "format": 99}))
    elif how == "size":
        (pack.path / "pack.json").write_text(json.dumps({**description, "size": 7}))
    elif how == "no json":
        (pack.path / "pack.json").write_text("{")
    elif how == "pickle":
        np.save(pack.path / "landmarks.npy", np.array([{}], dtype=object), allow_pickle=True)
    elif how == "cut":
        data = (pack.path / "images.npy").read_bytes()
        (pack.path / "images.npy").write_bytes(data[:-1])
    else:
        (pack.path / how).unlink()


@pytest.mark.parametrize(
    "how",
    [
        "newer",
        "size",
        "no json",
        "pickle",
        "cut",
        "images.npy",
        "landmarks.npy",
        "manifest.parquet",
        "pack.json",
    ],
)
def test_a_damaged_pack_is_refused_with_a_sentence(pack: Pack, how: str) -> None:
    spoil(pack, how)
    with pytest.raises(UserError, match=str(pack.path)):
        Pack.open(pack.path)


def test_a_folder_is_no_pack(tmp_path: Path) -> None:
    assert not is_pack(tmp_path)
    with pytest.raises(UserError, match="is not a pack"):
        Pack.open(tmp_path)


def test_a_folder_that_a_file_stands_in_for(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot be made"):
        PackWriter(tmp_path / "file" / "pack", 1, SIZE)


def test_a_finished_pack_can_be_moved(pack: Pack, tmp_path: Path) -> None:
    shutil.move(str(pack.path), str(tmp_path / "elsewhere"))
    assert len(Pack.open(tmp_path / "elsewhere")) == COUNT
