"""The models that a service answers with: by name, each with what its file says of it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ferda.errors import nearest
from ferda.files import FreeNames
from ferda.inference import load
from ferda.web.batcher import Batcher
from ferda.web.refusal import Refused
from ferda.web.settings import Settings

if TYPE_CHECKING:
    from ferda.inference.judging import Judging

#: Makes the predictor of a path.
Open = Callable[[Path], "Judging"]


class Model:
    """One model, at work.

    Several threads use it: its batcher, an explanation, a video. What computes takes turns, piece by piece,
    so that no one waits for a whole video.

    Args:
        name: By which it is asked for.
        path: Where it is from.
        predictor: Is used by nobody else.
        settings: Of the service.
        see: As in `Batcher`.
    """

    def __init__(
        self,
        name: str,
        path: Path,
        predictor: Judging,
        settings: Settings,
        see: Callable[[int, float], None],
    ) -> None:
        self.name, self.path, self.predictor = name, path, predictor
        self.turn = threading.RLock()
        for step in ("cut", "answer"):
            setattr(predictor, step, self._in_turn(getattr(predictor, step)))
        #: Whether it looks for faces, or takes every picture for one.
        self.finds_faces = predictor.crop.kind != "whole" if settings.detect is None else settings.detect
        limits = settings.limits
        self.ask = Batcher(predictor.predict, most=limits.batch, wait_s=limits.wait_ms / 1000, see=see)

    def _in_turn(self, step: Callable[..., Any]) -> Callable[..., Any]:
        def taken(*arguments: Any) -> Any:
            with self.turn:
                return step(*arguments)

        return taken

    def facts(self) -> dict[str, Any]:
        """Return what a user should know of it; of places on disk the last names alone."""
        loaded = self.predictor.loaded
        about = {} if loaded is None else loaded.metadata
        data = about.get("recipe", {}).get("data", {})
        target = data.get("target") if loaded is not None and loaded.method.needs.target else None
        return {
            "name": self.name,
            "classes": list(self.predictor.classes),
            "finds_faces": self.finds_faces,
            "method": about.get("method"),
            "trained_on": [Path(source).name for source in data.get("sources") or ()],
            "adapted_to": Path(target).name if isinstance(target, str) else None,
            "input_pixels": None if loaded is None else loaded.preprocessing.size,
            "epoch": about.get("epoch"),
            "selected_by": about.get("selected_by"),
        }


class Models:
    """All models of a service.

    Args:
        settings: Whose runs are opened.
        see: As in `Batcher`.
        open_model: Makes a predictor; None loads it as the settings say.
    """

    def __init__(
        self, settings: Settings, see: Callable[[int, float], None], open_model: Open | None = None
    ) -> None:
        self._settings, self._see = settings, see
        self._open = open_model or self._load
        self._free = FreeNames()
        self._models: dict[str, Model] = {}
        self._changing = threading.Lock()
        for run in settings.runs:
            self.add(_name(run), run)

    def __iter__(self) -> Iterator[Model]:
        return iter(list(self._models.values()))

    def __call__(self, name: str | None) -> Model:
        """Return a model.

        Args:
            name: Empty or None for the first.

        Raises:
            Refused: If there is none of that name.
        """
        if not name:
            return next(iter(self))
        if name not in self._models:
            known = ", ".join(self._models)
            raise Refused(
                404, f"There is no model '{name[:80]}'{nearest(name, self._models)}; there are {known}."
            )
        return self._models[name]

    def add(self, name: str, path: Path) -> Model:
        """Open a model.

        Args:
            name: Gets a number if it is taken.
            path: A run folder or a weights file.
        """
        predictor = self._open(path)
        with self._changing:
            model = Model(self._free(name), path, predictor, self._settings, self._see)
            self._models[model.name] = model
        return model

    def remove(self, path: Path) -> None:
        """Close what was opened from a place, if anything was.

        Args:
            path: As it was given to `add`.
        """
        with self._changing:
            for model in [model for model in self if model.path == path]:
                del self._models[model.name]
                model.ask.close()

    def close(self) -> None:
        """Answer what was asked, and end."""
        for model in self:
            model.ask.close()

    def _load(self, path: Path) -> Judging:
        wanted = self._settings
        return load(path, device=wanted.device, detect=wanted.detect, fallback=wanted.fallback)


def _name(run: Path) -> str:
    """What a user calls a model: its run, or its file if that was renamed."""
    place = run.resolve()
    if place.name == "best.safetensors":
        return place.parent.name
    return place.stem if place.suffix in (".safetensors", ".onnx") else place.name
