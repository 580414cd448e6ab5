"""What a model says of a domain, as it is or adapting to the faces while it answers for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from ferda.data.loader import evaluation_batches
from ferda.engine.adapting import open_adaptation
from ferda.engine.scoring import Answers, answers
from ferda.test_time.calibrating import tempered

if TYPE_CHECKING:
    from ferda.data.domain import Domain, UnlabelledDomain
    from ferda.engine.checkpoint import LoadedMethod, Preprocessing
    from ferda.test_time.base import Adaptation


def domain_answers(
    model: LoadedMethod, domain: Domain, adapt: str | Adaptation | None, batch: int, seed: int
) -> tuple[Answers, str, dict[str, int]]:
    """Return what a model says of a domain's faces.

    Args:
        model: Is left as it is.
        domain: Whose pictures are shown.
        adapt: Name of an adaptation, or one of the model, which starts anew; None for the model as it is.
        batch: Pictures at a time.
        seed: Of the order in which an adaptation meets them.

    Returns:
        Answers in the order of the domain, what follows the model's name in reports, and remarks with the
        number of faces that they are about.
    """
    place = next((weight.device for weight in model.method.parameters()), torch.device("cpu"))
    if adapt is None:
        said = answers(model.method, domain, None, model.preprocessing, place, batch)
        return said._replace(probabilities=tempered(said.probabilities, model.temperature)), "", {}
    adaptation = open_adaptation(adapt, model) if isinstance(adapt, str) else adapt
    adaptation.reset()
    said = _of_stream(adaptation, domain.without_labels(), model.preprocessing, place, batch, seed)
    how = f"adapted to the faces as they were answered, {batch} at a time in random order (seed {seed})"
    remarks = (f"{adaptation.name}: {remark}" for remark in (how, *adaptation.remarks))
    return said, f" + {adaptation.name}", dict.fromkeys(remarks, len(domain))


def _of_stream(
    adaptation: Adaptation,
    domain: UnlabelledDomain,
    preprocessing: Preprocessing,
    place: torch.device,
    batch: int,
    seed: int,
) -> Answers:
    # rows of a data set are often sorted by class or person, as no camera's are
    order = np.random.default_rng(seed).permutation(len(domain))
    probabilities, features, affect = [], [], []
    for shown in evaluation_batches(domain, preprocessing, order, batch=batch, device=place):
        output = adaptation.answer(shown.images, shown.landmarks)
        probabilities.append(output.probabilities.cpu().numpy())
        features.append(output.features.float().cpu().numpy())
        if "affect" in output.views:
            affect.append(output.views["affect"].float().cpu().numpy())
    back = np.argsort(order)
    return Answers(
        adaptation.finish(np.concatenate(probabilities)[back]),
        np.concatenate(features)[back],
        np.concatenate(affect)[back] if affect else None,
    )
