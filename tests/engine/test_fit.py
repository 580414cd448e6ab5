"""Whole trainings on a toy world: what is learned, what is written, and that a killed run loses nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from multiprocessing.context import ForkServerContext as Forks
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from safetensors.torch import load_file

from ferda.batch import DomainBatch, Progress
from ferda.engine.fit import fit
from ferda.engine.keeper import Keeper
from ferda.engine.recipe import parse_recipe
from ferda.engine.run import Run
from ferda.engine.session import Session
from ferda.engine.start import start_from
from ferda.errors import UserError
from ferda.methods import create_method

Make = Callable[..., Any]


def same_weights(first: Path, second: Path, tolerance: float = 0.0) -> None:
    ours, theirs = load_file(first), load_file(second)
    assert ours.keys() == theirs.keys()
    for name, value in ours.items():
        if tolerance:
            torch.testing.assert_close(value, theirs[name], rtol=tolerance, atol=tolerance)
        else:
            assert torch.equal(value, theirs[name]), name


def same_tables(first: Run, second: Run) -> None:
    assert first.scores.equals(second.scores)
    steady = first.journal.columns.difference(["images_per_second", "seconds"])
    assert first.journal[steady].equals(second.journal[steady])


def test_a_run_learns_and_leaves_everything_behind(raw_recipe: Make, world: Path, tmp_path: Path) -> None:
    run = fit(parse_recipe(raw_recipe(world, epochs=5)), tmp_path / "run", show=False)
    assert run.is_finished
    names = {path.name for path in run.folder.iterdir()}
    assert {"recipe.yaml", "journal.csv", "scores.csv", "last.pt", "best.safetensors", "outputs"} <= names
    assert "candidates" not in names
    assert run.scores["source_accuracy"].iloc[-1] > 0.8
    assert list(run.scores["epoch"]) == [1, 2, 3, 4, 5]
    assert run.scores["selected"].notna().sum() == 1
    assert {"loss/task", "loss/domain", "rate", "images_per_second"} <= set(run.journal.columns)
    assert len(list((run.folder / "tensorboard").iterdir())) == 1
    loaded = run.load()
    assert loaded.classes == ("happiness", "sadness", "neutral")
    assert loaded.metadata["selected_by"] == "im"
    assert loaded.temperature == loaded.metadata["temperature"] != 1
    assert loaded.metadata["epoch"] == int(run.scores.loc[run.scores["selected"].notna(), "epoch"].iloc[0])
    assert fit(parse_recipe(raw_recipe(world, epochs=5)), run.folder, resume=True).is_finished


def test_recorded_outputs_hold_no_label(raw_recipe: Make, world: Path, tmp_path: Path) -> None:
    run = fit(parse_recipe(raw_recipe(world)), tmp_path / "run", show=False)
    with np.load(run.folder / "outputs" / "adapt_003.npz") as stored:
        assert sorted(stored.files) == ["probabilities", "rows"]
        # the target's test split: the last fifth of its 90 rows
        assert stored["rows"].tolist() == list(range(72, 90))
        assert np.allclose(stored["probabilities"].sum(1), 1, atol=1e-5)


def train(raw: dict[str, Any], folder: Path, number: signal.Signals, at: str, row: int) -> None:
    """A process that sends itself a signal: after a row of the journal, or half-way through saving there."""
    log, save = Keeper.log, torch.save

    def log_and_stop(keeper: Keeper, *given: Any) -> None:
        log(keeper, *given)
        if len(keeper.journal.rows) != row:
            return
        if at == "save":
            torch.save = save_half
        else:
            os.kill(os.getpid(), number)

    def save_half(state: object, path: Path) -> None:
        save(state, path)
        os.truncate(path, path.stat().st_size // 2)
        os.kill(os.getpid(), number)

    Keeper.log = log_and_stop  # type: ignore[method-assign]
    try:
        fit(parse_recipe(raw), folder, show=False)
    except KeyboardInterrupt as stopped:
        (folder / "said.txt").write_text(str(stopped), encoding="utf-8")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("method", "training", "at"),
    [("dann", {"ema": 0.9}, "log"), ("aglrls", {"epoch_steps": 3, "batch": 6}, "save")],
)
def test_a_killed_run_goes_on_to_the_same_bits(
    raw_recipe: Make, world: Path, tmp_path: Path, forks: Forks, method: str, training: dict, at: str
) -> None:
    raw = raw_recipe(world, method, **training)
    if method == "dann":
        raw["method"]["dropout"] = 0.3
    whole = fit(parse_recipe(raw), tmp_path / "whole", show=False)
    broken, row = tmp_path / "broken", len(whole.journal) // 2
    process = forks.Process(target=train, args=(raw, broken, signal.SIGKILL, at, row))
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    assert len(Run(broken).journal) == row and not Run(broken).is_finished
    fit(parse_recipe(raw), broken, resume=True, show=False)
    same_weights(whole.folder / "best.safetensors", broken / "best.safetensors")
    same_tables(whole, Run(broken))


@pytest.mark.slow
def test_ctrl_c_saves_and_says_so(raw_recipe: Make, world: Path, tmp_path: Path, forks: Forks) -> None:
    raw, broken = raw_recipe(world, save_every=1000), tmp_path / "broken"
    process = forks.Process(target=train, args=(raw, broken, signal.SIGINT, "log", 1))
    process.start()
    process.join()
    # the journal's first row is that of the second step, and the signal lets the third one end
    assert "Saved at step 3 of" in (broken / "said.txt").read_text(encoding="utf-8")
    fit(parse_recipe(raw), broken, resume=True, show=False)
    whole = fit(parse_recipe(raw), tmp_path / "whole", show=False)
    same_weights(whole.folder / "best.safetensors", broken / "best.safetensors")


@pytest.mark.parametrize("method", ["mic", "aglrls"])
def test_every_saved_step_can_be_resumed(
    raw_recipe: Make, world: Path, tmp_path: Path, method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stops after each save in turn, within one process, so that no step is left to luck."""
    recipe = parse_recipe(raw_recipe(world, method, epochs=2, epoch_steps=3, batch=6, save_every=1))
    whole = fit(recipe, tmp_path / "whole", show=False)
    steps = 6 * (2 if method == "aglrls" else 1)
    folder = tmp_path / "broken"

    class KilledError(Exception):
        pass

    original = Session._step
    for number in range(steps):
        taken = 0

        def step(self: Session, *args: Any) -> Any:
            nonlocal taken
            if taken == 1:
                raise KilledError
            taken += 1
            return original(self, *args)

        monkeypatch.setattr(Session, "_step", step)
        try:
            fit(recipe, folder, resume=number > 0, show=False)
        except KilledError:
            continue
    same_weights(whole.folder / "best.safetensors", folder / "best.safetensors")
    same_tables(whole, Run(folder))


