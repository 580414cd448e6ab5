"""Labels of test faces cannot be learned from unless one says so; what was seen without labels is told."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from ferda.data.domain import open_domain
from ferda.data.exclusions import EXCLUDED, exclude
from ferda.data.pack import Pack, write_pack
from ferda.engine.domains import notes_on_test, open_run_domains
from ferda.engine.leak_guard import (
    SAME_FILE,
    SAME_PERSON,
    SEEN,
    UNCOMPARED,
    find_learned,
    find_seen,
    with_excluded,
)
from ferda.engine.recipe import parse_recipe
from ferda.engine.recipe_sections import DataRecipe
from ferda.errors import UserError
from ferda.faces.crops import CropRule
from ferda.methods.base import Needs

CLASSES = ("happiness", "sadness")


@pytest.fixture
def make(tmp_path: Path) -> Callable[..., Pack]:
    """Makes a pack: 8 train, 4 val, 4 test, a person for each two rows, each row another file."""

    def build(name: str, first: int = 0, **columns: Any) -> Pack:
        table = {
            "file": [f"{row}.png" for row in range(16)],
            "split": ["train"] * 8 + ["val"] * 4 + ["test"] * 4,
            "expression": [*CLASSES] * 8,
            "subject": [f"s{row // 2}" for row in range(16)],
            "sha256": [f"{first + row:064x}" for row in range(16)],
        }
        return write_pack(tmp_path / name, np.zeros((16, 16, 16, 3), np.uint8), pd.DataFrame(table | columns))

    return build


def data(source: Pack, target: Pack | None = None, **more: Any) -> DataRecipe:
    place = None if target is None else str(target.path)
    return DataRecipe(sources=(str(source.path),), target=place, classes=CLASSES, **more)


def test_honest_packs_pass(make: Callable[..., Pack]) -> None:
    told: list[str] = []
    recipe = data(make("a"), make("b", 16))
    open_run_domains(recipe, Needs(), told.append)
    assert not [sentence for sentence in told if "watched" in sentence or "warning" in sentence]
    test = open_domain(f"{recipe.target}@test", CLASSES)
    assert notes_on_test(recipe, test, "--force") == {}


def test_the_same_file_in_source_and_test_is_refused_unless_allowed(make: Callable[..., Pack]) -> None:
    source, target = make("a"), make("b", 10)
    # rows 12 to 15 of the target are the files 22 to 25: none of the source's; one is made to be
    table = target.manifest.assign(sha256=[*target.manifest["sha256"][:15], f"{3:064x}"])
    leaky = write_pack(target.path.with_name("c"), target.images, table)
    with pytest.raises(UserError, match=r"c@test .* 4 faces 1 are .* data.allow_leaks=true") as caught:
        open_run_domains(data(source, leaky), Needs(), lambda sentence: None)
    assert f"ferda check {source.path} {leaky.path}" in str(caught.value)
    told: list[str] = []
    open_run_domains(data(source, leaky, allow_leaks=True), Needs(), told.append)
    assert f"watched c@test: 1 of 4 faces are {SAME_FILE}" in told
    test = open_domain(f"{leaky.path}@test", CLASSES)
    with pytest.raises(UserError, match="or go on with --force"):
        notes_on_test(data(source, leaky), test, "--force")
    assert notes_on_test(data(source, leaky), test, None) == {SAME_FILE: 1}


def test_people_and_rows_of_one_pack(make: Callable[..., Pack]) -> None:
    pack = make("a", subject=["p"] * 3 + [f"s{row}" for row in range(11)] + ["p", None])
    train, test, whole = (open_domain(f"{pack.path}@{split}", CLASSES) for split in ("train", "test", "all"))
    assert find_learned([train], test) == {SAME_PERSON: 1}
    assert find_learned([train], whole) == {SAME_FILE: 8, SAME_PERSON: 1}
    other = make("b", 16, subject=["p"] * 16)
    assert find_learned([open_domain(other.path, CLASSES)], test) == {}


def test_held_out_people_who_are_learned_from_are_told(make: Callable[..., Pack]) -> None:
    told: list[str] = []
    pack = make("a", subject=["p"] * 9 + [None] * 7)
    open_run_domains(data(pack, make("b", 16)), Needs(), told.append)
    assert [sentence for sentence in told if "1 rows that are held out are of people" in sentence]


def test_test_faces_seen_without_labels_are_told_and_no_leak(make: Callable[..., Pack]) -> None:
    source, target = make("a"), make("b", 16)
    recipe = data(source, target, watch=f"{target.path}@all")
    told: list[str] = []
    open_run_domains(recipe, Needs(), told.append)
    assert f"watched b: 8 of 16 faces are {SEEN}" in told
    assert notes_on_test(recipe, open_domain(target.path, CLASSES), "--force") == {SEEN: 8}
    assert find_seen(None, open_domain(target.path, CLASSES)) == {}


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FERDA_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_what_is_not_there_is_told_and_not_prepared_for_this(make: Callable[..., Pack], cache: Path) -> None:
    recipe = DataRecipe(sources=("synthetic:studio", "/nowhere"), target="synthetic:cctv", classes=CLASSES)
    notes = notes_on_test(recipe, open_domain(make("a").path, CLASSES), "--force")
    assert notes == {
        f"{UNCOMPARED} {spec}": 16 for spec in ("synthetic:studio", "/nowhere", "synthetic:cctv")
    }
    assert not cache.exists()


def test_a_raw_folder_that_was_learned_from_is_known_by_its_pack_in_the_cache(
    tmp_path: Path, cache: Path
) -> None:
    for row in range(20):
        path = tmp_path / "raw" / CLASSES[row % 2] / f"{row}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (16, 16), (row, row, row)).save(path)
    rule, raw = CropRule("whole", size=16, detect=False), str(tmp_path / "raw")
    recipe = DataRecipe(sources=(raw,), target=raw, classes=CLASSES, crop=rule)
    train, test = (open_domain(f"{raw}@{split}", CLASSES, crop=rule) for split in ("train", "test"))
    with pytest.raises(UserError, match=f"its {len(train)} faces {len(train)} are {SAME_FILE}"):
        notes_on_test(recipe, train, "--force")
    assert notes_on_test(recipe, train, None) == {SAME_FILE: len(train), SEEN: len(train)}
    assert notes_on_test(recipe, test, "--force") == {}


def test_a_run_says_what_was_excluded_and_another_must_have_the_same(make: Callable[..., Pack]) -> None:
    source, target = make("a"), make("b", 16)
    raw = {"method": {"name": "dann"}, "data": data(source, target).model_dump(mode="json")}
    assert with_excluded(parse_recipe(raw)).data.excluded == {}
    exclude(source, pd.Series(["x", "y"], index=[0, 5]))
    recipe = with_excluded(parse_recipe(raw))
    assert recipe.data.excluded == {str(source.path): 2}
    assert with_excluded(recipe) == recipe
    told: list[str] = []
    domains = open_run_domains(recipe.data, Needs(), told.append)
    assert len(domains.sources[0]) == 6
    assert f"  left out: 2 rows, {EXCLUDED}" in told
    exclude(source, pd.Series(["z"], index=[6]))
    with pytest.raises(UserError, match="repeat 'ferda check --exclude'"):
        with_excluded(recipe)
