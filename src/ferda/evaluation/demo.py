"""The main job on the data that the package brings along: train, fail elsewhere, adapt, compare, report.

A recogniser learns synthetic faces from a studio, meets faces from a surveillance camera, and is adapted to
these, without their labels: minimum class confusion, with the camera's own batch statistics. Which checkpoint
is the one to use, and which model if there are several methods, is decided by information maximisation on the
unlabelled target; the camera's labels are opened only for the table and the report. Pictures are taken as
they are, without alignment, as a camera's are.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from ferda.data.domain import open_domain
from ferda.engine.fit import fit
from ferda.engine.recipe import Recipe, load_recipe
from ferda.engine.run import Run
from ferda.evaluation.study import Compared, compare, write_study
from ferda.faces.crops import CropRule

#: Methods that the demo adapts with.
METHODS: tuple[str, ...] = ("mcc",)
_CROP = CropRule(kind="whole", detect=False)
_CONTROLS = {
    "source only longer": ["training.target_norm=false", "training.select=source_accuracy"],
    "source only longer with target statistics": ["training.select=source_accuracy"],
}


@dataclass(frozen=True)
class DemoResult:
    """What a demo leaves.

    Attributes:
        table: One row a model: name, macro recall on the own domain and on the target, the oracle's, the
            share of the loss that was won back, and whether it was chosen.
        loss: Macro recall that the source-only model loses on the target.
        won_back: Share of that loss that the chosen model wins back.
        report: The page.
    """

    table: pd.DataFrame
    loss: float
    won_back: float
    report: Path

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "table": self.table.to_dict("records"),
            "loss": self.loss,
            "won_back": self.won_back,
            "report": str(self.report),
        }


def run_demo(
    out: Path,
    *,
    source: str = "synthetic:studio",
    target: str = "synthetic:cctv",
    seed: int = 0,
    quick: bool = False,
    controls: bool = False,
    show: bool | None = None,
) -> DemoResult:
    """Train, adapt, compare and report; finished runs in the folder are kept.

    Args:
        out: Folder for the runs and `report.html`.
        source: Labelled domain.
        target: Domain to adapt to.
        seed: Of all runs.
        quick: A few epochs only.
        controls: Also train the source-only model on for as many steps as an adaptation, without the target
            and with its batch statistics alone; neither can be chosen.
        show: Draw progress bars; None draws them on a terminal.
    """
    start = _train(out / "source_only", demo_recipe("source_only", source, target, seed, quick), show)
    own, there = (open_domain(f"{spec}@test", crop=_CROP) for spec in (source, target))
    compared = [compare("source only", start, own, there)]
    for name in METHODS:
        recipe = demo_recipe(name, source, target, seed, quick, start=start.folder)
        compared.append(compare(name, _train(out / name, recipe, show), own, there))
    chosen = max(compared[1:], key=_label_free_score)
    compared = [compared[0], chosen, *(one for one in compared[1:] if one is not chosen)]
    for name, changes in _CONTROLS.items() if controls else ():
        recipe = demo_recipe("source_only", source, target, seed, quick, start=start.folder).override(
            *changes
        )
        compared.append(compare(name, _train(out / name.replace(" ", "_"), recipe, show), own, there))
    report = write_study(out / "report.html", f"{own.name} → {there.name}", compared, own, there)
    before = compared[0]
    loss = before.own.scores.macro_recall - before.target.scores.macro_recall
    rows = [_row(one, before, loss, is_chosen=one is chosen) for one in compared]
    return DemoResult(pd.DataFrame(rows), loss, float(rows[1]["won back"]), report)


def demo_recipe(
    method: str, source: str, target: str, seed: int, quick: bool = False, start: Path | None = None
) -> Recipe:
    """Return the recipe of one of the demo's runs.

    Args:
        method: Its method.
        source: Labelled domain.
        target: Domain to adapt to.
        seed: Of the run.
        quick: A few epochs only.
        start: Run to start from.
    """
    changes = [
        f"data.sources=[{source!r}]",
        f"data.target={target!r}",
        f"data.crop={json.dumps(_CROP.to_dict())}",
        f"training.seed={seed}",
        "training.score_rows=300",
        "training.epochs=8",
        "training.ema=0.99",
    ]
    if start is None:
        changes += ["training.epoch_steps=130"]
    else:
        changes += [
            f"training.start={str(start)!r}",
            "training.epoch_steps=60",
            "training.target_norm=true",
        ]
    if quick:
        changes += ["training.epochs=2"]
    return load_recipe(method, changes)


def _train(folder: Path, recipe: Recipe, show: bool | None) -> Run:
    return fit(recipe, folder, resume=(folder / "recipe.yaml").is_file(), show=show)


def _label_free_score(one: Compared) -> float:
    kept = one.run.scores[one.run.scores["selected"].notna()]
    return float(kept["im"].iloc[-1])


def _row(one: Compared, before: Compared, loss: float, *, is_chosen: bool) -> dict[str, Any]:
    gain = one.target.scores.macro_recall - before.target.scores.macro_recall
    return {
        "model": one.name + (" (chosen)" if is_chosen else ""),
        "own domain": one.own.scores.macro_recall,
        "target": one.target.scores.macro_recall,
        "target F1": one.target.scores.macro_f1,
        "oracle": one.oracle.macro_recall if one.oracle else float("nan"),
        "won back": gain / loss if loss > 0 else float("nan"),
    }
