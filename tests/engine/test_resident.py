"""Pictures that stay on the device: a training and one that was resumed give the numbers of any other."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from ferda.data import pixels
from ferda.engine.fit import fit
from ferda.engine.recipe import parse_recipe
from ferda.engine.run import check_folder
from ferda.engine.session import Session
from ferda.errors import UserError


def test_a_resident_training_that_was_stopped_equals_a_plain_one(
    raw_recipe: Callable[..., Any], world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw = raw_recipe(world, epochs=2, epoch_steps=2, batch=6, save_every=1)
    plain = fit(parse_recipe(raw), tmp_path / "plain", show=False)
    raw["data"]["resident"] = True
    copies: list[int] = []
    make = pixels.Pixels._copy.func

    def copy(self: pixels.Pixels) -> torch.Tensor:
        copies.append(len(self.pool[0]))
        return make(self)

    monkeypatch.setattr(pixels.Pixels._copy, "func", copy)
    train, taken = Session._step, []

    def stop_at_the_fourth(self: Session, *args: Any) -> Any:
        if len(taken) == 3:
            raise KeyboardInterrupt
        taken.append(0)
        return train(self, *args)

    with monkeypatch.context() as stopped, pytest.raises(KeyboardInterrupt):
        stopped.setattr(Session, "_step", stop_at_the_fourth)
        fit(parse_recipe(raw), tmp_path / "resident", show=False)
    resident = fit(parse_recipe(raw), tmp_path / "resident", resume=True, show=False)
    assert copies, "nothing was kept on the device"
    ours, theirs = (load_file(run.folder / "best.safetensors") for run in (plain, resident))
    assert ours.keys() == theirs.keys() and all(torch.equal(ours[name], theirs[name]) for name in ours)
    assert plain.scores.equals(resident.scores)


def test_what_does_not_fit_stops_the_run_before_its_first_step(
    raw_recipe: Callable[..., Any], world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw = raw_recipe(world)
    raw["data"]["resident"] = True
    monkeypatch.setattr(pixels, "free_bytes", lambda device: 1000)
    with pytest.raises(UserError, match=r"data\.resident would put .* GB of pictures .* on cpu"):
        fit(parse_recipe(raw), tmp_path / "run", show=False)
    assert not (tmp_path / "run" / "last.pt").exists()
    raw["data"]["resident"] = False
    check_folder(tmp_path / "run", parse_recipe(raw), resume=True)
    raw["data"]["holdout"] = 0.4
    with pytest.raises(UserError, match="differs"):
        check_folder(tmp_path / "run", parse_recipe(raw), resume=True)
