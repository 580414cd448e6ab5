"""Makes a trained model adapt to a stream, with what its run knows of the data it was trained on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import yaml
from numpy.typing import NDArray
from pydantic import ValidationError

from ferda.batch import Labelled
from ferda.data.bagging import bagged
from ferda.data.balance import balanced_by
from ferda.data.domain import Domain
from ferda.data.loader import evaluation_batches
from ferda.engine.domains import open_run_domains
from ferda.engine.recipe_sections import DataRecipe, StageRecipe, TrainingRecipe
from ferda.errors import UserError
from ferda.methods.base import Sampling
from ferda.test_time import adaptation_class
from ferda.test_time.base import Adaptation, SourceKnowledge
from ferda.test_time.calibrating import smoothed

if TYPE_CHECKING:
    from ferda.engine.checkpoint import LoadedMethod

#: Held-out faces of each source that are looked at.
_ROWS = 2000
_BATCH = 64


def open_adaptation(name: str, model: LoadedMethod, **settings: Any) -> Adaptation:
    """Return a copy of a trained model that adapts while it answers.

    Args:
        name: One of `ferda.list_adaptations()`.
        model: Is left as it is.
        **settings: Of the adaptation's `Config`.

    Raises:
        UserError: If there is no such adaptation or setting, or the model does not allow it.
    """
    kind = adaptation_class(name)
    try:
        config = kind.Config(**settings)
    except ValidationError as error:
        found = "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors())
        raise UserError(f"The settings of {name} are not right: {found}.") from error
    source, reason = None, ""
    if kind.uses_source:
        try:
            source = source_knowledge(model)
        except UserError as error:
            reason = f" {error}"
    try:
        return kind(model.method, config, source)
    except UserError as error:
        raise UserError(f"{error}{reason}") from error


def adaptation_settings(name: str | None, assignments: Sequence[str] | None) -> dict[str, Any]:
    """Return settings as they are typed.

    Args:
        name: Of the adaptation; None has no settings.
        assignments: `name=value`, the value in YAML; None has none.

    Raises:
        UserError: If one has another form, or there is no adaptation to set.
    """
    if assignments and name is None:
        raise UserError("--set is for the settings of an adaptation; name one with --adapt.")
    settings = {}
    for assignment in assignments or ():
        key, sign, text = assignment.partition("=")
        try:
            settings[key] = yaml.safe_load(text)
        except yaml.YAMLError as error:
            raise UserError(f"The value of '{assignment}' is no YAML.") from error
        if not sign or not key:
            raise UserError(f"'{assignment}' is not of the form name=value, for instance rate=0.0001.")
    return settings


def source_knowledge(model: LoadedMethod) -> SourceKnowledge:
    """Return what a run knows of its sources, which must still be where they were.

    Args:
        model: Of a run.

    Raises:
        UserError: If the weights are of no run with sources, or a source is gone.
    """
    recipe = model.metadata.get("recipe")
    if recipe is None:
        raise UserError(f"{model.path} holds weights without a recipe, so nobody knows their sources.")
    data = DataRecipe.model_validate(recipe["data"]).model_copy(update={"target": None, "watch": None})
    if not data.sources:
        raise UserError(f"The recipe of {model.path} names no source.")
    training = TrainingRecipe.model_validate(recipe["training"])
    domains = open_run_domains(data, model.method.needs, lambda sentence: None)
    stage = training.stage(model.method.stages[-1])
    device = next(model.method.parameters()).device

    def held_out() -> Iterator[Labelled]:
        for domain in domains.holdouts:
            rows = np.random.default_rng(0).permutation(len(domain))[:_ROWS]
            labels = _labels(domain)
            for shown in evaluation_batches(domain, model.preprocessing, rows, batch=_BATCH, device=device):
                assert shown.index is not None
                truth = torch.from_numpy(labels[shown.index.cpu().numpy()]).float().to(device)
                yield Labelled(shown.images, truth, shown.landmarks)

    shares = training_shares(domains.sources, stage, stage.sampling or model.method.sampling)
    return SourceKnowledge(model.classes, shares, held_out)


def training_shares(
    sources: Sequence[Domain], settings: StageRecipe, sampling: Sampling
) -> NDArray[np.float64]:
    """Return the shares of the classes among the rows that training showed, (C,), none of them 0.

    Args:
        sources: Labelled rows to learn from.
        settings: Of the last stage: how it balances its rows.
        sampling: How sources share the steps; without pooling every source counts alike.
    """
    if settings.bag is not None:
        sources = [bagged(source, settings.bag) for source in sources]
    pools = [list(sources)] if sampling == "pooled" else [[source] for source in sources]
    return np.asarray(np.mean([_pool_shares(pool, settings) for pool in pools], axis=0))


def _pool_shares(pool: Sequence[Domain], settings: StageRecipe) -> NDArray[np.float64]:
    kinds, balance = balanced_by(pool, settings.balance)
    counts = np.bincount(kinds[kinds >= 0])
    shown = counts if settings.class_cap is None else np.minimum(counts, settings.class_cap)
    if balance == "class_balanced":
        shown = (counts > 0).astype(int)
    visits = np.where(kinds >= 0, (shown / np.maximum(counts, 1))[kinds], 0.0)
    seen = visits @ np.concatenate([_labels(source) for source in pool])
    return smoothed(seen * len(kinds) / seen.sum())


def _labels(domain: Domain) -> NDArray[np.float64]:
    """(n, C) labels as training takes them, a row of zeros where there is none."""
    soft = domain.soft_labels()
    if soft is not None:
        return soft.astype(np.float64)
    hard = domain.labels()
    return np.eye(len(domain.classes))[hard] * (hard >= 0)[:, None]
