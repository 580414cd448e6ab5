"""`fit`: from a recipe to a run folder."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import torch
from lightning.fabric import Fabric
from lightning.fabric.loggers import Logger
from lightning.fabric.strategies import DDPStrategy

from ferda.engine.display import Display
from ferda.engine.domains import open_run_domains
from ferda.engine.formats import choose_precision
from ferda.engine.leak_guard import with_excluded
from ferda.engine.loggers import make_loggers
from ferda.engine.precision import fabric_plugins, spare_depthwise
from ferda.engine.recipe import Recipe, recipe_for
from ferda.engine.run import Run, begin_folder, check_folder, next_folder
from ferda.engine.session import Session
from ferda.engine.start import start_from, with_start
from ferda.errors import UserError
from ferda.methods import method_class


def fit(
    recipe: Recipe | str,
    folder: str | Path | None = None,
    *,
    sources: Sequence[str | Path] = (),
    target: str | Path | None = None,
    start: str | Path | None = None,
    changes: Sequence[str] = (),
    resume: bool = False,
    devices: int = 1,
    nodes: int = 1,
    accelerator: str = "auto",
    loggers: Sequence[str] = ("tensorboard",),
    show: bool | None = None,
    after_epoch: Callable[[Run], None] = lambda run: None,
) -> Run:
    """Train a method by a recipe; checkpoints are chosen without a label of the target.

    Args:
        recipe: What to train: a recipe, or the name of a method, which is then trained by its own recipe.
        folder: Where the run is written; None takes the next free `runs/METHOD-1`.
        sources: Labelled domains, if `recipe` is a name.
        target: Domain to adapt to, if `recipe` is a name.
        start: Run or weights file to start from, if `recipe` is a name; a method without sources needs one.
        changes: `a.b=value` changes to the recipe, if `recipe` is a name.
        resume: Go on with the run that is there; the numbers are those of a run that never stopped.
        devices: Processes on this machine, one a device.
        nodes: Machines; each is started by `torchrun` or by SLURM.
        accelerator: `auto`, `cpu`, `cuda`, `mps`.
        loggers: Where curves go besides the journal: `tensorboard`, `wandb`, `mlflow`.
        show: Draw a progress bar; None draws one on a terminal.
        after_epoch: Called by the first process whenever an epoch is scored; what it raises ends the run.

    Returns:
        The run, finished.

    Raises:
        UserError: If the recipe, the data or the folder is not as it must be.
        KeyboardInterrupt: After Ctrl-C, when the run was saved.
    """
    if isinstance(recipe, str):
        recipe = recipe_for(recipe, sources=sources, target=target, start=start, changes=changes)
    elif sources or target is not None or start is not None or changes:
        raise ValueError(
            "sources, target, start and changes go with a method's name; use Recipe.override otherwise"
        )
    recipe = with_excluded(with_start(recipe))
    folder = next_folder(Path("runs"), Path(recipe.method.name).stem) if folder is None else Path(folder)
    fabric = _fabric(recipe, make_loggers(loggers, folder), devices, nodes, accelerator)
    fabric.launch()
    # each process chose a free folder for itself; the first one's holds
    folder = Path(fabric.broadcast(str(folder)))
    display = Display(show if fabric.is_global_zero else False)
    if fabric.is_global_zero:
        check_folder(folder, recipe, resume)
        display.say(f"run folder {folder}")
    fabric.barrier()
    run = Run(folder)
    if run.is_finished:
        return run
    kind = method_class(recipe.method.name)
    with display:
        domains = open_run_domains(recipe.data, kind.needs, display.say, display.counting)
    torch.manual_seed(recipe.training.seed)
    method = kind(recipe.method.config(), len(recipe.data.classes), max(len(domains.sources), 1))
    if recipe.training.start is not None:
        display.say(start_from(method, recipe.training.start, recipe.data.classes))
    if recipe.training.precision == "auto":
        spare_depthwise(fabric, method, domains.preprocessing.size)
    if fabric.world_size > 1 and fabric.device.type == "cuda":
        method = torch.nn.SyncBatchNorm.convert_sync_batchnorm(method)
    if fabric.is_global_zero:
        begin_folder(folder, recipe)
    fabric.barrier()
    session = Session(fabric, recipe, method, domains, folder, display, partial(after_epoch, run))
    session.train(resume)
    if session.keeper.keeps_start:
        display.say("no epoch scored better than the model it started from, which is kept")
    return run


def _fabric(recipe: Recipe, loggers: list[Logger], devices: int, nodes: int, accelerator: str) -> Fabric:
    # parts of a method that a stage does not use have no gradient in it
    several = nodes * devices > 1 or int(os.environ.get("WORLD_SIZE", "1")) > 1
    try:
        probe = Fabric(accelerator=accelerator, devices=1)
        precision, reason = choose_precision(recipe.training.precision, probe.device)
        logging.getLogger("ferda").info("precision %s: %s", precision, reason)
        return Fabric(
            accelerator=accelerator,
            devices=devices,
            num_nodes=nodes,
            strategy=DDPStrategy(find_unused_parameters=True) if several else "auto",
            plugins=fabric_plugins(precision, probe.device.type),
            loggers=loggers,
        )
    except Exception as error:
        raise UserError(
            f"Cannot compute on accelerator '{accelerator}' with devices={devices}: {error}"
        ) from error
