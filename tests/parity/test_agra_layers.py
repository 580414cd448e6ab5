"""AGRA's graph and its centres give the numbers of its authors' program, gradients included."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.testing import assert_close

from ferda.backbones.upstream_aglrls import agra_state
from ferda.layers.graph_propagation import GraphPropagation
from ferda.memory.class_means import ClassMeans

SYSTEM = "agra"

#: Which test asserts which arrays, or why none does. Completeness is a test of its own.
ACCOUNT = {
    "gcn_*": "test_graph",
    "cl_*": "test_centres",
    "mean_after_one": "test_one_running_mean",
    "mmd_*": "of the benchmark's baselines DETN and ECAN, not of AGRA",
    "dfa_*": "of the benchmark's baseline DFA, not of AGRA",
    "swd_*": "of the benchmark's baseline SWD, not of AGRA",
    "lp_*": "of the benchmark's baseline LPL, not of AGRA",
}


def close(actual: Tensor, expected: Tensor) -> None:
    assert_close(actual.double(), expected.double(), rtol=1e-4, atol=1e-5)


def filled_graph(case: Any) -> GraphPropagation:
    entries = [
        entry
        for entry in case.manifest["networks"]["resnet50"]["state_dict"]
        if entry[0].startswith("GCN.") and entry[0] != "GCN.InterMaskMatrix"
    ]
    edges = {r"AdjMatrix$": lambda generator, shape: generator.uniform(0.1, 1.0, shape)}
    backbone = {f"layer3.{unit}.res_layer.0.weight": torch.ones(1) for unit in range(14)}
    state = agra_state(backbone | case.weights(entries, special=edges), classes=7)
    graph = GraphPropagation()
    own = {name.removeprefix("graph."): value for name, value in state.items() if name.startswith("graph.")}
    graph.load_state_dict(own)
    return graph.eval()


def test_graph(case: Any) -> None:
    given, fresh = case.losses, GraphPropagation()
    close(fresh.within, given["gcn_intra_init"])
    close(fresh.across, given["gcn_inter_init"])
    close(fresh.mask, given["gcn_inter_mask"])
    graph = filled_graph(case)
    nodes = given["gcn_in"].clone().requires_grad_()
    within, across = (edges.detach().requires_grad_() for edges in graph.adjacency())
    close(within, given["gcn_intra_norm"])
    close(across, given["gcn_inter_norm"])
    out = graph.propagate(nodes, within, across)
    (out * given["gcn_w"]).sum().backward()
    close(out, given["gcn_out"])
    close(nodes.grad, given["gcn_grad_in"])
    close(within.grad, given["gcn_grad_intra"])
    close(across.grad, given["gcn_grad_inter"])
    assert torch.equal(graph(nodes), out)


@pytest.mark.parametrize("kind", ["upstream", "intended"])
def test_centres(case: Any, kind: str) -> None:
    given = case.losses
    memory = ClassMeans(7, 16, is_scalar=kind == "upstream")
    memory.centres, memory.seen = given["cl_mu"].clone(), torch.ones(7, dtype=torch.bool)
    assert torch.equal(memory.nearest(given["cl_query"]), given["cl_index"])
    assert torch.equal(memory(given["cl_query"]), given["cl_sample"])
    memory.update(given["cl_update_batch"])
    close(memory.centres, given[f"cl_mu_after_{kind}"])
    assert not memory.counts.any()


def test_one_running_mean(case: Any) -> None:
    memory = ClassMeans(1, 16, room=0)
    memory.seen.fill_(True)
    memory.update(case.losses["cl_update_batch"])
    close(memory.centres[0], case.losses["mean_after_one"])


def test_every_array_is_accounted_for(case: Any, unaccounted: Callable[..., list[str]]) -> None:
    assert not unaccounted(case.losses, ACCOUNT)
    assert {word for word in ACCOUNT.values() if word.startswith("test_")} <= set(globals())
