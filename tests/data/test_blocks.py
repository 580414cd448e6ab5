from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from ferda.data.prepare import prepare
from ferda.faces.crops import CropRule

Maker = Callable[..., Path]
WHOLE = CropRule(kind="whole", size=12, detect=False)
CLASSES = ("happy", "sad", "fear")


def names(count: int) -> list[str]:
    return [f"{CLASSES[row % 3]}/{row:03d}.png" for row in range(count)]


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


KILLED = """
import os, signal, sys
from ferda.data import prepare as module, working
from ferda.faces.crops import CropRule
module.BLOCK = working.BLOCK = 4

def progress(done, total):
    if done >= 12:
        os.kill(os.getpid(), signal.SIGKILL)

if __name__ == "__main__":
    module.prepare(sys.argv[1], sys.argv[2], CropRule(kind="whole", size=12, detect=False), progress=progress)
"""


@pytest.mark.slow
def test_a_killed_run_continues_to_the_same_bytes(tree: Maker, tmp_path: Path, small_blocks: None) -> None:
    root = tree(names(30))
    (root / names(30)[5]).write_bytes(b"broken")
    script = tmp_path / "killed.py"
    script.write_text(KILLED)
    out = tmp_path / "killed" / "pack"
    killed = subprocess.run(
        [sys.executable, script, root, out], env={**os.environ, "OMP_NUM_THREADS": "1"}, check=False
    )
    assert killed.returncode == -signal.SIGKILL
    assert not out.exists()
    assert len(list(out.parent.glob(".pack.partial/block-*.npz"))) == 3
    seen: list[int] = []
    prepare(root, out, WHOLE, progress=lambda done, _: seen.append(done))
    assert seen[0] == 16  # twelve rows were on record
    prepare(root, tmp_path / "whole" / "pack", WHOLE)
    assert content(out) == content(tmp_path / "whole" / "pack")
    assert [path.name for path in out.parent.iterdir()] == ["pack"]


def interrupt_after(rows: int) -> Callable[[int, int], None]:
    def progress(done: int, _: int) -> None:
        if done >= rows:
            raise KeyboardInterrupt

    return progress


def test_an_interrupted_run_starts_over_when_its_data_changed_or_it_is_told(
    tree: Maker, tmp_path: Path, small_blocks: None, picture: Callable[..., bytes]
) -> None:
    root, out = tree(names(12)), tmp_path / "out"
    for change in (False, True):
        with pytest.raises(KeyboardInterrupt):
            prepare(root, out, WHOLE, progress=interrupt_after(8))
        if change:
            (root / names(12)[0]).write_bytes(picture(77))
        first: list[int] = []
        prepare(root, out, WHOLE, resume=change, progress=lambda done, _, seen=first: seen.append(done))
        assert first == [4, 8, 12]
        shutil.rmtree(out)


def test_a_plan_that_cannot_be_read_starts_over(tree: Maker, tmp_path: Path, small_blocks: None) -> None:
    root, out = tree(names(12)), tmp_path / "out"
    with pytest.raises(KeyboardInterrupt):
        prepare(root, out, WHOLE, progress=interrupt_after(8))
    (tmp_path / ".out.partial" / "plan.json").write_text("{")
    assert prepare(root, out, WHOLE).count == 12
