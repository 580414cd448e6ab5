"""MFSAN's networks for two and three sources, and a step of each, give the numbers of its authors."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.testing import assert_close

from ferda.backbones.base import Backbone
from ferda.backbones.upstream_mfsan import method_state
from ferda.batch import DomainBatch, Labelled, Progress, Unlabelled
from ferda.methods.mfsan import MFSAN
from ferda.upstream import load_upstream

SYSTEM = "mfsan"
TURNS = [(2, 1), (2, 2), (3, 1), (3, 2), (3, 3)]

#: Which test asserts which arrays. Completeness is a test of its own.
ACCOUNT = {
    "n?_shared_first8ch": "test_network",
    "n?_feat_?": "test_network",
    "n?_logits_?": "test_network",
    "n?_prob_mean": "test_network",
    "train_label": "test_a_turn",
    "n?_train_mark?": "test_a_turn",
    "n?_train_mark?_gradnorm": "test_a_turn",
}


class Remembered(Backbone):
    """Maps that a backbone gave once: five turns look at the same pictures."""

    def __init__(self, backbone: Backbone) -> None:
        super().__init__()
        self.backbone = backbone
        self.width = backbone.width
        self.maps: dict[int, Tensor] = {}

    def stage_maps(self, images: Tensor) -> list[Tensor]:
        key = (self.training, images.data_ptr())
        if key not in self.maps:
            self.maps[key] = self.backbone.stage_maps(images)[-1]
        return [self.maps[key]]


@dataclass
class Networks:
    """The network for two and for three sources, on one common backbone whose weights both files hold."""

    case: Any
    methods: dict[int, MFSAN]
    seen: Tensor
    unseen: Tensor


@pytest.fixture(scope="module")
def networks(case: Any) -> Networks:
    torch.set_num_threads(1)
    entries = case.manifest["state_dict_n3"]
    state = case.weights(entries, special={r"weight$": case.narrow_norms})
    names = {entry[0] for entry in case.manifest["state_dict_n2"]}
    assert names < state.keys()
    options = {2: {"discrepancy_of": "logits"}, 3: {"discrepancy_of": "features"}}
    states = {2: {name: value for name, value in state.items() if name in names}, 3: state}
    methods = {n: load_upstream("mfsan", states[n], constant_tradeoff=0.5, **options[n]) for n in options}
    common = Remembered(methods[3].backbone)
    for method in methods.values():
        method.backbone = common
    return Networks(case, methods, case.pictures(11, 4, 224), case.pictures(21, 4, 224))


@pytest.mark.slow
@pytest.mark.parametrize("n", [2, 3])
def test_network(networks: Networks, n: int) -> None:
    given, method = networks.case.outputs, networks.methods[n].eval()
    assert method.sources == n
    pictures = networks.case.generator(1).normal(0, 1, (2, 3, 224, 224)).astype(np.float32)
    with torch.no_grad():
        rows = torch.from_numpy(pictures)
        output = method(rows)
        found = {"shared_first8ch": method.backbone.stage_maps(rows)[-1][:, :8]}
    found["prob_mean"] = output.probabilities
    for head, features in enumerate(output.features.split(256, 1), start=1):
        found |= {f"feat_{head}": features, f"logits_{head}": output.views[f"head_{head}"]}
    assert len(found) == sum(key.startswith(f"n{n}_") and "train" not in key for key in given)
    for key, values in found.items():
        assert_close(values, given[f"n{n}_{key}"], rtol=1e-4, atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize(("n", "turn"), TURNS)
def test_a_turn(networks: Networks, n: int, turn: int) -> None:
    given, method = networks.case.outputs, networks.methods[n].train()
    source = Labelled(networks.seen, given["train_label"])
    batch = DomainBatch((source,), Unlabelled(networks.unseen), turn=turn - 1)
    losses = method.losses(batch, Progress())
    values = torch.stack([losses["task"], 2 * losses["mmd"], 2 * losses["discrepancy"]])
    assert_close(values.double(), given[f"n{n}_train_mark{turn}"], rtol=1e-4, atol=1e-6)
    weights = {name.replace("backbone.backbone.", "backbone."): w for name, w in method.named_parameters()}
    gradients = torch.autograd.grad(
        torch.stack(list(losses.values())).sum(),
        list(weights.values()),
        retain_graph=True,
        allow_unused=True,
    )
    norms = {
        name: -1.0 if rows is None else float(rows.norm())
        for name, rows in zip(weights, gradients, strict=True)
    }
    order = networks.case.manifest[f"parameter_order_n{n}"]
    places = method_state({name: torch.tensor(at) for at, name in enumerate(order)})
    unknown = [name for name in places if name not in norms]
    assert unknown == ["backbone.fc.weight", "backbone.fc.bias"]
    for name, norm in norms.items():
        expected = float(given[f"n{n}_train_mark{turn}_gradnorm"][int(places[name])])
        assert norm == pytest.approx(expected, rel=1e-2, abs=1e-5), name


def test_every_array_is_accounted_for(case: Any, unaccounted: Callable[..., list[str]]) -> None:
    assert not unaccounted(case.outputs, ACCOUNT)
    assert {word for word in ACCOUNT.values() if word.startswith("test_")} <= set(globals())
