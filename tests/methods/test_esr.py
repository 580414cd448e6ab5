"""ESR: what grows, what freezes, who votes, and what is started from."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import torch
from pydantic import ValidationError
from torch import Tensor
from torch.testing import assert_close

from ferda.batch import DomainBatch, Labelled, Progress
from ferda.engine.optimisers import build_optimiser
from ferda.engine.recipe_sections import StageRecipe
from ferda.errors import UserError
from ferda.methods.esr import ESR, ESRConfig
from ferda.upstream import load_upstream

TINY: dict[str, Any] = {"branches": 3, "base": (4, 6, "pool"), "branch": (8, "pool", 8)}
SIZE, CLASSES = 32, 3


def tiny(**settings: Any) -> ESR:
    torch.manual_seed(0)
    return ESR(ESRConfig(**{**TINY, **settings}), CLASSES)


def some_batch(affect: bool = False) -> DomainBatch:
    generator = torch.Generator().manual_seed(1)
    said = torch.rand(6, 2, generator=generator) if affect else None
    images = torch.randn(6, 3, SIZE, SIZE, generator=generator)
    return DomainBatch((Labelled(images, torch.arange(6) % CLASSES, affect=said),))


def stepped(method: ESR, stage: str, *, affect: bool = False) -> dict[str, Tensor]:
    """What of the state one step of a stage changes: name -> new value."""
    before = {name: value.clone() for name, value in method.state_dict().items()}
    method.begin_epoch(None, Progress(stage=stage))
    optimiser = build_optimiser(method, StageRecipe(rate=0.1, decay=0.01), stage)
    method.train()
    sum(method.losses(some_batch(affect), Progress(stage=stage)).values()).backward()
    optimiser.step()
    return {
        name: value for name, value in method.state_dict().items() if not torch.equal(value, before[name])
    }


def parts(names: dict[str, Tensor]) -> set[str]:
    return {".".join(name.split(".")[1:3]) if "branches" in name else name.split(".")[1] for name in names}


def test_the_networks_of_the_paper_have_their_sizes() -> None:
    four = {"grey": True, "last_padding": 0, "branches": 4}
    deep = {"base": (32, 64, "pool", 64, "pool"), "branch": (64, "pool", 64)}
    level_4 = {"base": (32, 64, "pool", 64, "pool", 64, "pool"), "branch": (64,)}
    sizes = {
        355_104: {**four, **deep},
        131_208: {**four, **deep, "branches": 1},
        243_936: {**four, **level_4},
    }
    for size, settings in sizes.items():
        method = ESR(ESRConfig(**settings), classes=8)
        assert sum(weight.numel() for weight in method.parameters()) == size
    assert ESR.stages == ESR.stages_for(ESRConfig())


def test_a_grey_network_sees_the_mean_of_the_colours() -> None:
    method = tiny(grey=True).eval()
    images = some_batch().pooled.images
    with torch.no_grad():
        grey = method(images.mean(1, keepdim=True).expand(-1, 3, -1, -1))
        assert_close(method(images).logits, grey.logits)


def test_stages_are_those_of_what_is_learned() -> None:
    emotion, affect = ("branch_1", "branch_2", "branch_3"), ("affect_1", "affect_2", "affect_3")
    assert tiny().stages == emotion
    assert tiny(learns="affect").stages == affect
    assert tiny(learns="both").stages == emotion + affect


def test_older_branches_learn_slowly_and_later_ones_not_at_all() -> None:
    method = tiny()
    changed = stepped(method, "branch_2")
    assert parts(changed) == {"base", "branches.0", "branches.1", "votes"}
    optimiser = build_optimiser(method, StageRecipe(rate=0.1), "branch_2")
    rates = {group["name"]: group["lr"] for group in optimiser.param_groups}
    assert rates == pytest.approx({"base": 0.01, "older": 0.01, "newest": 0.1, "rest": 0.1})
    first = build_optimiser(method, StageRecipe(rate=0.1), "branch_1")
    assert {g["name"]: g["lr"] for g in first.param_groups} == {"base": 0.1, "newest": 0.1, "rest": 0.1}


def test_what_is_frozen_does_not_move_nor_do_its_statistics() -> None:
    method = tiny(older_rate=0)
    assert parts(stepped(method, "branch_1")) == {"base", "branches.0", "votes"}
    changed = stepped(method, "branch_2")
    assert parts(changed) == {"branches.1", "votes"}
    assert any("running_mean" in name for name in changed)


def test_a_frozen_base_is_seen_with_its_running_statistics() -> None:
    method = tiny(older_rate=0)
    stepped(method, "branch_1")
    twin = copy.deepcopy(method)
    method.train()
    (one,) = method.network.answers(some_batch().pooled.images, [1], learning=[1])
    twin.train()
    twin.network.base.eval()
    (other,) = twin.network.answers(some_batch().pooled.images, [1])
    assert_close(one.logits, other.logits)
    method.train()
    assert method.network.base.training


@pytest.mark.parametrize("learns", ["affect", "both"])
def test_affect_trains_its_own_layers_only(learns: str) -> None:
    changed = stepped(tiny(learns=learns), "affect_2", affect=True)
    assert all(".affect." in name or name.endswith("votes") for name in changed)
    assert parts(changed) == {"branches.0", "branches.1", "votes"}
    frozen = stepped(tiny(learns=learns, affect_older_rate=0), "affect_2", affect=True)
    assert parts(frozen) == {"branches.1", "votes"}


def test_losses_are_sums_over_the_branches() -> None:
    method, given = tiny(learns="both").train(), some_batch(affect=True)
    rows = given.pooled
    answers = method.network.answers(rows.images, range(2))
    found = method.losses(given, Progress(stage="branch_2"))["task"]
    assert_close(found, sum(torch.nn.functional.cross_entropy(a.logits, rows.labels) for a in answers))
    assert rows.affect is not None
    expected = torch.tensor(0.0)
    for answer, branch in zip(
        method.eval().network.answers(rows.images, range(2)), method.network.branches, strict=False
    ):
        said = branch.affect(answer.logits.relu())
        expected = expected + (said - rows.affect).square().mean(0).sqrt().sum()
    assert_close(method.losses(given, Progress(stage="affect_2"))["affect"], expected)


def test_affect_without_values_is_refused() -> None:
    with pytest.raises(UserError, match="no valence and arousal"):
        tiny(learns="affect").losses(some_batch(), Progress(stage="affect_1"))


def test_those_vote_who_have_learned_and_the_weights_remember() -> None:
    method, images = tiny(learns="both"), some_batch().pooled.images
    method.begin_epoch(None, Progress(stage="branch_2"))
    with torch.no_grad():
        views = method.eval()(images).views
        assert [name for name in views if name.startswith("branch")] == ["branch_1", "branch_2"]
        assert "affect" not in views
        fresh = tiny(learns="both").eval()
        fresh.load_state_dict(method.state_dict())
        assert torch.equal(fresh(images).logits, method(images).logits)
        method.begin_epoch(None, Progress(stage="affect_1"))
        output = method(images)
    assert "branch_3" in output.views and output.views["attention_branch_3"].ndim == 3
    assert output.features.shape == (6, 3 * 8)
    assert output.views["affect"].shape == (6, 2) and output.views["affect"].abs().max() <= 1
    # an average of weights copies tensors and knows nothing of numbers
    average = tiny(learns="both").eval()
    for theirs, ours in zip(average.buffers(), method.buffers(), strict=True):
        theirs.copy_(ours)
    assert average.eval().network.affect_voters == 1


def test_rules_of_combining_differ_only_in_the_decision() -> None:
    images = some_batch().pooled.images
    with torch.no_grad():
        one, other = tiny().eval()(images), tiny(combine="mean_logit").eval()(images)
    logits = torch.stack([one.views[f"branch_{k}"] for k in (1, 2, 3)])
    assert_close(other.logits, logits.mean(0))
    assert_close(one.features, other.features)


def test_too_small_pictures_and_odd_layers_are_refused() -> None:
    with pytest.raises(UserError, match=r"53 pixels are too small .* need 54"):
        ESR(ESRConfig(branches=1), CLASSES).eval()(torch.zeros(1, 3, 53, 53))
    for layers in ((), ("pool", 4), (4, "pool", "pool", 4), (0,)):
        with pytest.raises(ValidationError, match=r"list of layers|one channel"):
            ESRConfig(base=layers)


def folder_of(method: ESR) -> dict[str, dict[str, Tensor]]:
    """The ensemble in the authors' files."""
    files: dict[str, dict[str, Tensor]] = {}
    words = {"conv": "conv", "norm": "bn"}
    for name, value in method.state_dict().items():
        kind, *rest = name.removeprefix("network.").split(".")
        if kind == "votes":
            continue
        stem = "Net-Base-Shared_Representations" if kind == "base" else f"Net-Branch_{int(rest.pop(0)) + 1}"
        if rest[0] == "blocks":
            rest.pop(0)
        theirs = {"head": "fc", "affect": "fc_dimensional"}.get(rest[0])
        if theirs is None:
            theirs = f"{words[rest.pop(1)]}{int(rest[0]) + 1}"
        files.setdefault(stem, {})[f"{theirs}.{rest[1]}"] = value
    return files


