"""AaD: neighbours among unlabelled faces attract each other's answers, all others disperse.

Yang, Wang, Wang, Jui and van de Weijer, "Attracting and dispersing: a simple approach for source-free domain
adaptation", NeurIPS 2022. A trained model's features of the target still lie in groups. A bank holds features
and answers q of every face, as of its last visit; each face of a batch agrees with its k nearest in the bank
and disagrees with the rest of the batch, and the latter counts less and less:

    L = - mean_i sum_{k near i} p_i . q_k + (1 + 10 t)^-decay mean_i sum_{m != i} p_i . p_m,

with t the share of the training that is done. Backbone, bottleneck and head are all trained. The second sum
runs over the batch, so its size is a setting of the method (authors' programs: 64).

Trap: dispersing a batch takes balance for a virtue, which expressions do not have; a slow `decay` spreads the
answers over classes that the target hardly shows.

Otherwise than the authors: the start is any run with a backbone and one linear head, not a source model with
a bottleneck and a weight-normed head; and a face is kept out of its own neighbours by its number, not by
being the nearest of all, which two copies of a picture undo.
"""

from __future__ import annotations

import torch
from pydantic import Field
from torch import Tensor

from ferda.batch import DomainBatch, Progress
from ferda.losses.attracting_dispersing import AttractingLoss, DispersingLoss
from ferda.memory.rows import FeatureBank
from ferda.methods.base import TargetView
from ferda.methods.source_free import SourceFreeConfig, SourceFreeMethod


class AaDConfig(SourceFreeConfig):
    """Settings of AaD.

    Attributes:
        neighbours: k (authors' programs: 5 for VisDA, 3 for Office-Home).
        decay: How fast the weight of the second sum falls from 1 (likewise: 5 and 0); 0 keeps it there.
    """

    neighbours: int = Field(default=5, ge=1)
    decay: float = Field(default=5.0, ge=0)


class AaD(SourceFreeMethod):
    """Attracting and dispersing.

    Args:
        config: Settings.
        classes: Number of classes `C`.
        sources: Not used.
    """

    Config = AaDConfig

    def __init__(self, config: AaDConfig, classes: int, sources: int = 1) -> None:
        super().__init__(config, classes, sources)
        self.neighbours = config.neighbours
        self.decay = config.decay
        self.memory = FeatureBank(self.network.width, classes)
        self.attracting = AttractingLoss()
        self.dispersing = DispersingLoss()

    def begin_epoch(self, target: TargetView | None, progress: Progress) -> None:
        """Fill the bank with what the model says before it learns; later epochs go on with it.

        Args:
            target: The whole target.
            progress: Tells the first epoch.
        """
        assert target is not None
        if progress.epoch == 0:
            said = self.whole(target)
            features = torch.nn.functional.normalize(said.features)
            self.memory.fill(features=features, probabilities=said.probabilities)

    def losses(self, batch: DomainBatch, progress: Progress) -> dict[str, Tensor]:
        """Return `attracting` and `dispersing`.

        Args:
            batch: Target rows with their index.
            progress: Sets the weight of `dispersing`.
        """
        rows, index = self.rows_of(batch)
        output = self(rows.images)
        probabilities = output.probabilities
        features = torch.nn.functional.normalize(output.features.detach().float())
        self.memory.write(index, features=features, probabilities=probabilities)
        near = self.memory.nearest(features, index, self.neighbours)
        weight = (1 + 10 * progress.fraction) ** -self.decay
        return {
            "attracting": self.attracting(probabilities, self.memory.probabilities[near]),
            "dispersing": weight * self.dispersing(probabilities),
        }