METHOD = '''
"""A method of a user."""
from torch import nn
from ferda.batch import Output, Update
from ferda.methods.base import Method, Needs

class Mine(Method):
    """Two updates a step."""
    needs = Needs(target=False)

    def __init__(self, config, classes, sources=1):
        super().__init__(config, classes, sources)
        self.body = nn.Linear(3, 4)
        self.head = nn.Linear(4, classes)
        self.idle = nn.Linear(1, 1)

    def forward(self, images, landmarks=None):
        features = self.body(images.mean((2, 3)))
        return Output(self.head(features), features)

    def updates(self, stage):
        return (Update("all"), Update("head", trains=("head",)))

    def losses(self, batch, progress):
        source = batch.pooled
        task = nn.functional.cross_entropy(self(source.images).logits, source.labels)
        if progress.update == "head":
            return {"again": BAD}
        return {"task": task}
'''


def own_method(raw_recipe: Make, world: Path, tmp_path: Path, bad: str, **training: object) -> dict:
    path = tmp_path / "mine.py"
    path.write_text(METHOD.replace("BAD", bad))
    raw = raw_recipe(world, select="source_accuracy", **training)
    raw["method"] = {"name": str(path)}
    return raw


def test_an_update_moves_only_what_it_names(raw_recipe: Make, world: Path, tmp_path: Path) -> None:
    recipe = parse_recipe(
        own_method(
            raw_recipe, world, tmp_path, "100.0 * task", epochs=1, epoch_steps=1, optimiser="sgd", decay=0
        )
    )
    run = fit(recipe, tmp_path / "run", show=False)
    after = run.load().method
    torch.manual_seed(recipe.training.seed)
    before = type(after)(type(after).Config(), 3)
    moved = {
        name: (weight - dict(before.named_parameters())[name]).abs().max().item()
        for name, weight in after.named_parameters()
    }
    # the second update is a hundred times as strong, and must not have reached the body
    assert moved["head.weight"] > 10 * moved["body.weight"] > 0
    assert moved["idle.weight"] == 0


