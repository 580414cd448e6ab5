"""LPL: faces of one expression draw together; a baseline of the CD-FER benchmark, without a target.

The locality-preserving loss is of Li et al., "Reliable crowdsourcing and deep locality-preserving learning
for expression recognition in the wild", CVPR 2017, where a row is drawn to its nearest neighbours of the same
class. The CD-FER benchmark (Chen et al., IEEE TPAMI 2022) has the class's centre in their place, on its
global-local network:

    L = CE(W f, y) + CE(V f_local, y) + lambda mean_i mean_d (f_id - c_{y_i d})^2.

A centre is the mean of its class's features as they passed in the epoch before, so the first epoch has none;
the benchmark's program passes the source once more each epoch. There the loss has no gradient by mistake, so
what it published as LPL, 59.82 % on average with IR-50 from RAF-DB, learned from the two cross-entropies:
`locality_weight: 0`. No target face is seen by either.
"""

from __future__ import annotations

from pydantic import Field
from torch import Tensor

from ferda.batch import DomainBatch, Progress
from ferda.memory.epoch_means import EpochMeans
from ferda.methods.base import Needs, TargetView
from ferda.methods.global_local import BenchmarkMethod, GlobalLocalConfig


class LPLConfig(GlobalLocalConfig):
    """Settings; the defaults are the benchmark's.

    Attributes:
        locality_weight: lambda; 0 is what the benchmark's program does.
    """

    locality_weight: float = Field(default=1.0, ge=0)


class LPL(BenchmarkMethod):
    """A global-local network with two heads and a centre for every class.

    Args:
        config: Settings.
        classes: Number of classes `C`.
        sources: Number of source domains; all count as one.
    """

    Config = LPLConfig
    needs = Needs(target=False, landmarks=True)

    def __init__(self, config: LPLConfig, classes: int, sources: int = 1) -> None:
        super().__init__(config, classes, sources)
        self.config = config
        self.centres = EpochMeans(classes, self.features.width)

    def losses(self, batch: DomainBatch, progress: Progress) -> dict[str, Tensor]:
        """Return the cross-entropy of both heads and the distance from the centres.

        Args:
            batch: Sources.
            progress: Not used.
        """
        source = batch.pooled
        answer = self(source.images, source.landmarks)
        self.centres.remember(answer.features, source.hard_labels)
        return {
            "task": self.task_loss(answer, source.labels),
            "locality": self.config.locality_weight
            * self.centres.distance(answer.features, source.hard_labels),
        }

    def begin_epoch(self, target: TargetView | None, progress: Progress) -> None:
        """Move the centres to the means of the epoch that ended.

        Args:
            target: Not used.
            progress: Not used.
        """
        self.centres.turn()
