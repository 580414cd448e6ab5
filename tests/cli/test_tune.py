from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner, Result

from ferda.cli.main import app
from ferda.engine.recipe import parse_recipe

SMALL = (
    "method.backbone=small_cnn data.classes=[happiness,sadness] data.size=16 training.batch=6 "
    "training.epochs=2 training.epoch_steps=2 training.precision=fp32 training.score_rows=12"
)


def ferda(*words: object) -> Result:
    return CliRunner().invoke(app, ["tune", *map(str, words)])


def test_a_search_from_the_command_line(
    tiny_pack: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    space = tmp_path / "space.yaml"
    space.write_text(
        "space:\n  training.rate: {low: 1e-4, high: 1e-2, log: true}\n  training.batch: [4, 6]\n"
    )
    sides = ("--sources", tiny_pack(tmp_path / "source", 0), "--target", tiny_pack(tmp_path / "target", 1))
    words = ("dann", *sides, "--space", space, "--set", *SMALL.split(), "--json")
    done = ferda(*words, "--trials", 2)
    assert done.exit_code == 0, done.stderr
    found = json.loads(done.stdout)
    assert [line["state"] for line in found["trials"]] == ["finished", "finished"]
    assert found["best"] in (0, 1)
    folder = tmp_path / "runs" / "tune-dann"
    best = yaml.safe_load((folder / "best.yaml").read_text())
    assert parse_recipe(best).to_dict() == found["recipe"]
    assert best["training"]["batch"] in (4, 6)
    assert "</html>" in (folder / "tune.html").read_text()
    assert "trial 1: " in done.stderr and "--recipe runs/tune-dann/best.yaml" in done.stderr

    again = ferda(*words, "--trials", 3)
    assert len(json.loads(again.stdout)["trials"]) == 3
    assert "trial 1: " not in again.stderr and "trial 2: " in again.stderr
    other = ferda(*words, "--score", "snd")
    assert other.exit_code == 2 and "holds another search" in other.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--score", "oracle"), "needs the target's labels, which a search never reads"),
        (("--space", "SPACE"), "advesarial_weight: unknown key (did you mean 'adversarial_weight'?)"),
        (("--prune", "halving"), "--prune halving is not one of median, none"),
        (("--seeds", "1", "1"), "needs seeds that differ"),
        (("--sources", "nowhere"), "nowhere"),
        (("--target", ""), "nowhere"),
        (("--set", "method.backbone_options={download: true}"), "fetches weights from the internet"),
    ],
)
def test_what_cannot_work_is_said_before_anything_is_trained(
    tmp_path: Path, words: tuple[str, ...], said: str
) -> None:
    space = tmp_path / "space.yaml"
    space.write_text("space: {method.advesarial_weight: [0.1, 1]}")
    words = tuple(str(space) if word == "SPACE" else word for word in words)
    given = ("dann", "--sources", "nowhere", "--target", "synthetic:cctv", *words)
    done = ferda(*given, "--out", tmp_path / "out")
    assert done.exit_code == 2, done.stderr
    assert said in done.stderr
    assert not (tmp_path / "out").exists()


def test_a_search_needs_a_target(tmp_path: Path) -> None:
    done = ferda("dann", "--sources", "synthetic:studio", "--out", tmp_path / "out")
    assert done.exit_code == 2 and "name them with --target" in done.stderr


def test_the_plan_is_a_space_that_can_be_changed(tmp_path: Path) -> None:
    done = ferda("mcc", "--sources", "synthetic:studio", "--target", "synthetic:cctv", "--plan")
    assert done.exit_code == 0, done.stderr
    assert yaml.safe_load(done.stdout)["space"]["method.confusion_weight"] == {
        "low": 0.1,
        "high": 10.0,
        "log": True,
    }
