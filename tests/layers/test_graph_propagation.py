from __future__ import annotations

import pytest
import torch

from ferda.layers.graph_propagation import GraphPropagation


def small(**options: float) -> GraphPropagation:
    torch.manual_seed(0)
    graph = GraphPropagation(width=4, hidden=5, parts=3, **options)
    with torch.no_grad():
        for edges in (graph.within, graph.across):
            edges.add_(torch.rand_like(edges) - 0.4)
    return graph.double().eval()


def by_formula(graph: GraphPropagation, nodes: torch.Tensor) -> torch.Tensor:
    """Node by node, edge by edge, from the numbers of the layers."""

    def edges(raw: torch.Tensor, allowed: torch.Tensor) -> list[list[float]]:
        kept = [
            [max(value, 0.0) * ok for value, ok in zip(row, oks, strict=True)]
            for row, oks in zip(raw.tolist(), allowed.tolist(), strict=True)
        ]
        return [[value / sum(row) for value in row] for row in kept]

    def spread(rows: list[torch.Tensor], matrix: list[list[float]]) -> list[torch.Tensor]:
        return [sum(weight * row for weight, row in zip(line, rows, strict=True)) for line in matrix]

    parts = graph.parts
    within = edges(graph.within, torch.ones(parts, parts))
    allowed = torch.eye(2 * parts)
    allowed[:parts, parts:] = allowed[parts:, :parts] = 1
    answers = []
    for face in nodes:
        halves = []
        for half in (face[:parts], face[parts:]):
            first = [graph.first.weight @ node + graph.first.bias for node in half]
            hidden = [row.clamp_min(0) for row in spread(first, within)]
            halves += spread([graph.second.weight @ row + graph.second.bias for row in hidden], within)
        last = [graph.between.weight @ row + graph.between.bias for row in halves]
        answers.append(torch.stack(spread(last, edges(graph.across, allowed))))
    return torch.stack(answers)


def test_equals_the_formula() -> None:
    graph = small()
    nodes = torch.randn(2, 6, 4, dtype=torch.float64)
    torch.testing.assert_close(graph(nodes), by_formula(graph, nodes), rtol=1e-12, atol=1e-12)


def test_a_pass_changes_no_parameter_and_reaches_all() -> None:
    graph = small().train()
    before = {name: value.clone() for name, value in graph.state_dict().items()}
    graph(torch.randn(4, 6, 4, dtype=torch.float64)).square().sum().backward()
    assert all(torch.equal(value, before[name]) for name, value in graph.state_dict().items())
    assert all(weight.grad is not None and weight.grad.any() for weight in graph.parameters())
    forbidden = graph.mask == 0
    assert not graph.across.grad[forbidden].any()


def test_a_node_that_nobody_reaches_is_silent_not_nan() -> None:
    graph = small()
    with torch.no_grad():
        graph.within[1] = -1.0
        graph.across[2] = 0.0
    answer = graph(torch.randn(1, 6, 4, dtype=torch.float64))
    assert answer.isfinite().all() and not answer[0, 2].any()


def test_the_domains_meet_only_between_their_parts() -> None:
    graph = small()
    with torch.no_grad():
        graph.across.copy_(torch.eye(6))
    nodes = torch.randn(1, 6, 4, dtype=torch.float64, requires_grad=True)
    graph(nodes)[:, :3].sum().backward()
    assert nodes.grad is not None
    assert nodes.grad[:, :3].any() and not nodes.grad[:, 3:].any()


def test_other_numbers_of_nodes_are_refused() -> None:
    with pytest.raises(ValueError, match="nodes"):
        small()(torch.randn(1, 5, 4, dtype=torch.float64))