def test_a_loss_that_is_not_finite_stops_with_names_and_files(
    raw_recipe: Make, world: Path, tmp_path: Path
) -> None:
    raw = own_method(raw_recipe, world, tmp_path, "task * (float('nan') if progress.step >= 3 else 1.0)")
    with pytest.raises(UserError) as caught:
        fit(parse_recipe(raw), tmp_path / "run", show=False)
    message = str(caught.value)
    assert "step 3 of stage 'adapt'" in message
    assert "again = nan" in message
    assert ".png" in message
    assert (tmp_path / "run" / "not_finite.txt").read_text().count(".png") == 12


def test_the_weights_before_a_bad_step_are_kept(raw_recipe: Make, world: Path, tmp_path: Path) -> None:
    raw = own_method(
        raw_recipe, world, tmp_path, "task * (float('nan') if progress.step >= 3 else 1.0)", log_every=100
    )
    with pytest.raises(UserError):
        fit(parse_recipe(raw), tmp_path / "run", show=False)
    saved = torch.load(tmp_path / "run" / "last.pt", weights_only=True)
    assert saved["step"] == 2
    assert all(value.isfinite().all() for value in saved["method"].values())


def test_folders_are_not_mixed_up(raw_recipe: Make, world: Path, tmp_path: Path) -> None:
    recipe = parse_recipe(raw_recipe(world, epochs=1))
    fit(recipe, tmp_path / "run", show=False)
    with pytest.raises(UserError, match="already holds a run"):
        fit(recipe, tmp_path / "run", show=False)
    with pytest.raises(UserError, match="differs"):
        fit(parse_recipe(raw_recipe(world, epochs=2)), tmp_path / "run", resume=True, show=False)
    with pytest.raises(UserError, match="no run to resume"):
        fit(recipe, tmp_path / "other", resume=True, show=False)
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="Cannot write"):
        fit(recipe, tmp_path / "file" / "run", show=False)


def test_adaptation_starts_from_a_run(raw_recipe: Make, world: Path, tmp_path: Path) -> None:
    first = fit(parse_recipe(raw_recipe(world, "source_only", epochs=2)), tmp_path / "first", show=False)
    raw = raw_recipe(world, "dann", start=str(first.folder), epochs=1, epoch_steps=1, rate=1e-9)
    second = fit(parse_recipe(raw), tmp_path / "second", show=False)
    ours, theirs = load_file(second.folder / "best.safetensors"), load_file(first.folder / "best.safetensors")
    assert torch.allclose(ours["network.head.weight"], theirs["network.head.weight"], atol=1e-6)
    options = {name: raw["method"][name] for name in ("backbone", "backbone_options")}
    another = create_method("mfsan", 3, branch_width=8, **options)
    assert "tensors taken" in start_from(another, str(first.folder), raw["data"]["classes"])
    stem = "backbone.stem.0.weight"
    assert torch.equal(another.state_dict()[stem], theirs[f"network.{stem}"])
    raw["data"]["classes"] = ["sadness", "happiness", "neutral"]
    with pytest.raises(UserError, match="same list in the same order"):
        fit(parse_recipe(raw), tmp_path / "third", show=False)
    raw["data"]["classes"] = ["happiness", "sadness", "neutral"]
    raw["method"]["backbone_options"] = {"stem": 16, "widths": [24, 40]}
    with pytest.raises(UserError, match="same network"):
        fit(parse_recipe(raw), tmp_path / "fourth", show=False)


def test_the_weights_may_be_kept_with_the_targets_statistics(
    raw_recipe: Make, world: Path, tmp_path: Path
) -> None:
    raw = raw_recipe(world, epochs=1, epoch_steps=2)
    plain = fit(parse_recipe(raw), tmp_path / "plain", show=False).load().method
    raw["training"]["target_norm"] = True
    adapted = fit(parse_recipe(raw), tmp_path / "adapted", show=False).load().method
    assert all(torch.equal(a, b) for a, b in zip(plain.parameters(), adapted.parameters(), strict=True))
    assert not torch.equal(*(m.network.backbone.stem[1].running_mean for m in (plain, adapted)))
    raw["data"]["target"] = None
    raw["method"]["name"] = "source_only"
    raw["training"]["select"] = "source_accuracy"
    with pytest.raises(UserError, match="needs a target"):
        fit(parse_recipe(raw), tmp_path / "none", show=False)


