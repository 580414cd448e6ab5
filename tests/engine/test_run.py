"""A run folder goes on with its own recipe, however that is written."""

from __future__ import annotations

from pathlib import Path

import pytest

from ferda.engine.recipe import recipe_for
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
