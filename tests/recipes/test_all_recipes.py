"""Every recipe of the package says where its numbers are from, and trains: in miniature, but as it stands.

A recipe keeps its network, picture size, optimiser, views and stages. Shortened are the length (one step a
stage, two where sources take turns; two branches of an ensemble that grows), the batch (two rows) and the
domains (a handful of pictures of the synthetic ones). What a recipe's crop, views and colours do to them is
all computed. The state to resume from is written after the last step alone: it is most of the bytes.

The networks of the papers are large, so recipes that differ in numbers alone are not all trained. One is left
out if a recipe before it in the alphabet has the same network (settings of the method, floats but for their
size, and the size of pictures) with the same kind of optimiser, sharpness and sampling, *and* each of its
other words (of views, crops, balance, schedules and so on; numbers count as zero or not) is in a recipe that
is trained. So a new recipe is trained as soon as it says anything that no other says. All are parsed, and all
headers are read.
"""

from __future__ import annotations

import re
import shutil
import zipfile
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import ferda
from ferda.engine.checkpoint import Preprocessing, save_weights
from ferda.engine.domains import open_watched
from ferda.engine.keeper import Keeper
from ferda.engine.recipe import Recipe, list_recipes, load_recipe, parse_recipe
from ferda.engine.scoring import answers
from ferda.engine.stage import Stage
from ferda.expressions import BASIC
from ferda.faces.crops import CropRule
from ferda.methods import create_method, list_methods, method_class
from ferda.synthetic.embedded import embedded_files

RECIPES = {name: load_recipe(name) for name in list_recipes()}
BRANCHES = 2


def leaves(table: dict[str, Any], path: str = "") -> Iterator[tuple[str, Any]]:
    """Every value of nested tables with its dotted path."""
    for key, value in table.items():
        # the steps of a schedule are numbers that stand where names do
        inner = f"{path}.{'N' if str(key).isdigit() else key}"
        if isinstance(value, dict) and value:
            yield from leaves(value, inner)
        else:
            yield inner, value


