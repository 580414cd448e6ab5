from __future__ import annotations

import math

import pytest
import torch

from ferda.layers.confidence_fusion import confidence_fusion


def test_value_equals_the_formula() -> None:
    torch.manual_seed(0)
    logits = 2 * torch.randn(3, 4, 5, dtype=torch.float64)
    p = logits.softmax(2).tolist()
    found = confidence_fusion(logits).exp()
    for row in range(4):
        trust = [math.exp(sum(v * math.log(v) for v in p[head][row])) for head in range(3)]
        for c in range(5):
            expected = sum(a * p[head][row][c] for head, a in enumerate(trust)) / sum(trust)
            # the entropy adds 1e-5 under its logarithm
            assert found[row, c].item() == pytest.approx(expected, rel=1e-3)


def test_a_sure_classifier_has_more_to_say() -> None:
    unsure, sure = torch.tensor([[0.6, 0.0]]), torch.tensor([[0.0, 6.0]])
    assert confidence_fusion(torch.stack([unsure, sure])).argmax().item() == 1
    fused = confidence_fusion(torch.stack([unsure, sure])).exp()
    assert fused[0, 1] > (unsure.softmax(1) + sure.softmax(1))[0, 1] / 2


def test_order_does_not_matter_and_one_alone_is_itself() -> None:
    logits = torch.randn(3, 4, 5)
    torch.testing.assert_close(confidence_fusion(logits), confidence_fusion(logits.flip(0)))
    torch.testing.assert_close(confidence_fusion(logits[:1]), logits[0].log_softmax(1))
    certain = confidence_fusion(torch.tensor([[[900.0, -900.0]]]))
    assert certain.isfinite().all()
