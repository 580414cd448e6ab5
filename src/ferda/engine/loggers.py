"""Where a run's curves go besides its own journal: TensorBoard, Weights & Biases, MLflow."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal, get_args

from lightning.fabric.loggers import Logger, TensorBoardLogger

from ferda.errors import UserError, nearest

LoggerName = Literal["tensorboard", "wandb", "mlflow"]


def make_loggers(names: Sequence[str], folder: Path) -> list[Logger]:
    """Return Lightning's loggers; each keeps its files in the run's folder.

    Args:
        names: Of `LoggerName`. Weights & Biases stays offline until `wandb sync` is called, unless its own
            `WANDB_MODE` says otherwise.
        folder: Of the run.

    Raises:
        UserError: If there is no such logger, or its package is missing. TensorBoard alone is passed over
            then, since nobody asked for it by name.
    """
    return [logger for name in names if (logger := _make(name, folder, is_only=len(names) == 1)) is not None]


def _make(name: str, folder: Path, is_only: bool) -> Logger | None:
    known = get_args(LoggerName)
    if name not in known:
        raise UserError(f"There is no logger '{name}'{nearest(name, known)}. Known: {', '.join(known)}.")
    try:
        match name:
            case "wandb":
                from lightning.pytorch.loggers import WandbLogger

                return WandbLogger(name=folder.name, project="ferda", save_dir=folder, offline=True)
            case "mlflow":
                from lightning.pytorch.loggers import MLFlowLogger

                where = (folder / "mlflow").resolve().as_uri()
                return MLFlowLogger(experiment_name="ferda", run_name=folder.name, tracking_uri=where)
            case _:
                return TensorBoardLogger(folder, name="tensorboard", version="")
    except ModuleNotFoundError as error:
        if name == "tensorboard" and is_only:
            return None
        raise UserError(f"Logging to {name} needs its package: pip install 'ferda[{name}]'.") from error
