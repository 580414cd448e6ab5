"""AGLRLS's losses, gradients and rules for many heads give the numbers of its authors' program."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.testing import assert_close

from ferda.layers.agreement import agreement
from ferda.layers.grl import reversal_coefficient
from ferda.layers.landmark_windows import landmark_windows
from ferda.layers.prediction_consistency import combined_prediction, consistent_prediction
from ferda.losses.adversarial import DomainAdversarialLoss, DomainCritic
from ferda.losses.conditional import ConditionalAdversarialLoss
from ferda.losses.consistency import ConsistencyLoss, class_thresholds, pseudo_labels
from ferda.losses.entropy import entropy
from ferda.losses.feature_norm import HardFeatureNormLoss, StepwiseFeatureNormLoss
from ferda.losses.heads import head_cross_entropy
from ferda.memory.learning_status import LearningStatus

SYSTEM = "aglrls"
CLASSES = 7

#: Which test asserts which arrays, or why none does. Completeness is a test of its own.
ACCOUNT = {
    "src_*": "test_source_cross_entropy",
    "ent_*": "test_entropy",
    "coeff_*": "test_reversal_coefficient",
    "adv_*": "test_conditional_adversarial_loss",
    "cdan_*": "test_conditional_adversarial_loss",
    "cdane_*": "test_conditional_adversarial_loss",
    "dann_*": "test_adversarial_loss",
    "cons_*": "test_consistency",
    "flex_*": "test_learning_status",
    "agree_*": "test_agreement",
    "glpc_*": "test_glpc",
    "afn_*": "test_feature_norms",
    "hafn_*": "test_feature_norms",
    "safn_*": "test_feature_norms",
    "crop_*": "test_landmark_windows",
    "geo_*": "asserted in tests/parity/test_aglrls_geometry.py",
    "focal_*": "not offered: the authors' program never calls its focal loss",
    "hinge_*": "not offered: the authors' program never calls its similarity hinge",
}


def loss_close(actual: Tensor, expected: Tensor) -> None:
    assert_close(actual.double(), expected.double(), rtol=1e-4, atol=1e-5)


def leaf(values: Tensor) -> Tensor:
    return values.clone().requires_grad_()


def gradient(values: Tensor) -> Tensor:
    return torch.zeros_like(values) if values.grad is None else values.grad


def test_source_cross_entropy(case: Any) -> None:
    given = case.losses
    logits = leaf(given["src_logits"])
    loss = (head_cross_entropy(logits, given["src_labels"]) * given["src_weights"]).sum()
    loss.backward()
    loss_close(loss, given["src_loss"])
    loss_close(gradient(logits), given["src_grad"])


def test_entropy(case: Any) -> None:
    given = case.losses
    logits = leaf(given["ent_logits"])
    values = entropy(logits.softmax(1))
    values.sum().backward()
    loss_close(values, given["ent_out"])
    loss_close(gradient(logits), given["ent_grad"])


def test_reversal_coefficient(case: Any) -> None:
    times, expected = case.losses["coeff_iter"].tolist(), case.losses["coeff_out"]
    loss_close(torch.tensor([reversal_coefficient(time / 10_000) for time in times]), expected)


def filled_critic(case: Any, features: int, hidden: int = 512) -> DomainCritic:
    shapes = {"1": (hidden, features), "2": (hidden, hidden), "3": (1, hidden)}
    entries = [(f"ad_layer{layer}.weight", shape, "float32") for layer, shape in shapes.items()]
    entries += [(f"ad_layer{layer}.bias", shape[:1], "float32") for layer, shape in shapes.items()]
    places = {"ad_layer1": "layers.0", "ad_layer2": "layers.3", "ad_layer3": "layers.6"}
    critic = DomainCritic(features, hidden)
    state = case.weights(entries)
    critic.load_state_dict({re.sub(r"ad_layer\d", lambda m: places[m[0]], k): v for k, v in state.items()})
    return critic.eval()


@pytest.mark.parametrize("kind", ["cdan", "cdane"])
@pytest.mark.parametrize("view", ["global", "mix"])
def test_conditional_adversarial_loss(case: Any, kind: str, view: str) -> None:
    given = case.losses
    features, logits = leaf(given[f"adv_{view}_feature"]), leaf(given[f"adv_{view}_logits"])
    critic, n = filled_critic(case, CLASSES * features.shape[1]), len(features) // 2
    loss = ConditionalAdversarialLoss(entropy_weights=kind == "cdane")(
        critic,
        (features[:n], logits[:n]),
        (features[n:], logits[n:]),
        reversal_coefficient(0.25),
        reversal_coefficient(0.07),
    )
    loss.backward()
    name = f"{kind}_{view}"
    loss_close(loss, given[f"{name}_loss"])
    loss_close(gradient(features), given[f"{name}_grad_feature"])
    loss_close(gradient(logits), given[f"{name}_grad_logits"])
    loss_close(gradient(critic.layers[6].weight), given[f"{name}_grad_ad3_weight"])
    loss_close(gradient(critic.layers[0].bias), given[f"{name}_grad_ad1_bias"])


def test_adversarial_loss(case: Any) -> None:
    given = case.losses
    features = leaf(given["adv_global_feature"])
    n = len(features) // 2
    critic = filled_critic(case, features.shape[1], hidden=128)
    loss = DomainAdversarialLoss()(critic, features[:n], features[n:], reversal_coefficient(0.25))
    loss.backward()
    loss_close(loss, given["dann_loss"])
    loss_close(gradient(features), given["dann_grad_feature"])


@pytest.mark.parametrize("kind", ["hard", "soft", "l2"])
def test_consistency(case: Any, kind: Any) -> None:
    given = case.losses
    thresholds = class_thresholds(given["cons_beta"])
    loss_close(thresholds, given["cons_threshold"])
    strong, weak = leaf(given["cons_logits_s"]), given["cons_logits_w"]
    pseudo = pseudo_labels(weak, thresholds)
    assert torch.equal(pseudo.labels, given["cons_pseudo"])
    assert torch.equal(pseudo.accepted.float(), given["cons_mask"])
    assert torch.equal(pseudo.certain.long(), given["cons_select"])
    loss_close(pseudo.accepted.float().mean(), given["cons_maskmean"])
    loss = ConsistencyLoss(kind)(strong, weak, pseudo)
    loss.backward()
    loss_close(loss, given[f"cons_{kind}_loss"])
    loss_close(gradient(strong), given[f"cons_{kind}_grad"])


def test_learning_status(case: Any) -> None:
    given = case.losses
    memory = LearningStatus(heads=1, classes=CLASSES)
    memory.start(given["flex_selected"].shape[1])
    for step, index in enumerate(given["flex_index"]):
        status = memory.refresh()
        weak, strong = given["flex_logits_w"][step], given["flex_logits_s"][step]
        pseudo = pseudo_labels(weak[None], class_thresholds(status))
        loss = ConsistencyLoss()(strong[None], weak[None], pseudo)
        memory.remember(index, pseudo.labels, pseudo.certain)
        loss_close(status[0], given["flex_beta"][step])
        assert torch.equal(pseudo.accepted[0].float(), given["flex_mask"][step])
        loss_close(loss[0], given["flex_loss"][step])
        assert torch.equal(memory.table[0].long(), given["flex_selected"][step])


@pytest.mark.parametrize(
    ("name", "heads", "entropy_max"),
    [("all", range(7), 0.19459), ("gm", (0, 6), 0.19459), ("none", (0,), 19.459)],
)
def test_agreement(case: Any, name: str, heads: Any, entropy_max: float) -> None:
    given = case.losses
    accepted, labels = agreement(given["agree_logits"], heads, entropy_max)
    assert torch.equal(accepted.nonzero().squeeze(1), given[f"agree_{name}_index"])
    assert torch.equal(labels[accepted], given[f"agree_{name}_label"])


def test_glpc(case: Any) -> None:
    logits, beta = case.losses["glpc_logits"], case.losses["glpc_beta"]
    thresholds = class_thresholds(beta)
    found = consistent_prediction(logits, thresholds, beta, fallback="lowest")
    assert torch.equal(found.answers, case.losses["glpc_pred"])
    assert torch.equal(found.stages, case.losses["glpc_stage"])
    by_name = combined_prediction(logits, thresholds, beta, "glpc")
    assert torch.equal(by_name.probabilities.argmax(1), case.losses["glpc_pred"])


@pytest.mark.parametrize(
    ("name", "loss"), [("hafn", HardFeatureNormLoss(25.0)), ("safn", StepwiseFeatureNormLoss(1.0))]
)
def test_feature_norms(case: Any, name: str, loss: torch.nn.Module) -> None:
    features = leaf(case.losses["afn_feature"])
    value = 0.05 * loss(features)
    value.backward()
    loss_close(value, case.losses[f"{name}_loss"])
    loss_close(gradient(features), case.losses[f"{name}_grad"])


def test_landmark_windows(case: Any) -> None:
    given = case.losses
    maps = leaf(given["crop_map"])
    cut = landmark_windows(maps, given["crop_locations"], window=given["crop_out"].shape[-1])
    (cut * given["crop_upstream_grad"]).sum().backward()
    assert torch.equal(cut, given["crop_out"])
    loss_close(gradient(maps), given["crop_grad"])


def test_every_array_is_accounted_for(case: Any, unaccounted: Callable[..., list[str]]) -> None:
    assert not unaccounted(case.losses, ACCOUNT)
    assert {word for word in ACCOUNT.values() if word.startswith("test_")} <= set(globals())
