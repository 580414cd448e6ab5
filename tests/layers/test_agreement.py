from __future__ import annotations

import torch

from ferda.layers.agreement import agreement


def test_all_heads_must_say_the_same_and_be_sure() -> None:
    sure, unsure = 9.0, 0.5
    one, other = torch.tensor([1.0, 0, 0]), torch.tensor([0, 1.0, 0])
    logits = torch.stack(
        [
            torch.stack([sure * one, sure * one, sure * one, unsure * one]),
            torch.stack([sure * one, sure * other, unsure * one, unsure * one]),
        ]
    )
    accepted, labels = agreement(logits, heads=(0, 1), entropy_max=0.1)
    assert accepted.tolist() == [True, False, False, False]
    assert labels.tolist() == [0, 0, 0, 0]
    assert agreement(logits, heads=(0,), entropy_max=0.1)[0].tolist() == [True, True, True, False]
