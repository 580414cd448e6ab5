"""LA-CMFER beyond what its parity tests and the contract say."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch.nn import functional

from ferda.batch import DomainBatch, Labelled, Progress, Unlabelled
from ferda.errors import UserError
from ferda.methods.la_cmfer import LACMFER
from ferda.upstream import load_upstream

SMALL = {
    "backbone": "small_cnn",
    "backbone_options": {"stem": 8, "widths": [16, 16]},
    "global_widths": [16, 24],
    "global_units": [2, 1],
    "local_width": 8,
    "local_units": 1,
}
CLASSES = 3


def make(**settings: Any) -> LACMFER:
    torch.manual_seed(0)
    return LACMFER(LACMFER.Config(**(SMALL | settings)), CLASSES, sources=2)


def batch(target_shift: float = 0.0) -> DomainBatch:
    generator = torch.Generator().manual_seed(1)
    one, two, target = (torch.rand(rows, 3, 48, 48, generator=generator) for rows in (6, 4, 7))
    labels = torch.tensor([0, 1, 2, 0, 1, 2])
    return DomainBatch((Labelled(one, labels), Labelled(two, labels[:4])), Unlabelled(target + target_shift))


def losses(method: LACMFER, given: DomainBatch) -> dict[str, float]:
    torch.manual_seed(2)
    return {name: float(loss.detach()) for name, loss in method.train().losses(given, Progress()).items()}


def test_the_task_is_both_branches_on_all_sources_with_smoothed_labels() -> None:
    method, given = make(), batch()
    found = losses(method, given)
    assert set(found) == {"task", "align_global", "align_local", "clustering", "voting"}
    views = method(given.pooled.images).views
    expected = sum(
        functional.cross_entropy(views[name], given.pooled.labels, label_smoothing=0.1)
        for name in ("global", "local")
    )
    assert found["task"] == pytest.approx(float(expected.detach()), rel=1e-5)


def test_domains_pass_apart_so_the_target_cannot_move_the_task() -> None:
    plain, moved = losses(make(), batch()), losses(make(), batch(target_shift=3.0))
    assert plain["task"] == moved["task"]
    assert plain["clustering"] != moved["clustering"]


def test_weights_scale_their_losses() -> None:
    plain = losses(make(confidence=0, voting_confidence=0), batch())
    assert all(plain.values())
    halves = {
        key: make().config.model_dump()[key] / 2
        for key in ("alignment_weight", "clustering_weight", "voting_weight")
    }
    half = losses(make(confidence=0, voting_confidence=0, **halves), batch())
    for name in set(plain) - {"task"}:
        assert half[name] == pytest.approx(plain[name] / 2, rel=1e-4)


def test_unsure_branches_neither_align_nor_vote() -> None:
    found = losses(make(confidence=1, voting_confidence=1), batch())
    assert found["align_global"] == found["align_local"] == found["voting"] == 0


@pytest.mark.parametrize("option", [{"clustering_of": "logits"}, {"view_distance": "kl"}])
def test_options_of_the_clustering_change_it_alone(option: dict[str, Any]) -> None:
    plain, other = losses(make(), batch()), losses(make(**option), batch())
    assert {name for name in plain if plain[name] != other[name]} == {"clustering"}


def test_fusion_is_a_choice_and_branches_are_views() -> None:
    images = batch().pooled.images
    answers = {}
    for rule in ("global", "local", "mean_logits", "mean_prob", "max_logit", "vote"):
        method = make(fusion=rule).eval()
        with torch.no_grad():
            answers[rule] = method(images)
    views = answers["vote"].views
    assert torch.equal(answers["global"].logits, views["global"])
    assert torch.equal(answers["local"].logits, views["local"])
    torch.testing.assert_close(answers["mean_logits"].logits, (views["global"] + views["local"]) / 2)
    mean = (views["global"].softmax(1) + views["local"].softmax(1)) / 2
    torch.testing.assert_close(answers["mean_prob"].probabilities, mean)
    assert answers["vote"].features.shape == (10, 24 + 4 * 8)
    assert views["attention_global"].shape == (10, 3, 3) and views["attention_local"].shape == (10, 6, 6)


def test_all_of_it_learns_and_the_branches_faster() -> None:
    method = make()
    rates = {group.name: group.rate for group in method.parameter_groups("adapt")}
    assert rates == {"backbone": 1, "branches": 10}
    named = [
        weight
        for group in method.parameter_groups("adapt")
        for name in group.modules
        for weight in method.get_submodule(name).parameters()
    ]
    assert len(named) == len(list(method.parameters()))


def test_four_towers_are_an_option() -> None:
    assert len(make(local_towers=4).local_branch.towers) == 4
    assert len(make().local_branch.towers) == 2


def test_other_sizes_lose_no_pixel_and_too_small_ones_are_refused() -> None:
    method = make().eval()
    with torch.no_grad():
        odd = torch.rand(1, 3, 52, 44)  # a map of 13 x 11
        changed = odd.clone()
        changed[:, :, -2:, -2:] += 1
        assert not torch.equal(method(odd).views["local"], method(changed).views["local"])
        with pytest.raises(ValueError, match="larger pictures"):
            method(torch.rand(1, 3, 4, 4))


def test_a_file_of_another_program_is_refused() -> None:
    with pytest.raises(UserError, match=r"cls_g\.weight"):
        load_upstream("la_cmfer", {"net": {"fc.weight": torch.zeros(7, 4)}})
