"""A trained method as one ONNX file, which runs without torch.

The network takes `images` (B, 3, H, W), normalised as in training, and `landmarks` (B, 5, 2) if the method
looks at them; it gives `logits` (B, C), and `affect` (B, 2) if it says valence and arousal. Class names,
preprocessing and the networks of the face detector travel in the metadata. Before the file appears under
its name, onnxruntime has answered with it for two batches of different sizes, and the answers were torch's.
"""

from __future__ import annotations

import base64
import json
import logging
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from ferda.errors import UserError
from ferda.faces.mtcnn import load_networks
from ferda.files import replacing
from ferda.inference.runtime import ABOUT, DETECTOR
from ferda.inference.sessions import open_session
from ferda.landmarks import FIVE_POINTS
from ferda.methods.base import Method

if TYPE_CHECKING:
    from ferda.engine.checkpoint import LoadedMethod

#: Largest difference of a probability that rounding explains.
TOLERANCE = 1e-4


class _Said(nn.Module):
    """What a method answers, as plain tensors."""

    def __init__(self, method: Method, says_affect: bool) -> None:
        super().__init__()
        self.method = method
        self.says_affect = says_affect

    def forward(self, images: Tensor, landmarks: Tensor | None = None) -> tuple[Tensor, ...]:
        output = self.method(images, landmarks)
        return (output.logits, output.views["affect"]) if self.says_affect else (output.logits,)


class _Bent(nn.Module):
    """PReLU in other words: onnxruntime is two to three times as fast with these as with its own."""

    def __init__(self, original: nn.PReLU, is_dense: bool) -> None:
        super().__init__()
        slope = original.weight.detach()
        self.slope = nn.Parameter(slope if is_dense else slope[:, None, None], requires_grad=False)

    def forward(self, values: Tensor) -> Tensor:
        return self.slope * values + (1 - self.slope) * values.relu()


def export_model(model: LoadedMethod, path: Path) -> float:
    """Write a loaded method so that `ferda.load` answers with it where there is no torch.

    Args:
        model: On the CPU.
        path: Ends in `.onnx`.

    Returns:
        Largest absolute difference between both programs' probabilities.

    Raises:
        UserError: If the packages are missing, the network cannot be expressed, or its answers differ.
    """
    check_export(path)
    shown = model.preprocessing
    about = {
        "classes": model.classes,
        "method": model.metadata["method"],
        "preprocessing": {**asdict(shown), "crop": shown.crop.to_dict()},
        "temperature": model.temperature,
    }
    held = {ABOUT: json.dumps(about, sort_keys=True), **detector_metadata()}
    return export_onnx(model.method, path, shown.size, held)


def export_onnx(method: Method, path: Path, size: int, metadata: Mapping[str, str] | None = None) -> float:
    """Write a method as ONNX with a batch of any size, and check it against torch.

    Args:
        method: On the CPU; is put into evaluation mode.
        path: Ends in `.onnx`.
        size: Side H = W of the pictures.
        metadata: Is stored as it is.

    Returns:
        Largest absolute difference between both programs' probabilities.

    Raises:
        UserError: If the packages are missing, the network cannot be expressed, or its answers differ.
    """
    check_export(path)
    inputs = _inputs(method.eval(), 3, size)
    with torch.no_grad():
        says_affect = "affect" in method(*inputs).views
    network = _Said(method, says_affect)
    names = (["images", "landmarks"][: len(inputs)], ["logits", "affect"][: 1 + says_affect])
    model = _as_onnx(network, inputs, [0], *names)
    for key, value in (metadata or {}).items():
        entry = model.metadata_props.add()
        entry.key, entry.value = key, value
    data = model.SerializeToString()
    difference = max(_difference(network, data, _inputs(method, rows, size)) for rows in (1, 5))
    if not difference < TOLERANCE:
        raise UserError(
            "The exported model was not kept, for it answers otherwise than torch: a probability differs by "
            f"{difference:.2g}."
        )
    with replacing(path) as temporary:
        temporary.write_bytes(data)
    return difference


def check_export(path: Path) -> None:
    """Refuse what cannot be exported to, before anything is computed.

    Args:
        path: Of the file to write.

    Raises:
        UserError: If it has another ending, or packages are missing.
    """
    from importlib.util import find_spec

    if path.suffix != ".onnx":
        raise UserError(f"An exported model is called something.onnx, not {path.name}.")
    if missing := [name for name in ("onnx", "onnxscript", "onnxruntime") if find_spec(name) is None]:
        raise UserError(f"Export needs {', '.join(missing)}: pip install 'ferda[export]'.")


@cache  # always the same, and made in ten seconds
def detector_metadata() -> Mapping[str, str]:
    """Return the networks of the face detector as ONNX, in letters, by their key in the metadata.

    Raises:
        UserError: If the package that carries the weights is missing.
    """
    held = {}
    for key, network, side in zip(DETECTOR, load_networks(), (40, 24, 48), strict=True):
        dense = {name for name, _ in network.named_modules() if name.startswith("dense")}
        for name, child in list(network.named_modules()):
            if isinstance(child, nn.PReLU):
                network.set_submodule(name, _Bent(child, name in dense))
        # P-Net takes pictures of any size, the other two squares of their own
        free_axes = [0, 2, 3] if key == DETECTOR[0] else [0]
        model = _as_onnx(network, (torch.zeros(3, 3, side, side),), free_axes, ["images"], None)
        held[key] = base64.b64encode(model.SerializeToString()).decode("ascii")
    return held


def _as_onnx(
    network: nn.Module,
    inputs: tuple[Tensor, ...],
    free_axes: Sequence[int],
    input_names: Sequence[str],
    output_names: Sequence[str] | None,
) -> Any:
    """Return the network as an ONNX model; `free_axes` of each input may have any size."""
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    free = dict.fromkeys(free_axes, torch.export.Dim.DYNAMIC)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            program = torch.onnx.export(
                network,
                inputs,
                input_names=input_names,
                output_names=output_names,
                dynamo=True,
                dynamic_shapes=tuple(free for _ in inputs),
                verbose=False,
            )
        assert program is not None
    except Exception as error:  # the exporter has many kinds of failure, all of them final
        raise UserError(f"This network cannot be written as ONNX: {error}".split("\n")[0]) from error
    return program.model_proto


def _inputs(method: Method, rows: int, size: int) -> tuple[Tensor, ...]:
    generator = torch.Generator().manual_seed(rows)
    images = torch.randn(rows, 3, size, size, generator=generator)
    if not method.needs.landmarks:
        return (images,)
    return images, size * (0.2 + 0.6 * torch.rand(rows, len(FIVE_POINTS), 2, generator=generator))


def _difference(network: nn.Module, data: bytes, inputs: tuple[Tensor, ...]) -> float:
    session = open_session(data)
    fed = dict(zip(("images", "landmarks"), (value.numpy() for value in inputs), strict=False))
    answers = session.run(None, {given.name: fed[given.name] for given in session.get_inputs()})
    with torch.no_grad():
        logits, *affect = network(*inputs)
    expected = [logits.softmax(1), *affect]
    found = [torch.from_numpy(answers[0]).softmax(1), *map(torch.from_numpy, answers[1:])]
    return max(float((one - other).abs().max()) for one, other in zip(found, expected, strict=True))
