"""A service over a tiny model that knows three classes by brightness, and a detector that counts."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from fastapi.testclient import TestClient
from PIL import Image
from torch import Tensor

from ferda.batch import Output
from ferda.faces.align import template
from ferda.faces.crops import CropRule
from ferda.faces.detect import Face
from ferda.inference.predictor import Predictor
from ferda.methods.base import Method, MethodConfig
from ferda.web.app import create_app
from ferda.web.jobs.runner import Task
from ferda.web.service import Service
from ferda.web.settings import Limits, Settings

CLASSES = ("sadness", "neutral", "happiness")
Make = Callable[..., TestClient]


class Brightness(Method):
    """Dark, middle, bright."""

    def __init__(self) -> None:
        super().__init__(MethodConfig(), 3, 1)

    def forward(self, images: Tensor, landmarks: Tensor | None = None) -> Output:
        brightness = images.mean((1, 2, 3))[:, None]
        return Output(-20 * (brightness - torch.linspace(0, 1, 3)).abs(), brightness)


def detect(images: Sequence[np.ndarray]) -> list[list[Face]]:
    """As many faces as the tens of the first pixel's value say, side by side."""
    points = (template(112) * 10 / 112).astype(np.float32)
    return [
        [
            Face((12.0 * n, 4.0, 10.0, 10.0), 0.9, points + np.array([12 * n, 4]))
            for n in range(int(image[0, 0, 0]) // 10)
        ]
        for image in images
    ]


def tiny_predictor(_: Path | None = None) -> Predictor:
    return Predictor(Brightness(), CLASSES, CropRule("box", size=16), detector=detect)


def picture(value: int, kind: str = "PNG", size: tuple[int, int] = (48, 32)) -> bytes:
    """A grey picture; `value // 10` faces are found in it."""
    buffer = io.BytesIO()
    Image.new("RGB", size, (value,) * 3).save(buffer, kind)
    return buffer.getvalue()


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    """A function: settings and limits -> a client of a service that runs (not `is_open`: within `with`)."""
    with contextlib.ExitStack() as opened:

        def made(
            open_model: Callable[[Path], Predictor] = tiny_predictor,
            work: dict[str, Task] | None = None,
            is_open: bool = True,
            **options: Any,
        ) -> TestClient:
            names = options.keys() & Limits.model_fields.keys()
            limits = Limits(**{name: options.pop(name) for name in names})
            runs = options.pop("runs", (Path("hall"),))
            settings = Settings(runs, options.pop("folder", tmp_path / "serve"), limits=limits, **options)
            app = create_app(settings, Service(settings, open_model, work))
            client = TestClient(app, base_url="http://localhost", raise_server_exceptions=False)
            return opened.enter_context(client) if is_open else client

        yield made


@pytest.fixture
def client(make: Make) -> TestClient:
    """Of a service with its defaults."""
    return make()
