"""What every test stands on: one thread, the same draws, and a cache folder that is nobody's own."""

from __future__ import annotations

import multiprocessing
import os
import random
import re
import shutil
import signal
import tempfile
from collections.abc import Callable
from multiprocessing.context import ForkServerContext
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# Before torch and numpy are imported anywhere: two threads on a busy core are many times slower than one.
for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[variable] = "1"
os.environ["MPLBACKEND"] = "agg"

# A shell starts background jobs with SIGINT ignored, and a test that sends itself one would wait for ever.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# A busy machine is no mistake, so nothing is timed; nothing is remembered, so no run depends on another.
_calm = settings(database=None, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("same", _calm, derandomize=True)
settings.register_profile("explore", _calm, derandomize=False, max_examples=1000)
settings.load_profile("explore" if os.environ.get("FERDA_EXPLORE") else "same")

_CACHE = pytest.StashKey[str]()


def pytest_configure(config: pytest.Config) -> None:
    # the workers of xdist inherit the environment of the process that starts them, so all share one cache
    if not hasattr(config, "workerinput"):
        config.stash[_CACHE] = tempfile.mkdtemp(prefix="ferda-tests-")
        os.environ["FERDA_CACHE"] = config.stash[_CACHE]


def pytest_unconfigure(config: pytest.Config) -> None:
    if _CACHE in config.stash:
        shutil.rmtree(config.stash[_CACHE], ignore_errors=True)


@pytest.fixture(autouse=True)
def _same_start() -> None:
    _seed()


def pytest_fixture_setup(fixturedef: pytest.FixtureDef[object]) -> None:
    # which test makes a shared fixture depends on the worker, what it holds must not
    if fixturedef.scope != "function":
        _seed()


def _seed() -> None:
    import numpy as np
    import torch

    torch.set_num_threads(1)
    torch.manual_seed(0)
    np.random.seed(0)
    random.seed(0)


@pytest.fixture(scope="session")
def project() -> Path:
    """The root of the checkout."""
    return Path(__file__).parents[1]


@pytest.fixture(scope="session")
def forks() -> ForkServerContext:
    """Starts real processes at no cost: a server that has imported all, and has no threads, forks them."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["ferda.engine.fit", "ferda.losses"])
    return context


@pytest.fixture(scope="session")
def cd_fer_name() -> Callable[[str], str]:
    """A function: name of a tensor of our IR global-local network -> name in the authors' programs."""
    words = {
        "features.backbone.stem": "input_layer",
        "features.global_output": "output_layer",
        "residual": "res_layer",
        "shortcut": "shortcut_layer",
        "heads.global_head": "classifiers.0",
        "heads.local_heads.0": "classifiers.1",
        "heads.fused_head": "classifiers.2",
    }

    def rename(name: str) -> str:
        if point := re.match(r"features\.local_(trunks|outputs)\.(\d)\.(.*)", name):
            rest = point[3] if point[1] == "trunks" else "4." + point[3].split(".", maxsplit=1)[1]
            name = f"Crop_Net.{point[2]}.{rest}"
        name = re.sub(r"features\.backbone\.stages\.(\d)", lambda m: f"layer{int(m[1]) + 1}", name)
        for ours, theirs in words.items():
            name = name.replace(ours, theirs)
        return name

    return rename


@pytest.fixture(scope="session")
def tiny_pack() -> Callable[..., Path]:
    """A function: folder and seed -> that folder, a pack of 30 pictures of noise, happy and sad in turn."""
    import numpy as np
    import pandas as pd

    from ferda.data.pack import write_pack

    def make(folder: Path, seed: int, *, turned: bool = False) -> Path:
        images = np.random.default_rng(seed).integers(0, 255, (30, 16, 16, 3)).astype(np.uint8)
        names = ("sadness", "happiness") if turned else ("happiness", "sadness")
        table = {
            "file": [f"{row}.png" for row in range(30)],
            "expression": [names[row % 2] for row in range(30)],
        }
        table["split"] = ["train"] * 18 + ["val"] * 6 + ["test"] * 6
        points = np.full((30, 5, 2), 8, np.float32)
        write_pack(folder, images, pd.DataFrame(table), landmarks=points, name=folder.name)
        return folder

    return make
