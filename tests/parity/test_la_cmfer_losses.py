"""LA-CMFER's losses, weights and gradients give the numbers of its authors' program."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional
from torch.testing import assert_close

from ferda.batch import Progress
from ferda.engine.schedules import Schedule
from ferda.layers.view_fusion import fuse_views
from ferda.losses.dual_alignment import Branch, DualAlignmentLoss
from ferda.losses.hardness import is_confident
from ferda.losses.mmd import MMDLoss, kernel_blocks
from ferda.losses.multi_view import MultiViewClusteringLoss, ViewDistanceLoss, VotingLoss

SYSTEM = "la-cmfer"
ALIGNMENT = {
    "sid": DualAlignmentLoss(class_weight=0).sample_level,
    "cid": DualAlignmentLoss().class_level,
    "cid_old": DualAlignmentLoss(masked_clusters=False).class_level,
}
VIEWS = {
    "mcc_logits": MultiViewClusteringLoss(of="logits"),
    "mcc_probs": MultiViewClusteringLoss(),
    "intra_l1": ViewDistanceLoss("l1"),
    "intra_mse": ViewDistanceLoss("mse"),
    "intra_kl": ViewDistanceLoss("kl"),
    "mvv_thr09": VotingLoss(0.9),
    "mvv_thr05": VotingLoss(0.5),
    "mvv_empty": VotingLoss(0.99999),
}

#: Which test asserts which arrays. Completeness is a test of its own.
ACCOUNT = {
    **{f"{side}_{what}": "test_pseudo_labels" for side in ("src", "tgt") for what in ("feat", "label")},
    "src_logits": "test_pseudo_labels",
    "tgt_logits_*": "test_pseudo_labels",
    "ps_*": "test_pseudo_labels",
    "k_*": "test_kernel",
    "mmd_*": "test_mmd",
    "w_??_*": "test_weights",
    "w_sum_all_masked": "test_nothing_confident",
    "cid_loss_all_masked": "test_nothing_confident",
    **{f"{name}_loss": "test_alignment" for name in ("sid", "cid", "cid_old", "align")},
    **{f"{name}_grad_*": "test_alignment" for name in ("sid", "cid", "cid_old")},
    **dict.fromkeys(VIEWS, "test_views"),
    **{f"{name}_grad_?": "test_views" for name in VIEWS},
    "mvv_*_acc": "test_accuracy_of_votes",
    "sharpen_T025": "test_sharpening_is_a_temperature",
    "lsce*": "test_label_smoothing",
    "vote_*": "test_fusion",
    "lr_*": "test_schedule",
}


def loss_close(actual: Tensor, expected: Tensor) -> None:
    assert_close(actual.double(), expected.double(), rtol=1e-4, atol=1e-5)


def leaf(values: Tensor) -> Tensor:
    return values.clone().requires_grad_()


def gradient(values: Tensor) -> Tensor:
    return torch.zeros_like(values) if values.grad is None else values.grad


def accuracy(labels: Tensor, guesses: Tensor, kept: Tensor) -> Tensor:
    """Share of right guesses among the kept rows, 0 without any."""
    return ((labels == guesses) * kept).sum() / kept.sum().clamp_min(1)


def branches(given: dict[str, Tensor]) -> tuple[Branch, Tensor, Branch]:
    return (
        Branch(leaf(given["src_feat"]), given["src_logits"]),
        given["src_label"],
        Branch(leaf(given["tgt_feat"]), given["tgt_logits_g"]),
    )


def test_pseudo_labels(case: Any) -> None:
    given = case.losses
    source, target = given["src_logits"], given["tgt_logits_g"]
    loss_close(target.softmax(1), given["ps_tgt_prob"])
    assert torch.equal(target.argmax(1), given["ps_tgt_label"])
    for logits, key, labels in (
        (source, "ps_src", given["src_label"]),
        (target, "ps_tgt", given["tgt_label"]),
    ):
        kept = is_confident(logits, 0.4)
        assert torch.equal(kept.float(), given[f"{key}_mask"])
        loss_close(accuracy(labels, logits.argmax(1), kept), given[f"{key}_acc"])


def test_kernel(case: Any) -> None:
    given = case.losses
    blocks = kernel_blocks(given["src_feat"], given["tgt_feat"])
    loss_close(blocks.source, given["k_ss"])
    loss_close(blocks.target, given["k_tt"])
    loss_close(2 * blocks.between, given["k_st_times2"])


@pytest.mark.parametrize(("name", "rows"), [("mmd_loss", 16), ("mmd_loss_1x1", 1)])
def test_mmd(case: Any, name: str, rows: int) -> None:
    given = case.losses
    source, target = leaf(given["src_feat"][:rows]), leaf(given["tgt_feat"][:rows])
    loss = MMDLoss()(source, target)
    loss.backward()
    loss_close(loss, given[name])
    loss_close(gradient(source), given[f"{name}_grad_src"])
    if rows > 1:
        loss_close(gradient(target), given[f"{name}_grad_tgt"])


@pytest.mark.parametrize(("kind", "match"), [("head", True), ("old", False)])
def test_weights(case: Any, kind: str, match: bool) -> None:
    given = case.losses
    s, t = DualAlignmentLoss(match=match).sample_weights(*branches(given))
    for key, one, two in (("ss", s, s), ("tt", t, t), ("st", s, t)):
        loss_close(torch.outer(one, two), given[f"w_{key}_{kind}"])


@pytest.mark.parametrize("name", ALIGNMENT)
def test_alignment(case: Any, name: str) -> None:
    given = case.losses
    rows = branches(given)
    loss = ALIGNMENT[name](*rows)
    loss.backward()
    loss_close(loss, given[f"{name}_loss"])
    loss_close(gradient(rows[0].features), given[f"{name}_grad_src"])
    loss_close(gradient(rows[2].features), given[f"{name}_grad_tgt"])
    loss_close(DualAlignmentLoss()(*rows), given["align_loss"])


def test_nothing_confident(case: Any) -> None:
    given = case.losses
    loss, rows = DualAlignmentLoss(confidence=1.1), branches(given)
    loss_close(sum(weights.sum() for weights in loss.sample_weights(*rows)), given["w_sum_all_masked"])
    loss_close(loss.class_level(*rows), given["cid_loss_all_masked"])
    assert loss(*rows).item() == 0


@pytest.mark.parametrize("name", VIEWS)
def test_views(case: Any, name: str) -> None:
    given = case.losses
    one, two = leaf(given["tgt_logits_g"]), leaf(given["tgt_logits_l"])
    loss = VIEWS[name](one, two)
    loss.backward()
    loss_close(loss, given[name])
    checked = [key for key in given if key.startswith(f"{name}_grad")]
    assert len(checked) == (0 if name == "mvv_empty" else 2)
    for key in checked:
        loss_close(gradient(one if key.endswith("g") else two), given[key])


@pytest.mark.parametrize("name", ["mvv_thr09", "mvv_thr05", "mvv_empty"])
def test_accuracy_of_votes(case: Any, name: str) -> None:
    given = case.losses
    loss = VIEWS[name]
    assert isinstance(loss, VotingLoss)
    classes, kept = loss.vote(given["tgt_logits_g"], given["tgt_logits_l"])
    loss_close(accuracy(given["tgt_label"], classes, kept), given[f"{name}_acc"])


def test_sharpening_is_a_temperature(case: Any) -> None:
    given = case.losses
    loss_close((given["tgt_logits_g"] / 0.25).softmax(1), given["sharpen_T025"])
    sharp = MultiViewClusteringLoss(temperature=0.25)(given["tgt_logits_g"], given["tgt_logits_l"])
    powers = [given[f"tgt_logits_{view}"].softmax(1) ** 4 for view in ("g", "l")]
    one, two = (power / power.sum(1, keepdim=True) for power in powers)
    met = one.T @ two
    ratio = (met / met.sum(1, keepdim=True)).trace() + (met / met.sum(0)).trace()
    loss_close(sharp, 1 - ratio / (2 * len(met)))


def test_label_smoothing(case: Any) -> None:
    given = case.losses
    logits = leaf(given["src_logits"])
    loss = functional.cross_entropy(logits, given["src_label"], label_smoothing=0.1)
    loss.backward()
    loss_close(loss, given["lsce"])
    loss_close(gradient(logits), given["lsce_grad"])


def test_fusion(case: Any) -> None:
    """Its columns: the largest logit; the majority of three; the majority, or else the largest logit."""
    given = case.losses
    one, two, mean = given["vote_in"].unbind(1)
    assert_close((one + two) / 2, mean)
    largest, majority, vote = (
        fuse_views(one, two, rule).argmax(1) for rule in ("max_logit", "mean_logits", "vote")
    )
    # the authors' search for the largest logit starts at zero and class 0, which no negative logit beats
    found = given["vote_in"].amax((1, 2)) > 0
    assert torch.equal(torch.where(found, largest, 0), given["vote_out"][:, 0])
    assert torch.equal(majority, given["vote_out"][:, 1])
    assert torch.equal(vote[found], given["vote_out"][found, 2])


def test_schedule(case: Any) -> None:
    given = case.losses
    schedule = Schedule(kind="inverse", until=10_000)
    found = [schedule.factor(Progress(step=step, steps=20_000)) for step in given["lr_steps"].tolist()]
    assert_close(torch.tensor(found, dtype=torch.float64), given["lr_mult"])


def test_every_array_is_accounted_for(case: Any, unaccounted: Callable[..., list[str]]) -> None:
    assert not unaccounted(case.losses, ACCOUNT)
    assert {word for word in ACCOUNT.values() if word.startswith("test_")} <= set(globals())
