"""How many planted near copies `ferda check` finds, what it finds unplanted, and how fast.

    python benchmarks/near_copies.py
    python benchmarks/near_copies.py --data FOLDER

Pictures of each pack are copied as the web copies them, and looked for among all pictures of the pack. With
`--data` (or `FERDA_DATA`) the two packs of real faces that `README.md` describes are taken, else rendered
faces. Copies that a pack holds already are counted, too: whether they are copies, eyes must say.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from about import about
from PIL import Image

from ferda.data.cache import prepared
from ferda.data.near_copies import near_pairs
from ferda.data.pack import Pack, Pictures
from ferda.data.picture_copies import find_copies
from ferda.data.picture_hash import hash_pictures
from ferda.faces.crops import CropRule

PLANTED, HASHES = 1000, 30_000
WHOLE = CropRule(kind="whole", size=48, detect=False)


def cut(image: np.ndarray, right: float = 0, down: float = 0, larger: float = 1) -> np.ndarray:
    """Return the picture cut out elsewhere, or closer, in shares of its size."""
    size = len(image)
    left, top = ((moved + (1 - larger) / 2) * size for moved in (right, down))
    way = np.array([[larger, 0, left], [0, larger, top]], dtype=np.float32)
    return cv2.warpAffine(image, way, (size, size), borderMode=cv2.BORDER_REPLICATE)


def jpeg(image: np.ndarray) -> np.ndarray:
    """Return the picture saved as JPEG of quality 60."""
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "jpeg", quality=60)
    return np.asarray(Image.open(buffer))


def lit(image: np.ndarray, gain: float) -> np.ndarray:
    """Return the picture lighter or darker."""
    return np.clip(image * gain, 0, 255).astype(np.uint8)


COPIES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "JPEG 60": jpeg,
    "40 % darker": lambda image: lit(image, 0.6),
    "30 % lighter, clipped": lambda image: lit(image, 1.3),
    "two thirds of the size": lambda image: cv2.resize(image, (32, 32), interpolation=cv2.INTER_AREA),
    "moved 1 % right and down": lambda image: cut(image, 0.01, 0.01),
    "moved 2 % right and down": lambda image: cut(image, 0.02, 0.02),
    "moved 4 % right": lambda image: cut(image, 0.04),
    "moved 4 % right and down": lambda image: cut(image, 0.04, 0.04),
    "2 % closer": lambda image: cut(image, larger=1.02),
    "4 % closer": lambda image: cut(image, larger=1.04),
    "mirrored": lambda image: image[:, ::-1],
    "mirrored, moved 1 %, closer, lighter, JPEG": lambda image: jpeg(
        lit(cut(image[:, ::-1].copy(), 0.01, 0.01, 1.02), 1.2)
    ),
}


def main() -> None:
    """Measure and write JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=os.environ.get("FERDA_DATA"))
    parser.add_argument("--json", type=Path, default=Path(__file__).parent / "results" / "near_copies.json")
    wanted = parser.parse_args()
    names = ["synthetic:studio", "synthetic:cctv"]
    if wanted.data is not None:
        names = [str(Path(wanted.data) / f"{name}.csv") for name in ("fer2013_dev", "mux_lfw_dev")]
    found: dict[str, Any] = {Path(name).stem: measure(prepared(name, WHOLE)) for name in names}
    facts = about("python benchmarks/near_copies.py", planted=PLANTED, size=WHOLE.size)
    result = {"about": facts, "packs": found, **speed()}
    wanted.json.parent.mkdir(parents=True, exist_ok=True)
    wanted.json.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(result, indent=1))


def measure(pack: Pack) -> dict[str, Any]:
    """Return the share of planted copies that are found, by kind, and the copies that are there anyway."""
    rows = np.sort(np.random.default_rng(0).choice(len(pack), min(PLANTED, len(pack)), replace=False))
    everything = (pack.pictures, np.arange(len(pack)))
    shares = {}
    for name, copy in COPIES.items():
        images = np.stack([copy(image) for image in pack.gather(rows)])
        planted = Pictures("planted", pack.crop, images, np.empty((len(rows), 5, 2)))
        (table,) = find_copies([(planted, np.arange(len(rows))), everything], [(0, 1)])
        shares[name] = float(np.isin(np.arange(len(rows)), table["a"][rows[table["a"]] == table["b"]]).mean())
    (there,) = find_copies([everything], [(0, 0)])
    return {"pictures": len(pack), "found": shares, "pairs there anyway": len(there)}


def speed() -> dict[str, float]:
    """Return pairs of hashes that are compared, and pictures that are hashed, a second of CPU time."""
    words = np.random.default_rng(0).integers(0, 2**64, (HASHES, 2), dtype=np.uint64)
    start = time.process_time()
    list(near_pairs(words, None, lambda pairs: len(pairs.first)))
    compared = HASHES**2 / 2 / (time.process_time() - start)
    images = np.random.default_rng(0).integers(0, 256, (2000, 112, 112, 3), dtype=np.uint8)
    pictures = Pictures("noise", {}, images, np.empty((2000, 5, 2)))
    start = time.process_time()
    hash_pictures(pictures, np.arange(2000))
    hashed = 2000 / (time.process_time() - start)
    return {"pairs a CPU second": compared, "pictures of 112 pixels a CPU second": hashed}


if __name__ == "__main__":
    main()