def test_several_sources_soft_labels_and_samplings(raw_recipe: Make, world: Path, tmp_path: Path) -> None:
    for sampling in ("joint", "pooled", "round_robin"):
        raw = raw_recipe(world, epochs=1, epoch_steps=2, sampling=sampling, balance="class_balanced")
        raw["data"]["sources"] = [str(world / "source"), str(world / "second")]
        run = fit(parse_recipe(raw), tmp_path / sampling, show=False)
        assert run.is_finished


@pytest.mark.parametrize("precision", ["bf16"])
def test_short_formats_train(raw_recipe: Make, world: Path, tmp_path: Path, precision: str) -> None:
    run = fit(parse_recipe(raw_recipe(world, precision=precision)), tmp_path / "run", show=False)
    assert run.journal["loss/task"].notna().all()
    assert all(value.dtype != torch.bfloat16 for value in load_file(run.folder / "best.safetensors").values())


def test_what_cannot_work_is_said(raw_recipe: Make, world: Path, tmp_path: Path) -> None:
    raw = raw_recipe(world)
    raw["data"]["target"] = None
    with pytest.raises(UserError, match="--target"):
        fit(parse_recipe(raw), tmp_path / "a", show=False)
    raw = raw_recipe(world)
    raw["data"]["sources"] = []
    with pytest.raises(UserError, match="--sources"):
        fit(parse_recipe(raw), tmp_path / "b", show=False)
    raw = raw_recipe(world, groups={"critik": {"rate": 1}})
    with pytest.raises(UserError, match="did you mean 'critic'"):
        fit(parse_recipe(raw), tmp_path / "c", show=False)
    raw = raw_recipe(world, select="imm")
    with pytest.raises(UserError, match="did you mean 'im'"):
        fit(parse_recipe(raw), tmp_path / "d", show=False)


def test_a_source_without_any_label(make_pack: Make, raw_recipe: Make, tmp_path: Path, world: Path) -> None:
    import pandas as pd

    from ferda.data.manifest import write_manifest

    folder = make_pack(tmp_path / "blank", 20, 5)
    manifest = pd.read_parquet(folder / "manifest.parquet")
    manifest["expression"] = None
    write_manifest(manifest, folder / "manifest.parquet")
    raw = raw_recipe(world)
    raw["data"]["sources"] = [str(folder)]
    with pytest.raises(UserError, match="label"):
        fit(parse_recipe(raw), tmp_path / "run", show=False)


@pytest.mark.slow
def test_two_processes_give_the_numbers_of_one(raw_recipe: Make, world: Path, tmp_path: Path) -> None:
    """Group norm, since batch norm on CPUs keeps statistics of its own in each process.

    The loss is the plain one of the source, and that over pairs of classes in the target's whole batch.
    """
    raw = raw_recipe(world, "mcc", epochs=1, epoch_steps=5, optimiser="sgd", rate=0.05)
    raw["method"]["backbone_options"]["norm"] = "group"
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(yaml.safe_dump(raw), encoding="utf-8")
    one = fit(parse_recipe(raw), tmp_path / "one", show=False)
    command = [sys.executable, "-m", "ferda", "fit", "mcc", "--recipe", str(recipe)]
    command += ["--out", str(tmp_path / "two"), "--devices", "2", "--accelerator", "cpu"]
    done = subprocess.run(
        command,
        check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    same_weights(one.folder / "best.safetensors", tmp_path / "two" / "best.safetensors", tolerance=1e-5)
    losses = [run.journal["loss/task"].to_numpy() for run in (one, Run(tmp_path / "two"))]
    assert np.allclose(losses[0], losses[1], atol=1e-5)


def test_a_batch_has_no_room_for_a_target_label() -> None:
    assert {"sources", "target", "turn"} == set(DomainBatch.__dataclass_fields__)
    assert Progress(step=5, steps=10).fraction == 0.5


def test_whoever_watches_sees_every_epoch_and_may_end_the_run(
    raw_recipe: Make, world: Path, tmp_path: Path
) -> None:
    seen: list[list[int]] = []

    class EnoughError(Exception):
        pass

    def look(run: Run) -> None:
        seen.append(run.scores["epoch"].tolist())
        if len(seen) == 2:
            raise EnoughError

    recipe = parse_recipe(raw_recipe(world, epoch_steps=2))
    with pytest.raises(EnoughError):
        fit(recipe, tmp_path / "run", show=False, loggers=(), after_epoch=look)
    assert seen == [[1], [1, 2]]
    fit(recipe, tmp_path / "run", show=False, loggers=(), after_epoch=look, resume=True)
    assert seen[2:] == [[1, 2], [1, 2, 3]], "the epoch that was not saved is done and seen again"
