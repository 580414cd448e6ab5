"""EATA: learn from sure and from new answers only, and forget nothing that mattered.

Unsure answers have misleading gradients, and answers like all those before teach nothing new. EATA takes the
step of Tent with the rows that are neither, the surer the heavier, and holds each weight where it was the
more, the more the training's data depends on it:

    L = mean_{i in S} exp(E0 - H_i) H_i + beta sum_j F_j (w_j - w_j at the start)^2,
    S = {i: H_i < E0 and |cos(p_i, m)| < epsilon},   E0 = 0.4 ln C,

with m the moving mean of the answers in S, and F_j the mean square of the gradient of the cross-entropy with
the model's own answers, on held-out faces of the sources. Niu et al., "Efficient test-time model adaptation
without forgetting", ICML 2022; the defaults are those for CIFAR-10, whose number of classes is near ours. As
in the authors' code F is made of gradients of batches, not of single faces. Without the sources there is no
anchor (the authors call that ETA), and a remark says so.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from pydantic import Field
from torch import Tensor
from torch.nn.functional import cosine_similarity, cross_entropy

from ferda.batch import Labelled, Output
from ferda.test_time.base import AdaptationConfig, SourceKnowledge
from ferda.test_time.entropy_step import EntropyAdaptation, row_entropy


class EataConfig(AdaptationConfig):
    """Settings.

    Attributes:
        rate: Learning rate of SGD.
        momentum: Of SGD.
        reliable: E0 as a share of ln C.
        redundant: epsilon, cosine with the mean answer from which on a row is nothing new.
        memory: Weight of the past in the mean answer.
        anchor: beta; 0 has no anchor.
        anchor_rows: Held-out faces that F is made of, at most.
    """

    rate: float = Field(default=0.005, gt=0)
    momentum: float = Field(default=0.9, ge=0, lt=1)
    reliable: float = Field(default=0.4, gt=0)
    redundant: float = Field(default=0.4, gt=0)
    memory: float = Field(default=0.9, ge=0, lt=1)
    anchor: float = Field(default=1.0, ge=0)
    anchor_rows: int = Field(default=2000, ge=2)


class Eata(EntropyAdaptation):
    """Minimises the weighted entropy of reliable, non-redundant rows."""

    Config = EataConfig
    uses_source = True

    def prepare(self, source: SourceKnowledge | None) -> None:
        """Choose the weights, and measure how much the sources depend on each.

        Args:
            source: None has no anchor.
        """
        super().prepare(source)
        self._fisher: list[Tensor] = []
        if source is not None and self.config.anchor > 0:
            self._fisher = self._importance(source.held_out())

    def optimiser(self) -> torch.optim.Optimizer:
        """Return SGD."""
        return torch.optim.SGD(self.weights, lr=self.config.rate, momentum=self.config.momentum)

    def reset(self) -> None:
        """Forget weights and mean answer."""
        super().reset()
        self._mean: Tensor | None = None
        if not self._fisher and self.config.anchor > 0:
            self.remarks.append(
                "nothing holds the weights near those of training: there are no held-out faces of the sources"
            )

    def learn(self, output: Output, images: Tensor, landmarks: Tensor | None) -> None:
        """Take one step, if a row is worth it.

        Args:
            output: Answers to the batch.
            images: Not looked at again.
            landmarks: Likewise.
        """
        limit = self.config.reliable * math.log(output.logits.shape[1])
        entropies = row_entropy(output.logits)
        answers = output.logits.detach().softmax(1)
        taken = entropies.detach() < limit
        if self._mean is not None:
            taken &= cosine_similarity(answers, self._mean[None]).abs() < self.config.redundant
        if not taken.any():
            return
        mean = answers[taken].mean(0)
        self._mean = mean if self._mean is None else torch.lerp(mean, self._mean, self.config.memory)
        weighted = (limit - entropies.detach()).exp() * entropies
        (weighted[taken].mean() + self._pull()).backward()
        self.steps.step()

    def _pull(self) -> Tensor | float:
        if not self._fisher:
            return 0.0
        moved = zip(self._fisher, self.weights, self.start, strict=True)
        parts = [(fisher * (weight - start).square()).sum() for fisher, weight, start in moved]
        return float(self.config.anchor) * torch.stack(parts).sum()

    def _importance(self, batches: Iterator[Labelled]) -> list[Tensor]:
        squares = [torch.zeros_like(weight) for weight in self.weights]
        rows = count = 0
        self.normalise_by_batch(True)
        for batch in batches:
            if len(batch) < 2:
                continue
            with torch.enable_grad():
                logits = self.method(batch.images, batch.landmarks).logits
                loss = cross_entropy(logits, logits.argmax(1))
                gradients = torch.autograd.grad(loss, self.weights, allow_unused=True)
            for square, gradient in zip(squares, gradients, strict=True):
                if gradient is not None:
                    square.add_(gradient.square())
            rows, count = rows + len(batch), count + 1
            if rows >= self.config.anchor_rows:
                break
        return [square / count for square in squares] if count else []
