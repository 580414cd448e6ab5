from __future__ import annotations

import math

import pytest
import torch

from ferda.losses.multi_view import MultiViewClusteringLoss, ViewDistanceLoss, VotingLoss


def views(rows: int = 6, classes: int = 4) -> tuple[torch.Tensor, torch.Tensor]:
    torch.manual_seed(0)
    return tuple(3 * torch.randn(2, rows, classes, dtype=torch.float64))  # type: ignore[return-value]


@pytest.mark.parametrize(("temperature", "of"), [(1.0, "probs"), (0.5, "probs"), (1.0, "logits")])
def test_clustering_equals_the_formula(temperature: float, of: str) -> None:
    one, two = views()
    found = MultiViewClusteringLoss(temperature, of)(one, two).item()  # type: ignore[arg-type]
    p, q = (
        (z.softmax(1) if of == "probs" else z).tolist()
        for z in ((one / temperature, two / temperature) if of == "probs" else (one, two))
    )
    m = [[sum(p[i][k] * q[i][c] for i in range(6)) for c in range(4)] for k in range(4)]
    rows = sum(m[k][c] / sum(m[k]) for k in range(4) for c in range(4) if k != c)
    columns = sum(m[k][c] / sum(m[j][c] for j in range(4)) for k in range(4) for c in range(4) if k != c)
    assert found == pytest.approx((rows + columns) / 8, rel=1e-9)


def test_clustering_is_least_where_both_are_sure_and_most_where_they_know_nothing() -> None:
    sure = 200 * torch.eye(4)
    assert MultiViewClusteringLoss()(sure, sure).item() == pytest.approx(0, abs=1e-6)
    assert MultiViewClusteringLoss()(sure, sure.roll(1, 1)).item() == pytest.approx(1)
    nothing = torch.zeros(5, 4)
    assert MultiViewClusteringLoss()(nothing, nothing).item() == pytest.approx(3 / 4)


def test_clustering_of_absent_classes_one_row_and_half_precision_is_finite() -> None:
    one = torch.tensor([[900.0, -900.0, -900.0]]).requires_grad_()
    loss = MultiViewClusteringLoss()(one, one)
    loss.backward()
    assert loss.item() == pytest.approx(0) and one.grad is not None and one.grad.isfinite().all()
    other = torch.tensor([[900.0, -900.0, -900.0], [900.0, -30.0, -900.0]]).requires_grad_()
    MultiViewClusteringLoss()(other, other.flip(0)).backward()
    assert other.grad is not None and other.grad.isfinite().all()
    assert not MultiViewClusteringLoss(of="logits")(torch.zeros(2, 3), torch.zeros(2, 3)).any()
    half = MultiViewClusteringLoss()(*(view.bfloat16() for view in views()))
    assert half.dtype == torch.float32 and half.isfinite()


def test_clustering_sees_the_batch_not_the_order() -> None:
    one, two = views()
    loss = MultiViewClusteringLoss()
    torch.testing.assert_close(loss(one, two), loss(one.flip(0), two.flip(0)))
    torch.testing.assert_close(loss(one, two), loss(two, one))
    assert loss(one, two) != loss(one, two.flip(0))


def test_votes_need_agreement_and_one_sure_view() -> None:
    one = torch.tensor([[5.0, 0], [5.0, 0], [0.1, 0], [0.1, 0], [0, 5.0]])
    two = torch.tensor([[0.1, 0], [0, 5.0], [5.0, 0], [0.2, 0], [0, 5.0]])
    classes, kept = VotingLoss(0.9).vote(one, two)
    assert kept.tolist() == [True, False, True, False, True]
    assert classes[kept].tolist() == [0, 0, 1]
    errors = [
        math.log(1 + math.exp(-a)) + math.log(1 + math.exp(-b)) for a, b in [(5, 0.1), (0.1, 5), (5, 5)]
    ]
    assert VotingLoss(0.9)(one, two).item() == pytest.approx(sum(errors) / 3, rel=1e-5)


def test_a_vote_must_be_surer_than_the_threshold() -> None:
    even = torch.zeros(1, 2)
    assert not VotingLoss(0.5).vote(even, even)[1].any()
    assert VotingLoss(0.49).vote(even, even)[1].all()


def test_without_votes_the_loss_is_zero_and_has_no_gradient() -> None:
    one, two = (view.requires_grad_() for view in views())
    loss = VotingLoss(1.0)(one, two)
    loss.backward()
    assert loss.item() == 0 and one.grad is not None and not one.grad.any()


def test_votes_teach_both_views() -> None:
    one, two = torch.tensor([[3.0, 0]]).requires_grad_(), torch.tensor([[0.5, 0]]).requires_grad_()
    VotingLoss(0.9)(one, two).backward()
    assert one.grad is not None and two.grad is not None
    assert one.grad[0, 0] < 0 and two.grad[0, 0] < one.grad[0, 0]
    half = VotingLoss(0.9)(one.bfloat16(), two.bfloat16())
    assert half.dtype == torch.float32 and half.isfinite()


@pytest.mark.parametrize("kind", ["l1", "mse", "kl"])
def test_distances_equal_their_formulas(kind: str) -> None:
    one, two = views()
    p, q = one.softmax(1), two.softmax(1)
    expected = {
        "l1": (one - two).abs().mean(),
        "mse": (one - two).square().mean(),
        "kl": ((p * (p / q).log()).sum(1).mean() + (q * (q / p).log()).sum(1).mean()) / 2,
    }[kind]
    torch.testing.assert_close(ViewDistanceLoss(kind)(one, two), expected)  # type: ignore[arg-type]
    assert ViewDistanceLoss(kind)(one, one).item() == 0  # type: ignore[arg-type]


def test_an_unknown_distance_is_refused() -> None:
    with pytest.raises(ValueError, match="l1, mse, kl"):
        ViewDistanceLoss("l2")  # type: ignore[arg-type]
