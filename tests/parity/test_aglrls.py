"""AGLRLS's three networks give the numbers of its authors' program."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.testing import assert_close

from ferda.methods.aglrls import AGLRLS
from ferda.upstream import load_upstream

SYSTEM = "aglrls"
NETWORKS = {"resnet50": "ir50", "resnet18": "ir18", "mobilenet": "mobilenet_aglrls"}

#: Which test asserts which arrays. Completeness is a test of its own.
ACCOUNT = {
    "locations": "test_inputs_are_drawn_by_the_rule",
    "*_feature": "test_network",
    "*_logits": "test_network",
    "*_chmean": "test_network",
}


def upstream_state(case: Any, name: str) -> dict[str, Tensor]:
    """The authors' state dict under their names."""

    def small_last_norm(generator: Any, shape: tuple[int, ...]) -> Any:
        return 0.25 * generator.uniform(0.5, 1.5, shape)

    def first_of_shared(entry: str) -> str:
        return re.sub(r"^Crop_Net\.\d\.([0-6])\.", r"Crop_Net.0.\1.", entry) if name == "mobilenet" else entry

    return case.weights(
        case.manifest["networks"][name]["state_dict"],
        special={r"res_layer\.4\.weight$": small_last_norm},
        seeded_as=first_of_shared,
    )


def answers(case: Any, name: str) -> dict[str, Tensor]:
    """One evaluation pass of one network."""
    images = torch.from_numpy(case.generator(1).normal(0, 1, (2, 3, 112, 112))).float()
    method = load_upstream("aglrls", upstream_state(case, name))
    assert isinstance(method, AGLRLS)
    found: dict[str, Tensor] = {}
    for at, stage in enumerate(method.features.backbone.stages, start=1):
        stage.register_forward_hook(
            lambda _, __, maps, at=at: found.__setitem__(f"layer{at}_chmean", maps.mean((2, 3)))
        )
    with torch.no_grad():
        parts = method.features(images, positions=case.outputs["locations"])
        found |= {"feature": parts.flatten(1), "logits": method.heads(parts)}
    found["parameters"] = torch.tensor(
        sum(p.numel() for part in (method.features, method.heads) for p in part.parameters())
    )
    found["chosen_backbone"] = torch.tensor(method.config.backbone == NETWORKS[name])
    return found


@pytest.mark.slow
@pytest.mark.parametrize("name", NETWORKS)
def test_network(case: Any, name: str) -> None:
    found = answers(case, name)
    assert found["chosen_backbone"]
    assert found["parameters"] == case.manifest["networks"][name]["parameters"]
    keys = [key for key in case.outputs if key.startswith(f"{name}_")]
    assert len(keys) == 6
    for key in keys:
        assert_close(found[key.removeprefix(f"{name}_")], case.outputs[key], rtol=1e-3, atol=1e-3)


def test_inputs_are_drawn_by_the_rule(case: Any) -> None:
    drawn = torch.from_numpy(case.generator(2).integers(3, 25, (2, 5, 2)))
    assert torch.equal(drawn, case.outputs["locations"])


def test_every_array_is_accounted_for(case: Any, unaccounted: Callable[..., list[str]]) -> None:
    assert not unaccounted(case.outputs, ACCOUNT)
    assert {word for word in ACCOUNT.values() if word.startswith("test_")} <= set(globals())
