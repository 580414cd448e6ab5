"""What earlier runs of a table left: kept if the table still asks for it."""

from __future__ import annotations

import shutil
from pathlib import Path

from ferda.benchmarking.places import Place
from ferda.benchmarking.table import Table
from ferda.engine.leak_guard import with_excluded
from ferda.engine.recipe import Recipe, load_recipe
from ferda.engine.run import computes_the_same
from ferda.errors import UserError


def check_finished(table: Table, out: Path) -> None:
    """Refuse a folder whose finished trainings followed another table.

    Args:
        table: Checked.
        out: Its folder.

    Raises:
        UserError: Names the first of them.
    """
    others = [
        place
        for place in (Place(out, cell) for cell in table.cells)
        if place.state == "finished" and not _is_same(place, table.recipe(place.cell))
    ]
    if others:
        raise UserError(
            f"{len(others)} finished trainings in {out} followed other settings than the table asks for, the "
            f"first is {others[0].folder}: choose another folder, or remove them."
        )


def forget_failures(table: Table, out: Path) -> None:
    """Let what failed be trained again.

    Args:
        table: Checked.
        out: Its folder.
    """
    for cell in table.cells:
        Place(out, cell).beside("error").unlink(missing_ok=True)


def _is_same(place: Place, recipe: Recipe) -> bool:
    """Whether a run follows a recipe, wherever the folder stood then that its start was in."""
    former = load_recipe(place.folder / "recipe.yaml")
    bare = [one.override(training={"start": None}) for one in (former, with_excluded(recipe))]
    return computes_the_same(*bare)


def forget_other(place: Place, recipe: Recipe) -> None:
    """Remove what an interrupted or failed training left, if the table asks for something else by now.

    Args:
        place: Of an unfinished training.
        recipe: What is asked for.
    """
    if (place.folder / "recipe.yaml").is_file() and not _is_same(place, recipe):
        shutil.rmtree(place.folder)
        place.beside("cost.json").unlink(missing_ok=True)
