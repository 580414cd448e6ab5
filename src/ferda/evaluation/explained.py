"""A handful of faces, right and wrong, with the places that the model's answers came from.

Of the right answers the most confident of each class, of the wrong ones the most confident of each kind. A
wrong face is shown twice: with what speaks for the answer, and with what speaks for the truth.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ferda.errors import UserError
from ferda.evaluation.blocks import Section
from ferda.evaluation.evaluation import Evaluation
from ferda.evaluation.gallery import ExplainedFace, thumbnail

if TYPE_CHECKING:
    from ferda.data.domain import Domain
    from ferda.engine.checkpoint import LoadedMethod

_SIDE = 128
#: Gradients need the maps of the whole network, so only few faces pass together.
_AT_ONCE = 8


def explained_faces(
    model: LoadedMethod, domain: Domain, evaluation: Evaluation, *, count: int = 6
) -> tuple[ExplainedFace, ...]:
    """Explain the answers to some faces of a domain; none if the network has no map of places.

    Args:
        model: That was evaluated.
        domain: On which it was evaluated.
        evaluation: Its answers.
        count: At most this many right, and this many wrong faces.
    """
    table = evaluation.predictions
    right = table[table["scored"] & table["correct"]].sort_values(
        "confidence", ascending=False, kind="stable"
    )
    chosen = pd.concat(
        [
            right.drop_duplicates("label").head(count),
            evaluation.wrong.drop_duplicates(["label", "predicted"]).head(count),
        ]
    )
    if chosen.empty:
        return ()
    rows = np.array(chosen.index)
    try:
        answer, truth = (_places(model, domain, rows, chosen[column]) for column in ("predicted", "label"))
    except (UserError, RuntimeError):
        # a network of one's own that knows no gradient in evaluation still deserves its report
        return ()
    images = domain.gather(rows)
    return tuple(
        _face(images[place], face, answer[place], truth[place])
        for place, (_, face) in enumerate(chosen.iterrows())
    )


def explained_section(faces: Sequence[ExplainedFace], name: str = "") -> Section:
    """Show explained faces.

    Args:
        faces: At least one.
        name: Of the model, if the report is about several.
    """
    return Section(
        "reasons",
        "Reasons",
        f"Where {name or 'it'} looks",
        "Coloured places speak for the expression below the picture (Grad-CAM), the brightest most; places "
        "that speak against it stay grey. The most confident right answer of each class, and the most "
        "confident wrong ones. A bright mouth is no proof of a good reason, a bright corner is one of a bad "
        "one. The command ferda explain shows this for any picture.",
        explained=tuple(faces),
    )


def _places(model: LoadedMethod, domain: Domain, rows: np.ndarray, about: pd.Series) -> list[np.ndarray]:
    """A grid from 0 to 1 for each row: what speaks for the class that stands beside it."""
    import torch

    from ferda.data.loader import evaluation_batches
    from ferda.inference.gradcam import explain_batch

    device = next((weight.device for weight in model.method.parameters()), torch.device("cpu"))
    asked = torch.tensor([domain.classes.index(name) for name in about], device=device)
    shown = evaluation_batches(domain, model.preprocessing, rows, batch=_AT_ONCE, device=device)
    grids = [
        explain_batch(model.method, batch.images, batch.landmarks, chosen).decision.places
        for batch, chosen in zip(shown, asked.split(_AT_ONCE), strict=True)
    ]
    return list(torch.cat(grids).cpu().numpy())


def _face(image: np.ndarray, face: pd.Series, answer: np.ndarray, truth: np.ndarray) -> ExplainedFace:
    from ferda.inference.overlay import enlarged, overlay

    label, predicted = str(face["label"]), str(face["predicted"])
    places = {predicted: answer} if face["correct"] else {predicted: answer, label: truth}
    return ExplainedFace(
        pictures=(
            (thumbnail(enlarged(image, _SIDE), _SIDE), ""),
            *((thumbnail(overlay(image, grid, _SIDE), _SIDE), name) for name, grid in places.items()),
        ),
        file=str(face["file"]),
        label=label,
        predicted=predicted,
        confidence=float(face["confidence"]),
    )
