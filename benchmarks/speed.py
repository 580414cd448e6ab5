"""What a step costs: CPU time and memory of training and of answering, each method as its paper has it.

    python benchmarks/speed.py
    python benchmarks/speed.py --methods manet esr

`speed.yaml` says which network and stages. A batch is eight rows (eight of a source and eight of the target),
on one thread. CPU time, because wall time measures the neighbours; after one step to warm up three are
measured, and the best is the least disturbed. `auto` computes as `ferda fit` trains here by default: channels
last, in the format that `training.precision=auto` takes. `fp32` computes in float32 on contiguous tensors, as
`ferda predict` does and as the originals were measured.

Memory is the peak of a process of its own above what the imports take. A method that was measured is kept; to
measure it again, name it. The whole takes about ten minutes of CPU time; leave the machine alone meanwhile.
"""

from __future__ import annotations

import argparse
import importlib
import json
import multiprocessing
import os
import resource
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from about import about

# before torch is imported: two threads on a busy core measure the neighbour, too
os.environ["OMP_NUM_THREADS"] = "1"

if TYPE_CHECKING:
    from ferda.batch import DomainBatch, Unlabelled
    from ferda.engine.recipe import Recipe
    from ferda.methods.base import Method

HERE = Path(__file__).parent
ROWS, CLASSES, RUNS = 8, 7, 3
#: Right eye, left eye, nose and mouth corners of an upright face, as shares of its picture.
POINTS = ((0.34, 0.46), (0.66, 0.46), (0.5, 0.64), (0.37, 0.82), (0.63, 0.82))


