from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from ferda.batch import DomainBatch, Labelled, Progress, Unlabelled
from ferda.errors import UserError
from ferda.layers.grl import reversal_coefficient
from ferda.losses.conditional import ConditionalAdversarialLoss
from ferda.methods.aglrls import AGLRLS, AGLRLSConfig

SMALL = {"widths": [8, 16, 16, 24], "units": [2, 2, 2, 2], "local_units": 2, "shares_local_trunk": False}
CLASSES, ROWS = 4, 20
ADAPT = Progress(step=500, steps=1000, stage="adapt")


class Logits(nn.Module):
    """A method as a program that is exported sees it: tensors in, a tensor out."""

    def __init__(self, method: AGLRLS) -> None:
        super().__init__()
        self.method = method

    def forward(self, images: Tensor, landmarks: Tensor) -> Tensor:
        return self.method(images, landmarks).logits


class Target:
    """A target domain of which only the length is asked."""

    def __init__(self, rows: int = ROWS) -> None:
        self.rows = rows

    def __len__(self) -> int:
        return self.rows

    def batches(self) -> Iterator[Unlabelled]:
        raise AssertionError("AGLRLS makes its pseudo-labels step by step")


def make(**settings: Any) -> AGLRLS:
    torch.manual_seed(0)
    chosen = {"backbone": "ir_small", "backbone_options": SMALL, "part_width": 8, "critic_hidden": 16}
    method = AGLRLS(AGLRLSConfig(**(chosen | settings)), CLASSES)
    method.begin_epoch(Target(), Progress())
    return method.eval()  # no dropout and no batch statistics: a loss is a function of its rows


def batch(n: int = 5, m: int = 3, landmarks: bool = True) -> DomainBatch:
    generator = torch.Generator().manual_seed(1)
    images = torch.randn(n + 2 * m, 3, 48, 48, generator=generator)
    points = 48 * torch.rand(n + m, 5, 2, generator=generator) if landmarks else None
    source = Labelled(images[:n], torch.arange(n) % CLASSES, None if points is None else points[:n])
    target = Unlabelled(
        images[n : n + m], None if points is None else points[n:], torch.arange(m) + 7, images[n + m :]
    )
    return DomainBatch((source,), target)


def heads_of(method: AGLRLS, images: Tensor, landmarks: Tensor | None) -> tuple[list[Tensor], Tensor]:
    parts = method.features(images, landmarks)
    return [*parts.unbind(1), parts.flatten(1)], method.heads(parts)


def test_the_first_stage_learns_the_source_alone() -> None:
    method, given = make(), batch()
    source = given.sources[0]
    losses = method.losses(DomainBatch((source,)), Progress(stage="source"))
    assert set(losses) == {"task"}
    _, logits = heads_of(method, source.images, source.landmarks)
    weights = (5, 1, 1, 1, 1, 1, 5)
    expected = sum(
        w * functional.cross_entropy(z, source.labels) for w, z in zip(weights, logits, strict=True)
    )
    torch.testing.assert_close(losses["task"], expected)


def test_the_second_stage_is_the_sum_of_the_specification() -> None:
    method, given = make(), batch()
    source, target = given.sources[0], given.target
    assert target is not None and target.strong_images is not None
    method.status.status.uniform_(0, 0.2)
    method.status.table[:, 10:12] = 1  # 2 of 20 rows remember class 1
    losses = method.losses(given, ADAPT)
    weights = (7, 1, 1, 1, 1, 1, 7)
    source_features, source_logits = heads_of(method, source.images, source.landmarks)
    target_features, weak = heads_of(method, target.images, target.landmarks)
    _, strong = heads_of(method, target.strong_images, target.landmarks)
    strength = reversal_coefficient(0.05)
    task, adversarial, consistency = torch.zeros(3).unbind()
    beta = torch.tensor([0, 2 / 18, 0, 0])
    for head, w in enumerate(weights):
        task = task + w * functional.cross_entropy(source_logits[head], source.labels)
        adversarial = adversarial + 0.5 * ConditionalAdversarialLoss()(
            method.critics[{0: 0, 6: 2}.get(head, 1)],
            (source_features[head], source_logits[head]),
            (target_features[head], weak[head]),
            strength,
        )
        highest, labels = weak[head].softmax(1).max(1)
        accepted = highest >= 0.95 * ((beta[labels] + 1) / 2) ** 2
        errors = functional.cross_entropy(strong[head], labels, reduction="none")
        consistency = consistency + w * (errors * accepted).mean()
    assert consistency > 0
    torch.testing.assert_close(losses["task"], task)
    torch.testing.assert_close(losses["adversarial"], adversarial)
    torch.testing.assert_close(losses["consistency"], consistency)


