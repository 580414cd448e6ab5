"""SAR's two gradients, frozen norms and recovery by hand."""

from __future__ import annotations

import math

import torch
from torch import nn

from ferda.test_time.sar import Sar, SarConfig

RATE, RELIABLE, RADIUS = 0.05, 0.65, 0.3


def test_three_batches_by_hand(hand, tiny) -> None:
    config = SarConfig(rate=RATE, momentum=0.5, reliable=RELIABLE, radius=RADIUS, recovery=0, frozen=0)
    adaptation = Sar(tiny, config)
    weights, speed = [tiny.norm.weight.detach().clone(), tiny.norm.bias.detach().clone()], [0.0, 0.0]
    limit, lost = RELIABLE * math.log(3), 0
    for batch in hand.stream(3):
        moving = [weight.clone().requires_grad_() for weight in weights]
        logits = hand.answer(tiny, batch, *moving)
        assert torch.allclose(adaptation.answer(batch).logits, logits, rtol=1e-9)
        entropies = hand.entropy(logits)
        sure = [i for i in range(8) if entropies[i] < limit]
        gradients = torch.autograd.grad(sum(entropies[i] for i in sure) / len(sure), moving)
        length = math.sqrt(sum(float((g**2).sum()) for g in gradients))
        uphill = [(w + RADIUS * g / length).requires_grad_() for w, g in zip(weights, gradients, strict=True)]
        there = hand.entropy(hand.answer(tiny, batch, *uphill))
        still = [i for i in sure if there[i] < limit]
        lost += len(sure) - len(still)
        gradients = torch.autograd.grad(sum(there[i] for i in still) / len(still), uphill)
        speed = [0.5 * v + g for v, g in zip(speed, gradients, strict=True)]
        weights = [w - RATE * v for w, v in zip(weights, speed, strict=True)]
    assert lost > 0, "the second choice must have made a difference"
    assert torch.allclose(adaptation.method.norm.weight, weights[0], rtol=1e-9)
    assert torch.allclose(adaptation.method.norm.bias, weights[1], rtol=1e-9)


def test_it_starts_again_when_all_answers_are_sure(hand, tiny) -> None:
    batches = hand.stream(3)
    for recovery, is_start in ((10.0, True), (0.0, False)):
        adaptation = Sar(tiny, SarConfig(rate=RATE, reliable=RELIABLE, recovery=recovery, frozen=0))
        for batch in batches:
            adaptation.answer(batch)
        assert torch.equal(adaptation.method.norm.weight, tiny.norm.weight) is is_start


def test_the_last_quarter_of_the_norms_is_frozen(tiny) -> None:
    layers = [[nn.Parameter(torch.tensor(float(number)))] for number in range(8)]
    adaptation = Sar(tiny)
    assert [int(weight) for weight in adaptation.chosen(layers)] == [0, 1, 2, 3, 4, 5]
    assert adaptation.chosen(layers[:1]) == layers[0]


def test_the_limit_is_the_papers_for_a_thousand_classes() -> None:
    assert math.isclose(SarConfig().recovery * math.log(1000), 0.2)
