"""A cluster of two workers gives what one process gives, whatever happens to a worker."""

from __future__ import annotations

import contextlib
import math
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from ferda.data.engines import AHEAD, WorkerLostError, find_engine
from ferda.data.engines.ray import _OWN, _cluster
from ferda.data.prepare import prepare
from ferda.data.readers import read_any
from ferda.data.readers.source import FolderSource
from ferda.engine.checkpoint import Preprocessing, save_weights
from ferda.faces.crops import CropRule
from ferda.inference import load
from ferda.inference.collection import judges
from ferda.methods import method_class

Maker = Callable[..., Path]
pytestmark = pytest.mark.slow
WHOLE = CropRule(kind="whole", size=12, detect=False)
FILES = [f"{('happy', 'sad', 'fear')[row % 3]}/{row:03d}.png" for row in range(22)]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    home = tmp_path_factory.mktemp("home")
    with contextlib.ExitStack() as stack:
        stack.enter_context(pytest.MonkeyPatch.context()).setenv("HOME", str(home))
        for last in (False, False, True):  # a busy machine is no mistake
            try:
                ray, _ = stack.enter_context(_cluster(2))
                break
            except WorkerLostError:
                if last:
                    raise
        ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])  # workers cannot import this file
        yield ray
        assert not any(home.iterdir()), "nothing is kept in the home folder"


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


class Deadly(FolderSource):
    """Kills the process that reads the first picture, once."""

    def read(self, file: str) -> bytes:
        mark = self.root.with_name("killed")
        if file == "fear/002.png" and not mark.exists():
            mark.write_text(str(os.getpid()))
            os.kill(os.getpid(), signal.SIGKILL)
        return super().read(file)


def test_a_worker_killed_in_the_middle_loses_nothing(
    cluster: Any, tree: Maker, tmp_path: Path, small_blocks: None
) -> None:
    root, done = tree(FILES), []
    (root / "sad/001.png").write_bytes(b"broken")
    reading = replace(read_any(root), images=Deadly(root))
    prepare(
        reading, tmp_path / "ray" / "pack", WHOLE, engine="ray", progress=lambda rows, _: done.append(rows)
    )
    assert int((tmp_path / "killed").read_text()) != os.getpid()
    assert len(done) == 6
    prepare(reading, tmp_path / "one" / "pack", WHOLE)
    assert content(tmp_path / "ray" / "pack") == content(tmp_path / "one" / "pack")
    assert len(pd.read_csv(tmp_path / "ray" / "pack" / "unusable.csv")) == 1


def test_another_program_finds_the_cluster_by_its_address(cluster: Any, tree: Maker, tmp_path: Path) -> None:
    tree(FILES[:6])
    address = cluster.get_runtime_context().gcs_address
    options = "prepare tree --crop whole --size 16 --no-detect --sheet none --engine ray --out pack"
    ended = subprocess.run(
        [sys.executable, "-m", "ferda", *options.split()],
        cwd=tmp_path,
        env=os.environ | _OWN | {"RAY_ADDRESS": address},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    assert "ray" not in ended.stderr.lower(), "Ray is silent"
    prepare(tmp_path / "tree", tmp_path / "one" / "pack", replace(WHOLE, size=16))
    found, expected = content(tmp_path / "pack"), content(tmp_path / "one" / "pack")
    assert found | {"pack.json": b""} == expected | {"pack.json": b""}  # it names the command


def test_the_table_is_that_of_one_process(
    cluster: Any, tree: Maker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ferda.inference.collection._PIECE", 5)
    root, kind = tree(FILES), method_class("source_only")
    (root / "sad/007.png").write_bytes(b"broken")
    settings = {"backbone": "small_cnn"}
    method = kind(kind.Config(**settings), 3, 1)
    shown = Preprocessing(CropRule("whole", size=48, detect=False), 32, (0.5,) * 3, (0.25,) * 3)
    weights = tmp_path / "best.safetensors"
    classes = ("anger", "happiness", "neutral")
    save_weights(weights, method, name="source_only", settings=settings, classes=classes, preprocessing=shown)
    predictor, seen = load(weights), []
    alone = predictor.table(root)
    others = judges(find_engine("ray"), weights)
    spread = predictor.table(root, see=lambda name, *_: seen.append(name), judges=others)
    pd.testing.assert_frame_equal(spread, alone, check_exact=True)
    assert alone["note"].str.startswith("unreadable").sum() == 1
    assert seen == [name for name in alone["input"] if not name.endswith("007.png")]


def test_workers_get_few_chunks_until_answers_are_taken(cluster: Any, tmp_path: Path) -> None:
    chunks = [(tmp_path / str(number),) for number in range(9)]
    answers = find_engine("ray", workers=1)(partial(partial, Path.touch), chunks)
    for taken, _ in enumerate(answers):
        assert len(list(tmp_path.iterdir())) <= taken + AHEAD


def test_an_error_of_a_worker_is_that_of_its_tool(cluster: Any) -> None:
    with pytest.raises(ValueError, match=r"nonnegative|math domain"):
        list(find_engine("ray", workers=1)(partial(partial, math.sqrt), [(1,), (-1,)]))


def test_a_chunk_that_kills_every_worker_ends_the_run(cluster: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ferda.data.engines.ray._AGAIN", 1)
    with pytest.raises(WorkerLostError, match="again and again"):
        list(find_engine("ray")(partial(partial, os._exit), [(1,)]))


def test_an_address_without_a_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:1")
    monkeypatch.setattr("ray.is_initialized", lambda: False)
    with pytest.raises(WorkerLostError, match=r"No Ray cluster answers at RAY_ADDRESS=127\.0\.0\.1:1"):
        list(find_engine("ray")(list, [()]))


def test_devices(cluster: Any) -> None:
    with pytest.raises(WorkerLostError, match="no GPU for the device 'cuda'"):
        list(find_engine("ray", device="cuda")(list, [()]))
    with pytest.raises(WorkerLostError, match="say 'cuda'"):
        list(find_engine("ray", device="cuda:1")(list, [()]))
    assert list(find_engine("ray")(list, [])) == []


def test_without_ray_its_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(WorkerLostError, match=r"pip install 'ferda\[ray\]'"):
        list(find_engine("ray")(list, [()]))
