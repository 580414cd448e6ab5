"""MixedFeatureNet and DDAMFN's networks with two and four heads give the numbers of the authors' program."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.testing import assert_close

from ferda.backbones import create_backbone
from ferda.backbones.mixed_feature_net import MixedFeatureNet
from ferda.backbones.upstream_ddamfn import method_names
from ferda.backbones.weights import load_weights
from ferda.losses.attention_diversity import AttentionDiversityLoss
from ferda.methods.ddamfn import DDAMFN
from ferda.upstream import load_upstream

SYSTEM = "ddamfn"

#: Without these the residual units blow the numbers up.
SPECIAL = {
    r"prelu\.weight$": lambda generator, shape: generator.uniform(0.05, 0.45, shape),
    r"project\.bn\.weight$": lambda generator, shape: generator.uniform(0.4, 0.7, shape),
}

#: Which test asserts which arrays. Completeness is a test of its own.
ACCOUNT = {
    "labels": "test_inputs_are_drawn_by_the_rule",
    "mfn_*": "test_mixed_feature_net",
    "ddam[24]_*": "test_network",
}

#: Our modules behind the authors' stages.
STAGES = {
    "conv1": "stem.0",
    "conv2_dw": "stem.1",
    "conv_23": "stages.0.0",
    "conv_3": "stages.0",
    "conv_34": "stages.1.0",
    "conv_4": "stages.1",
    "conv_45": "stages.2.0",
    "conv_5": "stages.2",
    "conv_6_sep": "top",
    "conv_6_dw": "embedding.0",
}


def pictures(case: Any) -> Tensor:
    return torch.from_numpy(case.generator(1).normal(0, 1, (4, 3, 112, 112))).float()


def network_close(actual: Tensor, expected: Tensor) -> None:
    assert_close(actual, expected, rtol=1e-4, atol=2e-4)


def test_inputs_are_drawn_by_the_rule(case: Any) -> None:
    assert torch.equal(torch.from_numpy(case.generator(2).integers(0, 7, 4)), case.outputs["labels"])


def test_mixed_feature_net(case: Any) -> None:
    given = case.outputs
    network = create_backbone("mixed_feature_net", embedding=256).eval()
    assert isinstance(network, MixedFeatureNet)
    state = case.weights(case.manifest["models"]["mfn"]["state_dict"], SPECIAL)
    report = load_weights(network, network.own_names(state))
    # what the program never applies: a batch norm and a PReLU beside each of 34 mixed convolutions
    dead = [name for name in state if ".conv_dw.bn." in name or ".conv_dw.prelu." in name]
    assert len(report.unused) == len(dead) == 34 * 6
    seen: dict[str, Tensor] = {}
    for name, place in STAGES.items():
        network.get_submodule(place).register_forward_hook(
            lambda _, __, maps, name=name: seen.__setitem__(name, maps)
        )
    with torch.no_grad():
        network_close(network(pictures(case)), given["mfn_embedding"])
    assert list(seen) == list(STAGES)
    for row, maps in enumerate(seen.values()):
        network_close(maps.mean(), given["mfn_stage_mean"][row])
        network_close(maps.std(), given["mfn_stage_std"][row])
        network_close(maps[0].flatten()[:16], given["mfn_stage_first16"][row])
    assert given["mfn_stage_names"] == list(STAGES)


@pytest.mark.slow
@pytest.mark.parametrize(("heads", "classes"), [(2, 7), (4, 8)])
def test_network(case: Any, heads: int, classes: int) -> None:
    given = {
        key.removeprefix(f"ddam{heads}_"): value
        for key, value in case.outputs.items()
        if key.startswith(f"ddam{heads}_")
    }
    method = load_upstream(
        "ddamfn", case.weights(case.manifest["models"][f"ddam{heads}"]["state_dict"], SPECIAL)
    )
    assert isinstance(method, DDAMFN) and (len(method.heads), method.classes) == (heads, classes)
    output, maps = method.attend(pictures(case))
    network_close(output.logits, given["logits"])
    network_close(torch.stack(maps).mean((2, 3, 4)), given["head_mean"])
    feature_map = method.trunk(pictures(case))
    network_close(feature_map.mean((1, 2, 3)), given["featmap_mean"])
    if heads == 2:
        network_close(feature_map[0], given["featmap_sample0"])
        network_close(torch.stack([attention[0] for attention in maps]), given["heads_sample0"])
    task = F.cross_entropy(output.logits, case.outputs["labels"])
    diversity = AttentionDiversityLoss()(maps)
    network_close(task, given["ce"])
    assert_close(diversity, given["attention_loss"], rtol=1e-5, atol=0)
    (task + 0.1 * diversity).backward()
    # the names of the checkpoint lead to our parameters as they led its tensors
    ours = method_names({name: torch.tensor(row) for row, name in enumerate(given["gradnorm_names"])})
    assert len(ours) == len(given["gradnorm"])
    for name, row in ours.items():
        gradient = method.get_parameter(name).grad
        assert gradient is not None
        # rounding moves a few of millions of activations across the kink of their PReLU, and with them this
        rtol = 5e-3 if name.startswith("trunk.") else 1e-4
        assert_close(gradient.norm(), given["gradnorm"][row], rtol=rtol, atol=0)


def test_every_array_is_accounted_for(case: Any, unaccounted: Callable[..., list[str]]) -> None:
    assert not unaccounted(case.outputs, ACCOUNT)
    assert {word for word in ACCOUNT.values() if word.startswith("test_")} <= set(globals())
