"""Archives larger than any memory: read entry by entry, never unpacked, and never as a whole in memory."""

from __future__ import annotations

import tempfile
import tracemalloc
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
import pytest

from ferda.data.datasets.owner_files import OwnerFiles
from ferda.data.pack import Pack
from ferda.data.prepare import prepare
from ferda.data.readers import read_any
from ferda.data.readers.source import ZipSource
from ferda.errors import UserError
from ferda.faces.crops import CropRule

MB, GB = 2**20, 2**30
WHOLE = CropRule(kind="whole", size=12, detect=False)
NAMES = ("happy/a.png", "sad/b.png", "fear/c.png")


@pytest.fixture
def far(tmp_path: Path, picture: Callable[..., bytes]) -> Path:
    """A zip file of 5 GB with pictures before and behind a hole, in which a film claims to be."""
    path = tmp_path / "far.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(NAMES[0], picture(0))
        archive.writestr("film.mp4", b"")
        film = archive.getinfo("film.mp4")
        film.file_size = film.compress_size = 4 * GB + 3
        archive.start_dir = (
            5 * GB
        )  # the next entry is written there; what lies between is no block of the disk
        for seed, name in enumerate(NAMES[1:], 1):
            archive.writestr(name, picture(seed))
    if path.stat().st_blocks * 512 > GB:
        pytest.skip("this file system knows no holes")
    return path


@contextmanager
def little_memory(most: int) -> Iterator[None]:
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < most
    finally:
        tracemalloc.stop()


def test_what_lies_beyond_four_gigabytes_is_read(far: Path, picture: Callable[..., bytes]) -> None:
    assert far.stat().st_size > 5 * GB
    with little_memory(MB):
        source = ZipSource(far)
        assert source.files() == sorted(NAMES) and len(source.stamps()) == 3
        for seed, name in enumerate(NAMES):
            assert source.read(name) == picture(seed)
        with pytest.raises(UserError, match="no picture is"):
            source.read("film.mp4")


def test_a_pack_is_made_of_it_and_nothing_is_unpacked(
    far: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unpack(*_: object, **__: object) -> None:
        raise AssertionError("an archive is not unpacked")

    for name in ("extract", "extractall", "_extract_member"):
        monkeypatch.setattr(zipfile.ZipFile, name, unpack)
    for name in ("mkstemp", "mkdtemp", "TemporaryFile", "NamedTemporaryFile", "SpooledTemporaryFile"):
        monkeypatch.setattr(tempfile, name, unpack)
    (tmp_path / "owner").mkdir()
    far.rename(tmp_path / "owner" / "far.zip")
    assert OwnerFiles(tmp_path / "owner").read(f"far.zip/{NAMES[2]}")
    prepare(tmp_path / "owner" / "far.zip", tmp_path / "packs" / "far", WHOLE)
    assert Pack.open(tmp_path / "packs" / "far").manifest["file"].tolist() == sorted(NAMES)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["owner", "packs"]
    assert [path.name for path in (tmp_path / "packs").iterdir()] == ["far"]
    assert [path.name for path in (tmp_path / "owner").iterdir()] == ["far.zip"]


def test_memory_holds_a_few_entries_however_many_there_are(
    tmp_path: Path, picture: Callable[..., bytes]
) -> None:
    # each entry is a picture with 1 MB behind its end, which is nothing in the archive
    with zipfile.ZipFile(tmp_path / "many.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for row in range(40):
            name = f"{('happy', 'sad', 'fear')[row % 3]}/{row}.png"
            archive.writestr(name, picture(row) + bytes(MB), compresslevel=1)
    reading = read_any(tmp_path / "many.zip")
    with little_memory(8 * MB):
        assert prepare(reading, tmp_path / "pack", WHOLE).count == 40


def test_a_link_in_an_archive_is_not_followed(tmp_path: Path, picture: Callable[..., bytes]) -> None:
    (tmp_path / "secret.png").write_bytes(picture(7))
    link = zipfile.ZipInfo("sad/link.png")
    link.create_system, link.external_attr = 3, 0o120777 << 16
    with zipfile.ZipFile(tmp_path / "data.zip", "w") as archive:
        archive.writestr("happy/a.png", picture(0))
        archive.writestr(link, str(tmp_path / "secret.png"))
    assert ZipSource(tmp_path / "data.zip").read("sad/link.png") == str(tmp_path / "secret.png").encode()
    assert prepare(tmp_path / "data.zip", tmp_path / "pack", WHOLE).unusable == 1
    assert "link.png" in pd.read_csv(tmp_path / "pack" / "unusable.csv")["file"][0]
