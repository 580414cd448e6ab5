from __future__ import annotations

import errno
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from ferda.data import pack_writer, place
from ferda.data.pack import Pack, write_pack
from ferda.data.prepare import prepare
from ferda.data.readers.source import FolderSource
from ferda.errors import UserError
from ferda.faces.crops import CropRule

Maker = Callable[..., Path]
WHOLE = CropRule(kind="whole", size=12, detect=False)
CLASSES = ("happy", "sad", "fear")


def names(count: int) -> list[str]:
    return [f"{CLASSES[row % 3]}/{row:03d}.png" for row in range(count)]


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_what_is_no_pack_is_never_replaced(tree: Maker, tmp_path: Path) -> None:
    root = tree(names(6))
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter.txt").write_text("years")
    for force in (False, True):
        with pytest.raises(UserError, match="is no pack"):
            prepare(root, tmp_path / "thesis", WHOLE, force=force)
    (tmp_path / "empty").mkdir()
    assert prepare(root, tmp_path / "empty", WHOLE).count == 6


def test_a_place_that_cannot_be_written(tree: Maker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = tree(names(6))
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot be made"):
        prepare(root, tmp_path / "file" / "out", WHOLE)

    def denied(*_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "open", denied)
    with pytest.raises(UserError, match="cannot be written"):
        prepare(root, tmp_path / "out", WHOLE)


def test_a_full_disk_leaves_nothing(
    tree: Maker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, small_blocks: None
) -> None:
    root, real, calls = tree(names(12)), pack_writer.write_bytes, []

    def full(*arguments: Any) -> None:
        calls.append(1)
        if len(calls) > 2:
            raise OSError(errno.ENOSPC, "No space left on device")
        real(*arguments)

    monkeypatch.setattr(pack_writer, "write_bytes", full)
    with pytest.raises(UserError, match="disk is full"):
        prepare(root, tmp_path / "out", WHOLE)
    assert [path.name for path in tmp_path.iterdir()] == ["tree"]


def left_on_the_disk(monkeypatch: pytest.MonkeyPatch, free: int) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=free))


def test_what_there_is_no_room_for_is_refused_before_work_begins(
    tree: Maker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, out, read = tree(names(6)), tmp_path / "out", []
    prepare(root, out, WHOLE)
    before = content(out)
    left_on_the_disk(monkeypatch, 6 * 600**2 * 3)
    monkeypatch.setattr(FolderSource, "read", lambda *_: read.append(1))
    large = CropRule(kind="whole", size=600, detect=False)
    with pytest.raises(UserError, match=f"needs 6.5 MB, and {tmp_path} has 6.5 MB left: make room"):
        prepare(root, out, large, force=True)
    with pytest.raises(UserError, match=f"and {tmp_path} has"):
        place.check_room(tmp_path / "not" / "there" / "out", 10**9)
    assert content(out) == before and not read
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "tree"]


def test_what_is_done_counts_as_room_and_is_kept(
    tree: Maker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, small_blocks: None
) -> None:
    root, out, rule = tree(names(16)), tmp_path / "out", CropRule("whole", size=200, detect=False)

    def stop(done: int, _: int) -> None:
        if done == 12:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        prepare(root, out, rule, progress=stop)
    left_on_the_disk(monkeypatch, 100)
    with pytest.raises(UserError, match="make room"):
        prepare(root, out, rule)
    left_on_the_disk(monkeypatch, 5 * 200**2 * 3)
    seen: list[int] = []
    prepare(root, out, rule, progress=lambda done, _: seen.append(done))
    assert seen == [16]


@pytest.mark.parametrize("is_new_there", [False, True])
def test_an_old_pack_that_a_kill_left_aside_returns_or_goes(tmp_path: Path, is_new_there: bool) -> None:
    aside = tmp_path / ".a [pack].123.old"
    aside.mkdir()
    (aside / "pack.json").write_text("old")
    out = tmp_path / "a [pack]"
    if is_new_there:
        out.mkdir()
        (out / "pack.json").write_text("new")
    place.put_back(out)
    assert (out / "pack.json").read_text() == ("new" if is_new_there else "old")
    assert [path.name for path in tmp_path.iterdir()] == [out.name]


def test_packs_made_otherwise_are_not_taken_for_ours(tree: Maker, tmp_path: Path) -> None:
    write_pack(tmp_path / "out", np.zeros((1, 12, 12, 3), np.uint8), pd.DataFrame({"file": ["a"]}))
    assert "made_from" not in json.loads((tmp_path / "out" / "pack.json").read_text())
    with pytest.raises(UserError, match="other files"):
        prepare(tree(names(3)), tmp_path / "out", WHOLE)


def test_two_runs_at_once_do_not_meet(tree: Maker, tmp_path: Path) -> None:
    fcntl = pytest.importorskip("fcntl")
    with (
        place.alone(tmp_path / ".out.partial"),
        (tmp_path / ".out.lock").open("w") as second,
        pytest.raises(BlockingIOError),
    ):
        fcntl.flock(second, fcntl.LOCK_EX | fcntl.LOCK_NB)
    assert not list(tmp_path.glob(".out.*"))


def test_who_waits_is_told_once(tmp_path: Path) -> None:
    fcntl = pytest.importorskip("fcntl")
    told: list[str] = []
    with (tmp_path / ".out.lock").open("w") as other:
        fcntl.flock(other, fcntl.LOCK_EX)

        def tell(said: str) -> None:
            told.append(said)
            fcntl.flock(other, fcntl.LOCK_UN)

        with place.alone(tmp_path / ".out.partial", tell):
            assert len(told) == 1 and "waiting" in told[0]
    with place.alone(tmp_path / ".out.partial", tell):
        assert len(told) == 1


def test_a_lock_that_vanishes_while_it_is_looked_at_is_taken_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock, looked = tmp_path / ".out.lock", []
    stat = Path.stat

    def vanish(path: Path, **how: Any) -> Any:
        if path == lock and not looked.append(path) and len(looked) == 1:
            path.unlink()
        return stat(path, **how)

    monkeypatch.setattr(Path, "stat", vanish)
    monkeypatch.setattr(Path, "exists", lambda path: True)
    with place.alone(tmp_path / ".out.partial"):
        assert len(looked) > 1
    assert not list(tmp_path.iterdir())


def test_a_damaged_pack_is_made_again_only_when_told(tree: Maker, tmp_path: Path) -> None:
    root, out = tree(names(6)), tmp_path / "out"
    prepare(root, out, WHOLE)
    (out / "pack.json").write_text("{")
    with pytest.raises(UserError, match="damaged"):
        prepare(root, out, WHOLE)
    assert not prepare(root, out, WHOLE, force=True).reused
    assert len(Pack.open(out)) == 6


def test_a_pack_on_a_disk_that_cannot_be_written_is_reused(
    tree: Maker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, out = tree(names(6)), tmp_path / "out"
    prepare(root, out, WHOLE)

    def denied(*_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(place, "_writable", denied)
    assert prepare(root, out, WHOLE).reused
