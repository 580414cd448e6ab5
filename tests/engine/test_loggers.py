"""Where curves go: each logger by name, and what is said when its package is missing."""

from __future__ import annotations

from pathlib import Path

import pytest

from ferda.engine import loggers
from ferda.engine.loggers import make_loggers
from ferda.errors import UserError


def test_tensorboard_writes_into_the_run(tmp_path: Path) -> None:
    [logger] = make_loggers(("tensorboard",), tmp_path)
    logger.log_metrics({"loss": 1.0}, 1)
    logger.finalize("success")
    assert list((tmp_path / "tensorboard").glob("events*"))


@pytest.mark.parametrize("name", ["wandb", "mlflow"])
def test_a_missing_package_is_named(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*words: object, **options: object) -> None:
        raise ModuleNotFoundError(name)

    import lightning.pytorch.loggers as theirs

    monkeypatch.setattr(theirs, {"wandb": "WandbLogger", "mlflow": "MLFlowLogger"}[name], missing)
    with pytest.raises(UserError, match=rf"ferda\[{name}\]"):
        make_loggers((name,), tmp_path)


def test_nobody_has_to_have_tensorboard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*words: object, **options: object) -> None:
        raise ModuleNotFoundError("tensorboard")

    monkeypatch.setattr(loggers, "TensorBoardLogger", missing)
    assert make_loggers(("tensorboard",), tmp_path) == []
    with pytest.raises(UserError, match="tensorboard needs"):
        make_loggers(("tensorboard", "tensorboard"), tmp_path)


def test_an_unknown_logger_is_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="did you mean 'wandb'"):
        make_loggers(("wanb",), tmp_path)
