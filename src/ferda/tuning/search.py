"""A search: what is trained, which settings are tried, and what a trial is judged by."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, get_args

import yaml

from ferda.engine.recipe import Recipe, parse_recipe
from ferda.errors import UserError
from ferda.evaluation.page import write_text
from ferda.tuning.space import Space
from ferda.tuning.space_reading import parse_space

Prune = Literal["median", "none"]
#: Name of the file in the folder of a search that says what is searched.
FILE = "search.yaml"


@dataclass(frozen=True)
class Search:
    """Everything that decides which trials there can be and how they are ranked.

    Attributes:
        recipe: What every trial is made from.
        space: The settings that differ.
        score: Validator that trials are ranked by, and that chooses the epoch of each.
        seeds: One training each in every trial; the trial's score is their mean.
        prune: Which trials are ended early.
    """

    recipe: Recipe
    space: Space
    score: str
    seeds: tuple[int, ...]
    prune: Prune

    def __post_init__(self) -> None:
        if self.prune not in get_args(Prune):
            raise UserError(f"--prune {self.prune} is not one of {', '.join(get_args(Prune))}.")
        if not self.seeds or len(set(self.seeds)) < len(self.seeds):
            raise UserError(f"A trial needs seeds that differ, got {list(self.seeds)}.")

    @cached_property
    def name(self) -> str:
        """What its study is called: equal for equal searches, so that machines find each other's."""
        method = Path(self.recipe.method.name).stem
        return f"ferda-{method}-{hashlib.sha256(self.to_yaml().encode()).hexdigest()[:12]}"

    def trial_recipe(self, drawn: Mapping[str, Any], seed: int) -> Recipe:
        """Return what one training of a trial trains.

        Args:
            drawn: Values by key.
            seed: One of `seeds`.

        Raises:
            UserError: If the values do not go together.
        """
        return self.space.lay_over(self.recipe, drawn).override(training={"seed": seed, "select": self.score})

    def to_yaml(self) -> str:
        """The search as YAML text."""
        plain = {
            "score": self.score,
            "seeds": list(self.seeds),
            "prune": self.prune,
            "space": self.space.raw,
            "recipe": self.recipe.to_dict(),
        }
        return yaml.safe_dump(plain, sort_keys=False, allow_unicode=True)


def begin_search(search: Search, out: Path) -> None:
    """Write what is searched into a folder, or find that it is there.

    Args:
        search: Checked.
        out: Folder of the search.

    Raises:
        UserError: If the folder holds another search.
    """
    written = out / FILE
    if written.is_file() and read_search(out).to_yaml() != search.to_yaml():
        raise UserError(
            f"{out} holds another search (see {written}): choose another folder with --out, or ask for the "
            "same recipe, space, score, seeds and pruning."
        )
    write_text(written, search.to_yaml())


def read_search(out: Path) -> Search:
    """Read what a folder searches.

    Args:
        out: Folder of the search.
    """
    raw = yaml.safe_load((out / FILE).read_text(encoding="utf-8"))
    recipe = parse_recipe(raw["recipe"], where=str(out / FILE))
    space = parse_space(raw["space"], recipe, str(out / FILE))
    return Search(recipe, space, raw["score"], tuple(raw["seeds"]), raw["prune"])