def word(value: Any) -> str:
    """Words and lists as they are, of a number only whether it is zero."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return ("zero" if value == 0 else "number") if is_number else repr(value)


def network(recipe: Recipe) -> tuple[object, ...]:
    """What must be equal for one training to speak for another."""
    settings = leaves(recipe.method.config().model_dump())
    kinds = [
        (stage.optimiser, stage.sam is None, stage.amsgrad, stage.nesterov, stage.sampling)
        for stage in map(recipe.training.stage, stages_of(recipe))
    ]
    exact = [(path, word(value) if isinstance(value, float) else repr(value)) for path, value in settings]
    return (recipe.method.name, *exact, recipe.data.size, *kinds)


def words(recipe: Recipe) -> set[tuple[str, str]]:
    """What some training must have shown to work."""
    stages = [recipe.training.stage(name).model_dump() for name in stages_of(recipe)]
    rest = recipe.training.model_dump(exclude={"stages"})
    data = recipe.data.model_dump() | {"classes": len(recipe.data.classes)}
    tables = [{"training": table} for table in (*stages, rest)] + [{"data": data}]
    return {(path, word(value)) for table in tables for path, value in leaves(table)}


def stages_of(recipe: Recipe) -> tuple[str, ...]:
    return method_class(recipe.method.name).stages_for(recipe.method.config())


def to_train() -> list[str]:
    chosen: list[str] = []
    networks: set[tuple[object, ...]] = set()
    known: set[tuple[str, str]] = set()
    for name, recipe in RECIPES.items():
        if network(recipe) not in networks or words(recipe) - known:
            chosen.append(name)
            networks.add(network(recipe))
            known |= words(recipe)
    return chosen


def header(name: str) -> str:
    """The comment that a recipe opens with, as one line."""
    text = resources.files("ferda.recipes").joinpath(f"{name}.yaml").read_text(encoding="utf-8")
    lines = [line.removeprefix("#").strip() for line in text[: text.index("\nmethod:")].splitlines()]
    return " ".join(lines)


@pytest.mark.parametrize("name", RECIPES)
def test_a_header_names_the_paper_and_what_it_published(name: str) -> None:
    said = header(name)
    if name in list_methods():
        assert name == "source_only" or re.search(r"\(.*\d{4}.*\)", said), "name the paper and its year"
        assert re.search("sized .*for two CPU cores", said), "so that nobody expects the paper's result"
    else:
        assert re.search(r"authors'|scripts|benchmark", said), "say whose settings these are"
        published = r"[Pp]ublished(,| logs|:| for) .*\d\d\.\d|[Pp]ublished: .*\d\.\d\d"
        unknown = r"[Nn]o result of theirs is known|not known to us"
        assert re.search(f"{published}|{unknown}", said), "say what was published, or that nothing is known"


def test_each_method_has_a_recipe_of_its_name() -> None:
    assert set(list_methods()) <= set(RECIPES)


def test_what_is_not_trained_has_a_twin_that_is() -> None:
    chosen = to_train()
    assert set(list_methods()) <= set(chosen)
    for name in RECIPES.keys() - set(chosen):
        assert any(network(RECIPES[other]) == network(RECIPES[name]) for other in chosen), name


def test_a_recipe_with_anything_new_would_be_trained() -> None:
    recipe = load_recipe("manet_rafdb")
    assert "manet_rafdb" not in to_train()
    other_rate = recipe.override("training.rate=0.5", "training.momentum=0.5")
    assert (network(other_rate), words(other_rate)) == (network(recipe), words(recipe))
    assert words(recipe.override("data.crop.kind=retinaface5pose")) != words(recipe)
    assert words(recipe.override("training.schedule.kind=cosine")) != words(recipe)
    for change in ("method.units=[1,1,1,1]", "data.size=112", "training.sam=0.05", "training.optimiser=adam"):
        assert network(recipe.override(change)) != network(recipe)


@pytest.fixture(scope="session")
def handful(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Tables of a few pictures of each synthetic domain, one of a class to train with; a model to start from.

    Valence, arousal and people are made up, for the recipes that learn them or part them.
    """
    root = tmp_path_factory.mktemp("handful")
    network = {"backbone": "small_cnn"}
    shown = Preprocessing(CropRule(), 48, (0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
    model = create_method("source_only", len(BASIC), **network)
    save_weights(
        root / "start.safetensors",
        model,
        name="source_only",
        settings=network,
        classes=BASIC,
        preprocessing=shown,
    )
    for name in ("studio", "street", "cctv"):
        archive, table = embedded_files(name)
        rows = pd.read_csv(table)
        is_train = rows["split"] == "train"
        few = pd.concat([rows[is_train].groupby("label").head(1), rows[~is_train].groupby("split").head(2)])
        with zipfile.ZipFile(archive) as pictures:
            pictures.extractall(root / name, few["file"])
        people = [f"person {row:02d}" for row in range(len(few))]
        few = few.assign(valence=0.5, arousal=-0.25, subject=people)
        few.to_csv(root / name / "faces.csv", index=False)
    return root


def in_miniature(recipe: Recipe, handful: Path) -> Recipe:
    """The recipe itself, but for lengths and domains."""
    raw = recipe.to_dict()
    kind = method_class(recipe.method.name)
    wanted = ("studio", "street") if kind.sampling != "joint" else ("studio",)
    raw["data"]["sources"] = [str(handful / name / "faces.csv") for name in wanted if kind.needs.sources]
    raw["training"]["start"] = str(handful / "start.safetensors") if kind.needs.source_model else None
    raw["data"]["target"] = str(handful / "cctv" / "faces.csv") if kind.needs.target else None
    raw["data"]["watch"] = str(handful / "cctv" / "faces.csv@test")
    steps = len(wanted) if kind.sampling == "round_robin" else 1
    short = {"epochs": 1, "epoch_steps": steps, "batch": 2, "target_batch": 2}
    if getattr(recipe.method.config(), "branches", 0) > BRANCHES:
        raw["method"]["branches"] = BRANCHES
    left = kind.stages_for(recipe.override(f"method={raw['method']}", "training.stages={}").method.config())
    stages = {name: {**given, **short} for name, given in raw["training"]["stages"].items() if name in left}
    raw["training"].update(short, stages=stages, score_rows=2, precision="fp32")
    return parse_recipe(raw)


@pytest.fixture
def run_folder(tmp_path: Path) -> Iterator[Path]:
    """A folder that is emptied at once: the weights of all recipes are gigabytes."""
    yield tmp_path / "run"
    shutil.rmtree(tmp_path / "run", ignore_errors=True)


@pytest.mark.slow
@pytest.mark.parametrize("name", to_train())
def test_a_recipe_trains_and_its_checkpoint_answers(
    name: str, handful: Path, run_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe, save = in_miniature(RECIPES[name], handful), Keeper.save

    def save_last(keeper: Keeper, stage: Stage, *given: Any) -> None:
        if stage.is_last and stage.step == stage.steps:
            save(keeper, stage, *given)

    monkeypatch.setattr(Keeper, "save", save_last)
    run = ferda.fit(recipe, run_folder, loggers=(), show=False)
    assert run.is_finished and (run.folder / "last.pt").is_file()
    assert tuple(run.journal["stage"].unique()) == stages_of(recipe)
    assert np.isfinite(run.journal["loss"]).all()
    model = run.load()
    assert model.preprocessing.size == run.recipe.data.size
    watched = open_watched(recipe.data)
    assert watched is not None
    said = answers(model.method, watched, None, model.preprocessing, next(model.method.parameters()).device)
    assert np.isfinite(said.probabilities).all()
    assert np.allclose(said.probabilities.sum(1), 1, atol=1e-4)
    # the file on disk is the model that was scored when its epoch ended
    epoch = model.metadata["epoch"]
    with np.load(run.folder / "outputs" / f"{stages_of(recipe)[-1]}_{epoch:03d}.npz") as recorded:
        assert np.allclose(said.probabilities, recorded["probabilities"], atol=1e-4)
