"""Every method with a tiny network, as the contract of methods makes them, and films of any frames."""

from __future__ import annotations

import runpy
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest

from ferda.methods.base import Method


@pytest.fixture(scope="session")
def tiny_method() -> Callable[[str], Method]:
    """A function: name of a method -> one of three classes and two sources, for pictures of 48 pixels."""
    # one list of tiny settings for all tests: a method that is not in it is made by the general ones
    return runpy.run_path(str(Path(__file__).parents[1] / "methods" / "test_contract.py"))["make"]


@pytest.fixture
def film(tmp_path: Path) -> Callable[..., Path]:
    """A function: frames (RGB), a name, a rate -> a film without loss if it ends in `.mkv`."""
    codes = {".mkv": "FFV1", ".mp4": "mp4v", ".webm": "VP80", ".avi": "MJPG"}

    def write(frames: Sequence[np.ndarray], name: str = "film.mkv", rate: float = 10.0) -> Path:
        path = tmp_path / name
        height, width = frames[0].shape[:2]
        code = cv2.VideoWriter.fourcc(*codes[path.suffix])
        writer = cv2.VideoWriter(str(path), code, rate, (width, height))
        for frame in frames:
            writer.write(np.ascontiguousarray(frame[..., ::-1]))
        writer.release()
        return path

    return write
