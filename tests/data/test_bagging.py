"""Ten folds of people, four of which train an ensemble of four, each without one of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from lightning.fabric import Fabric

from ferda.data.bagging import Bag, bagged
from ferda.data.domain import Domain, open_domain
from ferda.data.pack import write_pack
from ferda.engine.domains import open_run_domains
from ferda.engine.recipe import load_recipe, parse_recipe
from ferda.engine.stage import open_stage
from ferda.errors import UserError
from ferda.methods import method_class

PEOPLE = 23


@pytest.fixture(scope="module")
def pack(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """23 people in any order, two faces each, and two people without a label."""
    folder = tmp_path_factory.mktemp("packs") / "ck"
    order = np.random.default_rng(0).permutation(np.repeat(np.arange(PEOPLE + 2), 2))
    frame = pd.DataFrame(
        {
            "file": [f"{row}.png" for row in range(len(order))],
            "expression": [None if person >= PEOPLE else "fear" for person in order],
            "subject": [f"S{person:03d}" for person in order],
        }
    )
    write_pack(folder, np.zeros((len(order), 16, 16, 3), np.uint8), frame, name="ck")
    return folder


def people(domain: Domain) -> set[int]:
    return {int(name[1:]) for name in domain.manifest["subject"]}


def people_of(folds: list[int]) -> set[int]:
    return {person for person in range(PEOPLE) if person % 10 in folds}


@pytest.mark.parametrize("turn", [0, 8, 9])
def test_each_branch_of_esr_4_leaves_one_of_four_folds_out(pack: Path, turn: int, tmp_path: Path) -> None:
    recipe = load_recipe("esr_ckplus", [f"data.sources={pack}@train:{turn}/10", "data.crop=null"])
    domains = open_run_domains(recipe.data, method_class("esr").needs, lambda line: None)
    rest = [fold for fold in range(10) if fold not in (turn, (turn + 1) % 10)]
    assert people(domains.sources[0]) == people_of(rest)
    assert people(domains.holdouts[0]) == people_of([(turn + 1) % 10])
    assert people(open_domain(f"{pack}@test:{turn}/10")) == people_of([turn])
    method = method_class("esr")(recipe.method.config(), 8)
    fabric = Fabric(accelerator="cpu", devices=1)
    for branch in range(4):
        stage = open_stage(fabric, recipe, method, domains, tmp_path, branch)
        learned = people(stage.loader.sources[0])
        assert learned == people_of([fold for place, fold in enumerate(rest[:4]) if place != branch])


def test_a_source_with_too_few_folds_is_named(pack: Path) -> None:
    one = open_domain(f"{pack}@test:4/10")
    assert people(bagged(one, Bag(10, (0,)))) == people_of([4])
    with pytest.raises(UserError, match="people of 1 of 10 folds, so there is no place 3"):
        bagged(one, Bag(10, (0, 3)))


@pytest.mark.parametrize(("folds", "places"), [(2, [0]), (10, []), (10, [10]), (10, [-1])])
def test_a_bag_that_makes_no_sense_is_a_mistake_of_the_recipe(folds: int, places: list[int]) -> None:
    bag: dict[str, Any] = {"folds": folds, "places": places}
    with pytest.raises(UserError, match="a bag takes places"):
        parse_recipe({"method": {"name": "esr"}, "training": {"bag": bag}})
