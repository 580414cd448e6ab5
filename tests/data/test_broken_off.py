"""`prepare` broken off at any step, by a kill, a full disk or a file that may not grow; and three at once.

A step is a change of the file system below the place of the pack, as Python's audit events tell it, or half
of a block that is written. What is broken off there leaves a pack or none, and goes on to the same bytes.
"""

from __future__ import annotations

import errno
import os
import random
import resource
import signal
import sys
from collections.abc import Callable
from multiprocessing.context import ForkServerContext as Forks
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from ferda.data import pack_writer, working
from ferda.data import prepare as module
from ferda.errors import UserError
from ferda.faces.crops import CropRule

Maker = Callable[..., Path]
WHOLE, SMALLER = (CropRule(kind="whole", size=size, detect=False) for size in (12, 10))
CHANGES = ("os.rename", "os.remove", "shutil.rmtree")
ROWS = 18
#: How a process ends whose user was told what is wrong.
TOLD = 2


def names(count: int) -> list[str]:
    return [f"{('happy', 'sad', 'fear')[row % 3]}/{row:03d}.png" for row in range(count)]


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def before_each_step(place: Path, do: Callable[[bool], None]) -> None:
    """Call `do` before each change below the place, as long as this process lives; True if it takes room."""

    def watch(event: str, arguments: tuple[Any, ...]) -> None:
        takes_room = event == "os.mkdir"
        if event == "open" and isinstance(arguments[2], int):
            takes_room = bool(arguments[2] & (os.O_WRONLY | os.O_RDWR))
        if (takes_room or event in CHANGES) and str(arguments[0]).startswith(str(place)):
            do(takes_room)

    def write_halves(file: BinaryIO, data: bytes) -> None:
        file.write(data[: len(data) // 2])
        file.flush()
        do(True)
        file.write(data[len(data) // 2 :])

    pack_writer.write_bytes = write_halves
    sys.addaudithook(watch)


def break_off(root: Path, out: Path, how: str, at: int) -> None:
    """A process that prepares and is broken off at a step, or at a size of its files; it counts its steps."""
    notes, step = out.parent.parent, 0

    def do(takes_room: bool) -> None:
        nonlocal step
        step += 1
        (notes / "steps").write_text(str(step))
        if step >= at and how == "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        if step >= at and how == "full" and takes_room:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    module.BLOCK = working.BLOCK = 4
    free = resource.getrlimit(resource.RLIMIT_FSIZE)
    if how == "limited":
        resource.setrlimit(resource.RLIMIT_FSIZE, (at, free[1]))
    else:
        before_each_step(out.parent, do)
    try:
        module.prepare(root, out, WHOLE, force=True)
    except UserError as error:
        resource.setrlimit(resource.RLIMIT_FSIZE, free)
        (notes / "said").write_text(str(error))
        sys.exit(TOLD)


def run(forks: Forks, *arguments: Any) -> int:
    process = forks.Process(target=break_off, args=arguments)
    process.start()
    process.join()
    assert process.exitcode is not None
    return process.exitcode


@pytest.fixture
def pictures(tree: Maker, small_blocks: None) -> Path:
    """A folder of pictures, one of which cannot be read."""
    root = tree(names(ROWS))
    (root / names(ROWS)[5]).write_bytes(b"broken")
    return root


@pytest.fixture
def whole(pictures: Path, tmp_path: Path) -> dict[str, bytes]:
    """The pack as it is when nothing happens."""
    module.prepare(pictures, tmp_path / "whole" / "pack", WHOLE)
    return content(tmp_path / "whole" / "pack")


@pytest.fixture
def steps(pictures: Path, tmp_path: Path, forks: Forks) -> int:
    """How many steps there are."""
    assert run(forks, pictures, tmp_path / "counted" / "pack", "killed", 10**9) == 0
    return int((tmp_path / "steps").read_text())


@pytest.mark.slow
def test_a_kill_at_any_step_leaves_a_pack_or_none_and_goes_on(
    pictures: Path, whole: dict[str, bytes], steps: int, tmp_path: Path, forks: Forks
) -> None:
    drawn = random.Random(0)
    for at in drawn.sample(range(1, steps + 1), 8):
        out = tmp_path / str(at) / "pack"
        old = None
        if at % 2:
            module.prepare(pictures, out, SMALLER)
            old = content(out)
        assert run(forks, pictures, out, "killed", at) == -signal.SIGKILL
        assert not out.exists() or content(out) in (old, whole)
        assert run(forks, pictures, out, "killed", drawn.randint(1, steps)) in (0, -signal.SIGKILL)
        module.prepare(pictures, out, WHOLE, force=True)
        assert content(out) == whole
        # of a kill between the last rename and the end of the run an empty lock may stay
        assert {path.name for path in out.parent.iterdir()} - {".pack.lock"} == {"pack"}, at


@pytest.mark.slow
@pytest.mark.parametrize("how", ["full", "limited"])
def test_a_full_disk_at_any_step_leaves_the_old_pack_or_none(
    pictures: Path, steps: int, tmp_path: Path, forks: Forks, how: str
) -> None:
    limits = (10, 501, 3000, 8001)  # the plan, a block of pictures, its record, the manifest
    for at in random.Random(1).sample(range(1, steps - 5), 6) if how == "full" else limits:
        out = tmp_path / str(at) / "pack"
        old = None
        if at % 2:
            module.prepare(pictures, out, SMALLER)
            old = content(out)
        assert run(forks, pictures, out, how, at) == TOLD, at
        assert [path.name for path in out.parent.iterdir()] == (["pack"] if old else [])
        assert not old or content(out) == old
        assert ("No space left" if how == "full" else "File too large") in (tmp_path / "said").read_text()


@pytest.mark.slow
def test_three_at_once_make_one_pack(
    pictures: Path, whole: dict[str, bytes], tmp_path: Path, forks: Forks
) -> None:
    out, ready = tmp_path / "pack", forks.Barrier(3)
    told = [tmp_path / str(number) for number in range(3)]
    three = [forks.Process(target=prepare_together, args=(pictures, out, ready, path)) for path in told]
    for process in three:
        process.start()
    for process in three:
        process.join()
    assert sorted(path.read_text() for path in told) == ["found", "found", "made"]
    assert content(out) == whole and not list(tmp_path.glob(".pack*"))


def prepare_together(root: Path, out: Path, ready: Barrier, told: Path) -> None:
    module.BLOCK = working.BLOCK = 4
    ready.wait()
    told.write_text("found" if module.prepare(root, out, WHOLE).reused else "made")
