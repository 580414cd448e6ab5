"""An exported network in whole numbers of eight bits, kept only if it still says the same.

Weights (one scale a channel) and activations (one scale a tensor, from the range they had on calibration
faces) are rounded, as ONNX nodes around each operation. What that costs is measured on other faces before the
file appears under its name. The face detector stays as it was.
"""

from __future__ import annotations

import json
import logging
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ferda.errors import UserError
from ferda.files import replacing
from ferda.inference.runtime import ABOUT, OnnxPredictor, load_onnx

if TYPE_CHECKING:
    from ferda.data.domain import Domain

#: Faces that ranges are taken from, and that the loss is measured on, at most.
_CALIBRATING, _MEASURING = 512, 2048
#: Fewer faces tell neither.
_FEWEST = 20
_TOGETHER = 32


@dataclass(frozen=True)
class Loss:
    """What rounding changed.

    Attributes:
        faces: On which it was measured; none of them was used for calibration.
        agreement: Share of them whose most probable class is the same.
        largest_difference: Of a probability.
        mean_difference: Of the probabilities.
        labelled: Faces among them whose label is known.
        accuracy_before: On these; None if there is none.
        accuracy_after: Likewise.
    """

    faces: int
    agreement: float
    largest_difference: float
    mean_difference: float
    labelled: int = 0
    accuracy_before: float | None = None
    accuracy_after: float | None = None


def quantise(exported: Path, path: Path, domain: Domain, least_agreement: float = 0.95) -> Loss:
    """Round an exported model, measure what that changes, and keep it if it is little.

    Args:
        exported: What `ferda.inference.export.export_model` wrote.
        path: Ends in `.onnx`.
        domain: Faces cut out as the model's; up to 512 of them, drawn with a fixed seed, are calibrated on
            (never more than half), up to 2048 others measured on.
        least_agreement: Share of faces on which both models must name the same expression.

    Raises:
        UserError: If there are too few faces, the network cannot be rounded, or the models agree too seldom.
    """
    if not 0 <= least_agreement <= 1:
        raise UserError(f"The least agreement is a share between 0 and 1, got {least_agreement}.")
    if len(domain) < _FEWEST:
        raise UserError(
            f"{domain.name} has {len(domain)} faces; rounding needs at least {_FEWEST}, half of them to "
            "measure the loss on."
        )
    before = load_onnx(exported)
    order = np.random.default_rng(0).permutation(len(domain))
    used = min(_CALIBRATING, len(domain) // 2)
    with tempfile.TemporaryDirectory() as folder, replacing(path) as temporary:
        _round(exported, temporary, Path(folder), _Faces(before, domain, order[:used]))
        loss = _measure(before, load_onnx(temporary), domain, order[used : used + _MEASURING])
        if loss.agreement < least_agreement:
            raise UserError(
                f"The rounded model was not kept: on {loss.faces} faces of {domain.name} it names the "
                f"expression of the exact one in {loss.agreement:.1%}, below the {least_agreement:.1%} asked "
                "for; export without --int8, calibrate on faces like those it will see, or lower "
                "--least-agreement."
            )
        _tell(temporary, loss)
    return loss


class _Faces:
    """Hands faces to onnxruntime's calibration, which asks for `get_next` until there is None."""

    def __init__(self, predictor: OnnxPredictor, domain: Domain, rows: np.ndarray) -> None:
        self._batches = _batches(predictor, domain, rows)

    def get_next(self) -> dict[str, np.ndarray] | None:
        return next(self._batches, None)


def _batches(predictor: OnnxPredictor, domain: Domain, rows: np.ndarray) -> Iterator[dict[str, np.ndarray]]:
    landmarks = domain.landmarks
    for start in range(0, len(rows), _TOGETHER):
        some = rows[start : start + _TOGETHER]
        yield predictor.given(domain.gather(some), landmarks[some])


def _round(exported: Path, path: Path, folder: Path, faces: _Faces) -> None:
    from onnxruntime.quantization import QuantFormat, QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    logging.getLogger().setLevel(max(logging.ERROR, logging.getLogger().level))
    try:
        # joins what runs as one operation, so that nothing is rounded in between
        quant_pre_process(str(exported), str(folder / "joined.onnx"), skip_symbolic_shape=True)
        quantize_static(
            str(folder / "joined.onnx"),
            str(path),
            faces,
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            # processors without VNNI add products in 16 bits, which weights of 8 bits overflow
            reduce_range=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
        )
    except Exception as error:  # its failures have no class in common
        raise UserError(f"This network cannot be rounded to int8: {error}".split("\n")[0]) from error


def _measure(before: OnnxPredictor, after: OnnxPredictor, domain: Domain, rows: np.ndarray) -> Loss:
    labels = domain.labels()[rows]
    answers = []
    for predictor in (before, after):
        said = [
            predictor.answer(domain.gather(some), domain.landmarks[some])[0]
            for some in np.array_split(rows, -(-len(rows) // 256))
        ]
        answers.append(np.concatenate(said))
    differences = np.abs(answers[0] - answers[1])
    first, second = (probabilities.argmax(1) for probabilities in answers)
    known = labels >= 0
    right = [float((one == labels)[known].mean()) if known.any() else None for one in (first, second)]
    return Loss(
        faces=len(rows),
        agreement=float((first == second).mean()),
        largest_difference=float(differences.max()),
        mean_difference=float(differences.mean()),
        labelled=int(known.sum()),
        accuracy_before=right[0],
        accuracy_after=right[1],
    )


def _tell(path: Path, loss: Loss) -> None:
    """Write the loss into the file's metadata."""
    import onnx

    model = onnx.load(path)
    entry: Any = next(entry for entry in model.metadata_props if entry.key == ABOUT)
    entry.value = json.dumps({**json.loads(entry.value), "int8": asdict(loss)}, sort_keys=True)
    onnx.save(model, path)