def saved(folder: Path, files: dict[str, dict[str, Tensor]]) -> Path:
    folder.mkdir(exist_ok=True)
    for stem, file in files.items():
        torch.save(file, folder / f"{stem}.pt")
    return folder


def test_a_folder_of_the_authors_comes_back_whole(tmp_path: Path) -> None:
    method, images = tiny(learns="both").eval(), some_batch().pooled.images
    files = folder_of(method)
    loaded = load_upstream("esr", saved(tmp_path / "nine", files), base=TINY["base"], branch=TINY["branch"])
    assert isinstance(loaded, ESR) and loaded.config.branches == 3
    with torch.no_grad():
        assert torch.equal(loaded(images).views["affect"], method(images).views["affect"])
        assert torch.equal(loaded(images).logits, method(images).logits)


def test_without_affect_in_every_file_it_is_absent(tmp_path: Path) -> None:
    files = folder_of(tiny(learns="both"))
    del files["Net-Branch_2"]["fc_dimensional.weight"], files["Net-Branch_2"]["fc_dimensional.bias"]
    loaded = load_upstream("esr", files, base=TINY["base"], branch=TINY["branch"])
    assert "affect" not in loaded(some_batch().pooled.images).views
    del files["Net-Branch_1"]
    with pytest.raises(UserError, match="without a gap"):
        load_upstream("esr", files)


def test_a_training_starts_from_either_kind_of_weights(tmp_path: Path) -> None:
    trained = tiny(learns="both")
    trained.begin_epoch(None, Progress(stage="branch_2"))
    theirs = saved(tmp_path / "theirs", folder_of(trained))
    ours = tmp_path / "ours.pt"
    torch.save(trained.state_dict(), ours)
    for weights in (theirs, ours):
        started = ESR(ESRConfig(**TINY, weights=str(weights)), classes=5)
        assert started.network.voters == 3
        assert torch.equal(started.network.base[0].conv.weight, trained.network.base[0].conv.weight)
        assert started.network.branches[2].head.weight.shape == (5, 8)
