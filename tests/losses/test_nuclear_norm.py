from __future__ import annotations

import numpy as np
import pytest
import torch

from ferda.losses.nuclear_norm import NuclearNormLoss


def test_value_equals_the_formula() -> None:
    logits = torch.randn(6, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    p = logits.softmax(1).numpy()
    singular = np.sqrt(np.linalg.eigvalsh(p.T @ p))
    assert NuclearNormLoss()(logits).item() == pytest.approx(-singular.sum() / 6, rel=1e-9)
    assert NuclearNormLoss("singular_values")(logits).item() == pytest.approx(-singular.mean(), rel=1e-9)
    assert NuclearNormLoss()(logits.flip(0)).item() == pytest.approx(-singular.sum() / 6, rel=1e-9)
    with pytest.raises(ValueError, match="rows, singular_values"):
        NuclearNormLoss("batch")  # type: ignore[arg-type]


def test_it_is_least_for_certain_answers_of_all_classes_alike() -> None:
    certain = 40 * torch.eye(3, dtype=torch.float64).repeat(2, 1)
    least = NuclearNormLoss()(certain).item()
    assert least == pytest.approx(-((3 / 6) ** 0.5))
    alone = 40 * torch.eye(3, dtype=torch.float64)[[0] * 6]
    lopsided = 40 * torch.eye(3, dtype=torch.float64)[[0, 0, 0, 0, 1, 2]]
    unsure = torch.zeros(6, 3, dtype=torch.float64)
    values = [NuclearNormLoss()(logits).item() for logits in (lopsided, alone, unsure)]
    assert least < values[0] < values[1] < values[2]


def test_descending_spreads_a_batch_over_the_classes() -> None:
    torch.manual_seed(0)
    logits = (0.1 * torch.randn(12, 3) + torch.tensor([1.0, 0, 0])).requires_grad_()
    optimiser = torch.optim.Adam([logits], lr=0.2)
    for _ in range(60):
        optimiser.zero_grad()
        NuclearNormLoss()(logits).backward()
        optimiser.step()
    answers = logits.detach().softmax(1)
    assert answers.max(1).values.min() > 0.9
    assert len(answers.argmax(1).unique()) == 3


def test_one_row_and_half_precision_are_finite() -> None:
    for count in (1, 5):
        # rows that are all alike have singular values of zero
        logits = torch.zeros(count, 4, dtype=torch.bfloat16, requires_grad=True)
        loss = NuclearNormLoss()(logits)
        loss.backward()
        assert loss.dtype == torch.float32 and loss.isfinite()
        assert logits.grad is not None and logits.grad.isfinite().all()
