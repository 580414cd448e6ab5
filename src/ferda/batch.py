"""What flows between the loader, a method and the engine: five frozen records.

Letters: `B` batch, `C` classes, `D` features, `P` landmarks, `H W` pixels. The unlabelled record has no
field for labels, and no record of this file could carry a target label into a loss. That is on purpose.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from ferda.checks import check_shape


@dataclass(frozen=True)
class Labelled:
    """Rows of one source domain.

    Attributes:
        images: (B, 3, H, W) float, normalised as the model wants them.
        labels: (B,) int64 class positions, or (B, C) float rows that sum to one (soft labels, votes).
        landmarks: (B, P, 2) float (x, y) in pixels of `images`, ordered as in `ferda.landmarks`; None if
            unknown, NaN in rows where they are.
        index: (B,) int64 row of each picture within its domain.
        affect: (B, 2) float valence and arousal in [-1, 1], NaN where unknown; None if no row has them.
    """

    images: Tensor
    labels: Tensor
    landmarks: Tensor | None = None
    index: Tensor | None = None
    affect: Tensor | None = None

    def __post_init__(self) -> None:
        check_shape(self.images, "B 3 H W", "images")
        check_shape(self.labels, "B C" if self.labels.ndim == 2 else "B", "labels", B=len(self.images))

    def __len__(self) -> int:
        return len(self.images)

    @property
    def hard_labels(self) -> Tensor:
        """(B,) int64: the class, or the most voted one."""
        return self.labels.argmax(1) if self.labels.ndim == 2 else self.labels


@dataclass(frozen=True)
class Unlabelled:
    """Rows of the target domain.

    Attributes:
        images: (B, 3, H, W) float, weak view.
        landmarks: (B, P, 2) float as in `Labelled`; None if unknown.
        index: (B,) int64 row within the target domain, for memories that remember a picture.
        strong_images: (B, 3, H, W) strong view of the same rows; None unless the method asks for it.
        strong_landmarks: (B, P, 2) landmarks of the strong view; None without it.
    """

    images: Tensor
    landmarks: Tensor | None = None
    index: Tensor | None = None
    strong_images: Tensor | None = None
    strong_landmarks: Tensor | None = None

    def __post_init__(self) -> None:
        check_shape(self.images, "B 3 H W", "images")

    def __len__(self) -> int:
        return len(self.images)


@dataclass(frozen=True)
class DomainBatch:
    """One training step's data: one batch per source, and one of the target unless there is none.

    Attributes:
        sources: At least one unless source-free; sizes may differ. With `round_robin` just the one whose
            turn it is.
        target: Rows to adapt to.
        turn: Number of the source whose turn it is with `round_robin`, else 0.
    """

    sources: tuple[Labelled, ...]
    target: Unlabelled | None = None
    turn: int = 0

    @property
    def pooled(self) -> Labelled:
        """All sources as one batch; soft labels win where a source has them, what is unknown is NaN."""
        if len(self.sources) == 1:
            return self.sources[0]
        labels = [source.labels for source in self.sources]
        if any(rows.ndim == 2 for rows in labels):
            classes = next(rows.shape[1] for rows in labels if rows.ndim == 2)
            labels = [
                rows if rows.ndim == 2 else torch.nn.functional.one_hot(rows, classes).float()
                for rows in labels
            ]
        sizes = [len(source) for source in self.sources]
        return Labelled(
            torch.cat([source.images for source in self.sources]),
            torch.cat(labels),
            landmarks=_joined([source.landmarks for source in self.sources], sizes),
            affect=_joined([source.affect for source in self.sources], sizes),
        )


def _joined(parts: list[Tensor | None], sizes: list[int]) -> Tensor | None:
    """One tensor of all sources' rows, NaN for those of a source without; None if none has any."""
    known = next((part for part in parts if part is not None), None)
    if known is None:
        return None
    return torch.cat(
        [
            known.new_full((size, *known.shape[1:]), torch.nan) if part is None else part
            for part, size in zip(parts, sizes, strict=True)
        ]
    )


@dataclass(frozen=True)
class Output:
    """What every network of ferda answers, in training and in evaluation alike.

    Attributes:
        logits: (B, C) the decision; `softmax(logits)` are the model's probabilities.
        features: (B, D) what the decision was made from.
        views: Further tensors by name, first axis B (per head, per branch, maps).
    """

    logits: Tensor
    features: Tensor
    views: dict[str, Tensor] = field(default_factory=dict)

    @property
    def probabilities(self) -> Tensor:
        """(B, C) float32, rows sum to one."""
        return self.logits.float().softmax(1)


@dataclass(frozen=True)
class Update:
    """One optimiser step of a method: which losses, and which children learn from them.

    Attributes:
        name: What `Method.losses` is told in `Progress.update`, so that it computes just these losses.
        trains: Names of the method's children that move; empty means all.
    """

    name: str = "all"
    trains: tuple[str, ...] = ()


@dataclass(frozen=True)
class Progress:
    """Where training stands. Schedules read it; nobody keeps a counter, so resume is exact.

    Attributes:
        step: Steps done in this stage, from 0.
        steps: Steps this stage will take.
        epoch: Epochs done in this stage, from 0.
        epochs: Epochs this stage will take.
        stage: Name of the stage.
        update: Name of the update within the step.
    """

    step: int = 0
    steps: int = 1
    epoch: int = 0
    epochs: int = 1
    stage: str = "adapt"
    update: str = "all"

    @property
    def fraction(self) -> float:
        """Share of the stage that is done, 0 to 1."""
        return min(self.step / max(self.steps, 1), 1.0)

    def at(self, update: str) -> Progress:
        """The same place in training, seen from one of the step's updates."""
        return replace(self, update=update)
