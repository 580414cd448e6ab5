"""ESR's network: a base that all branches share, and branches that each read the whole face from its map.

Siqueira et al., AAAI 2020. Base and branches are plain convolutions, each with batch norm and ReLU, written
here as lists: a number is a convolution of so many channels, `pool` halves the map before it. Nine branches
of the standard lists have 20 M weights, and do a quarter of the work of nine whole networks. Branches that do
not vote yet are never computed. The diversified form has an attention block after every convolution.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ferda.backbones.conv_stack import Layers, Stack
from ferda.errors import UserError
from ferda.layers.cbam import Attended
from ferda.layers.class_activation import class_activation


@dataclass(frozen=True)
class Layout:
    """Sizes of the network. All convolutions have stride 1, and no padding but for the last.

    Attributes:
        base: Layers that all branches share; the first convolution is 5x5, all others 3x3.
        branch: Layers of a branch.
        last_padding: Of a branch's last convolution.
        grey: Take the mean of the three colours as the only one.
        attention: A CBAM after every convolution and the pooling that follows it.
        batch_statistics: The branches' batch norms use each batch's own statistics even in evaluation.
    """

    base: Layers = (64, 128, "pool", 128, 128, "pool")
    branch: Layers = (128, 256, "pool", 256, 512)
    last_padding: int = 1
    grey: bool = False
    attention: bool = False
    batch_statistics: bool = False


class Answer(NamedTuple):
    """What one branch makes of a batch.

    Attributes:
        maps: (B, D, h, w) the last map.
        logits: (B, C).
        attention: Where and to which channels its last block looked; None without attention.
    """

    maps: Tensor
    logits: Tensor
    attention: Attended | None

    @property
    def features(self) -> Tensor:
        """(B, D) the mean over the places of the last map."""
        return self.maps.mean((2, 3))


class Branch(nn.Module):
    """Convolutions of its own on the base's map, and a head.

    Args:
        c: Channels of the base's map.
        classes: Number of classes `C`.
        layout: Sizes.
        affect: Whether a layer turns the logits into valence and arousal.
    """

    def __init__(self, c: int, classes: int, layout: Layout, affect: bool) -> None:
        super().__init__()
        self.blocks = Stack(
            c,
            layout.branch,
            padding=layout.last_padding,
            attention=layout.attention,
            batch_statistics=layout.batch_statistics,
        )
        self.head = nn.Linear(self.blocks.width, classes)
        self.affect = nn.Linear(classes, 2) if affect else None

    def forward(self, shared: Tensor) -> Answer:
        """Return the answer to the base's map (B, c, H, W)."""
        maps, attention = self.blocks.attend(shared)
        return Answer(maps, self.head(maps.mean((2, 3))), attention)


class SharedEnsemble(nn.Module):
    """A base with branches, of which the first ones vote.

    How many vote is part of the weights, so that a checkpoint of a half-grown ensemble answers with what it
    has learned and not with the rest.

    Args:
        classes: Number of classes `C`.
        branches: Number of branches `K`.
        layout: Sizes.
        affect: Whether branches have a layer for valence and arousal.
    """

    votes: Tensor

    def __init__(
        self, classes: int, branches: int = 9, layout: Layout | None = None, *, affect: bool = False
    ) -> None:
        super().__init__()
        layout = layout or Layout()
        self.grey = layout.grey
        self.base = Stack(1 if layout.grey else 3, layout.base, kernel=5, attention=layout.attention)
        made = [Branch(self.base.width, classes, layout, affect) for _ in range(branches)]
        self.branches = nn.ModuleList(made)
        self.least_side = self.base.least(made[0].blocks.least(1))
        # as a tensor for files and averages of weights, as numbers for whoever computes
        self.register_buffer("votes", torch.zeros(2, dtype=torch.int64))
        self.set_voters(branches, branches if affect else 0)
        self.register_load_state_dict_post_hook(_read_votes)

    def set_voters(self, emotion: int, affect: int) -> None:
        """Say how many branches answer, the first ones of all.

        Args:
            emotion: For expressions.
            affect: For valence and arousal; 0 leaves these unanswered.
        """
        self.votes.copy_(torch.tensor([emotion, affect]))
        self.voters, self.affect_voters = emotion, affect

    def train(self, mode: bool = True) -> SharedEnsemble:
        """Switch to training or evaluation mode, and in the latter read from the weights who votes."""
        super().train(mode)
        if not mode:
            _read_votes(self)
        return self

    def answers(
        self, images: Tensor, which: Iterable[int], learning: Collection[int] | None = None
    ) -> list[Answer]:
        """Return the answers of some branches, in their order.

        Args:
            images: (B, 3, H, W) normalised.
            which: Their numbers, from 0.
            learning: Of these, who learns; the base learns together with the first branch. All others are
                frozen: no gradient reaches them, and until the next `train()` their batch norms neither use
                the statistics of a batch nor remember them. None freezes nothing.

        Raises:
            UserError: If the pictures are too small for the layers.
        """
        if min(images.shape[2:]) < self.least_side:
            raise UserError(
                f"Pictures of {min(images.shape[2:])} pixels are too small for these layers, which need "
                f"{self.least_side}: raise data.size, or give method.base and method.branch fewer of them."
            )
        x = images.mean(1, keepdim=True) if self.grey else images
        frozen = [learning is not None and number not in learning for number in range(len(self.branches))]
        shared = _passed(self.base, x, frozen[0])
        return [_passed(self.branches[number], shared, frozen[number]) for number in which]

    def looked_at(self, number: int, answer: Answer) -> Tensor:
        """Return the places that a branch decided by, (B, h, w) from 0 to 1.

        They are the attention of its last block, or, if it has none, Grad-CAM of the class that it chose.

        Args:
            number: Of the branch, from 0.
            answer: The branch's.
        """
        if answer.attention is not None:
            return answer.attention.spatial
        weight = self.get_parameter(f"branches.{number}.head.weight")
        return class_activation(answer.maps, weight, answer.logits.argmax(1))

    def affect_of(self, logits: Sequence[Tensor], relu: bool = True) -> Tensor:
        """Return what the first branches say of valence and arousal, (k, B, 2), not limited to any range.

        Args:
            logits: (B, C) of each of the first k branches.
            relu: Whether negative logits count as 0.
        """
        said = []
        for branch, seen in zip(self.branches, logits, strict=False):
            assert isinstance(branch, Branch) and branch.affect is not None
            said.append(branch.affect(F.relu(seen) if relu else seen))
        return torch.stack(said)


def _passed(part: nn.Module, x: Tensor, is_frozen: bool) -> Any:
    if not is_frozen:
        return part(x)
    part.eval()
    with torch.no_grad():
        return part(x)


def _read_votes(ensemble: nn.Module, _: Any = None) -> None:
    assert isinstance(ensemble, SharedEnsemble)
    ensemble.voters, ensemble.affect_voters = ensemble.votes.tolist()
