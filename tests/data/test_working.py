from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from ferda.data.engines import WorkerLostError
from ferda.data.prepare import prepare
from ferda.errors import UserError
from ferda.faces.crops import CropRule

Maker = Callable[..., Path]
WHOLE = CropRule(kind="whole", size=12, detect=False)
CLASSES = ("happy", "sad", "fear")


def names(count: int) -> list[str]:
    return [f"{CLASSES[row % 3]}/{row:03d}.png" for row in range(count)]


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.slow
def test_workers_change_nothing(tree: Maker, tmp_path: Path, small_blocks: None) -> None:
    root = tree(names(14))
    (root / "sad/001.png").write_bytes(b"broken")
    prepare(root, tmp_path / "alone" / "pack", WHOLE)
    prepare(root, tmp_path / "many" / "pack", WHOLE, workers=2)
    assert content(tmp_path / "alone" / "pack") == content(tmp_path / "many" / "pack")


UNGUARDED = """
import sys
from ferda.data import prepare as module, working
from ferda.faces.crops import CropRule
module.BLOCK = working.BLOCK = 4
rule = CropRule(kind="whole", size=12, detect=False)
module.prepare(sys.argv[1], sys.argv[2], rule, workers=1)
"""


@pytest.mark.slow
def test_a_script_without_a_guard_is_told_so_and_does_not_hang(tree: Maker, tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(UNGUARDED)
    command = [sys.executable, script, tree(names(14)), tmp_path / "out"]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert ended.returncode == 1
    assert "WorkerLostError: A worker process died" in ended.stderr
    assert "if __name__ == '__main__':" in ended.stderr


def test_a_dead_worker_keeps_what_is_done(tree: Maker, tmp_path: Path, small_blocks: None) -> None:
    root, seen = tree(names(12)), []

    def progress(done: int, _: int) -> None:
        seen.append(done)
        if len(seen) == 2:
            raise WorkerLostError("a worker died")

    with pytest.raises(UserError, match="a worker died"):
        prepare(root, tmp_path / "out", WHOLE, progress=progress)
    assert prepare(root, tmp_path / "out", WHOLE, progress=progress).count == 12
    assert seen == [4, 8, 12]
