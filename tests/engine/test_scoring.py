"""What an epoch is scored on, by which validators, and that a choice among all epochs survives a stop."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors import safe_open

from ferda.engine.domains import RunDomains, open_run_domains
from ferda.engine.fit import fit
from ferda.engine.recipe import parse_recipe
from ferda.engine.scoring import Scorer
from ferda.engine.session import Session
from ferda.errors import UserError
from ferda.methods import method_class
from ferda.methods.base import Method
from ferda.selection.choose import choose
from ferda.selection.mixval import pairs

Make = Callable[..., Any]
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def made(raw_recipe: Make, world: Path) -> tuple[Method, RunDomains]:
    recipe = parse_recipe(raw_recipe(world, "dann"))
    method = method_class("dann")(recipe.method.config(), len(recipe.data.classes))
    return method, open_run_domains(recipe.data, method.needs, lambda line: None)


def scorer_of(domains: RunDomains, *, sources: bool = True, target: bool = True) -> Scorer:
    return Scorer(
        domains.holdouts if sources else (),
        domains.target if target else None,
        None,
        domains.preprocessing,
        limit=2000,
    )


def test_each_domain_passes_once_and_mixtures_only_if_asked(
    made: tuple[Method, RunDomains], monkeypatch: pytest.MonkeyPatch
) -> None:
    method, domains = made
    forward, seen = method.forward, []

    def counted(images: torch.Tensor, landmarks: torch.Tensor | None = None) -> Any:
        seen.append(len(images))
        return forward(images, landmarks)

    monkeypatch.setattr(method, "forward", counted)
    scorer, (source,), target = scorer_of(domains), domains.holdouts, domains.target
    assert target is not None
    plain = scorer.outputs(method, CPU)
    assert sum(seen) == len(source) + len(target)
    assert plain.source_features is not None and len(plain.source_features) == len(source)
    assert {"bnm", "class_ami", "dev", "rankme"} <= scorer.score(plain).keys()
    assert scorer.remember(plain).keys() == {"ensv"}
    mixed = scorer.outputs(method, CPU, mixed=True)
    made_pairs = pairs(plain.target_probabilities.argmax(1))
    assert mixed.mixed_rows is not None and np.array_equal(mixed.mixed_rows, made_pairs)
    assert sum(seen) == 2 * (len(source) + len(target)) + len(made_pairs)
    assert scorer.remember(mixed).keys() == {"ensv", "mixval"}


def test_mixtures_are_of_the_pictures_that_are_named(made: tuple[Method, RunDomains]) -> None:
    method, domains = made
    mixed = scorer_of(domains).outputs(method, CPU, mixed=True)
    assert mixed.mixed_rows is not None and domains.target is not None
    first, second = mixed.mixed_rows[7]
    shown = domains.preprocessing
    images = torch.from_numpy(domains.target.gather(np.array([first, second]))).float() / 255
    mixture = (0.55 * images[0] + 0.45 * images[1]).movedim(-1, 0)
    mean, std = (torch.tensor(values)[:, None, None] for values in (shown.mean, shown.std))
    with torch.no_grad():
        said = method.eval()(((mixture - mean) / std)[None]).probabilities[0]
    np.testing.assert_allclose(mixed.mixed_probabilities[7], said, atol=1e-5)  # type: ignore[index]


def test_what_cannot_be_computed_is_absent(made: tuple[Method, RunDomains]) -> None:
    method, domains = made
    without_target, without_sources = scorer_of(domains, target=False), scorer_of(domains, sources=False)
    assert scorer_of(domains).has == {"sources", "target"}
    assert without_target.score(without_target.outputs(method, CPU)).keys() == {"source_accuracy"}
    found = without_sources.score(without_sources.outputs(method, CPU))
    assert found.keys() == {"bnm", "class_ami", "classes_in_use", "entropy", "im", "rankme", "snd"}
    assert np.isfinite([*found.values()]).all()
    with pytest.raises(UserError, match="dev cannot choose without held-out faces of a source; what can"):
        without_sources.check("dev")
    with pytest.raises(UserError, match=r"mixval cannot choose without a target \(--target\); what can: sou"):
        without_target.check("mixval")
    for name in ("mixval", "ensv", "last"):
        without_sources.check(name)


def test_a_broken_model_scores_no_number(made: tuple[Method, RunDomains]) -> None:
    method, domains = made
    scorer = scorer_of(domains)
    good = scorer.outputs(method, CPU)
    good.target_features[3, 2] = np.inf
    assert np.isnan([*scorer.score(good).values()]).all()


def test_a_choice_among_all_epochs_is_the_same_after_a_stop(
    raw_recipe: Make, world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = parse_recipe(raw_recipe(world, "source_only", epochs=4, epoch_steps=2, select="ensv"))
    whole = fit(recipe, tmp_path / "whole", show=False, loggers=())
    begin = Session._begin_epoch

    def stop(session: Session, stage: Any) -> None:
        if stage.epochs_done == 2:
            raise KeyboardInterrupt
        begin(session, stage)

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(Session, "_begin_epoch", stop)
        fit(recipe, tmp_path / "broken", show=False, loggers=())
    broken = fit(recipe, tmp_path / "broken", resume=True, show=False, loggers=())
    assert broken.scores.equals(whole.scores)
    scores = whole.scores
    chosen = choose(scores["ensv"], scores["source_accuracy"])
    assert scores.loc[scores["selected"].notna(), "epoch"].tolist() == [chosen + 1]
    with safe_open(str(whole.folder / "best.safetensors"), "pt") as stored:
        assert '"selected_by": "ensv"' in str(stored.metadata())
    assert whole.load().metadata["epoch"] == broken.load().metadata["epoch"] == chosen + 1


def test_a_run_that_chooses_by_mixtures_has_their_score(
    raw_recipe: Make, world: Path, tmp_path: Path
) -> None:
    raw = raw_recipe(world, "source_only", epochs=2, epoch_steps=2, select="mixval")
    run = fit(parse_recipe(raw), tmp_path / "run", show=False, loggers=())
    assert set(run.scores["mixval"]) <= {1, 1.25, 1.5, 1.75, 2}
    assert run.scores["mixval"].sum() == 3
    assert run.load().metadata["selected_by"] == "mixval"
