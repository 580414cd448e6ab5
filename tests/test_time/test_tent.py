"""Tent's steps against Adam and the entropy by hand."""

from __future__ import annotations

import torch

from ferda.test_time.tent import Tent, TentConfig


def test_three_batches_by_hand(hand, tiny) -> None:
    rate = 0.02
    adaptation = Tent(tiny, TentConfig(rate=rate))
    weights = [tiny.norm.weight.detach().clone(), tiny.norm.bias.detach().clone()]
    first, second = [torch.zeros(4).double()] * 2, [torch.zeros(4).double()] * 2
    for step, batch in enumerate(hand.stream(3), start=1):
        moving = [weight.clone().requires_grad_() for weight in weights]
        logits = hand.answer(tiny, batch, *moving)
        # the answer is that of the weights before the step
        assert torch.allclose(adaptation.answer(batch).logits, logits, rtol=1e-9)
        gradients = torch.autograd.grad(hand.entropy(logits).mean(), moving)
        for place, gradient in enumerate(gradients):
            first[place] = 0.9 * first[place] + 0.1 * gradient
            second[place] = 0.999 * second[place] + 0.001 * gradient**2
            slow, fast = first[place] / (1 - 0.9**step), second[place] / (1 - 0.999**step)
            weights[place] = weights[place] - rate * slow / (fast.sqrt() + 1e-8)
    assert torch.allclose(adaptation.method.norm.weight, weights[0], rtol=1e-9)
    assert torch.allclose(adaptation.method.norm.bias, weights[1], rtol=1e-9)
    assert (weights[0] - tiny.norm.weight).abs().max() > rate
    assert torch.equal(adaptation.method.norm.running_mean, tiny.norm.running_mean)
    assert torch.equal(adaptation.method.head.weight, tiny.head.weight)


def test_answers_become_surer(hand, tiny) -> None:
    adaptation = Tent(tiny, TentConfig(rate=0.02))
    (batch,) = hand.stream(1)
    entropies = [hand.entropy(adaptation.answer(batch).logits).mean() for _ in range(10)]
    assert entropies[-1] < 0.9 * entropies[0]
