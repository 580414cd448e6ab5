"""EATA's choice of rows, weights, anchor and steps by hand."""

from __future__ import annotations

import math

import pytest
import torch

from ferda.test_time.eata import Eata, EataConfig

RATE, MOMENTUM, RELIABLE, REDUNDANT = 0.05, 0.9, 0.8, 0.85


def steps_by_hand(hand, tiny, batches, anchor):
    """Affine parameters after the batches, and how many rows each batch taught."""
    start = [tiny.norm.weight.detach().clone(), tiny.norm.bias.detach().clone()]
    fisher = [torch.zeros(4).double(), torch.zeros(4).double()]
    for known in hand.held_out()():
        moving = [weight.clone().requires_grad_() for weight in start]
        logits = hand.answer(tiny, known.images, *moving)
        chosen = logits.argmax(1)
        loss = -sum(row.softmax(0)[c].log() for row, c in zip(logits, chosen, strict=True)) / len(logits)
        for place, gradient in enumerate(torch.autograd.grad(loss, moving)):
            fisher[place] = fisher[place] + gradient**2 / 3
    weights, speed, mean, counts = list(start), [0.0, 0.0], None, []
    limit = RELIABLE * math.log(3)
    for batch in batches:
        moving = [weight.clone().requires_grad_() for weight in weights]
        logits = hand.answer(tiny, batch, *moving)
        losses, taken = [], []
        for row, h in zip(logits.softmax(1), hand.entropy(logits), strict=True):
            p = row.detach()
            cosine = None if mean is None else (p @ mean) / (p.norm() * mean.norm())
            if h < limit and (cosine is None or cosine < REDUNDANT):
                losses.append(math.exp(limit - h.item()) * h)
                taken.append(p)
        counts.append(len(taken))
        if not taken:
            continue
        now = sum(taken) / len(taken)
        mean = now if mean is None else 0.9 * mean + 0.1 * now
        pull = sum((f * (w - s) ** 2).sum() for f, w, s in zip(fisher, moving, start, strict=True))
        gradients = torch.autograd.grad(sum(losses) / len(losses) + anchor * pull, moving)
        speed = [MOMENTUM * v + g for v, g in zip(speed, gradients, strict=True)]
        weights = [w - RATE * v for w, v in zip(weights, speed, strict=True)]
    return weights, counts


@pytest.mark.parametrize("anchor", [0.0, 5.0])
def test_four_batches_by_hand(hand, tiny, anchor: float) -> None:
    config = EataConfig(rate=RATE, momentum=MOMENTUM, reliable=RELIABLE, redundant=REDUNDANT, anchor=anchor)
    adaptation = Eata(tiny, config, hand.source)
    batches = hand.stream(4)
    for batch in batches:
        adaptation.answer(batch)
    weights, counts = steps_by_hand(hand, tiny, batches, anchor)
    # some rows were left out for either reason, and some were not
    assert 0 < sum(counts) < 32 and counts[0] > 0 and max(counts[1:]) > 0
    assert torch.allclose(adaptation.method.norm.weight, weights[0], rtol=1e-9)
    assert torch.allclose(adaptation.method.norm.bias, weights[1], rtol=1e-9)
    assert adaptation.remarks == []


def test_unsure_answers_teach_nothing(hand, tiny) -> None:
    adaptation = Eata(tiny, EataConfig(reliable=1e-6), hand.source)
    for batch in hand.stream(2):
        adaptation.answer(batch)
    assert torch.equal(adaptation.method.norm.weight, tiny.norm.weight)


def test_without_sources_it_says_that_nothing_holds_it(hand, tiny) -> None:
    adaptation = Eata(tiny)
    adaptation.reset()
    assert len(adaptation.remarks) == 1 and "nothing holds the weights" in adaptation.remarks[0]
    assert Eata(tiny, EataConfig(anchor=0)).remarks == []
