"""A trained method as one ONNX file, which runs without torch.

The file takes `images` (B, 3, H, W), normalised as in training, and `landmarks` (B, 5, 2) if the method looks
at them; it gives `logits` (B, C). Class names and preprocessing travel in its metadata. Before the file
appears under its name, onnxruntime has answered with it for two batches of different sizes, and the answers
were those of torch.
"""

from __future__ import annotations

import json
import logging
import warnings
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ferda.errors import UserError
from ferda.files import replacing
from ferda.landmarks import FIVE_POINTS
from ferda.methods.base import Method

#: Largest difference of a probability that rounding explains.
TOLERANCE = 1e-4


class _Logits(nn.Module):
    def __init__(self, method: Method) -> None:
        super().__init__()
        self.method = method

    def forward(self, images: Tensor, landmarks: Tensor | None = None) -> Tensor:
        logits: Tensor = self.method(images, landmarks).logits
        return logits


def export_onnx(method: Method, path: Path, size: int, metadata: dict[str, Any] | None = None) -> float:
    """Write a method as ONNX with a batch of any size, and check it against torch.

    Args:
        method: On the CPU; is put into evaluation mode.
        path: Ends in `.onnx`.
        size: Side H = W of the pictures.
        metadata: What JSON can hold, stored under the key `ferda`.

    Returns:
        Largest absolute difference between both programs' probabilities.

    Raises:
        UserError: If the packages are missing, the network cannot be expressed, or its answers differ.
    """
    if path.suffix != ".onnx":
        raise UserError(f"An exported model is called something.onnx, not {path.name}.")
    _need_packages()
    network = _Logits(method.eval())
    inputs = _inputs(method, 3, size)
    batch = torch.export.Dim("batch")
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            program = torch.onnx.export(
                network,
                inputs,
                input_names=["images", "landmarks"][: len(inputs)],
                output_names=["logits"],
                dynamo=True,
                dynamic_shapes=tuple({0: batch} for _ in inputs),
                verbose=False,
            )
        assert program is not None
    except Exception as error:  # the exporter has many kinds of failure, all of them final
        raise UserError(f"This network cannot be written as ONNX: {error}".split("\n")[0]) from error
    model = program.model_proto
    if metadata is not None:
        entry = model.metadata_props.add()
        entry.key, entry.value = "ferda", json.dumps(metadata, sort_keys=True)
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


def _inputs(method: Method, rows: int, size: int) -> tuple[Tensor, ...]:
    generator = torch.Generator().manual_seed(rows)
    images = torch.randn(rows, 3, size, size, generator=generator)
    if not method.needs.landmarks:
        return (images,)
    return images, size * (0.2 + 0.6 * torch.rand(rows, len(FIVE_POINTS), 2, generator=generator))


def _difference(network: nn.Module, data: bytes, inputs: tuple[Tensor, ...]) -> float:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    fed = dict(zip(("images", "landmarks"), (value.numpy() for value in inputs), strict=False))
    (answer,) = session.run(None, {given.name: fed[given.name] for given in session.get_inputs()})
    with torch.no_grad():
        expected = network(*inputs)
    return float((torch.from_numpy(answer).softmax(1) - expected.softmax(1)).abs().max())


def _need_packages() -> None:
    from importlib.util import find_spec

    missing = [name for name in ("onnx", "onnxscript", "onnxruntime") if find_spec(name) is None]
    if missing:
        raise UserError(f"Export needs {', '.join(missing)}: pip install 'ferda[export]'.")
