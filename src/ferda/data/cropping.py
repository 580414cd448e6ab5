"""What a worker of `ferda prepare` does: bytes in, faces of one size out, one block of rows at a time.

A picture that cannot be read gets a reason. A picture without a face is kept whole, with a note: leaving it
out would make the data prettier than the camera's. Where the owner gave boxes or landmarks, they are used.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ferda.data.manifest import BOX, LANDMARKS
from ferda.data.quality import MEASURES, measure
from ferda.data.readers.source import ImageSource
from ferda.errors import UserError
from ferda.faces.align import UnalignableFace
from ferda.faces.crops import CropRule, crop_face
from ferda.faces.detect import Face
from ferda.faces.images import UnreadableImage, read_image

if TYPE_CHECKING:
    from ferda.faces.detect import FaceDetector

NO_FACE = "no face found; the whole picture is used"
NO_FACE_KNOWN = "no face given and detection is off; the whole picture is used"
#: Pictures that are decoded and searched together; bounds the memory of a worker.
_TOGETHER = 16


@dataclass
class Cropped:
    """One block of rows, cropped.

    Attributes:
        start: First row.
        images: (n, H, W, 3) uint8; black where unusable.
        landmarks: (n, 5, 2) float32, pixels of the crop.
        boxes: (n, 4) float64, pixels of the original.
        points: (n, 5, 2) float64, pixels of the original.
        measures: (n, 6) float64, as `ferda.data.quality.MEASURES` names them.
        notes: n sentences, empty where there is nothing to say.
        sha256: n hashes of the files' bytes, empty where unreadable.
        reasons: n reasons why a row is unusable, empty where it is not.
    """

    start: int
    images: np.ndarray
    landmarks: np.ndarray
    boxes: np.ndarray
    points: np.ndarray
    measures: np.ndarray
    notes: list[str] = field(default_factory=list)
    sha256: list[str] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)


class Cropper:
    """Reads, detects and crops.

    Args:
        source: Opens the pictures.
        rule: How faces are cut out.
        device: Where the detector runs.
    """

    def __init__(self, source: ImageSource, rule: CropRule, device: str = "cpu") -> None:
        self.source, self.rule, self.device = source, rule, device
        self._detector: FaceDetector | None = None

    def __call__(self, start: int, rows: pd.DataFrame) -> Cropped:
        """Crop one block.

        Args:
            start: Number of its first row.
            rows: Columns `file`, the box and the landmarks of the manifest.
        """
        count, size = len(rows), self.rule.size
        block = Cropped(
            start,
            np.zeros((count, size, size, 3), dtype=np.uint8),
            np.full((count, 5, 2), np.nan, dtype=np.float32),
            rows[list(BOX)].to_numpy(dtype=np.float64, copy=True),
            rows[list(LANDMARKS)].to_numpy(dtype=np.float64, copy=True).reshape(-1, 5, 2),
            np.full((count, len(MEASURES)), np.nan),
        )
        files = [str(file) for file in rows["file"]]
        for first in range(0, count, _TOGETHER):
            self._crop_some(block, first, files[first : first + _TOGETHER])
        return block

    def _crop_some(self, block: Cropped, first: int, files: list[str]) -> None:
        pictures = [self._read(block, file) for file in files]
        faces: list[Face | None] = [self._given(block, first + n) for n in range(len(files))]
        sought = [n for n, face in enumerate(faces) if self._must_look(pictures[n], face)]
        for n, found in zip(sought, self._detect([pictures[n] for n in sought]), strict=True):
            faces[n] = _closest(found, faces[n])
        for n, (picture, face) in enumerate(zip(pictures, faces, strict=True)):
            row = first + n
            if picture is None:
                block.notes.append("")
                continue
            try:
                block.images[row], block.landmarks[row] = crop_face(picture, face, self.rule)
            except UnalignableFace as error:
                block.reasons[row] = str(error)
            block.measures[row] = measure(picture, face)
            block.notes.append(self._note(face))
            if face is not None:
                block.boxes[row], block.points[row] = face.box, face.landmarks

    def _read(self, block: Cropped, file: str) -> np.ndarray | None:
        sha256, reason, picture = "", "", None
        try:
            data = self.source.read(file)
            sha256 = hashlib.sha256(data).hexdigest()
            picture = read_image(data)
        except UnreadableImage as error:
            reason = error.reason
        except (UserError, OSError) as error:
            reason = str(error) or type(error).__name__
        block.sha256.append(sha256)
        block.reasons.append(reason)
        return picture

    def _given(self, block: Cropped, row: int) -> Face | None:
        """Return the owner's face of a row, if there is one."""
        box, points = block.boxes[row], block.points[row]
        has_points = bool(np.isfinite(points).all())
        if not has_points and not np.isfinite(box).all():
            return None
        if not np.isfinite(box).all():
            box = np.concatenate([points.min(0), points.max(0) - points.min(0)])
        left, top, width, height = (float(value) for value in box)
        return Face((left, top, width, height), float("nan"), points.astype(np.float32))

    def _must_look(self, picture: np.ndarray | None, face: Face | None) -> bool:
        is_known = face is not None and bool(np.isfinite(face.landmarks).all())
        return picture is not None and self.rule.detect and not is_known

    def _detect(self, pictures: list[np.ndarray | None]) -> list[list[Face]]:
        readable = [picture for picture in pictures if picture is not None]
        if not readable:
            return []
        if self._detector is None:
            from ferda.faces.detect import FaceDetector

            self._detector = FaceDetector(self.device)
        return self._detector(readable)

    def _note(self, face: Face | None) -> str:
        if face is not None:
            return ""
        if self.rule.detect:
            return NO_FACE
        return "" if self.rule.kind == "whole" else NO_FACE_KNOWN


def _closest(found: list[Face], given: Face | None) -> Face | None:
    """Return the most prominent face, or the one that covers the owner's box best, with that box."""
    if given is None:
        return found[0] if found else None
    best = max(found, key=lambda face: _overlap(face.box, given.box), default=None)
    if best is None or _overlap(best.box, given.box) < 0.2:
        return given
    return type(given)(given.box, best.score, best.landmarks)


def _overlap(first: tuple[float, ...], second: tuple[float, ...]) -> float:
    """Intersection over union of two boxes (left, top, width, height)."""
    width = min(first[0] + first[2], second[0] + second[2]) - max(first[0], second[0])
    height = min(first[1] + first[3], second[1] + second[3]) - max(first[1], second[1])
    both = max(width, 0.0) * max(height, 0.0)
    return both / (first[2] * first[3] + second[2] * second[3] - both) if both else 0.0
