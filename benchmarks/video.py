"""How well people in videos are told apart, cuts are found, and exchanged colours are noticed.

    python benchmarks/video.py --data FOLDER
    python benchmarks/video.py --data FOLDER --run RUN

Measured on the pictures of film actors that `README.md` describes (`mux_movie_dev`): stills in the order of
their numbers stand for a video. With `--run` the features of a trained model are tried in place of colours.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import warnings
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from about import about
from sklearn.metrics import roc_auc_score

from ferda.data.readers import read_any
from ferda.faces.detect import Face, FaceDetector
from ferda.faces.images import read_image
from ferda.inference.arrays import ColourOrderWarning, warn_of_exchanged
from ferda.inference.face import PredictedFace
from ferda.inference.looks import likeness, look, thumb
from ferda.inference.tracking import Tracker, is_cut

PACK, PAIRS, SCENES = "mux_movie_dev", 2000, 150
#: Frames of a scene, of one still, and a second; share of faces that are missed.
FRAMES, STILL, RATE, MISSED = 100, 25, 25, 0.1


class Still(NamedTuple):
    """A picture of a known person with its most prominent face."""

    person: str
    number: int
    image: np.ndarray
    face: Face


def main() -> None:
    """Measure and write JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=os.environ.get("FERDA_DATA"))
    parser.add_argument("--run", type=Path)
    parser.add_argument("--json", type=Path, default=Path(__file__).parent / "results" / "video.json")
    wanted = parser.parse_args()
    if wanted.data is None or not Path(wanted.data).is_dir():
        raise SystemExit("The pack of film faces is not here: give its folder with --data or FERDA_DATA.")
    stills = read_stills(Path(wanted.data) / f"{PACK}.csv")
    result = {
        "about": about(
            "python benchmarks/video.py --data FOLDER --run RUN", faces=len(stills), scenes=SCENES
        ),
        "ranked right": ranks(stills, wanted.run),
        "crossings": {name: crossings(stills, change) for name, change in LOOKS.items()},
        "cuts": cuts(stills),
        "warned": exchanged(stills),
    }
    wanted.json.parent.mkdir(parents=True, exist_ok=True)
    wanted.json.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(result, indent=1))


def read_stills(table: Path) -> list[Still]:
    """Return the pictures in which a face is found, by person and number."""
    reading = read_any(table)
    rows, detector, stills = reading.manifest, FaceDetector(), []
    for file, person in zip(rows["file"], rows["subject"], strict=True):
        image = read_image(reading.images.read(file))
        if faces := detector([image])[0]:
            number = int(re.findall(r"\d+", file)[-1])
            stills.append(Still(person, number, image, faces[0]))
    return sorted(stills, key=lambda still: still[:2])


def grey(image: np.ndarray) -> np.ndarray:
    """Return the picture without colour."""
    return np.repeat(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)[..., None], 3, axis=2)


#: How the tracker sees a face.
LOOKS: dict[str, Callable[[Still], np.ndarray]] = {
    "colours": lambda still: look(still.image, still.face.box),
    "lightness alone": lambda still: look(grey(still.image), still.face.box),
    "boxes alone": lambda still: np.ones(48, np.uint8),
}


def ranks(stills: list[Still], run: Path | None) -> dict[str, float]:
    """Return how often two stills of one person in a row are more alike than stills of two people."""
    rng = np.random.default_rng(0)
    same = [pair for pair in pairwise(range(len(stills))) if len({stills[row].person for row in pair}) == 1]
    drawn = rng.integers(0, len(stills), (4 * PAIRS, 2))
    other = [pair for pair in drawn if len({stills[row].person for row in pair}) == 2][:PAIRS]
    vectors = {name: np.stack([LOOKS[name](still) for still in stills]) for name in list(LOOKS)[:2]}
    if run is not None:
        vectors["features of a model"] = features(stills, run)
    truth = np.r_[np.ones(len(same)), np.zeros(len(other))]
    found = {}
    for name, rows in vectors.items():
        alike = likeness(rows, rows)
        found[name] = float(roc_auc_score(truth, [alike[tuple(pair)] for pair in [*same, *other]]))
    return found


