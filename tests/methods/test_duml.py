"""DUML's building blocks."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch.nn import functional

from ferda.batch import DomainBatch, Labelled, Progress, Unlabelled
from ferda.layers.confidence_fusion import confidence_fusion
from ferda.methods.duml import DUML

SMALL = {
    "backbone": "small_cnn",
    "backbone_options": {"stem": 8, "widths": [16, 16]},
    "tower_widths": [16, 24],
    "tower_units": [1, 1],
    "fine_width": 8,
    "fine_units": 1,
}
CLASSES = 3


def make(sources: int = 3, **settings: Any) -> DUML:
    torch.manual_seed(0)
    return DUML(DUML.Config(**(SMALL | settings)), CLASSES, sources)


def batch(turn: int = 0) -> DomainBatch:
    generator = torch.Generator().manual_seed(1)
    images = torch.rand(6, 3, 32, 32, generator=generator)
    target = torch.rand(4, 3, 32, 32, generator=generator)
    return DomainBatch((Labelled(images, torch.arange(6) % CLASSES),), Unlabelled(target), turn)


def losses(method: DUML, given: DomainBatch, step: int = 5) -> dict[str, float]:
    found = method.eval().losses(given, Progress(step=step, steps=10))
    return {name: float(loss.detach()) for name, loss in found.items()}


def test_source_heads_decide_by_how_sure_they_are() -> None:
    images = batch().target.images  # type: ignore[union-attr]
    answers = {}
    for rule in ("fused", "fine", "mean"):
        method = make(inference=rule).eval()
        with torch.no_grad():
            answers[rule] = method(images)
    views = answers["fused"].views
    heads = torch.stack([views[f"head_{number}"] for number in (1, 2, 3)])
    torch.testing.assert_close(answers["fused"].logits, confidence_fusion(heads))
    assert torch.equal(answers["fine"].logits, views["fine"])
    both = (answers["fused"].probabilities + answers["fine"].probabilities) / 2
    torch.testing.assert_close(answers["mean"].probabilities, both)
    assert answers["fused"].features.shape == (4, 3 * 24 + 4 * 8)


def test_the_answer_to_a_face_depends_on_no_other_face_nor_on_the_order_of_the_sources() -> None:
    method = make().eval()
    images = batch().target.images  # type: ignore[union-attr]
    with torch.no_grad():
        all_rows = method(images).logits
        torch.testing.assert_close(all_rows[:1], method(images[:1]).logits, rtol=1e-4, atol=1e-5)
        method.towers, method.heads = (
            torch.nn.ModuleList(reversed(part)) for part in (method.towers, method.heads)
        )
        torch.testing.assert_close(method(images).logits, all_rows)


def test_a_turn_teaches_its_own_head_and_the_fine_one() -> None:
    method, given = make().eval(), batch(turn=2)
    views = method(given.sources[0].images).views
    expected = sum(
        functional.cross_entropy(views[name], given.sources[0].labels) for name in ("head_3", "fine")
    )
    assert losses(method, given)["task"] == pytest.approx(float(expected.detach()), rel=1e-5)
    method.losses(given, Progress())["task"].backward()
    assert all(weight.grad is None for weight in method.towers[0].parameters())
    assert all(weight.grad is not None for weight in method.towers[2].parameters())


def test_the_critic_does_not_reach_the_features_at_the_start() -> None:
    method = make().train()
    method.losses(batch(turn=1), Progress(step=0, steps=10))["domain"].backward()
    assert any(weight.grad.any() for weight in method.critics[1].parameters())
    assert not any(weight.grad.any() for weight in method.towers[1].parameters())


def test_prototypes_are_of_the_source_and_draw_from_its_second_turn_on() -> None:
    method = make()
    assert losses(method, batch(turn=1))["centre"] == 0
    assert method.prototypes.known.any(1).tolist() == [False, True, False]
    assert losses(method, batch(turn=1))["centre"] > 0


def test_pseudo_labels_teach_the_fine_branch_alone_and_only_where_sure() -> None:
    assert losses(make(pseudo_confidence=1), batch())["pseudo"] == 0
    method = make(pseudo_confidence=0).train()
    method.losses(batch(), Progress())["pseudo"].backward()
    assert all(weight.grad is None for part in (method.towers, method.heads) for weight in part.parameters())
    assert all(weight.grad is not None for weight in method.fine_branch.parameters())


def test_all_sources_at_once_are_the_mean_of_their_turns() -> None:
    method, rows = make(), batch().sources * 3
    turns = [losses(make(), DomainBatch(rows[:1], batch().target, turn)) for turn in range(3)]
    together = losses(method, DomainBatch(rows, batch().target))
    for name, value in together.items():
        assert value == pytest.approx(sum(turn[name] for turn in turns) / 3, rel=1e-4)


def test_groups_hold_everything() -> None:
    method = make(branch_rate=3.0)
    groups = {group.name: group for group in method.parameter_groups("adapt")}
    assert {name: group.rate for name, group in groups.items()} == {"backbone": 1, "branches": 3}
    named = sum(
        len(list(method.get_submodule(name).parameters()))
        for group in groups.values()
        for name in group.modules
    )
    assert named == len(list(method.parameters()))
