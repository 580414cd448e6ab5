"""Everything a training writes: journal, scores, recorded predictions, checkpoints, and the state to resume.

Only the first process writes. What is on disk is at every moment a state that can be resumed from.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lightning.fabric import Fabric

from ferda.engine.checkpoint import (
    Preprocessing,
    find_weights,
    load_state,
    read_metadata,
    save_state,
    save_weights,
)
from ferda.engine.ema import WeightAverage
from ferda.engine.recipe import Recipe
from ferda.engine.scoring import Scorer
from ferda.engine.stage import Stage
from ferda.engine.tables import GrowingTable
from ferda.errors import UserError
from ferda.methods.base import Method
from ferda.selection.collapse import trust
from ferda.selection.outputs import EpochOutputs
from ferda.test_time.calibrating import fit_temperature


class Keeper:
    """Writes a run's folder.

    Args:
        fabric: Its loggers get the journal too.
        folder: Of the run.
        recipe: Of the run.
        preprocessing: Stored with the weights.
        scorer: Scores an epoch.

    Raises:
        UserError: If the recipe's validator needs what the run does not have.
    """

    def __init__(
        self, fabric: Fabric, folder: Path, recipe: Recipe, preprocessing: Preprocessing, scorer: Scorer
    ) -> None:
        self.fabric = fabric
        self.folder = folder
        self.recipe = recipe
        self.preprocessing = preprocessing
        self.scorer = scorer
        self._wanted = recipe.training.select
        scorer.check(self._wanted)
        self.journal = GrowingTable(folder / "journal.csv")
        self.scores = GrowingTable(folder / "scores.csv")
        self._began, self._before = time.monotonic(), 0.0

    def log(
        self,
        stage: Stage,
        losses: Mapping[str, float],
        notes: Mapping[str, float],
        rate: float,
        speed: float,
    ) -> None:
        """Write a row of the journal.

        Args:
            stage: Where training stands.
            losses: By name.
            notes: What else the method said of the step, by name.
            rate: Learning rate.
            speed: Images a second.
        """
        named = {f"loss/{name}": value for name, value in losses.items()}
        numbers = {"rate": rate, "loss": sum(losses.values()), **named}
        numbers |= {f"note/{name}": value for name, value in notes.items()}
        epoch = (stage.step - 1) // stage.steps_per_epoch + 1
        row = {"stage": stage.name, "epoch": epoch, "step": stage.step, "images_per_second": round(speed, 1)}
        row["seconds"] = round(self._before + time.monotonic() - self._began, 3)
        self.journal.append({**row, **numbers})
        for logger in self.fabric.loggers:
            logger.log_metrics({f"{stage.name}/{key}": value for key, value in numbers.items()}, stage.step)

    def score(self, stage: Stage, method: Method) -> dict[str, float]:
        """Score an epoch, record the target's predictions, and offer the checkpoint for choice.

        Args:
            stage: At the end of an epoch.
            method: With the weights to keep.

        Returns:
            The validators.
        """
        epoch = stage.epochs_done
        if self.recipe.training.target_norm and stage.is_last:
            method = self.scorer.at_home_in_target(method, self.fabric.device)
        # a score orders epochs, as well in the format of training; what is written down is exact
        with self.fabric.autocast():
            outputs = self.scorer.outputs(method, self.fabric.device, mixed=self._wanted == "mixval")
        self.scorer.record(
            method, self.fabric.device, self.folder / "outputs" / f"{stage.name}_{epoch:03d}.npz"
        )
        compared = stage.candidates.compare(self.scorer.remember(outputs))
        scores = self.scorer.score(outputs) | {name: values[-1] for name, values in compared.items()}
        rule = self._rule(stage, scores)
        value = float(epoch) if rule == "last" else scores[rule]
        guard = 0.0 if rule == "last" else self._trust(stage, scores)

        def write(path: Path) -> None:
            save_weights(
                path,
                method,
                name=self.recipe.method.name,
                settings=self.recipe.method.config().model_dump(mode="json"),
                classes=self.recipe.data.classes,
                preprocessing=self.preprocessing,
                recipe=self.recipe.to_dict(),
                stage=stage.name,
                epoch=epoch,
                selected_by=rule,
                scores=scores,
                temperature=self._temperature(outputs),
            )

        earlier = compared[rule][:-1] if rule in compared else None
        chosen = stage.candidates.offer(value, guard, write, earlier=earlier)
        self.scores.append(
            {"stage": stage.name, "epoch": epoch, "step": stage.step, **scores, "selected": ""}
        )
        rows = [row for row in self.scores.rows if row["stage"] == stage.name]
        for place, row in enumerate(rows):
            row["selected"] = rule if place == chosen else ""
        for name, values in compared.items():
            for row, compared_now in zip(rows[-len(values) :], values, strict=True):
                row[name] = repr(compared_now)
        self.scores.keep(lambda row: True)
        return scores

    @property
    def keeps_start(self) -> bool:
        """Whether the model that the run started from is what was chosen."""
        return any(row["epoch"] == "0" and row["selected"] for row in self.scores.rows)

    def _temperature(self, outputs: EpochOutputs) -> float:
        start = self.recipe.training.start
        if not self.scorer.holdouts and start is not None:
            return float(read_metadata(find_weights(start)).get("temperature", 1.0))
        known = outputs.source_labels >= 0
        if not outputs.is_finite:
            return 1.0
        return fit_temperature(outputs.source_probabilities[known], outputs.source_labels[known])

    def _trust(self, stage: Stage, scores: Mapping[str, float]) -> float:
        rows = [row for row in self.scores.rows if row["stage"] == stage.name]
        in_use = "classes_in_use"
        return trust(scores, {in_use: float(rows[0][in_use])} if rows and in_use in scores else scores)

    def _rule(self, stage: Stage, scores: Mapping[str, float]) -> str:
        wanted = self._wanted
        if stage.is_last and wanted == "source_rmse" and wanted not in scores:
            raise UserError(
                f"training.select={wanted} cannot choose: '{self.recipe.method.name}' says nothing of "
                "valence and arousal; choose source_accuracy."
            )
        # before the last stage no target was seen, so only the source can say how good an epoch is
        is_possible = stage.is_last or (wanted in scores and wanted.startswith("source_"))
        return wanted if is_possible else "source_accuracy"

    def save(self, stage: Stage, method: Method, optimiser: Any, average: WeightAverage | None) -> None:
        """Write all that is needed to go on from here.

        Args:
            stage: Where training stands.
            method: Being trained.
            optimiser: Of the stage.
            average: Of the weights, if there is one.
        """
        scaler = getattr(self.fabric.strategy.precision, "scaler", None)
        state = {
            "stage": stage.number,
            "step": stage.step,
            "method": method.state_dict(),
            "optimiser": optimiser.state_dict(),
            "average": None if average is None else average.state_dict(),
            "scaler": None if scaler is None else scaler.state_dict(),
            "candidates": stage.candidates.state_dict(),
        }
        save_state(self.folder / "last.pt", state)

    def saved(self) -> dict[str, Any] | None:
        """Return the saved state, or None if the run has not come so far."""
        path = self.folder / "last.pt"
        return load_state(path) if path.is_file() else None

    def restore(
        self,
        state: dict[str, Any],
        stage: Stage,
        method: Method,
        optimiser: Any,
        average: WeightAverage | None,
    ) -> None:
        """Bring everything back to where it was saved.

        Args:
            state: From `saved`.
            stage: Gets its step.
            method: Gets its weights.
            optimiser: Gets its state.
            average: Gets its weights, if there is one.
        """
        stage.step = state["step"]
        stage.candidates.load_state_dict(state["candidates"])
        method.load_state_dict(state["method"])
        optimiser.load_state_dict(state["optimiser"])
        if average is not None:
            average.load_state_dict(state["average"])
        if state["scaler"] is not None:
            scaler = getattr(self.fabric.strategy.precision, "scaler", None)
            assert scaler is not None, "a run is resumed in the format it began in"
            scaler.load_state_dict(state["scaler"])

    def forget_after(self, state: dict[str, Any] | None, stages: tuple[str, ...]) -> None:
        """Cut the tables back to the saved step; the steps after it will be done again.

        Args:
            state: From `saved`.
            stages: Of the method, in order.
        """
        upto = (-1, 0) if state is None else (state["stage"], state["step"])
        for table in (self.journal, self.scores):
            table.keep(lambda row: (stages.index(row["stage"]), int(row["step"])) <= upto)
        # time between an interruption and its end is nobody's
        self._before = float(self.journal.rows[-1].get("seconds") or 0) if self.journal.rows else 0.0
