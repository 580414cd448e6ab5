"""A predictor that adapts to the faces it is shown, while it answers for them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ferda.engine.adapting import open_adaptation
from ferda.errors import UserError
from ferda.inference import load_run
from ferda.inference.arrays import Colours
from ferda.inference.asking import Source
from ferda.inference.face import PredictedFace, most_probable
from ferda.inference.judging import Judging
from ferda.inference.predictor import Predictor, joined
from ferda.inference.video import DEFAULT, VideoOptions

if TYPE_CHECKING:
    import pandas as pd

    from ferda.inference.collection import Judges, See
    from ferda.test_time.base import Adaptation


class AdaptedPredictor(Predictor):
    """Names expressions as the predictor does that it starts from, and learns from every face on the way.

    Faces count in the order in which they are given, at most `batch` at a time, and over all calls, until
    `adaptation.reset()`. The network computes in float32 whatever the precision of the start. What corrects
    its answers when all faces were seen (`prior_shift`) takes those of a call or a table for all; `predict`
    and `answer` give its answers uncorrected.

    Args:
        start: Is left as it is.
        adaptation: Of its method.

    Attributes:
        adaptation: That answers; its `remarks` say what was done.
    """

    def __init__(self, start: Predictor, adaptation: Adaptation) -> None:
        vars(self).update(vars(start))
        self.adaptation = adaptation
        self.method = adaptation.method

    def __call__(self, source: Source | Iterable[Source], *, colours: Colours = "rgb") -> list[PredictedFace]:
        """Name the expressions in one or several pictures.

        Args:
            source: A path, a uint8 (H, W, 3) array, or several of these.
            colours: Order of the arrays' colours; `bgr` for what OpenCV read.
        """
        faces = super().__call__(source, colours=colours)
        if not self.adaptation.ends or not faces:
            return faces
        rows = self.adaptation.finish(np.array([list(face.probabilities.values()) for face in faces]))
        return [
            replace(
                face,
                expression=expression,
                confidence=confidence,
                probabilities=dict(zip(self.classes, row.tolist(), strict=True)),
            )
            for face, row, (expression, confidence) in zip(faces, rows, self._named(rows), strict=True)
        ]

    def _named(self, rows: np.ndarray) -> list[tuple[str, float]]:
        return [most_probable(self.classes, row, self.least) for row in rows]

    def answer(self, crops: np.ndarray, landmarks: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
        """Return what the model says of faces that were cut out by its own rule, and learn from them.

        Args:
            crops: (B, S, S, 3) uint8 RGB.
            landmarks: (B, 5, 2) pixels of the crops, NaN where unknown.

        Returns:
            Probabilities (B, C); and valence and arousal (B, 2), None if the model does not say.
        """
        shown = self.shown(crops, landmarks, self.batch)
        return joined((self.adaptation.answer(*batch) for batch in shown), len(self.classes))

    def table(
        self,
        inputs: str | Path | Iterable[str | Path],
        progress: Callable[[int, int], None] | None = None,
        see: See | None = None,
        judges: Judges | None = None,
        video: VideoOptions = DEFAULT,
    ) -> pd.DataFrame:
        """Name the expressions in files; one row a face, and one for each picture or frame without any.

        Args:
            inputs: Pictures and videos, patterns, or folders of these.
            progress: Is told how many pictures and frames are done, and how many there are.
            see: Is given each readable picture's name, its pixels and its faces.
            judges: Nobody: what is learned is learned in one place.
            video: How videos are judged; without `parts`, since what is learned is not kept.

        Raises:
            UserError: If there is no picture at all, others shall judge, or faces shall be seen or smoothed
                whose answers are corrected later.
        """
        if judges is not None:
            raise UserError(
                "An adapting model learns from one stream in one process; leave --workers and --engine out."
            )
        self._refuse(see or video.draw, video.smooth_s, video.parts)
        return self._corrected(super().table(inputs, progress, see, None, video))

    def video(self, source: str | Path, **options: Any) -> pd.DataFrame:
        """Name the expressions in a video; one row a face and frame, and one for each frame without any.

        Args:
            source: A video file, or `camera:0`.
            **options: Of `Predictor.video`, without `parts`, since what is learned is not kept.

        Raises:
            UserError: As `Predictor.video` and `table` do.
        """
        self._refuse(options.get("see"), options.get("smooth_s", 0.0), options.get("parts"))
        return self._corrected(super().video(source, **options))

    def _refuse(self, see: object, smooth_s: float, parts: object) -> None:
        if parts is not None:
            raise UserError(
                "What an adapting model learned is not kept, so its videos cannot go on; leave parts out."
            )
        if self.adaptation.ends and (see is not None or smooth_s):
            raise UserError(
                f"{self.adaptation.name} corrects all answers at the end, when they are drawn and smoothed "
                "already; leave --draw and --smooth out."
            )

    def _corrected(self, table: pd.DataFrame) -> pd.DataFrame:
        if self.adaptation.ends:
            names = [f"p_{name}" for name in self.classes]
            faces = table["expression"].notna()
            rows = self.adaptation.finish(table.loc[faces, names].to_numpy())
            table.loc[faces, names] = rows
            table.loc[faces, "expression"] = [expression for expression, _ in self._named(rows)]
            table.loc[faces, "confidence"] = rows.max(1)
        return table


def adapt(name: str, start: Judging | str | Path, **settings: Any) -> AdaptedPredictor:
    """Make a trained model adapt to the faces it is shown.

    Args:
        name: One of `ferda.list_adaptations()`.
        start: A run folder, a weights file, or what `ferda.load` made of one; is left as it is.
        **settings: Of the adaptation, such as `rate`.

    Raises:
        UserError: If there is no such adaptation or setting, or the model does not allow it.

    Example:
        >>> online = ferda.adapt("tent", "runs/hall")  # doctest: +SKIP
        >>> table = online.table("photos/new")  # doctest: +SKIP
    """
    predictor = start if isinstance(start, Judging) else load_run(start)
    if not isinstance(predictor, Predictor) or predictor.loaded is None:
        raise UserError("ferda.adapt takes a run folder, a weights file, or what ferda.load made of one.")
    return AdaptedPredictor(predictor, open_adaptation(name, predictor.loaded, **settings))
