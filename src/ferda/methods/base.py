"""The contract between a method and the engine.

A method says what it computes and what it must be given; the engine owns everything else. So a method never
calls `backward`, and never touches an optimiser, a device, a path, a logger, or a label of the target.
To add a method, add one file to this folder with one `Method` subclass: its name is the file's name.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Protocol

from pydantic import BaseModel, ConfigDict
from torch import Tensor, nn

from ferda.batch import DomainBatch, Output, Progress, Unlabelled, Update

Sampling = Literal["joint", "pooled", "round_robin"]


class MethodConfig(BaseModel):
    """Base of every method's settings: unknown keys are errors, values cannot change."""

    model_config = ConfigDict(extra="forbid", frozen=True)


@dataclass(frozen=True)
class Needs:
    """What a method must be given.

    Attributes:
        sources: Labelled source rows in every batch.
        target: Unlabelled target rows in every batch (of the stages after the first, if there are several).
        strong: A strong view of the target rows.
        landmarks: Five landmarks a picture.
        source_model: A trained run to start from, whose network the method has under the same name: a
            `ferda.backbones.classifier.Classifier` called `network`. Classes and preprocessing are the run's.
    """

    sources: bool = True
    target: bool = True
    strong: bool = False
    landmarks: bool = False
    source_model: bool = False


@dataclass(frozen=True)
class ParameterGroup:
    """Children that share a learning rate.

    Attributes:
        name: What a recipe calls the group.
        modules: Dotted names of the method's descendants.
        rate: Factor on the recipe's learning rate.
        decay: Factor on the recipe's weight decay.
    """

    name: str
    modules: tuple[str, ...]
    rate: float = 1.0
    decay: float = 1.0


class TargetView(Protocol):
    """The target domain as `begin_epoch` may see it: pictures and row numbers, no labels."""

    def __len__(self) -> int: ...

    def batches(self) -> Iterator[Unlabelled]:
        """Every row once, without augmentation, on the method's device."""
        ...


class Method(nn.Module):
    """A network together with what it learns from.

    Args:
        config: Settings of the subclass's own `Config`.
        classes: Number of classes `C`.
        sources: Number of source domains.

    Attributes:
        settings: `config`, to make the method once more from a checkpoint.
        noted: Numbers without gradient that are no losses; what `losses` leaves here goes into the journal.
    """

    Config: ClassVar[type[MethodConfig]] = MethodConfig
    needs: ClassVar[Needs] = Needs()
    #: Names of the training stages, in order; a recipe may set each one's length and rates.
    stages: tuple[str, ...] = ("adapt",)
    sampling: ClassVar[Sampling] = "joint"
    #: Dotted name of the module whose last map `ferda explain` looks at; None lets it be found. A method that
    #: cuts a map into parts (windows, quadrants) names what it cuts: a part has no map of the picture.
    explained: ClassVar[str | None] = None
    #: Names of children that only training needs, such as a teacher: no weights file holds them.
    training_only: ClassVar[tuple[str, ...]] = ()

    def __init__(self, config: MethodConfig, classes: int, sources: int = 1) -> None:
        super().__init__()
        self.classes = classes
        self.sources = sources
        self.settings = config
        self.noted: dict[str, Tensor] = {}
        self.stages = self.stages_for(config)

    @classmethod
    def stages_for(cls, config: Any) -> tuple[str, ...]:
        """Names of the stages under some settings, for methods that grow; `stages` for all others.

        Args:
            config: Settings of the subclass's own `Config`.
        """
        return cls.stages

    def kept(self) -> Method:
        """Return the method, sharing its weights, without the children that only training needs."""
        kept = copy.copy(self)
        kept._modules = {
            name: child for name, child in self._modules.items() if name not in self.training_only
        }
        return kept

    def forward(self, images: Tensor, landmarks: Tensor | None = None) -> Output:
        """Answer for a batch of faces, combining heads and branches as the paper does at test time.

        Args:
            images: (B, 3, H, W) normalised.
            landmarks: (B, 5, 2) pixels of `images`, for methods that need them.
        """
        raise NotImplementedError

    def losses(self, batch: DomainBatch, progress: Progress) -> dict[str, Tensor]:
        """Return weighted, named scalars; the engine adds them up and goes backward.

        Args:
            batch: One step's rows. In a stage that uses no target, `batch.target` is None.
            progress: Where training stands, and which of `updates()` is asked for.
        """
        raise NotImplementedError

    def updates(self, stage: str) -> Sequence[Update]:
        """The optimiser steps of one batch, in order; `losses` is called once for each.

        Args:
            stage: Name of the stage.
        """
        return (Update(),)

    def uses_target(self, stage: str) -> bool:
        """Whether a stage's batches hold target rows: all stages, or all but the first of several."""
        return self.needs.target and (len(self.stages) == 1 or stage != self.stages[0])

    def begin_epoch(self, target: TargetView | None, progress: Progress) -> None:
        """Refresh what depends on a whole pass over the target (pseudo-labels, centres).

        Args:
            target: The target without labels; None in a stage that uses no target.
            progress: Where training stands.
        """

    def parameter_groups(self, stage: str) -> Sequence[ParameterGroup]:
        """Groups with their factors; parameters that no group names learn at the recipe's rate.

        Args:
            stage: Name of the stage, whose optimiser is being made.
        """
        return ()
