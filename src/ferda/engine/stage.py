"""One stage of a training while it runs: its settings, its batches, and where it stands."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from lightning.fabric import Fabric

from ferda.batch import Progress, Update
from ferda.data.bagging import bagged
from ferda.data.loader import DomainLoader
from ferda.data.normalise import Normalise
from ferda.engine.candidates import Candidates
from ferda.engine.domains import RunDomains
from ferda.engine.recipe import Recipe
from ferda.engine.recipe_sections import StageRecipe
from ferda.errors import UserError
from ferda.methods.base import Method


@dataclass
class Stage:
    """One stage of a training.

    Attributes:
        number: Its place among the method's stages, from 0.
        name: Its name.
        is_last: Whether the run ends with it.
        settings: Its part of the recipe.
        loader: Makes the batch of any step.
        steps_per_epoch: Length of an epoch.
        candidates: The checkpoints that may be chosen.
        updates: The optimiser steps of one batch.
        step: Steps done.
        seed: Base of everything random in it.
    """

    number: int
    name: str
    is_last: bool
    settings: StageRecipe
    loader: DomainLoader
    steps_per_epoch: int
    candidates: Candidates
    updates: tuple[Update, ...]
    step: int = 0
    seed: int = 0

    @property
    def steps(self) -> int:
        """Steps in all."""
        return self.settings.epochs * self.steps_per_epoch

    @property
    def epochs_done(self) -> int:
        """Whole epochs done."""
        return self.step // self.steps_per_epoch

    @property
    def begins_epoch(self) -> bool:
        """Whether the next step is the first of an epoch."""
        return self.step % self.steps_per_epoch == 0

    @property
    def progress(self) -> Progress:
        """Where the stage stands, as methods are told."""
        return Progress(
            step=self.step,
            steps=self.steps,
            epoch=self.epochs_done,
            epochs=self.settings.epochs,
            stage=self.name,
        )

    def step_seed(self, rank: int, *, epoch_start: bool = False) -> int:
        """Seed of the step's dropout: nothing random depends on the past, so a resumed run is exact.

        Args:
            rank: Of the process.
            epoch_start: For the pass before the first step of an epoch.
        """
        return hash((self.seed, self.number, self.step, epoch_start, rank)) & 0x7FFFFFFF


def open_stage(
    fabric: Fabric, recipe: Recipe, method: Method, domains: RunDomains, folder: Path, number: int
) -> Stage:
    """Prepare a stage at its first step.

    Args:
        fabric: Knows processes and device.
        recipe: Of the run.
        method: To be trained.
        domains: Opened.
        folder: Of the run.
        number: Of the stage, from 0.

    Raises:
        UserError: If the method needs a target and the recipe names none, or a bag has no such people.
    """
    name = method.stages[number]
    settings = recipe.training.stage(name)
    uses_target = method.uses_target(name)
    if uses_target and domains.target is None:
        raise UserError(f"The method '{recipe.method.name}' adapts to a target; name one with --target.")
    sources = domains.sources if method.needs.sources else ()
    if settings.bag is not None:
        sources = tuple(bagged(source, settings.bag) for source in sources)
    loader = DomainLoader(
        sources,
        domains.target if uses_target else None,
        batch=settings.batch,
        target_batch=settings.target_batch,
        sampling=settings.sampling or method.sampling,
        balance=settings.balance,
        cap=settings.class_cap,
        weak=recipe.data.weak,
        strong=recipe.data.strong if method.needs.strong and uses_target else None,
        normalise=Normalise.named(recipe.data.normalise, recipe.data.channels),
        size=domains.preprocessing.size,
        # stages see batches of their own
        seed=recipe.training.seed * 1000 + number,
        rank=fabric.global_rank,
        world=fabric.world_size,
        device=fabric.device,
        resident=recipe.data.resident,
    )
    is_last = number == len(method.stages) - 1
    chosen = folder / ("best.safetensors" if is_last else f"stage-{name}.safetensors")
    return Stage(
        number=number,
        name=name,
        is_last=is_last,
        settings=settings,
        loader=loader,
        steps_per_epoch=loader.epoch_steps(settings.epoch_steps),
        candidates=Candidates(folder / "candidates", chosen, recipe.training.guard),
        updates=tuple(method.updates(name)),
        seed=recipe.training.seed,
    )
