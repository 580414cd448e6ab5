"""AGRA's two networks, on each of their paths, give the numbers of their authors' program."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.testing import assert_close

from ferda.methods.agra import AGRA
from ferda.upstream import load_upstream

SYSTEM = "agra"
NETWORKS = {"resnet50": "ir50", "mobilenet": "mobilenet_aglrls"}

#: Which test asserts which arrays. Completeness is a test of its own.
ACCOUNT = {
    "locations": "test_inputs_are_drawn_by_the_rule",
    "*_feature": "test_network",
    "*_pred": "test_network",
    "*_locpred": "test_network",
    "*_IntraAdj_after": "test_network",
    "*_InterAdj_after": "test_network",
}


def upstream_state(case: Any, name: str) -> dict[str, Tensor]:
    """The authors' state dict under their names."""

    def small_last_norm(generator: Any, shape: tuple[int, ...]) -> Any:
        return 0.25 * generator.uniform(0.5, 1.5, shape)

    def first_of_shared(entry: str) -> str:
        return re.sub(r"^Crop_Net\.\d\.([0-6])\.", r"Crop_Net.0.\1.", entry) if name == "mobilenet" else entry

    special = {
        r"res_layer\.4\.weight$": small_last_norm,
        r"AdjMatrix$": lambda generator, shape: generator.uniform(0.1, 1.0, shape),
        # the only matrix that kept what its constructor gave it
        r"InterMaskMatrix$": lambda generator, shape: case.losses["gcn_inter_mask"].numpy(),
    }
    entries = case.manifest["networks"][name]["state_dict"]
    return case.weights(entries, special=special, seeded_as=first_of_shared)


@pytest.fixture(scope="module", params=NETWORKS)
def answers(case: Any, request: pytest.FixtureRequest) -> tuple[str, dict[str, Tensor]]:
    """One evaluation pass of one network, then every path through its graph."""
    name = request.param
    images = torch.from_numpy(case.generator(1).normal(0, 1, (2, 3, 112, 112))).float()
    method = load_upstream("agra", upstream_state(case, name))
    assert isinstance(method, AGRA)
    assert method.config.backbone == NETWORKS[name]
    found: dict[str, Tensor] = {}
    with torch.no_grad():
        parts = method.features(images, positions=case.outputs["locations"])
        method.features.forward = lambda *given: parts  # type: ignore[method-assign]
        for path in ("classify", "source", "target"):
            method.is_adapted.fill_(path == "target")
            output = method(images)
            found[f"{path}_feature"] = output.features
            found[f"{path}_pred"] = output.logits
            found[f"{path}_locpred"] = output.views["local"]
        found["IntraAdj_after"], found["InterAdj_after"] = method.graph.adjacency()
    counted = (part for part in method.children() if part is not method.critics)
    found["parameters"] = torch.tensor(sum(p.numel() for part in counted for p in part.parameters()))
    return name, found


@pytest.mark.slow
def test_network(case: Any, answers: tuple[str, dict[str, Tensor]]) -> None:
    name, found = answers
    assert found["parameters"] == case.manifest["networks"][name]["parameters"]
    keys = [key for key in case.outputs if key.startswith(f"{name}_")]
    assert len(keys) == 11
    for key in keys:
        assert_close(found[key.removeprefix(f"{name}_")], case.outputs[key], rtol=1e-4, atol=1e-4)


def test_inputs_are_drawn_by_the_rule(case: Any) -> None:
    drawn = torch.from_numpy(case.generator(2).integers(3, 25, (2, 5, 2)))
    assert torch.equal(drawn, case.outputs["locations"])
    assert drawn.dtype == torch.int64 and np.ndim(drawn) == 3


def test_every_array_is_accounted_for(case: Any, unaccounted: Callable[..., list[str]]) -> None:
    assert not unaccounted(case.outputs, ACCOUNT)
    assert {word for word in ACCOUNT.values() if word.startswith("test_")} <= set(globals())
