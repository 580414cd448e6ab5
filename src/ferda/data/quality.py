"""How good a picture of a face is, in numbers that cost nothing, and the rule that asks for a good one.

`sharpness` is the deviation of the Laplacian over the deviation of the grey values, of the face's box brought
to 64 x 64 pixels: it asks for detail at a 64th of the face, so it neither rewards large files nor dark ones.
`contrast` is the deviation of the grey values, from 0 to 127; a black, a white and a foggy picture all have
little. Without a face both are of the whole picture. `face_pixels` is the square root of the box's area in
the original picture, `face_score` the detector's probability (missing where the owner's points were taken).

The limits of `LEAST` were found by looking, at film crops, press photos and FER2013, worst first. With a
sharpness below 0.12 an expression can hardly be told (6 of 642 film crops, one of them a smile all the same;
1 of 1,500 of FER2013, none of 1,984 press photos); below 20 pixels and below 8 grey values there was nothing,
so these two guard against other data. Higher limits would do harm: all faces with a contrast of 14 to 25 can
be read, and many of them are of dark-skinned people. `face_score` is no part of the rule for a like reason:
what scores low, and where no face is found at all, are profiles, tilted heads and hands at the face.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Literal

import cv2
import numpy as np
import pandas as pd

from ferda.faces.box_rules import to_rectangle, within

if TYPE_CHECKING:
    from ferda.data.readers.source import Reading
    from ferda.faces.detect import Face

Keep = Literal["all", "faces", "good"]
#: Columns of the manifest, in the order of `measure`; the first two are of the original picture, in pixels.
MEASURES: tuple[str, ...] = ("picture_w", "picture_h", "face_score", "face_pixels", "sharpness", "contrast")
#: What `good` asks for.
LEAST: dict[str, float] = {"face_pixels": 20, "sharpness": 0.12, "contrast": 8}
_SIDE = 64


def measure(image: np.ndarray, face: Face | None) -> np.ndarray:
    """Measure one picture.

    Args:
        image: (H, W, 3) uint8 RGB, the original.
        face: Where the face is; a score of NaN says that nobody looked for it.

    Returns:
        (6,) float64 in the order of `MEASURES`, NaN where unknown.
    """
    height, width = image.shape[:2]
    left, top, right, bottom = 0, 0, width, height
    score = pixels = np.nan
    if face is not None:
        score, pixels = face.score, max(0.0, face.area) ** 0.5
        left, top, right, bottom = within(to_rectangle(face.box), image)
    part = np.ascontiguousarray(image[top:bottom, left:right])
    kind = cv2.INTER_AREA if min(part.shape[:2]) >= _SIDE else cv2.INTER_LINEAR
    small = cv2.resize(part, (_SIDE, _SIDE), interpolation=kind)
    grey = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY).astype(np.float64)
    contrast = grey.std()
    sharpness = cv2.Laplacian(grey, cv2.CV_64F).std() / contrast if contrast else 0.0
    # The detector's last bits depend on how many threads it has; four decimals do not.
    return np.round([width, height, score, pixels, sharpness, contrast], 4)


def beside_measures(reading: Reading) -> Reading:
    """Return a reading whose columns do not go by the names of our measures; renamed ones are told.

    Args:
        reading: Its owner may have measured sharpness, too, and otherwise.
    """
    names = {}
    for column in MEASURES:
        if column in reading.manifest.columns:
            names[column] = f"owner_{column}"
            while names[column] in reading.manifest.columns:
                names[column] = f"owner_{names[column]}"
    if not names:
        return reading
    told = ", ".join(f"{column} is now {name}" for column, name in names.items())
    warning = f"Columns of the owner had the names of ferda's own measures and were renamed: {told}."
    return replace(
        reading, manifest=reading.manifest.rename(columns=names), warnings=(*reading.warnings, warning)
    )


def turned_away(manifest: pd.DataFrame, keep: Keep) -> list[str]:
    """Say for each row why a rule does not keep it.

    Args:
        manifest: With the columns `MEASURES`.
        keep: `all` keeps every row, `faces` those with a face, `good` those of them that reach `LEAST`.

    Returns:
        Reasons, empty where the row stays.
    """
    reasons = np.full(len(manifest), "", dtype=object)
    if keep == "good":
        for name, least in LEAST.items():
            values = manifest[name].to_numpy(dtype=float)
            for row in np.flatnonzero(values < least).tolist():
                reasons[row] = f"not good: {name} is {values[row]:.3g}, less than {least:g}"
    if keep != "all":
        reasons[manifest["face_pixels"].isna().to_numpy()] = "no face is known"
    return [str(reason) for reason in reasons]
