"""MFSAN beyond what its parity tests and the contract say."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch.nn import functional

from ferda.batch import DomainBatch, Labelled, Progress, Unlabelled
from ferda.errors import UserError
from ferda.layers.grl import reversal_coefficient
from ferda.losses.mmd import MMDLoss
from ferda.methods.mfsan import MFSAN
from ferda.upstream import load_upstream

SMALL = {
    "backbone": "small_cnn",
    "backbone_options": {"stem": 8, "widths": [16, 16]},
    "branch_width": 8,
    "constant_tradeoff": 1.0,
}
CLASSES = 3


def make(sources: int = 3, **settings: Any) -> MFSAN:
    torch.manual_seed(0)
    return MFSAN(MFSAN.Config(**(SMALL | settings)), CLASSES, sources)


def source(seed: int, rows: int = 5) -> Labelled:
    generator = torch.Generator().manual_seed(seed)
    return Labelled(torch.rand(rows, 3, 32, 32, generator=generator), torch.arange(rows) % CLASSES)


TARGET = Unlabelled(torch.rand(4, 3, 32, 32, generator=torch.Generator().manual_seed(9)))


def losses(method: MFSAN, given: DomainBatch, progress: Progress | None = None) -> dict[str, float]:
    # without running statistics in the way: what is compared passes in several orders
    return {
        name: float(loss.detach())
        for name, loss in method.eval().losses(given, progress or Progress()).items()
    }


def test_a_turn_concerns_its_own_branch_and_all_heads_on_the_target() -> None:
    method, given = make().eval(), DomainBatch((source(1),), TARGET, turn=1)
    found = losses(method, given)
    with torch.no_grad():
        seen, unseen = method(given.sources[0].images), method(TARGET.images)
    features = [rows.split(8, 1)[1] for rows in (seen.features, unseen.features)]
    task = functional.cross_entropy(seen.views["head_2"], given.sources[0].labels)
    assert found["task"] == pytest.approx(float(task.detach()), rel=1e-5)
    assert found["mmd"] == pytest.approx(float(MMDLoss()(*features)), rel=1e-4)
    p = [unseen.views[f"head_{number}"].softmax(1) for number in (1, 2, 3)]
    expected = ((p[1] - p[0]).abs().mean() + (p[1] - p[2]).abs().mean()) / 2
    assert found["discrepancy"] == pytest.approx(float(expected.detach()), rel=1e-4)


def test_other_sources_branches_hear_of_a_turn_only_through_the_target() -> None:
    method = make().train()
    given = DomainBatch((source(1),), TARGET, turn=0)
    method.losses(given, Progress())["task"].backward()
    assert all(weight.grad is not None for weight in method.branches[0].parameters())
    assert all(weight.grad is None for weight in method.branches[1].parameters())
    assert all(weight.grad is None for weight in method.heads[2].parameters())


def test_all_sources_at_once_are_the_mean_of_their_turns() -> None:
    method = make()
    rows = tuple(source(seed, 4 + seed) for seed in range(3))
    turns = [losses(method, DomainBatch((one,), TARGET, turn)) for turn, one in enumerate(rows)]
    together = losses(method, DomainBatch(rows, TARGET))
    for name, value in together.items():
        assert value == pytest.approx(sum(turn[name] for turn in turns) / 3, rel=1e-4)
    # over all turns, pairs with the current head are all pairs: the paper's eq. 6
    every = losses(make(pairs="all"), DomainBatch(rows, TARGET))
    assert every["discrepancy"] == pytest.approx(together["discrepancy"], rel=1e-4)


@pytest.mark.parametrize("sources", [1, 2, 5])
def test_any_number_of_sources(sources: int) -> None:
    method = make(sources).eval()
    with torch.no_grad():
        output = method(TARGET.images)
    assert output.features.shape == (4, 8 * sources)
    heads = torch.stack([output.views[f"head_{number}"] for number in range(1, sources + 1)])
    torch.testing.assert_close(output.probabilities, heads.softmax(2).mean(0))
    found = losses(method, DomainBatch((source(0),), TARGET, turn=sources - 1))
    assert (found["discrepancy"] == 0) == (sources == 1)


def test_the_tradeoff_rises_with_the_run_or_stays() -> None:
    given = DomainBatch((source(1),), TARGET, turn=1)
    full = losses(make(), given)
    rising = losses(make(constant_tradeoff=None), given, Progress(step=9, steps=100))
    assert rising["mmd"] == pytest.approx(reversal_coefficient(0.1) * full["mmd"], rel=1e-4)
    assert rising["task"] == full["task"]


def test_features_instead_of_logits_are_an_option() -> None:
    given = DomainBatch((source(1),), TARGET, turn=1)
    plain, other = losses(make(), given), losses(make(discrepancy_of="features"), given)
    assert {name for name in plain if plain[name] != other[name]} == {"discrepancy"}


def test_groups_hold_everything() -> None:
    method = make()
    groups = {group.name: group for group in method.parameter_groups("adapt")}
    assert {name: group.rate for name, group in groups.items()} == {"backbone": 1, "branches": 10}
    named = sum(
        len(list(method.get_submodule(name).parameters()))
        for group in groups.values()
        for name in group.modules
    )
    assert named == len(list(method.parameters()))


def test_a_file_of_another_program_is_refused() -> None:
    with pytest.raises(UserError, match=r"cls_fc_son1\.weight"):
        load_upstream("mfsan", {"fc.weight": torch.zeros(7, 4)})
