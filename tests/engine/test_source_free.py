"""A run adapts a trained model with no source face in sight: what it takes, keeps, refuses, and repeats."""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from typer.testing import CliRunner

import ferda
from ferda.cli.main import app
from ferda.data.domain import open_domain
from ferda.engine.checkpoint import save_weights
from ferda.engine.domains import notes_on_test
from ferda.engine.fit import fit
from ferda.engine.recipe import parse_recipe
from ferda.engine.run import Run
from ferda.engine.session import Session
from ferda.engine.start import with_start
from ferda.errors import UserError
from ferda.methods import create_method

Make = Callable[..., Any]
METHODS = ("shot", "aad")
SHORT = ("epochs=2", "epoch_steps=3", "batch=9", "precision=fp32", "log_every=1", "save_every=1")
CHANGES = (*(f"training.{change}" for change in SHORT), "training.score_rows=12")


@pytest.fixture(scope="module")
def start(raw_recipe: Make, world: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run whose source was thrown away when it was trained."""
    root = tmp_path_factory.mktemp("start")
    shutil.copytree(world / "source", root / "source")
    raw = raw_recipe(root, "source_only", epochs=1, epoch_steps=10, select="source_accuracy")
    raw["data"] |= {"target": None, "normalise": "half"}
    run = fit(parse_recipe(raw), root / "run", show=False, loggers=())
    shutil.rmtree(root / "source")
    return run


def adapt(name: str, start: Run, world: Path, folder: Path, *changes: str, **more: Any) -> Run:
    changes = (*CHANGES, *changes)
    return ferda.fit(
        name,
        folder,
        start=start.folder,
        target=world / "target",
        changes=changes,
        loggers=(),
        show=False,
        **more,
    )


@pytest.mark.parametrize("name", METHODS)
def test_a_model_adapts_without_its_source(name: str, start: Run, world: Path, tmp_path: Path) -> None:
    run = adapt(name, start, world, tmp_path / "run")
    ours, theirs = run.load(), start.load()
    assert ours.classes == theirs.classes
    assert ours.preprocessing == theirs.preprocessing
    assert ours.temperature == theirs.temperature != 1  # without a labelled face nothing else is known
    assert run.recipe.data.sources == () and run.recipe.data.normalise == "half"
    assert run.recipe.method.settings["backbone"] == "small_cnn"
    assert run.scores["epoch"].tolist() == [0, 1, 2]
    assert "source_accuracy" not in run.scores and run.scores["classes_in_use"].between(1, 3).all()
    assert run.scores.loc[run.scores["selected"].notna(), "im"].item() == run.scores["im"].max()
    assert run.journal[[column for column in run.journal if "loss" in column]].notna().all(axis=None)
    saved = torch.load(run.folder / "last.pt", weights_only=True)["method"]
    rows = {key: len(table) for key, table in saved.items() if key.startswith("memory.")}
    # the target's training split has 54 of its 90 rows
    assert rows and set(rows.values()) == {54}
    assert not [key for key in load_file(run.folder / "best.safetensors") if "memory" in key]
    assert torch.equal(saved["network.head.weight"], theirs.method.state_dict()["network.head.weight"]) == (
        name == "shot"
    )


@pytest.mark.parametrize("name", METHODS)
def test_a_run_that_is_stopped_within_an_epoch_goes_on_to_the_same_bits(
    name: str, start: Run, world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, folder = adapt(name, start, world, tmp_path / "whole"), tmp_path / "broken"

    class KilledError(Exception):
        pass

    original = Session._step
    for number in range(3):
        taken = 0

        def step(self: Session, *args: Any) -> Any:
            nonlocal taken
            taken += 1
            if taken > 2:
                raise KilledError
            return original(self, *args)

        monkeypatch.setattr(Session, "_step", step)
        try:
            adapt(name, start, world, folder, resume=number > 0)
        except KilledError:
            continue
    assert Run(folder).is_finished
    first, second = (torch.load(one / "last.pt", weights_only=True) for one in (whole.folder, folder))
    for key, value in first["method"].items():
        assert torch.equal(value, second["method"][key]), key
    assert whole.scores.equals(Run(folder).scores)


COLLAPSING = '''
"""All faces are of the first class."""
from torch.nn.functional import cross_entropy
from ferda.methods.source_free import SourceFreeMethod

class Mine(SourceFreeMethod):
    """Of a user."""

    def losses(self, batch, progress):
        logits = self(batch.target.images).logits
        return {"collapse": cross_entropy(logits, logits.argmax(1) * 0)}
'''


def test_a_collapse_is_not_chosen_however_sure_it_is(
    start: Run, world: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mine.py").write_text(COLLAPSING)
    entropy = ("training.select=entropy", "training.rate=0.05", "training.optimiser=adamw")
    changes = (*CHANGES, *entropy, "training.epoch_steps=8")
    run = ferda.fit(
        str(tmp_path / "mine.py"),
        tmp_path / "run",
        start=start.folder,
        target=world / "target",
        changes=changes,
        loggers=(),
        show=True,
    )
    scores = run.scores
    assert scores["classes_in_use"].iloc[-1] == 1 < scores["classes_in_use"].iloc[0] / 2
    assert scores["entropy"].iloc[-1] > scores["entropy"].iloc[0]
    assert scores["selected"].notna().tolist() == [True, False, False]
    assert "no epoch scored better" in " ".join(capsys.readouterr().err.split())
    kept, first = load_file(run.folder / "best.safetensors"), load_file(start.folder / "best.safetensors")
    assert all(torch.equal(kept[key], value) for key, value in first.items())


def test_a_score_on_what_the_start_learned_from_is_refused(start: Run, world: Path) -> None:
    recipe = with_start(parse_recipe({"method": {"name": "shot"}, "training": {"start": str(start.folder)}}))
    test = open_domain(world / "source", recipe.data.classes)
    (gone,) = notes_on_test(recipe.data, test, "--force")
    assert gone.endswith(str(start.folder.parent / "source"))
    learned = recipe.override(data={"start_sources": [str(world / "source@train")]}).data
    with pytest.raises(UserError, match="trained on with their labels"):
        notes_on_test(learned, test, "--force")


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"training": {"start": None}}, "adapts a trained model; name its run with --start"),
        ({"data": {"sources": ["somewhere"]}}, "looks at no source faces; leave --sources out"),
        ({"data": {"target": None}}, "names no target; give the faces to adapt to with --target"),
        (
            {"data": {"classes": ["sadness", "neutral"]}},
            r"data.classes=\('sadness', 'neutral'\) does not fit",
        ),
        ({"data": {"size": 64}}, "data.size=64 does not fit .* which has 32: leave it out"),
        ({"method": {"name": "shot", "backbone": "ir50"}}, "method.backbone=ir50 does not fit .* small_cnn"),
        ({"training": {"start": "OTHER"}}, "is a run of 'mfsan': only a backbone with one linear head"),
        ({"training": {"start": "nowhere"}}, "no run folder or weights file nowhere"),
    ],
)
def test_what_cannot_work_is_said(
    start: Run, world: Path, tmp_path: Path, change: dict[str, Any], sentence: str
) -> None:
    raw: dict[str, Any] = {"method": {"name": "shot"}, "training": {"start": str(start.folder)}}
    raw["data"] = {"target": str(world / "target")}
    for table, values in change.items():
        raw[table] |= values
    if raw["training"]["start"] == "OTHER":
        raw["training"]["start"] = str(other_network(start, tmp_path / "other.safetensors"))
    with pytest.raises(UserError, match=sentence):
        fit(parse_recipe(raw), tmp_path / "run", show=False)
    assert not (tmp_path / "run").exists()


def other_network(start: Run, path: Path) -> Path:
    settings = {"backbone": "small_cnn", "backbone_options": {"widths": [8]}, "branch_width": 8}
    like = start.load()
    save_weights(
        path,
        create_method("mfsan", 3, **settings),
        name="mfsan",
        settings=settings,
        classes=like.classes,
        preprocessing=like.preprocessing,
    )
    return path


def test_the_page_s_commands_work(world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = (Path(__file__).parents[2] / "docs" / "concepts.md").read_text()
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "clinic").symlink_to(world / "source")
    (tmp_path / "data" / "hall").symlink_to(world / "target")
    small = ["method.backbone=small_cnn", "data.size=32", "data.classes=[happiness,sadness,neutral]"]
    for line in re.findall(r"^\$ ferda (.*)$", page, re.M):
        words = shlex.split(line)
        if words[0] == "fit":
            is_first = words[1] == "source_only"
            words += [*(["--no-report"] if is_first else []), "--set", *CHANGES, *(small if is_first else [])]
        result = CliRunner().invoke(app, words)
        assert result.exit_code == 0, f"{line}\n{result.stderr}"
    assert "</html>" in (tmp_path / "runs" / "hall" / "report.html").read_text()