def features(stills: list[Still], run: Path) -> np.ndarray:
    """Return what a model has before its last layer, less the mean of all."""
    import torch

    from ferda.faces.crops import crop_face
    from ferda.inference import load

    model = load(run, detect=True)
    cut = [crop_face(still.image, still.face, model.crop) for still in stills]
    crops, points = (np.stack(part) for part in zip(*cut, strict=True))
    with torch.inference_mode():
        rows = [model.method(*batch).features.float().numpy() for batch in model.shown(crops, points, 64)]
    found = np.concatenate(rows)
    return found - found.mean(0)


def crossings(stills: list[Still], seen: Callable[[Still], np.ndarray]) -> dict[str, float]:
    """Return how people who walk past each other are numbered: taken for each other, and numbers too many."""
    people: dict[str, list[np.ndarray]] = {}
    for still in stills:
        people.setdefault(still.person, []).append(seen(still))
    rng, shared, more = np.random.default_rng(0), 0, 0
    for _ in range(SCENES):
        first, second = walk(people, rng)
        shared += bool(first & second)
        more += len(first) + len(second) - 2
    return {"taken for each other": shared / SCENES, "numbers too many": more / SCENES}


def walk(people: dict[str, list[np.ndarray]], rng: np.random.Generator) -> tuple[set[int], set[int]]:
    """Let two people cross; the one behind is not seen meanwhile. Return the numbers of each."""
    tracker, ids = Tracker(), (set[int](), set[int]())
    scene = (np.ones(48, np.uint8), np.arange(256, dtype=np.uint8))
    pair = [people[name] for name in rng.choice(list(people), 2, replace=False)]
    starts = [rng.integers(0, len(looks) - FRAMES // STILL) for looks in pair]
    for frame in range(FRAMES):
        boxes = [(2.0 * frame, 0.0, 60.0, 70.0), (2.0 * (FRAMES - frame), 3.0, 60.0, 70.0)]
        is_hidden = abs(boxes[0][0] - boxes[1][0]) < 25
        there = [who for who in (0, 1) if rng.random() > MISSED and not (who and is_hidden)]
        shaken = [np.array(boxes[who]) + rng.normal(0, 1.5, 4) for who in there]
        looks = [pair[who][starts[who] + frame // STILL] for who in there]
        given = tracker(np.array(shaken).reshape(-1, 4), np.array(looks).reshape(-1, 48), scene, frame / RATE)
        for who, number in zip(there, given, strict=True):
            ids[who].add(number)
    return ids


def cuts(stills: list[Still]) -> dict[str, float]:
    """Return the share of pairs that are called a cut: stills of two people, a pan by a sixth, a flash."""
    rng = np.random.default_rng(0)
    drawn = rng.integers(0, len(stills), (PAIRS, 2))
    images = [still.image for still in stills]
    pairs = {
        "two people": [(images[a], images[b]) for a, b in drawn if stills[a].person != stills[b].person],
        "pan": [(image[:, : -image.shape[1] // 6], image[:, image.shape[1] // 6 :]) for image in images],
        "flash": [(image, (image + rng.integers(40, 90)).clip(0, 255).astype(np.uint8)) for image in images],
    }
    return {
        name: float(np.mean([is_cut(*((look(one), thumb(one)) for one in pair)) for pair in some]))
        for name, some in pairs.items()
    }


def exchanged(stills: list[Still]) -> dict[str, float]:
    """Return the share of pictures that raise the warning, in the right order of colours and in the wrong."""
    found = {"right order": 0, "wrong order": 0}
    for still in stills:
        face = PredictedFace.of("", 0, still.face, ("neutral",), np.ones(1))
        for name, image in (("right order", still.image), ("wrong order", still.image[..., ::-1])):
            with warnings.catch_warnings(record=True) as said:
                warnings.simplefilter("always", ColourOrderWarning)
                warn_of_exchanged([image], [[face]], "rgb")
            found[name] += bool(said)
    return {name: count / len(stills) for name, count in found.items()}


if __name__ == "__main__":
    main()
