"""How often our detector finds a face, and how far its five points lie from the exact ones.

    python benchmarks/landmark_noise.py
    python benchmarks/landmark_noise.py --data FOLDER

Rendered faces come with exact points, so the detector's error is known there. With `--data` (or `FERDA_DATA`)
the share of pictures with a face is measured on the packs of real faces that `README.md` describes, look by
look. A picture is searched as `ferda prepare` does it, and of several faces the most prominent one counts.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from about import about

from ferda.data.manifest import LANDMARKS
from ferda.data.readers import Reading, read_any
from ferda.faces.detect import ENLARGED_SIDE, SMALL_BORDERS, Face, FaceDetector
from ferda.faces.images import read_image
from ferda.landmarks import FIVE_POINTS
from ferda.synthetic.embedded import embedded_domains, embedded_files

RENDERED, REAL = 300, 600
#: On the mean of the five points, as a share of the eye distance: further off, a face counts as missed.
FAR = 0.1
#: Packs of real faces, and how many of their pictures are taken at most.
PACKS = {"mux_lfw_dev": REAL, "mux_movie_dev": 642, "fer2013_dev": REAL}


def main() -> None:
    """Measure and write JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=os.environ.get("FERDA_DATA"))
    parser.add_argument(
        "--json", type=Path, default=Path(__file__).parent / "results" / "landmark_noise.json"
    )
    wanted = parser.parse_args()
    torch.set_num_threads(1)
    result: dict[str, Any] = {
        "about": about("python benchmarks/landmark_noise.py --data FOLDER", side=ENLARGED_SIDE, far=FAR),
        "rendered": {name: agreement(*embedded_files(name)) for name in embedded_domains()},
        "real": {},
    }
    if wanted.data is None or not Path(wanted.data).is_dir():
        print("The real packs are not here: give their folder with --data or FERDA_DATA.")
    else:
        for name, count in PACKS.items():
            result["real"][name] = rates(read_any(Path(wanted.data) / f"{name}.csv"), count)
    wanted.json.parent.mkdir(parents=True, exist_ok=True)
    wanted.json.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(result, indent=1))


def sample(reading: Reading, count: int) -> tuple[np.ndarray, list[np.ndarray]]:
    """Return rows drawn by a fixed chance, in order, and their pictures.

    Args:
        reading: Of the data.
        count: Rows at most.
    """
    there = len(reading.manifest)
    rows = np.sort(np.random.default_rng(0).choice(there, min(count, there), replace=False))
    return rows, [read_image(reading.images.read(name)) for name in reading.manifest["file"].iloc[rows]]


def agreement(images: Path, table: Path, count: int = RENDERED) -> dict[str, Any]:
    """Return detection rate and error of the points on rendered faces.

    Args:
        images: Zip of pictures.
        table: With the exact points.
        count: Faces at most.
    """
    reading = read_any(table, images=images)
    rows, pictures = sample(reading, count)
    exact = reading.manifest[list(LANDMARKS)].to_numpy(float)[rows].reshape(-1, 5, 2)
    faces = FaceDetector()(pictures)
    return {"faces": len(rows), **errors(faces, exact)}


def errors(faces: Sequence[Sequence[Face]], exact: np.ndarray) -> dict[str, Any]:
    """Compare found points with exact ones, in shares of the eye distance.

    Args:
        faces: What was found in each picture.
        exact: (n, 5, 2) pixels.
    """
    seen = np.array([bool(one) for one in faces])
    exact = exact[seen]
    found = np.array([one[0].landmarks for one in faces if one], dtype=float).reshape(-1, 5, 2)
    # Complex numbers: dividing by the line between the eyes gives the offsets in the face's own frame.
    places, truth = (points[..., 0] + 1j * points[..., 1] for points in (found, exact))
    offsets = (places - truth) / (truth[:, 1] - truth[:, 0])[:, None]
    near = np.abs(offsets).mean(1) <= FAR
    constant = offsets[near].mean(0)
    return {
        "found": float(seen.mean()),
        "far": float((~near).mean()),
        "error": float(np.abs(offsets).mean()),
        "median": float(np.median(np.abs(offsets).mean(1))),
        "points": dict(zip(FIVE_POINTS, np.abs(offsets).mean(0).tolist(), strict=True)),
        "constant": {
            name: [float(one.real), float(one.imag)]
            for name, one in zip(FIVE_POINTS, constant.tolist(), strict=True)
        },
        "scatter": float(np.abs(offsets[near] - constant).mean()),
    }


def rates(reading: Reading, count: int) -> dict[str, Any]:
    """Return the share of pictures with a face after each look, with ever other borders.

    Args:
        reading: Of a pack whose pictures are small, so that all are enlarged alike.
        count: Pictures at most.
    """
    _, pictures = sample(reading, count)
    found, looks = looked(pictures)
    sides = [min(picture.shape[:2]) for picture in pictures]
    whole = len(found)
    return {
        "pictures": whole,
        "of": len(reading.manifest),
        "shorter_side": [min(sides), int(np.median(sides)), max(sides)],
        "found": {str(border): number / whole for border, number in zip(SMALL_BORDERS, looks, strict=True)},
        "one_look_no_border": sum(map(bool, FaceDetector(pad=0.0)(pictures))) / whole,
        "several": sum(len(one) > 1 for one in found) / whole,
    }


def looked(pictures: Sequence[np.ndarray]) -> tuple[list[list[Face]], list[int]]:
    """Search pictures border by border, as the detector does by itself, and count finds after each look.

    Args:
        pictures: (H, W, 3) uint8 each.
    """
    found: list[list[Face]] = [[] for _ in pictures]
    counts = []
    for border in SMALL_BORDERS:
        left = [row for row, faces in enumerate(found) if not faces]
        for row, faces in zip(left, FaceDetector(pad=border)([pictures[row] for row in left]), strict=True):
            found[row] = faces
        counts.append(sum(map(bool, found)))
    return found, counts


if __name__ == "__main__":
    main()
