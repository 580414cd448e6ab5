"""Batch norm with statistics of the stream: no weight moves.

A camera that is brighter or blurrier than the training's shifts what every layer sees. Batch norm can take
the shift back, if it normalises with the statistics of the faces at hand. A batch is a small sample, so its
statistics are mixed with those of training, which count as N faces; with n faces in the batch,

    mean = N / (N + n) mean_training + n / (N + n) mean_batch,   the variance likewise.

Schneider et al., "Improving robustness against common corruptions by covariate shift adaptation", NeurIPS
2020, section 3; N = 16 is what they find good for a single picture, and it costs larger batches little. We
take the batch's variance with divisor n, theirs has n - 1: a batch of one would have none.
"""

from __future__ import annotations

from typing import Any

import torch
from pydantic import Field
from torch import Tensor

from ferda.batch import Output
from ferda.errors import UserError
from ferda.test_time.base import Adaptation, AdaptationConfig, SourceKnowledge
from ferda.test_time.entropy_step import BatchNorm


class BatchNormConfig(AdaptationConfig):
    """Settings.

    Attributes:
        source_rows: N, the number of faces that the statistics of training count as; 0 forgets them.
    """

    source_rows: float = Field(default=16, ge=0)


class BatchNormAdaptation(Adaptation):
    """Mixes the statistics of training with those of each batch, which keeps nothing for the next."""

    Config = BatchNormConfig

    def prepare(self, source: SourceKnowledge | None) -> None:
        """Find the batch norms.

        Args:
            source: Not used.

        Raises:
            UserError: If there is none.
        """
        norms = [
            module
            for module in self.method.modules()
            if isinstance(module, BatchNorm) and module.running_mean is not None
        ]
        if not norms:
            raise UserError(
                "bn_adapt changes the statistics of batch norms, and this network has none; use t3a or "
                "prior_shift, or tent if it has other norms."
            )
        self._rows = 1
        for norm in norms:
            norm.register_buffer("source_mean", norm.running_mean, persistent=False)
            norm.register_buffer("source_var", norm.running_var, persistent=False)
            norm.register_forward_pre_hook(self._mix)

    def adapt(self, images: Tensor, landmarks: Tensor | None) -> Output:
        """Answer with mixed statistics.

        Args:
            images: (B, 3, H, W).
            landmarks: (B, 5, 2), or None.
        """
        self._rows = len(images)
        return self.method(images, landmarks)

    def _mix(self, norm: Any, inputs: tuple[Tensor, ...]) -> None:
        """Set the statistics that the norm is about to use."""
        features = inputs[0].transpose(0, 1).flatten(1)  # (channels, values)
        variance, mean = torch.var_mean(features, dim=1, correction=0)
        kept = self.config.source_rows / (self.config.source_rows + self._rows)
        norm.running_mean = torch.lerp(mean, norm.source_mean, kept)
        norm.running_var = torch.lerp(variance, norm.source_var, kept)
