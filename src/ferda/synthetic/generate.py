"""Draw a whole domain: a zip of pictures, a table of truths, and the 68 points.

The work is cut into parts of fifty pictures. A finished part is kept on disk under a name made from the whole
request, so that a run that was stopped goes on where it was, and a different request never mixes with it.
Which process draws a part makes no difference to a single pixel.
"""

from __future__ import annotations

import csv
import hashlib
import io
import multiprocessing
import multiprocessing.process
import os
import shutil
import threading
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ferda.errors import UserError, nearest
from ferda.files import replacing
from ferda.landmarks import FIVE_POINTS
from ferda.synthetic.domains import CLASS_MIXES, DomainStyle
from ferda.synthetic.draws import draw_person, draw_shot, subject_name
from ferda.synthetic.geometry import FaceGeometry
from ferda.synthetic.plan import Planned, plan_domain
from ferda.synthetic.renderer import FaceRenderer

COLUMNS: tuple[str, ...] = (
    *("file", "label", "split", "subject", "box_x", "box_y", "box_w", "box_h"),
    *(f"{point}_{axis}" for point in FIVE_POINTS for axis in "xy"),
)
_PART = 50
_EPOCH = (2020, 1, 1, 0, 0, 0)
#: Raise it when a change of the code changes pixels, so that old parts are never mixed with new ones.
_DRAWING = 1
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class GeneratedDomain:
    """Where a generated domain lies.

    Attributes:
        images: The zip with `images/NAME_00001.webp` and so on.
        table: The CSV with `COLUMNS`.
        points68: The `.npy`, float16 (N, 68, 2), rows as in the table.
    """

    images: Path
    table: Path
    points68: Path


@dataclass(frozen=True)
class _Request:
    style: DomainStyle
    seed: int
    size: int
    quality: int


def generate_domain(
    geometry: FaceGeometry,
    style: DomainStyle,
    folder: str | Path,
    *,
    count: int = 1000,
    seed: int = 0,
    size: int = 112,
    class_mix: str | None = None,
    workers: int = 1,
    quality: int = 82,
    progress: Progress | None = None,
) -> GeneratedDomain:
    """Draw a domain into a folder; called again after an interruption, it goes on.

    Args:
        geometry: The head, from `load_geometry`.
        style: The domain's ranges.
        folder: Where `NAME.zip`, `NAME.csv` and `NAME_points68.npy` go.
        count: Number of pictures.
        seed: Other seeds give other people and other pictures.
        size: Width and height in pixels.
        class_mix: `balanced` or `long_tailed`; the style's own if left out.
        workers: Number of processes.
        quality: WebP quality, 1 to 100.
        progress: Called with (pictures done, pictures in all).

    Raises:
        UserError: If a number is out of range or the class mix is unknown.
    """
    style = replace(style, class_mix=class_mix or style.class_mix)
    _check(style, count, size, workers, quality)
    request = _Request(style, seed, size, quality)
    plan = plan_domain(style, count, seed=seed)
    folder = Path(folder)
    parts = folder / f".{style.name}-{_fingerprint(request, count, geometry)}"
    parts.mkdir(parents=True, exist_ok=True)
    pieces = [(parts / f"{start:06d}.npz", plan[start : start + _PART]) for start in range(0, count, _PART)]
    missing = [piece for piece in pieces if not piece[0].exists()]
    done = count - sum(len(planned) for _, planned in missing)
    if progress:
        progress(done, count)
    for finished in _draw_parts(geometry, request, missing, workers):
        done += finished
        if progress:
            progress(done, count)
    result = _assemble(folder, style, plan, [path for path, _ in pieces])
    shutil.rmtree(parts)
    return result


def _check(style: DomainStyle, count: int, size: int, workers: int, quality: int) -> None:
    if style.class_mix not in CLASS_MIXES:
        raise UserError(
            f"'{style.class_mix}' is not a class mix{nearest(style.class_mix, CLASS_MIXES)}. "
            f"Known: {', '.join(CLASS_MIXES)}."
        )
    ranges = {
        "count": (count, 21, 1_000_000),
        "size": (size, 32, 1024),
        "workers": (workers, 1, 256),
        "quality": (quality, 1, 100),
    }
    for name, (value, low, high) in ranges.items():
        if not low <= value <= high:
            raise UserError(
                f"{name} must lie between {low} and {high}, got {value}; choose a number in between."
            )


