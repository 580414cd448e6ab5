"""MA-Net gives the numbers of its authors' program, in both orders of the second path."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.testing import assert_close

from ferda.backbones.manet import ManetFeatures
from ferda.backbones.manet_units import AttentiveUnit, MultiScaleUnit
from ferda.backbones.upstream_manet import network_names
from ferda.methods.manet import MANet, MANetConfig
from ferda.upstream import load_upstream

SYSTEM = "manet"

#: Which test asserts which arrays. Completeness is a test of its own.
ACCOUNT = {"*": "test_network"}
LOSS_ACCOUNT = {
    "logits_*": "test_loss",
    "labels": "test_loss",
    "loss*": "test_loss",
    "block_x": "test_units",
    "msblock_*": "test_units",
    "atblock_y": "test_units",
}


def network_close(actual: Tensor, expected: Tensor) -> None:
    assert_close(actual, expected, rtol=1e-3, atol=1e-3)


@pytest.fixture(scope="module")
def answers(case: Any) -> dict[str, Tensor]:
    """One evaluation pass of the whole network in the order of today, and the rest of one in the other."""
    state = case.weights(case.manifest["state_dict"], gain=1)
    images = torch.from_numpy(case.generator(1).normal(0, 1, (2, 3, 224, 224))).float()
    method = load_upstream("manet", state, second_path="reverse")
    assert isinstance(method, MANet)
    seen: dict[str, Any] = {}
    method.network.shared.register_forward_hook(lambda _, __, maps: seen.update(shared=maps))
    method.network.register_forward_hook(lambda _, __, features: seen.update(found=features))
    with torch.no_grad():
        output = method(images)
        shared, found = seen["shared"], seen["found"]
        for unit in method.network.multi_scale.modules():
            if isinstance(unit, MultiScaleUnit):
                unit.second_path = "legacy"
        legacy = method.network.multi_scale(shared).mean((2, 3))
        return {
            "logits_local": output.views["local"],
            "logits_multiscale": output.views["multi_scale"],
            "logits_fused": output.logits,
            "layer2_slice": shared[:, :4],
            "layer2_mean": shared.mean((2, 3)),
            "patch_gap": found.quarters.mean((3, 4)),
            "patch_slice": found.quarters[:, :, :4],
            "local_feat": found.local,
            "multiscale_feat": found.multi_scale,
            "legacy_logits_local": output.views["local"],
            "legacy_logits_multiscale": method.multi_scale_head(legacy),
            "legacy_multiscale_feat": legacy,
            "parameters": torch.tensor(sum(p.numel() for p in method.parameters())),
        }


@pytest.mark.slow
def test_network(case: Any, answers: dict[str, Tensor]) -> None:
    assert answers["parameters"] == 50_547_214
    for key, expected in case.outputs.items():
        network_close(answers[key], expected)


@pytest.mark.parametrize(
    ("key", "prefix", "place", "unit"),
    [
        ("msblock_reverse_y", "msblock", "layer3_2", MultiScaleUnit(32, 64, 2, "reverse")),
        ("msblock_legacy_y", "msblock", "layer3_2", MultiScaleUnit(32, 64, 2, "legacy")),
        ("atblock_y", "atblock", "layer3_1_p1", AttentiveUnit(32, 64, 2)),
    ],
)
def test_units(case: Any, key: str, prefix: str, place: str, unit: nn.Module) -> None:
    state = case.weights(case.manifest[f"{prefix}_state_dict"])
    placed = network_names({name.replace(f"{prefix}/", f"{place}.0."): v for name, v in state.items()})
    names = [*unit.state_dict()]
    unit.load_state_dict(
        {name: next(v for k, v in placed.items() if k.endswith(f".0.{name}")) for name in names}
    )
    with torch.no_grad():
        assert_close(unit.eval()(case.losses["block_x"]), case.losses[key], rtol=1e-4, atol=1e-5)


def test_loss(case: Any) -> None:
    given = case.losses
    method = MANet(MANetConfig(widths=(4, 4, 4, 4), units=(1, 1, 1, 1)), classes=7)
    method.local_head = method.multi_scale_head = nn.Identity()  # type: ignore[assignment]
    local, multi_scale = (
        given[f"logits_{name}"].clone().requires_grad_() for name in ("local", "multiscale")
    )
    none = torch.empty(0)
    loss = method.task_loss(ManetFeatures(local, multi_scale, none, none), given["labels"])
    loss.backward()
    assert_close(loss.detach(), given["loss"], rtol=1e-4, atol=1e-5)
    for leaf, name in ((local, "local"), (multi_scale, "multiscale")):
        assert leaf.grad is not None
        assert_close(leaf.grad, given[f"loss_grad_{name}"], rtol=1e-4, atol=1e-6)


def test_every_array_is_accounted_for(case: Any, unaccounted: Callable[..., list[str]]) -> None:
    for arrays, table in ((case.outputs, ACCOUNT), (case.losses, LOSS_ACCOUNT)):
        assert not unaccounted(arrays, table)
        assert set(table.values()) <= set(globals())


def test_orders_differ_though_their_weights_fit(answers: dict[str, Tensor]) -> None:
    assert (answers["logits_multiscale"] - answers["legacy_logits_multiscale"]).abs().max() > 0.1
