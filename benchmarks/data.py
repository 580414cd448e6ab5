"""What preparing and reading pictures cost: CPU time on one core by step, and memory at a million rows.

    python benchmarks/data.py
    python benchmarks/data.py --pictures FOLDER_OR_ZIP

Without pictures of your own the embedded synthetic faces are taken (112 pixels, WebP). Each step is measured
on the same pictures, five times, and the best is the least disturbed. `plain loader` is what an image-folder
data set does in every epoch: open, convert, resize, stack, one picture after the other.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

os.environ["OMP_NUM_THREADS"] = "1"

import numpy as np
import pandas as pd
from about import about
from PIL import Image

PICTURES, SIZE, RUNS, ROWS = 256, 112, 5, 1_000_000


def main() -> None:
    """Measure and write JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pictures", type=Path)
    parser.add_argument("--json", type=Path, default=Path(__file__).parent / "results" / "data.json")
    parser.add_argument("--rows", type=int, default=ROWS, help="rows of the simulated pack")
    wanted = parser.parse_args()
    found = {**steps(wanted.pictures), "memory": memory(wanted.rows)}
    wanted.json.parent.mkdir(parents=True, exist_ok=True)
    facts = about("python benchmarks/data.py", pictures=PICTURES, size=SIZE, runs=RUNS)
    wanted.json.write_text(json.dumps({"about": facts, **found}, indent=1) + "\n", encoding="utf-8")
    for name, rate in found["pictures_per_second"].items():
        print(f"{name:14} {rate:10.0f} pictures a CPU second")
    print(found["memory"])


def steps(place: Path | None) -> dict[str, Any]:
    """Return pictures a CPU second of every step."""
    import torch

    from ferda.data.pack import Pack, write_pack
    from ferda.data.readers import read_any
    from ferda.faces.align import align
    from ferda.faces.detect import FaceDetector
    from ferda.faces.images import read_image
    from ferda.synthetic.embedded import embedded_files

    torch.set_num_threads(1)
    reading = read_any(place or embedded_files("studio")[0])
    names = reading.manifest["file"].iloc[:PICTURES].tolist()
    data = [reading.images.read(name) for name in names]
    pictures = [read_image(one) for one in data]
    detector = FaceDetector()
    points = np.array([[38.3, 51.7], [73.5, 51.5], [56.0, 71.7], [41.5, 92.4], [70.7, 92.2]])
    faces = np.stack([align(picture, points, SIZE)[0] for picture in pictures])
    count, order = len(names), np.random.default_rng(0).permutation(len(names))
    with tempfile.TemporaryDirectory() as folder:
        manifest = reading.manifest.iloc[:PICTURES].reset_index(drop=True)
        number = iter(range(10**6))

        def pack() -> Pack:
            return write_pack(Path(folder) / str(next(number)), faces, manifest)

        opened = pack()
        work: dict[str, Callable[[], object]] = {
            "decode": lambda: [read_image(one) for one in data],
            "detect": lambda: detector(pictures),
            "align": lambda: [align(picture, points, SIZE) for picture in pictures],
            "pack": pack,
            "gather": lambda: [opened.gather(order) for _ in range(20)],
            "plain loader": lambda: np.stack([_plain(one) for one in data]),
        }
        rates = {
            name: count * (20 if name == "gather" else 1) / _best(task, 1 if name == "detect" else RUNS)
            for name, task in work.items()
        }
    sides = [max(picture.shape[:2]) for picture in pictures]
    return {"longer_side": [min(sides), max(sides)], "pictures_per_second": rates}


def _plain(data: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image.convert("RGB").resize((SIZE, SIZE), Image.Resampling.BILINEAR))


def _best(task: Callable[[], object], runs: int) -> float:
    task()
    times = []
    for _ in range(runs):
        began = time.process_time()
        task()
        times.append(time.process_time() - began)
    return min(times)


def memory(rows: int) -> dict[str, float]:
    """Return megabytes: of a pack of a million rows that is opened, and what a thousand batches add."""
    from ferda.data.manifest import complete_manifest
    from ferda.data.pack import Pictures

    with _sparse(rows) as images:
        before = _megabytes()
        frame = pd.DataFrame({"file": [f"{row % 1000:03d}/{row:07d}.jpg" for row in range(rows)]})
        frame["expression"], frame["split"] = "neutral", "train"
        manifest = complete_manifest(frame)
        held = float(manifest.memory_usage(deep=True).sum()) / 2**20
        pictures = Pictures("many", {}, images, np.zeros((0, 5, 2), dtype=np.float32))
        pictures.gather(np.arange(64))
        started, rng = _megabytes(), np.random.default_rng(0)
        for _ in range(1000):
            pictures.gather(rng.integers(0, rows, 64))
        return {
            "rows": rows,
            "manifest_megabytes": round(held),
            "process_megabytes": round(started - before),
            "a_thousand_batches_add_megabytes": round(_megabytes() - started),
        }


@contextmanager
def _sparse(rows: int) -> Iterator[np.ndarray]:
    """A picture file of that many rows that takes no room on the disk."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "images.npy"
        np.lib.format.open_memmap(path, "w+", np.uint8, (rows, 48, 48, 3))
        yield np.load(path, mmap_mode="r")


def _megabytes() -> float:
    """What the process owns now. Pages of mapped files are left out: the system takes them back at need."""
    fields = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return float(fields["RssAnon"].split()[0]) / 1024


if __name__ == "__main__":
    main()
