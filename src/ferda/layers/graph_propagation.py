"""A small graph of face parts of two domains, along whose edges features travel.

Xie et al., "Adversarial graph representation adaptation for cross-domain facial expression recognition",
ACM MM 2020 (AGRA). The nodes are the global and the five local parts of a face in one domain, and the same
parts of the other domain. First the parts of each domain exchange what they know, then the domains do. Who
listens to whom is learnt.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ferda.checks import check_shape

#: Edges before training: to oneself; between global and local part; between local parts.
_WITHIN = (1.0, 0.8, 0.5)
#: To oneself; the same part of the other domain; global and local across; local parts across.
_ACROSS = (1.0, 0.9, 0.4, 0.25)


class GraphPropagation(nn.Module):
    """Two rounds within each domain, one between the domains.

    A round is `G(X; A, W, b) = A (X W^T + b)`, with ReLU and dropout between the two rounds within. The
    adjacency A within a domain is shared by both; the one between domains has no edges within a domain but
    to oneself. Negative edges count as none, and the edges that reach a node sum to one; a node that none
    reaches falls silent. The authors write the normalised edges back into the parameters at every pass, in
    evaluation too; here they are normalised on the way and the parameters keep still.

    Args:
        width: Features of a node.
        hidden: Features between the two rounds within a domain.
        parts: Nodes `P` of each domain; the first is the global part.
        dropout: Between the two rounds.

    Attributes:
        within: (P, P) edges of a domain.
        across: (2P, 2P) edges between domains.
    """

    mask: Tensor

    def __init__(self, width: int = 64, hidden: int = 128, parts: int = 6, dropout: float = 0.5) -> None:
        super().__init__()
        self.parts = parts
        within, between = _edges(parts)
        self.within = nn.Parameter(within)
        own = torch.eye(parts) * _ACROSS[0]
        self.across = nn.Parameter(torch.cat([torch.cat([own, between], 1), torch.cat([between, own], 1)]))
        self.register_buffer("mask", (self.across > 0).float(), persistent=False)
        self.first = nn.Linear(width, hidden)
        self.second = nn.Linear(hidden, width)
        self.between = nn.Linear(width, width)
        self.dropout = nn.Dropout(dropout)
        for layer in (self.first, self.second, self.between):
            nn.init.xavier_normal_(layer.weight)
            nn.init.zeros_(layer.bias)

    def adjacency(self) -> tuple[Tensor, Tensor]:
        """Return the normalised edges within a domain (P, P) and across (2P, 2P)."""
        return _normalised(self.within), _normalised(self.across * self.mask)

    def forward(self, nodes: Tensor) -> Tensor:
        """Return (B, 2P, width) of (B, 2P, width) nodes, the first P of which are one domain's."""
        return self.propagate(nodes, *self.adjacency())

    def propagate(self, nodes: Tensor, within: Tensor, across: Tensor) -> Tensor:
        """Pass the graph along given edges.

        Args:
            nodes: (B, 2P, width).
            within: (P, P), rows sum to one.
            across: (2P, 2P), likewise.
        """
        check_shape(nodes, "B N D", "nodes", N=2 * self.parts)
        x = nodes.unflatten(1, (2, self.parts))  # (B, 2, P, width)
        x = self.dropout((within @ self.first(x)).relu())
        x = within @ self.second(x)
        y: Tensor = across @ self.between(x.flatten(1, 2))
        return y


def _edges(parts: int) -> tuple[Tensor, Tensor]:
    """Edges among the parts of one domain, and from them to those of the other."""
    is_same = torch.eye(parts, dtype=torch.bool)
    is_global = torch.zeros(parts, dtype=torch.bool)
    is_global[0] = True
    touches_global = is_global.unsqueeze(0) | is_global.unsqueeze(1)

    def filled(same: float, with_global: float, rest: float) -> Tensor:
        edges = torch.full((parts, parts), rest).masked_fill(touches_global, with_global)
        return edges.masked_fill(is_same, same)

    return filled(*_WITHIN), filled(*_ACROSS[1:])


def _normalised(edges: Tensor) -> Tensor:
    edges = edges.clamp_min(0)
    return edges / edges.sum(1, keepdim=True).clamp_min(torch.finfo(edges.dtype).tiny)
