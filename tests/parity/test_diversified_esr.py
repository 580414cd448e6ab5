"""Diversified ESR-9, its attention and its whole loss give the numbers of the authors' program."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.testing import assert_close

from ferda.backbones.esr import Answer
from ferda.backbones.upstream_cbam import cbam_names
from ferda.backbones.weights import load_weights
from ferda.layers.cbam import CBAM
from ferda.layers.voting import count_votes
from ferda.losses.diversity import DiversityLoss, branch_similarity
from ferda.losses.heads import head_cross_entropy
from ferda.methods.diversified_esr import DiversifiedESR, DiversifiedESRConfig
from ferda.upstream import load_upstream

SYSTEM = "diversified_esr"
BRANCHES = 9

#: Which test asserts which arrays. Completeness is a test of its own.
ACCOUNT = {
    "base_feat_*": "test_base",
    "emotion_logits": "test_branches",
    "attn_*": "test_branches",
    "votes": "test_vote",
    "ensemble_emotion": "test_vote",
    "div_*": "test_diversity_of_the_network",
    "own_sim_*": "test_diversity_of_the_network",
}
LOSSES = {
    "cbam_*": "test_attention",
    "total_*": "test_whole_loss",
    "b[0-9]_*": "asserted with the diversity loss",
    "own_b[0-9]_*": "asserted with the diversity loss",
}


@pytest.fixture(scope="module")
def method(case: Any) -> DiversifiedESR:
    folder: dict[str, dict[str, Tensor]] = {}
    for name, value in case.weights(case.manifest["state_dict"]).items():
        stem, entry = name.split("/")
        folder.setdefault(stem, {})[entry] = value
    loaded = load_upstream("diversified_esr", folder)
    assert isinstance(loaded, DiversifiedESR)
    return loaded


def pictures(case: Any) -> Tensor:
    return torch.from_numpy(case.generator(1).normal(0, 1, (2, 3, 96, 96))).float()


@pytest.fixture(scope="module")
def shared(case: Any, method: DiversifiedESR) -> Tensor:
    with torch.no_grad():
        return method.network.base(pictures(case))


@pytest.fixture(scope="module")
def answers(method: DiversifiedESR, shared: Tensor) -> list[Answer]:
    with torch.no_grad():
        return [branch(shared) for branch in method.network.branches]


def attention(answers: list[Answer]) -> dict[str, Tensor]:
    kinds = ("spatial", "channel")
    return {kind: torch.stack([getattr(answer.attention, kind) for answer in answers]) for kind in kinds}


def close(actual: Tensor, expected: Tensor) -> None:
    assert_close(actual, expected, rtol=1e-4, atol=1e-5)


def test_sizes(method: DiversifiedESR) -> None:
    assert sum(weight.numel() for weight in method.parameters()) == 20_832_332


def test_base(case: Any, shared: Tensor) -> None:
    close(shared[:, :8], case.outputs["base_feat_slice"])
    close(shared.mean((2, 3)), case.outputs["base_feat_mean"])
    close(shared.std((2, 3), correction=0), case.outputs["base_feat_std"])


def test_branches(case: Any, answers: list[Answer]) -> None:
    close(torch.stack([answer.logits for answer in answers]), case.outputs["emotion_logits"])
    for kind, found in attention(answers).items():
        close(found, case.outputs[f"attn_{kind}"])


def test_vote(case: Any, method: DiversifiedESR) -> None:
    with torch.no_grad():
        output = method(pictures(case))
    logits = torch.stack([output.views[f"branch_{k}"] for k in range(1, BRANCHES + 1)])
    assert torch.equal(count_votes(logits).double(), case.outputs["votes"])
    assert torch.equal(output.logits.argmax(1), case.outputs["ensemble_emotion"])
    looked_at = torch.stack([output.views[f"attention_branch_{k}"] for k in range(1, BRANCHES + 1)])
    close(looked_at, case.outputs["attn_spatial"])


def test_diversity_of_the_network(case: Any, answers: list[Answer]) -> None:
    given = case.outputs
    pairs = BRANCHES * (BRANCHES - 1)
    for kind, found in attention(answers).items():
        assert_close(branch_similarity(found), given[f"own_sim_{kind}"], rtol=1e-3, atol=1e-7)
        # the authors' sum over ordered pairs, where we take their mean
        assert_close(
            pairs * DiversityLoss("direct")(found), given[f"div_{kind}_direct"], rtol=1e-3, atol=1e-7
        )
    assert_close(
        DiversityLoss("det_zero_diag")(attention(answers)["spatial"]),
        given["div_spatial_det"],
        rtol=1e-3,
        atol=1e-12,
    )


def test_attention(case: Any) -> None:
    given = case.losses
    block = CBAM(64).eval()
    weights = case.weights(case.manifest["cbam_state_dict"])
    load_weights(block, cbam_names({name.removeprefix("cbam/"): value for name, value in weights.items()}))
    x = given["cbam_x"].clone().requires_grad_()
    found = block.attend(x)
    (found.features * given["cbam_gradw"]).sum().backward()
    for name, value in {
        "y": found.features,
        "channel": found.channel,
        "spatial": found.spatial.unsqueeze(1),
        "x_grad": x.grad,
    }.items():
        assert value is not None
        assert_close(value.detach(), given[f"cbam_{name}"], rtol=1e-4, atol=1e-5)
    trained = block.train().attend(given["cbam_x"])
    assert_close(trained.spatial.detach().unsqueeze(1), given["cbam_train_spatial"], rtol=1e-4, atol=1e-5)
    for name in ("running_mean", "running_var"):
        assert_close(getattr(block.spatial_norm, name), given[f"cbam_train_{name}"], rtol=1e-4, atol=1e-5)


def test_whole_loss(case: Any) -> None:
    given = case.losses
    config = DiversifiedESRConfig(diversity_form="det_zero_diag", branches=1, base=(4,), branch=(4,))
    terms = DiversifiedESR(config, classes=8).diversity_losses(given["b9_spatial_x"], given["b9_channel_x"])
    task = head_cross_entropy(given["total_logits"], given["total_labels"]).sum()
    assert_close(task + terms["spatial"] + terms["channel"], given["total_b9"])


def test_every_array_is_accounted_for(case: Any, unaccounted: Callable[..., list[str]]) -> None:
    assert not unaccounted(case.outputs, ACCOUNT)
    assert not unaccounted(case.losses, LOSSES)
    told = {*ACCOUNT.values(), *LOSSES.values()}
    assert {word for word in told if word.startswith("test_")} <= set(globals())
