"""Diversified MA-Net gives the numbers of its authors' program, and of a reference for our determinant."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.testing import assert_close

from ferda.backbones.manet import ManetFeatures
from ferda.losses.diversity import Form
from ferda.methods.diversified_manet import DiversifiedMANet, DiversifiedMANetConfig
from ferda.upstream import load_upstream

SYSTEM = "diversified_manet"

#: Which test asserts which arrays, or why none does. Completeness is a test of its own.
ACCOUNT = {"*": "test_network"}
LOSS_ACCOUNT = {
    "local_[uv]": "given",
    "global_x": "given",
    "local_*_direct_div*": "test_terms",
    "local_*_det_div*": "test_terms",
    "global_direct_div*": "test_terms",
    "global_det_div*": "test_terms",
    "own_*": "test_terms",
    "*_logdet_div": "NaN by construction: the logarithm of a negative determinant",
    "total*": "test_total",
}


@pytest.mark.slow
def test_network(case: Any) -> None:
    state = case.weights(case.manifest["state_dict"], gain=1)
    images = torch.from_numpy(case.generator(1).normal(0, 1, (2, 3, 224, 224))).float()
    method = load_upstream("diversified_manet", state)
    assert isinstance(method, DiversifiedMANet)
    seen: list[ManetFeatures] = []
    method.network.register_forward_hook(lambda _, __, features: seen.append(features))
    with torch.no_grad():
        output = method(images)
    found = seen[0]
    answers = {
        "logits_local": output.views["local"],
        "logits_multiscale": output.views["multi_scale"],
        "logits_fused": output.logits,
        "global_feat": torch.stack([found.local, found.multi_scale]),
        "local_feat_channel": found.quarters.mean((3, 4)),
        "local_feat_spatial": found.quarters.mean(2),
        "local_feat_slice": found.quarters[:, :, :4],
    }
    for key, expected in case.outputs.items():
        assert_close(answers[key], expected, rtol=1e-3, atol=1e-3)


def method_with(form: Form) -> DiversifiedMANet:
    config = DiversifiedMANetConfig(widths=(4, 4, 4, 4), units=(1, 1, 1, 1), diversity_form=form)
    return DiversifiedMANet(config, classes=7)


def features(case: Any) -> tuple[Tensor, Tensor]:
    """The quarters' maps (4, N, D, 7, 7) and the branches' features (2, N, D), as leaves."""
    given = case.losses
    quarters = 0.5 + given["local_u"][..., None, None] + given["local_v"][:, :, None]
    return quarters.requires_grad_(), given["global_x"].clone().requires_grad_()


def terms(form: Form, quarters: Tensor, branches: Tensor) -> dict[str, Tensor]:
    found = ManetFeatures(branches[0], branches[1], quarters, torch.empty(0))
    losses = method_with(form).diversity_losses(found)
    return {"global" if name == "global" else f"local_{name}": loss for name, loss in losses.items()}


@pytest.mark.parametrize("form", ["direct", "det_zero_diag", "det"])
def test_terms(case: Any, form: Form) -> None:
    given = case.losses
    quarters, branches = features(case)
    for name, loss in terms(form, quarters, branches).items():
        if form == "det":
            assert_close(loss.double(), given[f"own_{name}_neg_det_unit_diag"], rtol=1e-4, atol=1e-5)
            continue
        # the authors' sum over ordered pairs, where we take their mean
        count = 2 if name == "global" else 4
        value = loss * (count * (count - 1) if form == "direct" else 1)
        key = f"{name}_{'direct' if form == 'direct' else 'det'}_div"
        assert_close(value, given[key], rtol=1e-4, atol=1e-5)
        if name == "global":
            (gradient,) = torch.autograd.grad(value, branches)
            assert_close(gradient, given[f"{key}_grad"], rtol=1e-4, atol=1e-6)
            continue
        (gradient,) = torch.autograd.grad(value, quarters)
        assert_close(gradient[:, :, :8], given[f"{key}_grad_c0_8"], rtol=1e-4, atol=1e-6)
        assert_close(gradient.sum((3, 4)), given[f"{key}_grad_chan_sum"], rtol=1e-4, atol=1e-5)
        assert_close(gradient.sum(2), given[f"{key}_grad_spat_sum"], rtol=1e-4, atol=1e-5)


def test_total(case: Any) -> None:
    given = case.losses
    method = method_with("det_zero_diag")
    method.local_head = method.multi_scale_head = nn.Identity()  # type: ignore[assignment]
    none = torch.empty(0)
    logits = ManetFeatures(given["total_logits_local"], given["total_logits_multiscale"], none, none)
    total = method.task_loss(logits, given["total_labels"])
    total = total + sum(terms("det_zero_diag", *features(case)).values())
    assert_close(total.detach(), given["total"], rtol=1e-4, atol=1e-5)


def test_every_array_is_accounted_for(case: Any, unaccounted: Callable[..., list[str]]) -> None:
    for arrays, table in ((case.outputs, ACCOUNT), (case.losses, LOSS_ACCOUNT)):
        assert not unaccounted(arrays, table)
        assert {word for word in table.values() if word.startswith("test_")} <= set(globals())