def _fingerprint(request: _Request, count: int, geometry: FaceGeometry) -> str:
    digest = hashlib.sha256(repr((_DRAWING, request, count, geometry.expression_names)).encode())
    for values in (geometry.neutral, geometry.identity_delta, geometry.expression_delta):
        digest.update(np.ascontiguousarray(values).tobytes())
    return digest.hexdigest()[:12]


def _draw_parts(
    geometry: FaceGeometry, request: _Request, missing: list[tuple[Path, list[Planned]]], workers: int
) -> Iterator[int]:
    """Draw the missing parts; yields the number of pictures of each part that is finished."""
    if workers == 1 or len(missing) < 2:
        _prepare(geometry, request)
        yield from (_draw_part(piece) for piece in missing)
        return
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, spawn, _prepare, (geometry, request)) as pool:
        yield from pool.map(_draw_part, missing)


_worker: dict[str, tuple[FaceRenderer, _Request]] = {}


def _prepare(geometry: FaceGeometry, request: _Request) -> None:
    """Give this process its renderer; it is costly to make and the same for all parts."""
    if parent := multiprocessing.parent_process():
        threading.Thread(target=_leave_with, args=(parent,), daemon=True).start()
    _worker["own"] = FaceRenderer(geometry, size=request.size), request


def _leave_with(parent: multiprocessing.process.BaseProcess) -> None:
    """End this process when the one that started it was killed: nobody would collect its parts."""
    parent.join()
    os._exit(1)


def _draw_part(piece: tuple[Path, list[Planned]]) -> int:
    path, planned = piece
    renderer, request = _worker["own"]
    codes: list[NDArray[np.uint8]] = []
    points: list[NDArray[np.float32]] = []
    truths: list[list[float]] = []
    for picture in planned:
        person = draw_person(
            request.style, picture.person, seed=request.seed, modes=len(renderer.geometry.identity_delta)
        )
        shot = draw_shot(request.style, picture.label, picture.number, seed=request.seed)
        drawn = renderer.render(person, shot)
        codes.append(np.frombuffer(_webp(drawn.image, request.quality), dtype=np.uint8))
        points.append(drawn.points68)
        truths.append([*drawn.box, *drawn.points.reshape(-1).tolist()])
    with replacing(path) as temporary:
        np.savez(
            temporary,
            code=np.concatenate(codes),
            length=np.array([len(code) for code in codes]),
            points=np.stack(points).astype(np.float16),
            truths=np.array(truths),
        )
    return len(planned)


def _webp(image: NDArray[np.uint8], quality: int) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "WEBP", quality=quality, method=6)
    return buffer.getvalue()


def _assemble(folder: Path, style: DomainStyle, plan: list[Planned], parts: list[Path]) -> GeneratedDomain:
    """Join the parts into the three files; each appears under its name only when it is whole."""
    result = GeneratedDomain(
        folder / f"{style.name}.zip", folder / f"{style.name}.csv", folder / f"{style.name}_points68.npy"
    )
    points: list[NDArray[np.float16]] = []
    rows = iter(plan)
    with (
        replacing(result.points68) as points_draft,
        replacing(result.images) as images_draft,
        replacing(result.table) as table_draft,
        zipfile.ZipFile(images_draft, "w", zipfile.ZIP_STORED) as archive,
        table_draft.open("w", encoding="utf-8", newline="") as table,
    ):
        writer = csv.writer(table, lineterminator="\n")
        writer.writerow(COLUMNS)
        for part in parts:
            with np.load(part) as stored:
                ends = np.cumsum(stored["length"])
                codes = np.split(stored["code"], ends[:-1])
                for code, truth in zip(codes, stored["truths"], strict=True):
                    picture = next(rows)
                    name = f"images/{style.name}_{picture.number + 1:05d}.webp"
                    archive.writestr(zipfile.ZipInfo(name, _EPOCH), code.tobytes())
                    subject = subject_name(style, picture.person)
                    numbers = [f"{value:.2f}" for value in truth]
                    writer.writerow([name, picture.label, picture.split, subject, *numbers])
                points.append(stored["points"])
        np.save(points_draft, np.concatenate(points))
    return result
