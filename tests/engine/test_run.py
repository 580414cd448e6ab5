"""A run goes on with its own recipe, however that is written; its journal takes notes beside losses."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ferda.engine.fit import fit
from ferda.engine.recipe import parse_recipe, recipe_for
from ferda.engine.run import begin_folder, check_folder
from ferda.errors import UserError


def test_a_named_default_is_the_same_recipe_and_another_value_is_not(tmp_path: Path) -> None:
    begin_folder(tmp_path, recipe_for("osa", changes=["method.lam1=1"]))
    check_folder(tmp_path, recipe_for("osa"), resume=True)
    for change in ("method.lam1=2", "training.rate=0.5", "data.size=32"):
        with pytest.raises(UserError, match="recipe differs"):
            check_folder(tmp_path, recipe_for("osa", changes=[change]), resume=True)
    with pytest.raises(UserError, match="recipe differs"):
        check_folder(tmp_path, recipe_for("dann"), resume=True)
    with pytest.raises(UserError, match="already holds a run"):
        check_folder(tmp_path, recipe_for("osa"), resume=False)


def test_what_a_method_notes_is_in_the_journal_and_not_in_the_loss(
    raw_recipe: Callable[..., Any], world: Path, tmp_path: Path
) -> None:
    raw = raw_recipe(world, "osa", epochs=1, epoch_steps=4)
    raw["method"] = {"name": "osa", "backbone": "mixed_feature_small", "size": 32, "critic_hidden": 8}
    journal = fit(parse_recipe(raw), tmp_path / "run", show=False).journal
    assert journal["note/shared_classes"].isin(range(4)).all()
    losses = journal[[name for name in journal if name.startswith("loss/")]]
    np.testing.assert_allclose(journal["loss"], losses.sum(axis=1), rtol=1e-6)
