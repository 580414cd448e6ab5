"""A run folder: what one training left behind, as an object."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ferda.engine.checkpoint import LoadedMethod, load_method
from ferda.engine.recipe import Recipe, load_recipe
from ferda.errors import UserError
from ferda.files import replacing

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Run:
    """One training's folder.

    Attributes:
        folder: Holds `recipe.yaml`, `journal.csv`, `scores.csv`, `last.pt`, `best.safetensors`, `outputs/`.
    """

    folder: Path

    @property
    def recipe(self) -> Recipe:
        """The resolved recipe that was trained."""
        return load_recipe(self.folder / "recipe.yaml")

    @property
    def journal(self) -> pd.DataFrame:
        """Named losses, rate and speed by step."""
        return _table(self.folder / "journal.csv")

    @property
    def scores(self) -> pd.DataFrame:
        """Validators by epoch; `selected` marks the checkpoint that was kept."""
        return _table(self.folder / "scores.csv")

    @property
    def is_finished(self) -> bool:
        """Whether every stage was trained to its end."""
        return (self.folder / "finished").is_file()

    def load(self, device: str = "cpu") -> LoadedMethod:
        """Load the chosen checkpoint.

        Args:
            device: Where it will compute.
        """
        return load_method(self.folder, device)


def check_folder(folder: Path, recipe: Recipe, resume: bool) -> None:
    """Raise unless a run by this recipe may begin, or go on, in a folder.

    Args:
        folder: Where the run lives.
        recipe: What the user asks for.
        resume: Go on with the run that is there, whose recipe must say the same.

    Raises:
        UserError: If the folder holds another run, or there is nothing to resume.
    """
    written = folder / "recipe.yaml"
    if not resume and written.is_file():
        raise UserError(
            f"{folder} already holds a run; add --resume to go on with it, or choose another folder."
        )
    if resume and not written.is_file():
        raise UserError(f"There is no run to resume in {folder}; start it without --resume.")
    if resume and not computes_the_same(load_recipe(written), recipe):
        raise UserError(
            f"The recipe differs from {written}; resume with that recipe, or choose another folder."
        )


def begin_folder(folder: Path, recipe: Recipe) -> None:
    """Make a run's folder and write its recipe, when everything that could be wrong was looked at.

    Args:
        folder: Where the run lives.
        recipe: Of the run.

    Raises:
        UserError: If the folder cannot be written.
    """
    try:
        (folder / "outputs").mkdir(parents=True, exist_ok=True)
        with replacing(folder / "recipe.yaml") as temporary:
            temporary.write_text(recipe.to_yaml(), encoding="utf-8")
    except OSError as error:
        raise UserError(f"Cannot write into the run folder {folder}: {error.strerror or error}.") from error


def computes_the_same(former: Recipe, recipe: Recipe) -> bool:
    """Return whether two recipes differ in words at most.

    Args:
        former: Of a run that is there.
        recipe: What a user asks for.
    """
    # a setting of the method that is named with its default value changes nothing
    is_method = former.method.name == recipe.method.name and former.method.config() == recipe.method.config()
    # nor does the place where pictures lie
    data = recipe.data.model_copy(update={"resident": former.data.resident})
    return is_method and former.data == data and former.training == recipe.training


def next_folder(root: Path, name: str) -> Path:
    """Return `root/name-1`, or the first such folder that does not exist.

    Args:
        root: Where runs live.
        name: What the run is called.
    """
    number = 1
    while (root / f"{name}-{number}").exists():
        number += 1
    return root / f"{name}-{number}"


def _table(path: Path) -> pd.DataFrame:
    import pandas as pd

    if not path.is_file():
        raise UserError(f"{path} does not exist yet; the run has not come so far.")
    return pd.read_csv(path)
