"""What a run knows of its sources, and adaptations made of it."""

from __future__ import annotations

import runpy
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ferda.data.bagging import Bag
from ferda.data.domain import Domain
from ferda.data.labels import LabelRule
from ferda.data.pack import write_pack
from ferda.engine.adapting import (
    adaptation_settings,
    open_adaptation,
    source_knowledge,
    training_shares,
)
from ferda.engine.checkpoint import LoadedMethod, load_method
from ferda.engine.recipe_sections import StageRecipe
from ferda.errors import UserError

RUN = runpy.run_path(str(Path(__file__).parents[1] / "test_time" / "a_run.py"))
CLASSES = RUN["CLASSES"]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return RUN["make_run"](tmp_path_factory.mktemp("a_run"))


@pytest.fixture
def model(place: Path) -> LoadedMethod:
    return load_method(place / "run")


def pack(path: Path, counts: tuple[int, ...], **columns: object) -> Domain:
    names = np.repeat(np.array(CLASSES), counts)
    table = {"file": [f"{row}.png" for row in range(len(names))], "expression": names, **columns}
    images = np.zeros((len(names), 8, 8, 3), np.uint8)
    rule = LabelRule("votes") if any(name.startswith("votes_") for name in columns) else None
    made = write_pack(path, images, pd.DataFrame(table))
    return Domain(made, np.arange(len(names)), CLASSES, rule=rule)


def test_shares_are_those_that_training_showed(tmp_path: Path) -> None:
    one, two = pack(tmp_path / "one", (60, 30, 10)), pack(tmp_path / "two", (10, 10, 0))

    def shares(sources, sampling="joint", **settings):
        return training_shares(sources, StageRecipe(**settings), sampling).tolist()

    # every class counts as if it had been seen once more
    assert shares([one]) == pytest.approx([61 / 103, 31 / 103, 11 / 103])
    assert shares([one, two], "pooled") == pytest.approx([71 / 123, 41 / 123, 11 / 123])
    each = np.array([[61 / 103, 31 / 103, 11 / 103], [11 / 23, 11 / 23, 1 / 23]])
    assert shares([one, two]) == pytest.approx(each.mean(0))
    assert shares([one], balance="class_balanced") == pytest.approx([1 / 3] * 3)
    capped = np.array([20, 20, 10]) * 100 / 50 + 1
    assert shares([one], balance="class_cap", class_cap=20) == pytest.approx(capped / capped.sum())


def test_votes_count_by_their_shares_and_bags_by_their_people(tmp_path: Path) -> None:
    voted = pack(tmp_path / "voted", (2, 2, 0), votes_anger=[3, 1, 1, 0], votes_happiness=[1, 3, 3, 4])
    counts = np.array([0.75 + 0.25 + 0.25, 0.25 + 0.75 + 0.75 + 1, 0]) + 1
    assert training_shares([voted], StageRecipe(), "joint") == pytest.approx(counts / counts.sum())
    people = [f"s{row % 6}" for row in range(12)]
    bagged = pack(tmp_path / "people", (6, 3, 3), subject=people)
    part = training_shares([bagged], StageRecipe(bag=Bag(3, (0,))), "joint")
    assert not np.allclose(part, training_shares([bagged], StageRecipe(), "joint"))


def test_a_run_knows_its_held_out_faces(model: LoadedMethod) -> None:
    known = source_knowledge(model)
    assert known.classes == CLASSES and known.shares == pytest.approx([1 / 3] * 3)
    for _ in range(2):
        batches = list(known.held_out())
        labels = np.concatenate([batch.labels.numpy() for batch in batches])
        assert labels.shape == (30, 3) and labels.sum(0).tolist() == [10, 10, 10]
    # pictures and labels belong together: the colour of the square says the class
    images = np.concatenate([batch.images.numpy() for batch in batches])
    assert (images[:, :, 8:24, 8:24].mean((2, 3)).argmax(1) == labels.argmax(1)).all()


def test_settings_are_checked_and_named(model: LoadedMethod) -> None:
    assert open_adaptation("tent", model, rate=0.5).config.rate == 0.5
    with pytest.raises(UserError, match="settings of tent are not right: rates: Extra"):
        open_adaptation("tent", model, rates=1)
    typed = adaptation_settings("t3a", ["rate=1e-4", "shares=[0.5, 0.25, 0.25]", "kept=null"])
    assert typed == {"rate": "1e-4", "shares": [0.5, 0.25, 0.25], "kept": None}
    assert open_adaptation("tent", model, rate=typed["rate"]).config.rate == 1e-4
    assert adaptation_settings(None, None) == {}
    with pytest.raises(UserError, match="name one with --adapt"):
        adaptation_settings(None, ["rate=1"])
    for wrong in ("rate", "=1", "rate=[1"):
        with pytest.raises(UserError, match=r"name=value|no YAML"):
            adaptation_settings("tent", [wrong])


def test_a_source_that_is_gone_is_said_by_those_who_need_it(model: LoadedMethod) -> None:
    model.metadata["recipe"]["data"]["sources"] = ["/nowhere/at/all"]
    with pytest.raises(UserError, match=r"must know what the model was trained on.*nowhere"):
        open_adaptation("prior_shift", model)
    assert "nothing holds" in open_adaptation("eata", model).remarks[0]
    assert open_adaptation("prior_shift", model, prior=[0.5, 0.25, 0.25]).calibration.temperature == 1
    del model.metadata["recipe"]
    with pytest.raises(UserError, match="without a recipe"):
        open_adaptation("prior_shift", model)
