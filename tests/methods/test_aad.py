"""AaD against its formula, with a bank that is kept by hand."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import torch

from ferda.batch import DomainBatch, Progress, Unlabelled
from ferda.methods import create_method

ROWS, CLASSES, NEAR = 10, 3, 2
IMAGES = torch.randn(ROWS, 3, 16, 16, generator=torch.Generator().manual_seed(1))


class Target:
    def __len__(self) -> int:
        return ROWS

    def batches(self) -> Iterator[Unlabelled]:
        yield Unlabelled(IMAGES, index=torch.arange(ROWS))


def test_two_steps_are_the_papers() -> None:
    torch.manual_seed(0)
    small = {"backbone": "small_cnn", "backbone_options": {"stem": 4, "widths": [8]}}
    method = create_method("aad", CLASSES, **small, neighbours=NEAR, decay=2).eval()
    method.begin_epoch(Target(), Progress())

    def said(index: list[int]) -> tuple[np.ndarray, np.ndarray]:
        output = method(IMAGES[index])
        rows = output.features.detach().double().numpy()
        unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
        return unit, output.probabilities.detach().double().numpy()

    features, answers = said(list(range(ROWS)))
    for step, index in ((0, [4, 1, 7]), (30, [1, 0, 2, 9])):
        if step:
            with torch.no_grad():
                method.network.head.weight.mul_(3)
            # an epoch that is not the first leaves the bank as it is
            method.begin_epoch(Target(), Progress(step=step, steps=100, epoch=1))
            method.eval()
        losses = method.losses(
            DomainBatch((), Unlabelled(IMAGES[index], index=torch.tensor(index))),
            Progress(step=step, steps=100),
        )
        features[index], answers[index] = said(index)
        attracting = dispersing = 0.0
        for row in index:
            others = sorted((i for i in range(ROWS) if i != row), key=lambda i: -features[i] @ features[row])
            attracting -= sum(answers[row] @ answers[i] for i in others[:NEAR]) / len(index)
            dispersing += sum(answers[row] @ answers[i] for i in index if i != row) / len(index)
        assert losses["attracting"].item() == pytest.approx(attracting, abs=1e-5)
        assert losses["dispersing"].item() == pytest.approx(dispersing / (1 + step / 10) ** 2, abs=1e-5)
        np.testing.assert_allclose(method.memory.probabilities.numpy(), answers, atol=1e-5)
