"""OSA's network gives the numbers of its authors' program, face by face and mixed within a batch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.testing import assert_close

from ferda.backbones.upstream_ddamfn import method_names
from ferda.methods.osa import OSA
from ferda.upstream import load_upstream

SYSTEM = "osa"

#: Which test asserts which arrays. Completeness is a test of its own.
ACCOUNT = {
    "labels": "test_inputs_are_drawn_by_the_rule",
    "fmap_*": "test_map_and_axes",
    "dir_params": "test_map_and_axes",
    "theta_unit": "test_map_and_axes",
    "scale": "test_map_and_axes",
    "up_*": "test_network",
    "one_*": "test_network",
    "gradnorm_names": "test_network",
}


def network_close(actual: Tensor, expected: Tensor) -> None:
    assert_close(actual, expected, rtol=1e-4, atol=5e-4)


def pictures(case: Any) -> Tensor:
    return torch.from_numpy(case.generator(1).normal(0, 1, (4, 3, 112, 112))).float()


@pytest.fixture(scope="module")
def method(case: Any) -> OSA:
    special = {
        r"prelu\.weight$": lambda generator, shape: generator.uniform(0.05, 0.45, shape),
        r"project\.bn\.weight$": lambda generator, shape: generator.uniform(0.4, 0.7, shape),
    }
    loaded = load_upstream("osa", {"model": case.weights(case.manifest["state_dict"], special)})
    assert isinstance(loaded, OSA)
    return loaded


def test_inputs_are_drawn_by_the_rule(case: Any) -> None:
    assert torch.equal(torch.from_numpy(case.generator(2).integers(0, 7, 4)), case.outputs["labels"])


def test_map_and_axes(case: Any, method: OSA) -> None:
    given = case.outputs
    with torch.no_grad():
        x = method.trunk(pictures(case))
        network_close(x[0], given["fmap_sample0"])
        network_close(x.mean((1, 2, 3)), given["fmap_mean_per_sample"])
        network_close(x.std((1, 2, 3)), given["fmap_std_per_sample"])
        raw = method.attention.aim(x).flatten(1).unflatten(1, (4, 2))
        network_close(raw, given["dir_params"])
        angle, scale = method.attention.axes(x)
    network_close(angle / torch.pi, given["theta_unit"])
    network_close(scale, given["scale"])


@pytest.mark.slow
@pytest.mark.parametrize(("layout", "prefix"), [("upstream_mixed", "up"), ("per_sample", "one")])
def test_network(case: Any, method: OSA, layout: Any, prefix: str) -> None:
    given = {
        key.removeprefix(f"{prefix}_"): value
        for key, value in case.outputs.items()
        if key.startswith(f"{prefix}_")
    }
    method.attention.layout = layout
    seen: list[Tensor] = []
    hook = method.pooling.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    output = method(pictures(case))
    hook.remove()
    network_close(output.logits, given["logits"])
    network_close(output.features, given["feat"])
    rows = [key for key in given if key.startswith("dca_sample")]
    assert rows
    for key in rows:
        network_close(seen[0][int(key.removeprefix("dca_sample"))], given[key])
    loss = F.cross_entropy(output.logits, case.outputs["labels"])
    network_close(loss, given["ce"])
    method.zero_grad()
    loss.backward()
    assert_close(method.attention.fusion.grad, given["grad_fusion"], rtol=1e-3, atol=1e-5)
    names = case.outputs["gradnorm_names"]
    for name, expected in zip(names, given["gradnorm"], strict=True):
        # rounding moves a few of millions of activations across the kink of their PReLU, and with them this
        rtol = 5e-3 if name.startswith("features.") else 1e-4
        assert_close(gradient(method, name).norm(), expected, rtol=rtol, atol=0)


def gradient(method: OSA, name: str) -> Tensor:
    """The gradient of what the authors call by a name; their last convolutions are one of ours in groups."""
    if name.startswith("dsa.att_convs."):
        _, _, direction, kind = name.split(".")
        found = method.get_parameter(f"attention.expand.{kind}").grad
        assert found is not None
        return found.chunk(method.config.directions)[int(direction)]
    marked = {"fc.weight": torch.zeros(0), "features.0.bn.bias": torch.zeros(0), name: torch.ones(1)}
    (ours,) = (key for key, value in method_names(marked).items() if len(value))
    found = method.get_parameter(ours).grad
    assert found is not None
    return found


def test_every_array_is_accounted_for(case: Any, unaccounted: Callable[..., list[str]]) -> None:
    assert not unaccounted(case.outputs, ACCOUNT)
    assert {word for word in ACCOUNT.values() if word.startswith("test_")} <= set(globals())
