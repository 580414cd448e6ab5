"""Templates and supports against plain loops."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from ferda.errors import UserError
from ferda.test_time.t3a import T3A, T3AConfig


def templates_by_loops(hand, tiny, batches, kept):
    """Logits of every batch."""
    weight, bias = tiny.head.weight.detach(), tiny.head.bias.detach()
    rows = list(weight)
    said = []
    for batch in batches:
        features = tiny(batch).features.detach()
        rows += list(features)
        logits = [weight @ row + bias for row in rows]
        entropies = [float(hand.entropy(z[None])[0]) for z in logits]
        classes = [int(z.argmax()) for z in logits]
        columns = []
        for c in range(3):
            own = sorted((i for i in range(len(rows)) if classes[i] == c), key=lambda i: entropies[i])
            total = sum((rows[i] / rows[i].norm() for i in own[:kept]), torch.zeros(4).double())
            columns.append(total / max(float(total.norm()), 1e-12))
        said.append(torch.stack([torch.stack([row @ column for column in columns]) for row in features]))
    return said


@pytest.mark.parametrize("kept", [1, 3, None])
def test_templates_by_loops(hand, tiny, kept: int | None) -> None:
    batches = hand.stream(3)
    adaptation = T3A(tiny, T3AConfig(kept=kept))
    for batch, wanted in zip(batches, templates_by_loops(hand, tiny, batches, kept), strict=True):
        assert torch.allclose(adaptation.answer(batch).logits, wanted, rtol=1e-9)
    entropies = adaptation._supports[1]
    assert len(entropies) == 27 if kept is None else len(entropies) <= 3 * kept


def test_a_network_with_another_head_is_named(hand, tiny) -> None:
    tiny.head = nn.Sequential(tiny.head, nn.LogSoftmax(1))
    with pytest.raises(UserError, match="one linear layer of the features"):
        T3A(tiny).answer(hand.stream(1)[0])
