"""MCD: what each of a step's updates minimises, and who learns from it."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from ferda.batch import DomainBatch, Labelled, Progress, Unlabelled
from ferda.engine.optimisers import withhold
from ferda.methods import create_method
from ferda.methods.base import Method

SMALL = {"backbone": "small_cnn", "backbone_options": {"stem": 8, "widths": [8, 16]}, "head_width": 12}


def mcd(**settings: object) -> Method:
    torch.manual_seed(0)
    return create_method("mcd", classes=3, **SMALL, head_dropout=0.0, **settings).train()


def batch() -> DomainBatch:
    torch.manual_seed(1)
    images = torch.rand(11, 3, 32, 32)
    labels = torch.tensor([0, 1, 2, 0, 1, 2])
    return DomainBatch((Labelled(images[:6], labels),), Unlabelled(images[6:]))


def test_losses_equal_the_formula() -> None:
    method, given = mcd(balance_weight=0.1, discrepancy_weight=2.0), batch()
    assert given.target is not None
    features = method.features(torch.cat([given.sources[0].images, given.target.images]))
    first, second = (head(features).detach().double() for head in method.heads)
    task = sum(functional.cross_entropy(z[:6], given.sources[0].labels).item() for z in (first, second))
    balance = -sum(float(z[6:].softmax(1).mean(0).add(1e-6).log().mean()) for z in (first, second))
    d = float((first[6:].softmax(1) - second[6:].softmax(1)).abs().sum()) / 15
    found = {
        update.name: {
            name: loss.item() for name, loss in method.losses(given, Progress().at(update.name)).items()
        }
        for update in method.updates("adapt")
    }
    learned = {"task": task, "balance": 0.1 * balance}
    assert found["task"] == pytest.approx(learned, rel=1e-4)
    assert found["disagree"] == pytest.approx({**learned, "disagreement": -2 * d}, rel=1e-4)
    assert found["agree_1"] == found["agree_4"] == pytest.approx({"discrepancy": 2 * d}, rel=1e-4)
    assert len(found) == 6


def test_heads_part_and_features_bring_them_together() -> None:
    method, given = mcd(), batch()

    def discrepancy() -> float:
        with torch.no_grad():
            return method.losses(given, Progress(update="agree_1"))["discrepancy"].item()

    for name, rises in (("disagree", True), ("agree_1", False)):
        update = next(one for one in method.updates("adapt") if one.name == name)
        before, weights = discrepancy(), {key: w.clone() for key, w in method.named_parameters()}
        optimiser = torch.optim.SGD(method.parameters(), lr=1.0)
        losses = method.losses(given, Progress(update=name))
        (losses["disagreement"] if rises else losses["discrepancy"]).backward()
        withhold(method, update)
        optimiser.step()
        assert (discrepancy() > before) == rises
        moved = {
            key.split(".")[0] for key, w in method.named_parameters() if not torch.equal(w, weights[key])
        }
        assert moved == ({"heads"} if rises else {"features"})


def test_both_heads_decide() -> None:
    method = mcd().eval()
    output = method(batch().sources[0].images)
    torch.testing.assert_close(output.logits, output.views["head_1"] + output.views["head_2"])