def test_certain_rows_are_remembered_after_the_loss() -> None:
    method, given = make(), batch()
    with torch.no_grad():
        method.heads.fused_head.bias[2] = 50.0
    method.losses(given, ADAPT)
    table = method.status.table
    assert table[6, 7:10].tolist() == [2, 2, 2]
    assert (table[6, :7] == -1).all() and (table[6, 10:] == -1).all() and (table[:6] == -1).all()


def test_the_status_is_forgotten_every_epoch_or_never() -> None:
    for reset, kept in (("epoch", False), ("never", True)):
        method = make(status_reset=reset)
        method.status.table[:, 3] = 1
        method.begin_epoch(None, Progress())
        method.begin_epoch(Target(), Progress(epoch=1))
        assert bool((method.status.table == 1).any()) == kept
        method.begin_epoch(Target(9), Progress(epoch=2))
        assert method.status.table.shape == (7, 9)


@pytest.mark.parametrize(
    ("settings", "head", "time"),
    [
        ({}, 3, 0.05),
        ({"reversal": "fraction"}, 3, 0.5),
        ({"reversal": "upstream"}, 0, 0.1001),
        ({"reversal": "upstream"}, 3, 0.5003),
        ({"reversal": "upstream", "discriminators": "separate"}, 3, 0.1001),
        ({"reversal": "upstream"}, None, 0.05),
    ],
)
def test_the_reversal_counts_what_it_is_told(settings: dict[str, Any], head: int | None, time: float) -> None:
    assert make(**settings)._reversal(ADAPT, head) == pytest.approx(reversal_coefficient(time))


@pytest.mark.parametrize(
    "settings",
    [
        {"adversarial": "dann"},
        {"adversarial": "cdan"},
        {"heads": "separate", "discriminators": "separate"},
        {"consistency": "soft"},
        {"consistency": "l2", "threshold": "convex"},
        {"weak_pass": "joint"},
        {"strong_positions": "moved"},
        {"window": 5},
    ],
)
def test_every_option_gives_finite_losses_and_gradients(settings: dict[str, Any]) -> None:
    method = make(**settings)
    losses = method.losses(batch(), ADAPT)
    torch.stack(list(losses.values())).sum().backward()
    assert set(losses) == {"task", "adversarial", "consistency"}
    assert all(p.grad is not None and p.grad.isfinite().all() for p in method.parameters())


def test_faces_without_landmarks_are_looked_at_where_an_average_face_has_them() -> None:
    method, given = make(), batch(landmarks=False)
    images = given.sources[0].images
    unknown = torch.full((len(images), 5, 2), torch.nan)
    with torch.no_grad():
        torch.testing.assert_close(method(images).logits, method(images, unknown).logits)
    assert all(loss.isfinite() for loss in method.losses(given, ADAPT).values())


def test_what_a_step_needs_is_said() -> None:
    given = batch()
    assert given.target is not None
    with pytest.raises(ValueError, match="strong view"):
        make().losses(DomainBatch(given.sources, Unlabelled(given.target.images)), ADAPT)
    with pytest.raises(UserError, match="small_cnn"):
        make(backbone="small_cnn", backbone_options={})


def test_views_are_the_heads_by_name() -> None:
    method = make(inference="fused")
    images = batch().sources[0].images
    with torch.no_grad():
        output = method(images)
    names = ["global", "right_eye", "left_eye", "nose", "right_mouth", "left_mouth", "fused", "stage"]
    assert list(output.views) == names
    torch.testing.assert_close(output.probabilities, output.views["fused"].softmax(1))


def test_everything_learns_at_its_own_rate() -> None:
    groups = {group.name: group for group in make(critic_rate=3.0).parameter_groups("adapt")}
    assert {name: group.rate for name, group in groups.items()} == {"backbone": 1, "parts": 10, "critics": 3}
    named = [
        weight for g in groups.values() for m in g.modules for weight in make().get_submodule(m).parameters()
    ]
    assert len(named) == len(list(make().parameters()))


def test_it_can_be_exported_for_any_number_of_faces() -> None:
    """No number of rows, and no branch on what a head answers, is frozen into the graph."""
    method = make()
    method.status.status.uniform_()
    images, landmarks = torch.randn(2, 3, 48, 48), 48 * torch.rand(2, 5, 2)
    rows = torch.export.Dim("rows")
    shapes = {"images": {0: rows}, "landmarks": {0: rows}}
    program = torch.export.export(Logits(method), (images, landmarks), dynamic_shapes=shapes)
    more = torch.randn(5, 3, 48, 48), 48 * torch.rand(5, 5, 2)
    torch.testing.assert_close(program.module()(*more), method(*more).logits)
