"""Whether the loader starves a GPU: pictures a CPU second, beside an image folder, and what a GPU waits for.

    python benchmarks/loader.py

Rendered faces, as a pack and as a folder of JPEG files that already have the size wanted, so nobody has to
resize. Both are shown in the same kinds of views, at one thread: `none`, `weak`, and `weak + strong`, which
are two views of each picture.

A step waits if the next batch is not there when it ends. The loader makes one batch ahead in a thread; with a
core of its own, it is late whenever a batch takes more CPU time than the step. The CPU time of each batch is
what is counted: a clock on the wall says nothing on a machine that does other work as well.

With a GPU, views are not made by the processor: it queues operations. How many is counted on torch's meta
device, which takes them and does nothing; what preparing them costs is measured with pictures of 16 pixels,
in which next to no work is left.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ["OMP_NUM_THREADS"] = "1"

import cv2
import numpy as np
import pandas as pd
import torch
from about import about
from PIL import Image
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.data import DataLoader
from torchvision import transforms
from torchvision.datasets import ImageFolder

from ferda.data.domain import Domain
from ferda.data.loader import DomainLoader
from ferda.data.pack import write_pack
from ferda.data.prepare import prepare
from ferda.data.readers import read_any
from ferda.expressions import BASIC
from ferda.faces.crops import CropRule
from ferda.faces.images import read_image
from ferda.synthetic.embedded import embedded_files

SIZES, BATCH, BATCHES, RUNS = (48, 112), 64, 8, 3
VIEWS = {"none": ("none", None), "weak": ("weak", None), "weak + strong": ("weak", "strong")}
#: Milliseconds of a step. IR-50 on 48 rows of 112 pixels is 1.8 TFLOP: 5 ms at 45 % of an H200's bf16 peak.
STEPS = (5, 10, 20, 50, 100)


def main() -> None:
    """Measure and write JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", type=Path, default=Path(__file__).parent / "results" / "loader.json")
    wanted = parser.parse_args()
    torch.set_num_threads(1)
    facts = about("python benchmarks/loader.py", batch=BATCH, pictures=BATCH * BATCHES, runs=RUNS)
    with tempfile.TemporaryDirectory() as folder:
        result = {
            "about": facts,
            "sizes": {str(size): compare(Path(folder), size) for size in SIZES},
            "queued": queued(make_domain(Path(folder) / "tiny", faces(16))),
        }
    wanted.json.parent.mkdir(parents=True, exist_ok=True)
    wanted.json.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(result, indent=1))


def faces(size: int) -> tuple[np.ndarray, list[str]]:
    """Return rendered faces of a size and their classes.

    Args:
        size: Side in pixels.
    """
    reading = read_any(embedded_files("street")[1], images=embedded_files("street")[0])
    rows = reading.manifest.iloc[: BATCH * BATCHES]
    pictures = [read_image(reading.images.read(name)) for name in rows["file"]]
    images = [cv2.resize(picture, (size, size), interpolation=cv2.INTER_AREA) for picture in pictures]
    return np.stack(images), rows["expression"].tolist()


def make_domain(folder: Path, pictures: tuple[np.ndarray, list[str]]) -> Domain:
    """Write faces as a pack and open it.

    Args:
        folder: That appears.
        pictures: What `faces` gave.
    """
    images, names = pictures
    frame = pd.DataFrame({"file": [f"{row}.jpg" for row in range(len(names))], "expression": names})
    return Domain(write_pack(folder, images, frame), np.arange(len(names)), BASIC)


def compare(folder: Path, size: int) -> dict[str, Any]:
    """Return pictures a CPU second of the pack and of the image folder, and which steps would wait.

    Args:
        folder: For both.
        size: Side in pixels.
    """
    images, names = faces(size)
    for row, (image, name) in enumerate(zip(images, names, strict=True)):
        path = folder / f"jpeg{size}" / name / f"{row}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(path, quality=90)
    jpegs = read_any(folder / f"jpeg{size}")
    rule = CropRule(kind="whole", size=size, detect=False)
    preparing = cpu_seconds(prepare, jpegs, folder / f"pack{size}", rule)
    found: dict[str, Any] = {"prepared": len(names) / preparing, "views": {}}
    target = make_domain(folder / f"from{size}", (images, names)).without_labels()
    for name, (weak, strong) in VIEWS.items():
        took = batch_seconds(DomainLoader((), target, batch=BATCH, weak=weak, strong=strong))
        plain = DataLoader(ImageFolder(folder / f"jpeg{size}", transform(name)), BATCH, shuffle=True)
        passes = [cpu_seconds(list, plain) for _ in range(RUNS)]
        found["views"][name] = {
            "loader": BATCH / float(np.median(took)),
            "image_folder": len(names) / min(passes),
            "batch_ms": 1000 * float(np.median(took)),
            "waits": {str(step): float(np.mean(took * 1000 > step)) for step in STEPS},
        }
    return found


def transform(name: str) -> Callable[[Image.Image], Any]:
    """Return torchvision's transforms for the same kind of view.

    Args:
        name: A key of `VIEWS`.
    """
    end = [transforms.ToTensor(), transforms.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))]
    if name == "none":
        return transforms.Compose(end)
    moves = [
        transforms.RandomHorizontalFlip(),
        transforms.RandomAffine(10, translate=(0.04, 0.04), scale=(0.95, 1.18)),
        transforms.ColorJitter(0.2, 0.2),
        transforms.RandomGrayscale(0.1),
    ]
    if name == "weak":
        return transforms.Compose([*moves, *end])
    first, distort, last = (transforms.Compose(part) for part in (moves, [transforms.RandAugment(3)], end))

    def both(image: Image.Image) -> tuple[Any, Any]:
        seen = first(image)
        return last(seen), last(distort(seen))

    return both


def queued(domain: Domain) -> dict[str, dict[str, float]]:
    """Return what a batch asks of a GPU, and the CPU time that asking takes.

    Args:
        domain: Of tiny pictures.
    """
    found = {}
    for name, (weak, strong) in VIEWS.items():
        options: dict[str, Any] = {"batch": BATCH, "weak": weak, "strong": strong, "resident": True}
        counted = DomainLoader((), domain.without_labels(), device="meta", **options)
        counted.batch(0)
        with _Count() as count:
            for step in range(BATCHES):
                counted.batch(step)
        took = batch_seconds(DomainLoader((), domain.without_labels(), **options))
        found[name] = {
            "operations": count.operations / BATCHES,
            "milliseconds": 1000 * float(np.median(took)),
        }
    return found


class _Count(TorchDispatchMode):
    """Counts what is computed on the meta device or sent there; a view of a tensor costs a GPU nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.operations = 0

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = function(*args, **(kwargs or {}))
        first = result[0] if isinstance(result, tuple | list) and result else result
        if isinstance(first, torch.Tensor) and first.device.type == "meta" and not function.is_view:
            self.operations += 1
        return result


def batch_seconds(loader: DomainLoader) -> np.ndarray:
    """Return the CPU time of each of some batches.

    Args:
        loader: The first batch, which opens things, is not counted.
    """
    loader.batch(0)
    return np.array([cpu_seconds(loader.batch, step) for step in range(1, RUNS * BATCHES)])


def cpu_seconds(task: Callable[..., object], *arguments: object) -> float:
    """Return the CPU time of a call.

    Args:
        task: Called once.
        *arguments: Of the call.
    """
    began = time.process_time()
    task(*arguments)
    return time.process_time() - began


if __name__ == "__main__":
    main()
