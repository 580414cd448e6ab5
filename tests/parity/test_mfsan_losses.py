"""MFSAN's losses, and those of the single-source methods beside it, give the numbers of their authors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.testing import assert_close

from ferda.batch import Progress
from ferda.engine.schedules import Schedule
from ferda.layers.grl import reversal_coefficient
from ferda.losses.adversarial import DomainAdversarialLoss
from ferda.losses.coral import CoralLoss
from ferda.losses.discrepancy import HeadDiscrepancyLoss
from ferda.losses.domain_confusion import DomainConfusionLoss
from ferda.losses.heads import head_cross_entropy
from ferda.losses.local_mmd import LocalMMDLoss, class_weights
from ferda.losses.mmd import LinearMMDLoss, LinearTimeMMDLoss, MMDLoss

SYSTEM = "mfsan"
OF_FEATURES = {
    "mfsan_mmd": MMDLoss(),
    "dan_mmd_full": MMDLoss(),
    "dan_mmd_linear_time": LinearTimeMMDLoss(),
    "ddc_mmd_linear": LinearMMDLoss(),
    "coral_upstream": CoralLoss("upstream_easezyc"),
    "coral_paper": CoralLoss(),
}

#: Which test asserts which arrays. Completeness is a test of its own.
ACCOUNT = {
    "src_*": "test_losses_of_features",
    "tgt_*": "test_losses_of_features",
    **dict.fromkeys(OF_FEATURES, "test_losses_of_features"),
    **{f"{name}_grad_*": "test_losses_of_features" for name in OF_FEATURES},
    "disc_*": "test_discrepancy_of_heads",
    "cls*": "test_cross_entropy",
    "dom_logits_*": "test_confusion_and_critic",
    "confusion*": "test_confusion_and_critic",
    "critic*": "test_confusion_and_critic",
    "lmmd*": "test_local_mmd",
    "sched_*": "test_schedules",
}


def loss_close(actual: Tensor, expected: Tensor) -> None:
    assert_close(actual.double(), expected.double(), rtol=1e-4, atol=1e-5)


def leaf(values: Tensor) -> Tensor:
    return values.clone().requires_grad_()


@pytest.mark.parametrize("name", OF_FEATURES)
def test_losses_of_features(case: Any, name: str) -> None:
    given = case.losses
    source, target = leaf(given["src_feat"]), leaf(given["tgt_feat"])
    loss = OF_FEATURES[name](source, target)
    loss.backward()
    loss_close(loss, given[name])
    assert source.grad is not None and target.grad is not None
    loss_close(source.grad, given[f"{name}_grad_src"])
    loss_close(target.grad, given[f"{name}_grad_tgt"])


@pytest.mark.parametrize(
    ("name", "heads", "head"),
    [("disc_2src", 2, 0), ("disc_3src_mark1", 3, 0), ("disc_paper_allpairs_mean", 3, None)],
)
def test_discrepancy_of_heads(case: Any, name: str, heads: int, head: int | None) -> None:
    given = case.losses
    logits = [leaf(given[f"tgt_logits_{number}"]) for number in range(1, heads + 1)]
    loss = HeadDiscrepancyLoss()(torch.stack(logits), head)
    loss.backward()
    loss_close(loss, given[name])
    checked = [key for key in given if key.startswith(f"{name}_grad")]
    assert len(checked) == (0 if head is None else heads)
    for key in checked:
        found = logits[int(key[-1]) - 1].grad
        assert found is not None
        loss_close(found, given[key])


def test_cross_entropy(case: Any) -> None:
    given = case.losses
    logits = leaf(given["src_logits"])
    loss = head_cross_entropy(logits.unsqueeze(0), given["src_label"]).sum()
    loss.backward()
    assert logits.grad is not None
    loss_close(loss, given["cls"])
    loss_close(logits.grad, given["cls_grad"])


class SourceAgainstTarget(nn.Module):
    """Two logits, of target and of source, as the one logit of our critics."""

    def forward(self, rows: Tensor) -> Tensor:
        return rows[:, 1] - rows[:, 0]


@pytest.mark.parametrize(
    ("name", "loss"), [("confusion", DomainConfusionLoss()), ("critic", DomainAdversarialLoss())]
)
def test_confusion_and_critic(case: Any, name: str, loss: nn.Module) -> None:
    given = case.losses
    source, target = leaf(given["dom_logits_src"]), leaf(given["dom_logits_tgt"])
    value = loss(SourceAgainstTarget(), source, target)
    value.backward()
    assert source.grad is not None and target.grad is not None
    loss_close(value, given[name])
    # the reversal in our adversarial loss turns the gradient of the critic's input
    sign = -1 if name == "critic" else 1
    loss_close(sign * source.grad, given[f"{name}_grad_src"])
    loss_close(sign * target.grad, given[f"{name}_grad_tgt"])


def test_local_mmd(case: Any) -> None:
    given = case.losses
    source, target = leaf(given["src_feat"]), leaf(given["tgt_feat"])
    probabilities = given["tgt_logits_1"].softmax(1)
    loss = LocalMMDLoss()(source, target, given["src_label"], probabilities)
    loss.backward()
    assert source.grad is not None and target.grad is not None
    loss_close(loss, given["lmmd"])
    loss_close(source.grad, given["lmmd_grad_src"])
    loss_close(target.grad, given["lmmd_grad_tgt"])
    s, t, shared = class_weights(given["src_label"], probabilities)
    for key, one, two in (("ss", s, s), ("tt", t, t), ("st", s, t)):
        loss_close(one @ two.T / shared, given[f"lmmd_w_{key}"])


def test_schedules(case: Any) -> None:
    given = case.losses
    iterations = given["sched_iter"].tolist()  # counted from 1
    rates = [
        Schedule(kind="inverse").factor(Progress(step=number - 1, steps=10_000)) for number in iterations
    ]
    ramps = [reversal_coefficient(number / 10_000) for number in iterations]
    assert_close(torch.tensor(rates, dtype=torch.float64), given["sched_lr_mult"])
    assert_close(torch.tensor(ramps, dtype=torch.float64), given["sched_gamma"])


def test_every_array_is_accounted_for(case: Any, unaccounted: Callable[..., list[str]]) -> None:
    assert not unaccounted(case.losses, ACCOUNT)
    assert {word for word in ACCOUNT.values() if word.startswith("test_")} <= set(globals())
