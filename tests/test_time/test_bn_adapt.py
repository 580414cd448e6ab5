"""Mixed statistics of batch norm, by hand."""

from __future__ import annotations

import pytest
import torch

from ferda.test_time.bn_adapt import BatchNormAdaptation, BatchNormConfig


@pytest.mark.parametrize("rows", [1, 8])
@pytest.mark.parametrize("source_rows", [0.0, 16.0])
def test_statistics_are_mixed_by_numbers_of_faces(hand, tiny, rows: int, source_rows: float) -> None:
    adaptation = BatchNormAdaptation(tiny, BatchNormConfig(source_rows=source_rows))
    hand_mean, hand_var = tiny.norm.running_mean, tiny.norm.running_var
    # the second batch shows that nothing of the first is left
    for batch in hand.stream(2, rows):
        maps = tiny.conv(batch)
        n, of_source = rows, source_rows / (source_rows + rows)
        means, variances = [], []
        for channel in range(4):
            values = maps[:, channel].flatten()
            own = values.sum() / len(values)
            spread = sum((value - own) ** 2 for value in values) / len(values)
            means.append(of_source * hand_mean[channel] + n / (source_rows + n) * own)
            variances.append(of_source * hand_var[channel] + n / (source_rows + n) * spread)
        mixed = torch.stack(means), torch.stack(variances)
        wanted = hand.answer(tiny, batch, tiny.norm.weight, tiny.norm.bias, *mixed)
        assert torch.allclose(adaptation.answer(batch).logits, wanted, rtol=1e-10)


def test_many_source_rows_change_nothing(hand, tiny) -> None:
    adaptation = BatchNormAdaptation(tiny, BatchNormConfig(source_rows=1e15))
    (batch,) = hand.stream(1)
    assert torch.allclose(adaptation.answer(batch).logits, tiny(batch).logits, rtol=1e-9)
