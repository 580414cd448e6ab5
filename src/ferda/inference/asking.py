"""How people ask a model: by a picture, an array, a folder, a video or a camera."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ferda.errors import UserError
from ferda.faces.images import read_image
from ferda.inference.arrays import Colours, as_rgb, warn_of_exchanged
from ferda.inference.camera import is_camera
from ferda.inference.collection import judged_table
from ferda.inference.face import PredictedFace
from ferda.inference.frames import is_video
from ferda.inference.inputs import gathered
from ferda.inference.video import DEFAULT, SeeFrame, VideoOptions, video_table

if TYPE_CHECKING:
    import pandas as pd

    from ferda.inference.collection import Judges, See

Source = str | Path | np.ndarray


class Asking:
    """The doors of a predictor; behind them is `predict`.

    Attributes:
        classes: Names of what it can answer.
    """

    classes: tuple[str, ...]

    def predict(
        self, images: Sequence[np.ndarray], names: Sequence[str] | None = None
    ) -> list[list[PredictedFace]]:
        """Name the expressions in pictures that fit into memory together, one list for each.

        Args:
            images: uint8 RGB (H, W, 3); sizes may differ.
            names: What `PredictedFace.input` says; None numbers them.
        """
        raise NotImplementedError

    def __call__(self, source: Source | Iterable[Source], *, colours: Colours = "rgb") -> list[PredictedFace]:
        """Name the expressions in one or several pictures.

        Args:
            source: A path, a uint8 (H, W, 3) array, or several of these.
            colours: Order of the arrays' colours; `bgr` for what OpenCV read. Files say it themselves.

        Raises:
            UnreadableImage: If a picture cannot be read; `table` makes a row of it instead.
            UserError: If an array is no picture, or it is a video.
        """
        sources = [source] if isinstance(source, str | Path | np.ndarray) else source
        arrays: set[str] = set()
        found: list[PredictedFace] = []
        for names, pictures in gathered(_named(sources, colours, arrays)):
            answers = self.predict(pictures, names)
            given = [row for row, name in enumerate(names) if name in arrays]
            warn_of_exchanged([pictures[row] for row in given], [answers[row] for row in given], colours)
            found += [face for faces in answers for face in faces]
        return found

    def video(
        self,
        source: str | Path,
        *,
        step: int = 1,
        start_s: float = 0.0,
        end_s: float | None = None,
        track: bool = True,
        smooth_s: float = 0.0,
        progress: Callable[[int, int], None] | None = None,
        see: SeeFrame | None = None,
        parts: Path | None = None,
    ) -> pd.DataFrame:
        """Name the expressions in a video; one row a face and frame, and one for each frame without any.

        Args:
            source: A video file, or `camera:0`, which runs until `end_s` or until it is interrupted.
            step: Every how many frames one is judged.
            start_s: From this time on, in seconds.
            end_s: Up to, and without, this time; None for all.
            track: Whether `face_id` is the same person's in all frames, or only counts the faces of a frame.
            smooth_s: Time constant in seconds of smoothed answers in columns of their own; 0 for none.
            progress: Is told how many frames are done, and about how many there are.
            see: Is given each frame's number, time, pixels and faces, for instance `Drawings.video`.
            parts: A file that keeps what this predictor said, from which the same call goes on after a kill;
                remove it when all is done.

        Returns:
            The prediction table of `ferda.inference.table`. If the video breaks off, a last row's `note` says
            where.

        Raises:
            UserError: If the video cannot be read, there is no such camera, or options make no sense.
        """
        return video_table(
            self,
            source,
            step=step,
            start_s=start_s,
            end_s=end_s,
            track=track,
            smooth_s=smooth_s,
            progress=progress,
            see=see,
            parts=parts,
        )

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
            inputs: Pictures and videos, patterns like `photos/*.jpg`, or folders, whose pictures and videos
                are taken; or `camera:0` alone.
            progress: Is told how many pictures and frames are done, and about how many there are.
            see: Is given each readable picture's name, its pixels and its faces, for instance `Drawings`.
            judges: Who judges pictures in its place, as `ferda.inference.collection.judges` makes them; they
                are then seen at the end.
            video: How videos are judged.

        Returns:
            The prediction table of `ferda.inference.table`. A picture or video that cannot be read is a row
            whose `note` says why.

        Raises:
            UserError: If there is no picture at all.
        """
        return judged_table(self, inputs, progress, see, judges, video)


def _named(sources: Iterable[Source], colours: Colours, arrays: set[str]) -> Iterable[tuple[str, np.ndarray]]:
    """Each source's name and its pixels; the names of arrays go into `arrays`."""
    for number, one in enumerate(sources):
        if isinstance(one, np.ndarray):
            arrays.add(str(number))
            yield str(number), as_rgb(one, colours)
        elif is_video(one) or is_camera(one):
            raise UserError(f"'{one}' is no picture; predictor.video('{one}') makes a table of it.")
        else:
            yield str(one), read_image(one)
