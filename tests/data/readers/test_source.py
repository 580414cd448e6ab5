from __future__ import annotations

import os
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from ferda.data.readers import source as module
from ferda.data.readers.source import FolderSource, ZipSource, image_source
from ferda.errors import UserError

Maker = Callable[..., Path]


def test_a_folder_lists_pictures_only_and_skips_what_is_hidden(tree: Maker) -> None:
    root = tree(["b/x.JPG", "a.png", ".thumbs/t.png", "b/._x.jpg"])
    (root / "notes.txt").write_text("")
    assert FolderSource(root).files() == ["a.png", "b/x.JPG"]


@pytest.mark.parametrize("kind", ["folder", "zip"])
def test_bytes_come_back_also_in_another_process(
    tree: Maker, archive: Maker, picture: Callable[..., bytes], kind: str
) -> None:
    names = ["a.png", "b/c.png"]
    source = image_source(tree(names) if kind == "folder" else archive(names))
    for one in (source, pickle.loads(pickle.dumps(source))):
        assert one.files() == names
        assert one.read("b/c.png") == picture(1)
        with pytest.raises(OSError, match="d\\.png"):
            one.read("d.png")


@pytest.mark.parametrize("kind", ["folder", "zip"])
def test_a_stamp_changes_with_its_picture(
    tree: Maker, archive: Maker, picture: Callable[..., bytes], kind: str
) -> None:
    root = tree(["a.png", "b.png"]) if kind == "folder" else archive(["a.png", "b.png"])
    before = image_source(root).stamps()
    if kind == "folder":
        (root / "b.png").write_bytes(picture(9))
    else:
        with zipfile.ZipFile(root, "w") as file:
            file.writestr("a.png", picture(0))
            file.writestr("b.png", picture(9))
    after = image_source(root).stamps()
    assert before[0] == after[0]
    assert before[1] != after[1]


@pytest.mark.parametrize("name", ["../out.png", "/etc/passwd", "a/../../out.png"])
def test_a_name_cannot_leave_the_folder(tree: Maker, name: str) -> None:
    with pytest.raises(UserError, match="leaves the folder"):
        FolderSource(tree(["a.png"])).read(name)


def test_a_link_cannot_leave_the_folder(tree: Maker, tmp_path: Path) -> None:
    root = tree(["a.png"])
    (tmp_path / "secret.png").write_bytes(b"secret")
    (root / "link.png").symlink_to(tmp_path / "secret.png")
    with pytest.raises(UserError, match=r"'link\.png' is a link that leaves"):
        FolderSource(root).files()
    with pytest.raises(UserError, match="is a link that leaves"):
        FolderSource(root).read("link.png")


def test_a_linked_folder_is_refused_and_a_linked_root_is_not(tree: Maker, tmp_path: Path) -> None:
    root = tree(["a/x.png"])
    (tmp_path / "other").symlink_to(root)
    assert FolderSource(tmp_path / "other").files() == ["a/x.png"]
    assert FolderSource(tmp_path / "other").read("a/x.png")
    (root / "again").symlink_to(root / "a")
    with pytest.raises(UserError, match="link to another folder"):
        FolderSource(root).files()


def test_a_link_within_the_folder_is_fine(tree: Maker) -> None:
    root = tree(["a.png"])
    (root / "b.png").symlink_to(root / "a.png")
    assert FolderSource(root).read("b.png") == FolderSource(root).read("a.png")


@pytest.mark.parametrize("entry", ["../slip.png", "/abs.png", "a/../../slip.png"])
def test_an_archive_that_slips_is_refused(archive: Maker, entry: str) -> None:
    with pytest.raises(UserError, match="leaves the archive"):
        ZipSource(archive(["fine.png", entry]))


def test_what_is_no_archive_is_named(tmp_path: Path) -> None:
    (tmp_path / "x.zip").write_bytes(b"no zip")
    with pytest.raises(UserError, match=r"x\.zip cannot be read"):
        ZipSource(tmp_path / "x.zip")


def test_what_swells_is_refused(tree: Maker, archive: Maker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_BYTES", 10)
    for source in (FolderSource(tree(["a.png"])), ZipSource(archive(["a.png"]))):
        with pytest.raises(UserError, match="no picture is"):
            source.read("a.png")


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA])
def test_a_damaged_entry_is_an_os_error(tmp_path: Path, compression: int) -> None:
    path = tmp_path / "data.zip"
    with zipfile.ZipFile(path, "w", compression) as file:
        file.writestr("a.png", bytes(range(256)) * 8)
    data = bytearray(path.read_bytes())
    data[40:60] = bytes(20)
    path.write_bytes(data)
    with pytest.raises(OSError, match="damaged"):
        ZipSource(path).read("a.png")


def test_a_prefix_is_a_folder_within(tree: Maker, archive: Maker) -> None:
    names = ["images/a.png", "masks/a.png"]
    assert image_source(archive(names), "images/").files() == ["a.png"]
    assert image_source(tree(names), "images/").files() == ["a.png"]
    assert image_source(archive(names), "images/").read("a.png")


def test_what_a_mac_adds_is_no_picture(archive: Maker) -> None:
    assert ZipSource(archive(["a.png", "__MACOSX/a.png", "b/.hidden.png"])).files() == ["a.png"]


def test_the_archive_is_not_shared_by_processes(archive: Maker, monkeypatch: pytest.MonkeyPatch) -> None:
    source = ZipSource(archive(["a.png"]))
    first = source._archive()
    monkeypatch.setattr(os, "getpid", lambda: -1)
    assert source._archive() is not first


def test_a_name_that_comes_twice_is_listed_once(archive: Maker) -> None:
    with pytest.warns(UserWarning, match="Duplicate name"):
        path = archive(["a.png", "a.png"])
    assert ZipSource(path).files() == ["a.png"]
