"""Points and boxes in text files, one for each picture, in the form that `readers.point_files` reads.

`a/b.jpg` gets `a/b.txt`: five lines `x y` in pixels of the whole picture, in the order of
`ferda.landmarks.FIVE_POINTS`; a box file holds left, top, right and bottom. The CD-FER programs train on such
files and contain no detector. A file that is there already with the same content is left alone, so a run that
was interrupted goes on where it stopped.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal, get_args

import numpy as np
import pandas as pd

from ferda.data.manifest import BOX, LANDMARKS, name_list
from ferda.data.pack import Pack
from ferda.data.pack_writer import make_folder
from ferda.errors import UserError
from ferda.files import replacing

Fallback = Literal["none", "mean-face"]
#: Pictures without a face, in the folder of the points.
REPORT = "no-face.csv"


@dataclass(frozen=True)
class Written:
    """What `write_landmark_files` did.

    Attributes:
        files: Pictures that have a file now.
        without: Pictures without a face: columns `file`, `reason` and `written` (`mean-face`, or nothing).
        several: Pictures with several faces, of which the first was taken.
    """

    files: int
    without: pd.DataFrame
    several: tuple[str, ...]


def write_landmark_files(
    pack: Pack,
    points: Path | str,
    *,
    boxes: Path | str | None = None,
    fallback: Fallback = "none",
    progress: Callable[[int, int], None] | None = None,
) -> Written:
    """Write the points of a pack, those of the data's owner where there are any, and `no-face.csv`.

    Args:
        pack: Its pictures themselves are not needed.
        points: Folder for landmark files.
        boxes: Folder for box files; None writes none.
        fallback: What a picture without a face gets: no file, or the mean place of the points in the other
            pictures, as shares of width and height.
        progress: Called with pictures done and pictures in all.

    Raises:
        UserError: If two pictures would share a file, or there is no mean face to fall back to.
    """
    if fallback not in get_args(Fallback):
        raise UserError(f"--fallback is {' or '.join(get_args(Fallback))}, not '{fallback}'.")
    faces, several = _one_face_each(pack.manifest)
    _check_names(faces["file"])
    numbers = np.hstack([faces[list(LANDMARKS)].to_numpy(float), _corners(faces)])
    missing = np.isnan(numbers[:, :10]).any(1)
    if fallback == "mean-face":
        numbers[missing] = _mean_face(faces, numbers, missing, pack)
    targets = [(Path(points), numbers[:, :10])] + ([] if boxes is None else [(Path(boxes), numbers[:, 10:])])
    there = np.isfinite(numbers[:, :10]).all(1)
    for done, row in enumerate(np.flatnonzero(there).tolist(), 1):
        for folder, values in targets:
            path = folder / PurePosixPath(faces["file"].iloc[row]).with_suffix(".txt")
            if np.isfinite(values[row]).all():
                _write(path, _text(values[row]))
        if progress:
            progress(done, int(there.sum()))
    without = _report(faces[missing], fallback, pack)
    make_folder(Path(points))
    with replacing(Path(points) / REPORT) as temporary:
        without.to_csv(temporary, index=False)
    return Written(int(there.sum()), without, several)


def _one_face_each(manifest: pd.DataFrame) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Return one row for each picture, its first with a face, and the pictures that have several."""
    has_face = manifest[list(LANDMARKS)].notna().all(axis=1)
    ordered = manifest.assign(_last=~has_face).sort_values("_last", kind="stable")
    faces = ordered.drop_duplicates("file").sort_index().reset_index(drop=True)
    counts = manifest["file"][has_face].value_counts(sort=False)
    return faces, tuple(map(str, counts.index[counts > 1]))


def _check_names(files: pd.Series) -> None:
    stems = files.map(lambda file: str(PurePosixPath(file).with_suffix("")))
    if (twice := stems.duplicated(keep=False)).any():
        first = files[twice & (stems == stems[twice].iloc[0])].tolist()
        raise UserError(f"{name_list(first)} would share one file; rename one of the pictures.")


def _corners(faces: pd.DataFrame) -> np.ndarray:
    """(N, 4) left, top, right, bottom."""
    box = faces[list(BOX)].to_numpy(float)
    return np.hstack([box[:, :2], box[:, :2] + box[:, 2:]])


def _mean_face(faces: pd.DataFrame, numbers: np.ndarray, missing: np.ndarray, pack: Pack) -> np.ndarray:
    """(n, 14) numbers of the pictures without a face."""
    if not {"picture_w", "picture_h"} <= set(faces.columns):
        raise UserError(f"{pack.path} does not know how large its pictures were; prepare it again.")
    if missing.all():
        raise UserError(f"No picture of {pack.path} has a face, so there is no mean face.")
    sizes = np.tile(faces[["picture_w", "picture_h"]].to_numpy(float), 7)
    mean = np.nanmean((numbers / sizes)[~missing], axis=0)
    return np.asarray(np.round(mean * sizes[missing], 2))


def _report(faces: pd.DataFrame, fallback: Fallback, pack: Pack) -> pd.DataFrame:
    written = "" if fallback == "none" else fallback
    without = pd.DataFrame(
        {"file": faces["file"], "reason": faces["note"].fillna("no face"), "written": written}
    )
    unusable = pd.read_csv(pack.path / "unusable.csv").assign(written="")
    return pd.concat([without, unusable], ignore_index=True)


def _text(numbers: np.ndarray) -> str:
    """Numbers in pairs or in one line, in the fewest digits that read back as the same number."""
    words = [repr(number) for number in numbers.tolist()]
    if len(words) == 4:
        return " ".join(words) + "\n"
    return "".join(f"{x} {y}\n" for x, y in zip(words[::2], words[1::2], strict=True))


def _write(path: Path, text: str) -> None:
    if path.is_file() and path.read_text(encoding="latin-1") == text:
        return
    make_folder(path.parent)
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="ascii")