def main() -> None:
    """Measure what is missing or named, and write JSON after each method."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", type=Path, default=HERE / "results" / "speed.json")
    parser.add_argument("--methods", nargs="+", help="measure these, again if need be")
    wanted = parser.parse_args()
    cases = yaml.safe_load((HERE / "speed.yaml").read_text(encoding="utf-8"))
    found: dict[str, Any] = {}
    if wanted.json.is_file():
        found = json.loads(wanted.json.read_text(encoding="utf-8"))["methods"]
    if unknown := set(wanted.methods or ()) - set(cases):
        parser.error(f"speed.yaml knows no {', '.join(sorted(unknown))}; it has {', '.join(cases)}")
    import_all()
    for name in wanted.methods or [name for name in cases if name not in found]:
        here = about("python benchmarks/speed.py", rows=ROWS, runs=RUNS)
        found[name] = {"commit": here["commit"], "load": round(os.getloadavg()[0], 1)}
        for way in ("auto", "fp32"):
            # a fork has the imports already, and a peak of memory of its own
            with multiprocessing.get_context("fork").Pool(1) as process:
                found[name][way] = process.apply(measure, (cases[name], way))
            steps = "  ".join(
                f"{stage} {step['best']:.2f} s" for stage, step in found[name][way]["steps"].items()
            )
            print(
                f"{name:18} {way}  forward {found[name][way]['forward']['best']:.2f} s  step {steps}",
                flush=True,
            )
        found[name]["original"] = cases[name].get("original")
        ordered = {name: found[name] for name in cases if name in found}
        wanted.json.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps({"about": here, "methods": ordered}, indent=1)
        wanted.json.write_text(text + "\n", encoding="utf-8")


def import_all() -> None:
    """Import what measuring needs, once, before the processes part."""
    import torch

    from ferda.methods import list_methods, method_class

    torch.set_num_threads(1)
    importlib.import_module("ferda.engine.session")
    for name in list_methods():
        method_class(name)


def measure(case: dict[str, Any], way: str) -> dict[str, Any]:
    """Measure one method in one way; called in a process of its own.

    Args:
        case: Of `speed.yaml`.
        way: `auto` or `fp32`.
    """
    import torch
    from lightning.fabric import Fabric

    from ferda.engine.formats import choose_precision
    from ferda.engine.precision import fabric_plugins, spare_depthwise
    from ferda.engine.recipe import load_recipe
    from ferda.methods import method_class

    at_start = peak_megabytes()
    recipe = load_recipe(case["recipe"], case.get("changes", ()))
    kind = method_class(recipe.method.name)
    torch.manual_seed(0)
    method = kind(recipe.method.config(), CLASSES, case.get("sources", 1))
    precision, _ = choose_precision("auto" if way == "auto" else "fp32", torch.device("cpu"))
    if way == "auto":
        method.to(memory_format=torch.channels_last)
    fabric = Fabric(accelerator="cpu", devices=1, plugins=fabric_plugins(precision, "cpu"))
    if way == "auto":
        spare_depthwise(fabric, method, size_of(recipe))
    rows = pictures(size_of(recipe))

    @torch.inference_mode()
    def answer() -> None:
        with fabric.autocast():
            method(rows.images, rows.landmarks)

    method.eval()
    result: dict[str, Any] = {
        "format": "fp32" if getattr(fabric.strategy.precision, "is_off", False) else precision,
        "network": getattr(recipe.method.config(), "backbone", None),
        "size": recipe.data.size,
        "parameters": sum(weight.numel() for weight in method.kept().parameters()),
        "forward": seconds(answer),
        "forward_megabytes": round(peak_megabytes() - at_start),
        "steps": {},
    }
    for stage in case.get("stages", method.stages[-1:]):
        result["steps"][stage] = seconds(one_step(fabric, recipe, method, stage))
    return result | {"step_megabytes": round(peak_megabytes() - at_start)}


def one_step(fabric: Any, recipe: Recipe, method: Method, stage: str) -> Callable[[], None]:
    """Return a training step on always the same rows: forward, backward, and the optimiser's move.

    Args:
        fabric: Knows the format.
        recipe: Says the optimiser.
        method: To be trained.
        stage: Of the method.
    """
    import torch

    from ferda.batch import Progress
    from ferda.engine.optimisers import build_optimiser
    from ferda.engine.session import _Step

    settings = recipe.training.stage(stage)
    module, optimiser = fabric.setup(_Step(method), build_optimiser(method, settings, stage))
    progress = Progress(step=1, steps=100, epochs=10, stage=stage)
    batch = rows_of_a_step(method, stage, recipe)
    with torch.no_grad():
        method.begin_epoch(Target(pictures(size_of(recipe))) if batch.target else None, progress)
    method.train()

    def step() -> None:
        for update in method.updates(stage):
            losses = module(batch, progress.at(update.name))
            fabric.backward(torch.stack([loss.float() for loss in losses.values()]).sum())
            if settings.clip is not None:
                fabric.clip_gradients(module, optimiser, max_norm=settings.clip)
            optimiser.step()
            optimiser.zero_grad(set_to_none=True)

    return step


def rows_of_a_step(method: Method, stage: str, recipe: Recipe) -> DomainBatch:
    """Return noise in the shape of a batch: one source's rows, and the target's if the stage has any."""
    import torch

    from ferda.batch import DomainBatch, Labelled, Unlabelled

    size = size_of(recipe)
    shown = pictures(size)
    labels = torch.arange(ROWS) % CLASSES
    source = Labelled(shown.images, labels, shown.landmarks, torch.arange(ROWS))
    if not method.uses_target(stage):
        return DomainBatch((source,))
    # a stage that looks at a single row of the target does so here, too
    rows = min(ROWS, recipe.training.stage(stage).target_batch or ROWS)
    target, strong = pictures(size, rows), pictures(size, rows)
    if not method.needs.strong:
        return DomainBatch((source,), target)
    both = Unlabelled(target.images, target.landmarks, target.index, strong.images, strong.landmarks)
    return DomainBatch((source,), both)


def size_of(recipe: Recipe) -> int:
    """Return the side of a recipe's pictures; without one they are as crops are by default."""
    return recipe.data.size or 112


def pictures(size: int, rows: int = ROWS) -> Unlabelled:
    """Return noise with landmarks where those of a face are."""
    import torch

    from ferda.batch import Unlabelled

    points = (torch.tensor(POINTS) * size).expand(rows, 5, 2).contiguous()
    return Unlabelled(torch.randn(rows, 3, size, size), points, torch.arange(rows))


class Target:
    """A target of a batch's length, as `Method.begin_epoch` sees it."""

    def __init__(self, rows: Unlabelled) -> None:
        self.rows = rows

    def __len__(self) -> int:
        return len(self.rows)

    def batches(self) -> Iterator[Unlabelled]:
        yield self.rows


def seconds(work: Callable[[], None]) -> dict[str, float]:
    """Return best and median of a few runs after one that warms up, in CPU seconds."""
    taken = []
    for _ in range(RUNS + 1):
        before = time.process_time()
        work()
        taken.append(time.process_time() - before)
    return {"best": round(min(taken[1:]), 4), "median": round(statistics.median(taken[1:]), 4)}


def peak_megabytes() -> float:
    """Return the most memory that this process ever had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
