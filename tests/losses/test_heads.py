from __future__ import annotations

import torch
from torch.nn import functional

from ferda.losses.heads import head_cross_entropy


def test_every_head_has_torchs_cross_entropy() -> None:
    torch.manual_seed(0)
    logits, labels = torch.randn(7, 5, 4), torch.randint(0, 4, (5,))
    expected = torch.stack([functional.cross_entropy(head, labels) for head in logits])
    torch.testing.assert_close(head_cross_entropy(logits, labels), expected)
    votes = torch.rand(5, 4).softmax(1)
    expected = torch.stack([functional.cross_entropy(head, votes) for head in logits])
    torch.testing.assert_close(head_cross_entropy(logits, votes), expected)
    assert head_cross_entropy(logits.bfloat16(), labels).dtype == torch.float32
