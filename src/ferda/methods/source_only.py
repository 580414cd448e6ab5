"""Source only: no adaptation. What every adaptation method must beat.

The network learns from labelled source faces and never sees a target face:

    L = mean_i CE(z_i, y_i),

with y_i a class or, for soft labels, a distribution (the share of votes). With several sources all rows
count alike.
"""

from __future__ import annotations

from torch import Tensor

from ferda.batch import DomainBatch, Progress
from ferda.methods.base import Needs
from ferda.methods.classifier import ClassifierMethod


class SourceOnly(ClassifierMethod):
    """Empirical risk minimisation on the sources."""

    needs = Needs(target=False)

    def losses(self, batch: DomainBatch, progress: Progress) -> dict[str, Tensor]:
        """Return the cross-entropy of the source rows.

        Args:
            batch: Sources.
            progress: Not used.
        """
        source = batch.pooled
        return {"task": self.task_loss(self.network(source.images).logits, source.labels)}
