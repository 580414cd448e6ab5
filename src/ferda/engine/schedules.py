"""Courses of the learning rate within a stage, as pure functions of where training stands."""

from __future__ import annotations

import math
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from ferda.batch import Progress


class Schedule(BaseModel):
    """How a learning rate moves within a stage.

    Attributes:
        kind: `constant`; `cosine` (to `floor`); `linear` (to `floor`); `steps` (see `at`); `decay` (see
            `every`); `inverse`, the rate of DANN: (1 + 10 p) ** -0.75 with p the done fraction (Ganin et
            al., JMLR 2016, section 5.2).
        warmup: Epochs in which the rate rises linearly from zero.
        floor: Share of the rate that is left at the end of `cosine` and `linear`.
        at: For `steps`: epoch (from 0) to the factor that holds from it on.
        every: For `decay`: epochs after which the rate is multiplied by `by`, again and again.
        by: That factor.
        until: For `inverse`: steps after which p is 1; None is the whole stage.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    kind: Literal["constant", "cosine", "linear", "steps", "decay", "inverse"] = "constant"
    warmup: float = Field(default=0.0, ge=0)
    floor: float = Field(default=0.0, ge=0, le=1)
    at: dict[int, float] = {}
    every: int = Field(default=1, ge=1)
    by: float = Field(default=0.1, gt=0, le=1)
    until: int | None = Field(default=None, ge=1)

    def factor(self, progress: Progress) -> float:
        """Factor on the learning rate.

        Args:
            progress: Where training stands in this stage.
        """
        done = progress.fraction
        match self.kind:
            case "cosine":
                course = self.floor + (1 - self.floor) * 0.5 * (1 + math.cos(math.pi * done))
            case "linear":
                course = 1 - (1 - self.floor) * done
            case "inverse":
                done = done if self.until is None else min(progress.step / self.until, 1.0)
                course = (1 + 10 * done) ** -0.75
            case "decay":
                course = self.by ** (progress.epoch // self.every)
            case "steps":
                begun = [epoch for epoch in self.at if epoch <= progress.epoch]
                course = self.at[max(begun)] if begun else 1.0
            case _:
                course = 1.0
        if self.warmup:
            warm_steps = self.warmup * progress.steps / max(progress.epochs, 1)
            course *= min((progress.step + 1) / max(warm_steps, 1), 1.0)
        return course
