"""Faces named a CPU second, from pictures: detection and classification, one thread, beside larger networks.

    python benchmarks/predict.py RUN --data FOLDER

RUN is any run of `ferda fit`; it is exported, and rounded to int8 on faces it learned from. The others stand
for programs like py-feat and EmotiEffLib: MTCNN picture by picture in torch, then a network of timm at 224
pixels (random weights, which cost the same). Their detector is ours at its default settings, so all find the
same faces, and no older detector slows them down. All systems take the same few pictures in turn, so a busy
neighbour slows them alike: read the ratios.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

# before torch is imported: two threads on a busy core measure the neighbour, too
os.environ["OMP_NUM_THREADS"] = "1"

import cv2
import numpy as np
import timm
import torch
from about import about
from landmark_noise import errors, sample

from ferda.data.domain import open_domain
from ferda.data.readers import read_any
from ferda.engine.checkpoint import load_method
from ferda.faces.crops import CropRule, crop_face
from ferda.faces.detect import Face, FaceDetector
from ferda.inference import load
from ferda.inference.export import export_model
from ferda.inference.judging import Judging
from ferda.inference.quantise import quantise

PACK, PICTURES, TOGETHER, SIDE = "mux_lfw_dev", 200, 20, 224
#: What the ratios are against, and the second network.
OTHERS = {"MTCNN + EfficientNet-B0": "efficientnet_b0", "MTCNN + ConvNeXt-Tiny": "convnext_tiny"}

#: Pictures in; the faces of each, as they were named.
System = Callable[[Sequence[np.ndarray]], list[list[Face]]]


def main() -> None:
    """Measure and write JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("run", type=Path)
    parser.add_argument("--data", type=Path, default=os.environ.get("FERDA_DATA"))
    parser.add_argument("--pictures", type=int, default=PICTURES)
    parser.add_argument("--json", type=Path, default=Path(__file__).parent / "results" / "predict.json")
    wanted = parser.parse_args()
    if wanted.data is None or not (Path(wanted.data) / f"{PACK}.csv").is_file():
        parser.error(f"{PACK} is not here: give its folder with --data or FERDA_DATA")
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    _, pictures = sample(read_any(Path(wanted.data) / f"{PACK}.csv"), wanted.pictures)
    with tempfile.TemporaryDirectory() as folder:
        ours, loss = exported(wanted.run, Path(folder))
        found = compare({**ours, **others()}, pictures)
    found["int8"] = loss
    found["about"] = about(
        "python benchmarks/predict.py RUN --data FOLDER",
        pictures=len(pictures),
        together=TOGETHER,
        side=SIDE,
        network=network_words(wanted.run),
    )
    wanted.json.parent.mkdir(parents=True, exist_ok=True)
    wanted.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    for name, row in found["systems"].items():
        print(f"{name:32} {row['faces_per_second']:7.1f} faces a CPU second, {row['ratio']:.2f} x")


def exported(run: Path, folder: Path) -> tuple[dict[str, System], dict[str, Any]]:
    """Return ferda's ways to answer for a run, and what rounding lost.

    Args:
        run: Of `ferda fit`.
        folder: For the exported files.
    """
    model = load_method(run)
    export_model(model, folder / "exact.onnx")
    source = str(model.metadata["recipe"]["data"]["sources"][0])
    domain = open_domain(source, model.classes, labelled=False, crop=model.preprocessing.crop)
    loss = quantise(folder / "exact.onnx", folder / "int8.onnx", domain)
    exact = load(folder / "exact.onnx", detect=True)
    return {
        "ferda, torch": asked(load(run, detect=True)),
        "ferda, onnxruntime": asked(exact),
        "ferda, onnxruntime, one by one": lambda pictures: [asked(exact)([one])[0] for one in pictures],
        "ferda, onnxruntime, int8": asked(load(folder / "int8.onnx", detect=True)),
    }, vars(loss)


def asked(predictor: Judging) -> System:
    """Return what a predictor found, as faces.

    Args:
        predictor: Of a run or of an exported model.
    """
    return lambda pictures: [
        [Face(face.box, face.detection_score, face.landmarks) for face in faces]
        for faces in predictor.predict(pictures)
    ]


def others() -> dict[str, System]:
    """Return the larger networks behind MTCNN, picture by picture."""
    detector, rule = FaceDetector(), CropRule("box", size=SIDE)

    def system(name: str) -> System:
        network = timm.create_model(name, num_classes=8).eval()

        @torch.inference_mode()
        def answer(pictures: Sequence[np.ndarray]) -> list[list[Face]]:
            found = [detector([picture])[0] for picture in pictures]
            for picture, faces in zip(pictures, found, strict=True):
                if faces:
                    crops = np.stack([crop_face(picture, face, rule)[0] for face in faces])
                    network(torch.from_numpy(crops).permute(0, 3, 1, 2).float() / 255).softmax(1)
            return found

        return answer

    return {title: system(name) for title, name in OTHERS.items()}


def compare(systems: dict[str, System], pictures: list[np.ndarray]) -> dict[str, Any]:
    """Let all systems answer for the same pictures in turn, a few at a time.

    Args:
        systems: By name.
        pictures: uint8 RGB (H, W, 3).
    """
    reference = FaceDetector()(pictures)
    has_face = [row for row, faces in enumerate(reference) if faces]
    exact = np.array([reference[row][0].landmarks for row in has_face], dtype=float)
    for system in systems.values():
        system(pictures[:2])
    rates: dict[str, list[float]] = {name: [] for name in systems}
    found: dict[str, list[list[Face]]] = {name: [] for name in systems}
    for number, start in enumerate(range(0, len(pictures), TOGETHER)):
        some = pictures[start : start + TOGETHER]
        # forwards and backwards, so that nobody always comes after the same neighbour
        for name in list(systems)[:: 1 if number % 2 else -1]:
            began = time.process_time()
            faces = systems[name](some)
            rates[name].append(sum(map(len, faces)) / (time.process_time() - began))
            found[name] += faces
    base = rates[next(iter(OTHERS))]
    return {
        "systems": {
            name: {
                "faces_per_second": statistics.median(rates[name]),
                "ratio": statistics.median(map(float.__truediv__, rates[name], base)),
                "ratios": [one / other for one, other in zip(rates[name], base, strict=True)],
                "faces": sum(map(len, found[name])),
                "pictures_with_a_face": sum(map(bool, found[name])),
                "landmark_error": errors([found[name][row] for row in has_face], exact)["error"],
            }
            for name in systems
        }
    }


def network_words(run: Path) -> str:
    """Say what network a run has: `small_cnn at 48 pixels`.

    Args:
        run: Of `ferda fit`.
    """
    model = load_method(run)
    network = model.metadata["settings"].get("backbone", model.metadata["method"])
    return f"{network} at {model.preprocessing.size} pixels"


if __name__ == "__main__":
    main()
