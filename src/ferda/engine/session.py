"""The training loop.

`Session` takes a method through its stages. One step: take a batch, ask the method for the losses of each
of its updates, add them up in float32, go backward through Fabric (which averages gradients when there are
several processes), clip, move the parameters that the update trains. After an epoch the held-out source and
the unlabelled target are scored, the checkpoint is offered for choice, and the run is saved.

Nothing here draws a random number that depends on the past: rows, views and dropout of a step are functions
of (seed, stage, step). So a run that was killed and resumed gives the same numbers, bit by bit.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch
from lightning.fabric import Fabric
from safetensors.torch import load_model
from torch import Tensor, nn

from ferda.batch import DomainBatch, Progress, Update
from ferda.engine.display import Display, Speed
from ferda.engine.domains import RunDomains
from ferda.engine.ema import WeightAverage
from ferda.engine.finite import FiniteWatch
from ferda.engine.interrupt import Interrupt
from ferda.engine.keeper import Keeper
from ferda.engine.optimisers import build_optimiser, set_rates, withhold
from ferda.engine.recipe import Recipe
from ferda.engine.scoring import Scorer
from ferda.engine.sharpness import uphill
from ferda.engine.stage import Stage, open_stage
from ferda.errors import UserError
from ferda.methods.base import Method


class _Step(nn.Module):
    """Lets `Method.losses` pass through `forward`, where the hooks of distributed training are."""

    def __init__(self, method: Method) -> None:
        super().__init__()
        self.method = method

    def forward(self, batch: DomainBatch, progress: Progress, only: str | None = None) -> dict[str, Tensor]:
        losses = self.method.losses(batch, progress)
        if only is None:
            return losses
        # several processes wait for each other's gradients: an update without this loss has gradients of zero
        kept = {name: loss for name, loss in losses.items() if name == only}
        return kept or {name: 0 * loss for name, loss in losses.items()}


class Session:
    """One training of one method.

    Args:
        fabric: Launched.
        recipe: What to train.
        method: With its initial weights.
        domains: Opened.
        folder: Of the run.
        display: Draws progress.
        after_epoch: Called by the first process when an epoch is scored; what it raises ends the run.
    """

    def __init__(
        self,
        fabric: Fabric,
        recipe: Recipe,
        method: Method,
        domains: RunDomains,
        folder: Path,
        display: Display,
        after_epoch: Callable[[], None] = lambda: None,
    ) -> None:
        self.fabric = fabric
        self.after_epoch = after_epoch
        self.recipe = recipe
        self.training = recipe.training
        self.method = method
        self.domains = domains
        self.folder = folder
        self.display = display
        self.average = None if self.training.ema is None else WeightAverage(method, self.training.ema)
        shown, limit = domains.preprocessing, self.training.score_rows
        scorer = Scorer(domains.holdouts, domains.target, domains.watch, shown, limit)
        self.keeper = Keeper(fabric, folder, recipe, shown, scorer)

    def train(self, resume: bool) -> None:
        """Run all stages to their end.

        Args:
            resume: Go on from the saved state if there is one.

        Raises:
            KeyboardInterrupt: After Ctrl-C, when everything is saved.
            UserError: If a loss is not finite, or the disk is full.
        """
        state = self.keeper.saved() if resume else None
        if self.fabric.is_global_zero:
            self.keeper.forget_after(state, self.method.stages)
        first = 0 if state is None else int(state["stage"])
        with Interrupt() as interrupt, self.display:
            for number in range(first, len(self.method.stages)):
                stage = open_stage(self.fabric, self.recipe, self.method, self.domains, self.folder, number)
                self._train_stage(stage, state, interrupt)
                state = None
        if self.fabric.is_global_zero:
            (self.folder / "finished").touch()

    def _train_stage(self, stage: Stage, state: dict[str, Any] | None, interrupt: Interrupt) -> None:
        if self.training.channels_last:
            self.method.to(memory_format=torch.channels_last)
        optimiser = build_optimiser(self.method, stage.settings, stage.name)
        module, optimiser = self.fabric.setup(_Step(self.method), optimiser)
        if self.average is not None:
            self.average.method.to(self.fabric.device)
        if state is not None:
            self.keeper.restore(state, stage, self.method, optimiser, self.average)
        self.display.stage(stage.name, stage.steps, stage.step)
        if stage.step == 0 and self.method.needs.source_model:
            # nothing else can tell whether adapting did harm: the start is the first that may be chosen
            self._end_epoch(stage)
        watch, speed = FiniteWatch(self.fabric.device), Speed()
        while stage.step < stage.steps:
            if stage.begins_epoch:
                self._begin_epoch(stage)
            batch = stage.loader.batch(stage.step)
            rate = set_rates(optimiser, stage.progress)
            losses = self._step(stage, module, optimiser, batch, watch)
            rows = sum(len(source) for source in batch.sources) + len(batch.target or ())
            speed.add(rows * self.fabric.world_size)
            stage.step += 1
            is_asked_to_stop = self._in_any_process(interrupt.is_set)
            is_saved = stage.begins_epoch or is_asked_to_stop or stage.step % self.training.save_every == 0
            if is_saved or stage.step % self.training.log_every == 0:
                self._log(stage, losses, watch, rate, speed.look())
            if stage.begins_epoch:
                self._end_epoch(stage)
            if is_saved and self.fabric.is_global_zero:
                self.keeper.save(stage, self.method, optimiser, self.average)
            if is_asked_to_stop:
                raise KeyboardInterrupt(
                    f"Saved at step {stage.step} of stage '{stage.name}' in {self.folder}."
                )
        self._close(stage)

    def _begin_epoch(self, stage: Stage) -> None:
        torch.manual_seed(stage.step_seed(self.fabric.global_rank, epoch_start=True))
        target = stage.loader.target_view() if self.method.uses_target(stage.name) else None
        self.method.begin_epoch(target, stage.progress)

    def _step(
        self, stage: Stage, module: nn.Module, optimiser: Any, batch: DomainBatch, watch: FiniteWatch
    ) -> dict[str, Tensor]:
        seed = stage.step_seed(self.fabric.global_rank)
        torch.manual_seed(seed)
        self.method.train()
        named: dict[str, Tensor] = {}
        for update in stage.updates:
            backward = partial(
                self._backward, stage, module, batch, stage.progress.at(update.name), watch, update
            )
            with uphill(self.method, stage.settings, seed, backward):
                losses = backward()
            if stage.settings.clip is not None:
                self.fabric.clip_gradients(
                    module, optimiser, max_norm=stage.settings.clip, error_if_nonfinite=False
                )
            optimiser.step()
            optimiser.zero_grad(set_to_none=True)
            named |= {name: loss.detach() for name, loss in losses.items()}
        if self.average is not None:
            self.average.update(self.method)
        return named

    def _backward(
        self,
        stage: Stage,
        module: nn.Module,
        batch: DomainBatch,
        progress: Progress,
        watch: FiniteWatch,
        update: Update,
        only: str | None = None,
    ) -> dict[str, Tensor]:
        losses: dict[str, Tensor] = module(batch, progress, only)
        self.fabric.backward(watch.see(stage.step, losses))
        withhold(self.method, update)
        return losses

    def _log(
        self, stage: Stage, losses: dict[str, Tensor], watch: FiniteWatch, rate: float, speed: float
    ) -> None:
        if (bad := watch.first_bad()) is not None:
            self._stop_not_finite(stage, *bad)
        values, notes = (
            {name: float(self._mean_over_processes(number)) for name, number in numbers.items()}
            for numbers in (losses, self.method.noted)
        )
        self.method.noted.clear()  # another stage may note other things
        if self.fabric.is_global_zero:
            self.keeper.log(stage, values, notes, rate, speed)
        epoch = f"{stage.name} {(stage.step - 1) // stage.steps_per_epoch + 1}/{stage.settings.epochs}"
        self.display.step(stage.step, epoch, values, speed)

    def _stop_not_finite(self, stage: Stage, step: int, losses: dict[str, float]) -> None:
        named = ", ".join(f"{name} = {value:g}" for name, value in losses.items())
        files = stage.loader.files(step)
        shown = ", ".join(files[:3]) + (f" and {len(files) - 3} more" if len(files) > 3 else "")
        listed = self.folder / "not_finite.txt"
        listed.write_text(
            "\n".join([f"stage {stage.name}, step {step}: {named}", *files]) + "\n", encoding="utf-8"
        )
        raise UserError(
            f"The losses are not finite at step {step} of stage '{stage.name}' ({named}; pictures {shown}, "
            f"all in {listed}): lower training.rate, set training.clip, or use training.precision=fp32."
        )

    def _end_epoch(self, stage: Stage) -> None:
        if self.fabric.is_global_zero:
            method = self.method if self.average is None else self.average.method
            scores = self.keeper.score(stage, method)
            shown = {"source_accuracy", "im", self.training.select}
            said = "  ".join(f"{name} {value:.3f}" for name, value in scores.items() if name in shown)
            self.display.say(f"{stage.name} {stage.epochs_done}/{stage.settings.epochs}  {said}")
            self.after_epoch()
        self.fabric.barrier()

    def _close(self, stage: Stage) -> None:
        """Before a further stage, return to the weights that were chosen."""
        self.fabric.barrier()
        if not stage.is_last and self.training.select != "last":
            load_model(self.method.kept(), str(stage.candidates.chosen))
            if self.average is not None:
                self.average = WeightAverage(self.method, self.average.decay)
        self.fabric.barrier()
        if self.fabric.is_global_zero:
            stage.candidates.close()

    def _mean_over_processes(self, value: Tensor) -> Tensor:
        if self.fabric.world_size == 1:
            return value
        mean = self.fabric.all_reduce(value, reduce_op="mean")
        assert isinstance(mean, Tensor)
        return mean

    def _in_any_process(self, flag: bool) -> bool:
        if self.fabric.world_size == 1:
            return flag
        return bool(
            self.fabric.all_reduce(torch.tensor(float(flag), device=self.fabric.device), reduce_op="sum")
        )
