"""Joint mutual information of source and target features, class by class (OSA).

Faces of one class from both domains are laid side by side. A critic that sees such a pair together with its
class, and again with a shuffled class, gives a lower bound of the information that pair and class share
(Nguyen, Wainwright and Jordan, "Estimating divergence functionals", IEEE Trans. Inf. Theory 2010). Features
and critic both raise the bound: nobody plays against anybody.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ferda.checks import check_shape
from ferda.distributed import gathered
from ferda.layers.precision import at_least_float32

Prior = Literal["gathered", "broadcast"]


class Pairs(NamedTuple):
    """Rows of source and target that belong together; N is the smaller batch.

    Attributes:
        source: (N,) rows of the source.
        target: (N,) rows of the target.
        labels: (N,) class of each pair.
        valid: (N,) bool, True for as many pairs as there are, which come first; the rest means nothing.
    """

    source: Tensor
    target: Tensor
    labels: Tensor
    valid: Tensor


def class_pairs(source: Tensor, target: Tensor, classes: int) -> Pairs:
    """Pair the first source row of a class with its first target row, the second with the second, and so on.

    Pairs are ordered by class, then by their place in the batch. What one domain has more of is left out.

    Args:
        source: (B,) classes; -1 leaves a row out.
        target: (B',) likewise.
        classes: Number of classes `C`.
    """
    longest = max(len(source), len(target))
    ours = _places(source, classes, longest, nobody=-1)
    theirs = _places(target, classes, longest, nobody=-2)
    same = ours[:, None] == theirs
    has_partner = same.any(1)
    last = ours.new_full((), classes * longest)
    order = torch.where(has_partner, ours, last).argsort(stable=True)[: min(len(source), len(target))]
    return Pairs(order, same.long().argmax(1)[order], source[order], has_partner[order])


def _places(labels: Tensor, classes: int, longest: int, nobody: int) -> Tensor:
    """(B,) one number for a class and a row's place among the rows of that class."""
    member = labels[:, None] == torch.arange(classes, device=labels.device)
    place = (member.cumsum(0) * member).sum(1) - 1
    return torch.where(labels >= 0, labels * longest + place, nobody)


class JointCritic(nn.Module):
    """Two networks: one sees a pair of features and a class, the other the pair alone.

    Args:
        width: Features `D` of a face.
        classes: Number of classes `C`.
        hidden: Width of the hidden layers.
    """

    def __init__(self, width: int, classes: int, hidden: int = 256) -> None:
        super().__init__()
        self.classes = classes
        self.joint = nn.Sequential(
            *_hidden(2 * width + classes, hidden), *_hidden(hidden, hidden), nn.Linear(hidden, 1)
        )
        self.marginal = nn.Sequential(*_hidden(2 * width, hidden), nn.Linear(hidden, 1))

    def forward(self, pairs: Tensor, labels: Tensor) -> Tensor:
        """Return how much better the first network likes the pairs than the second, (B,) from -100 to 100.

        Args:
            pairs: (B, 2 D).
            labels: (B, C) one-hot.
        """
        joint = at_least_float32(self.joint(torch.cat([pairs, labels.to(pairs)], 1)).squeeze(1))
        marginal = at_least_float32(self.marginal(pairs).squeeze(1))
        return joint.clamp(-50, 50) - marginal.clamp(-50, 50)


def _hidden(c: int, d: int) -> tuple[nn.Module, nn.Module, nn.Module]:
    return nn.Linear(c, d), nn.LayerNorm(d), nn.GELU()


class JointInformationLoss(nn.Module):
    """Minus the lower bound of the information that pairs and their classes share.

    Over the pairs i of `class_pairs`, with p_c the share of class c among them,

        T_i = clamp(1 + J_i - M_i - log p_{y_i}, -20, 20),   T'_i the same with shuffled classes y',
        L = -(mean_i T_i - mean_i exp(clamp(T'_i - 1, -10, 10))).

    J - M is the critic's answer. Without any pair it is 0. Pairs are made of the rows of all processes
    (gathered).

    Args:
        prior: `gathered` takes p at the pair's own class. `broadcast` is the authors' program: T has a column
            for every class, with log p of that class; a class without a pair then counts with e^10 / C, a
            constant that hides the rest of the loss.
    """

    def __init__(self, prior: Prior = "gathered") -> None:
        super().__init__()
        self.prior: Prior = prior

    def forward(
        self, critic: JointCritic, source: tuple[Tensor, Tensor], target: tuple[Tensor, Tensor]
    ) -> Tensor:
        """Return the scalar loss.

        Args:
            critic: Made for features `D` and classes `C`.
            source: Features (B, D) and classes (B,).
            target: Features (B', D) and pseudo-labels (B',), -1 for a row that is not believed.
        """
        check_shape(source[0], "B D", "source features", B=len(source[1]))
        check_shape(target[0], "B D", "target features", B=len(target[1]), D=source[0].shape[1])
        features, labels = gathered(source[0]), gathered(source[1])
        other_features, other_labels = gathered(target[0]), gathered(target[1])
        found = class_pairs(labels, other_labels, critic.classes)
        pairs = torch.cat([features[found.source], other_features[found.target]], 1)
        one_hot = F.one_hot(found.labels.clamp_min(0), critic.classes) * found.valid[:, None]
        one_hot = one_hot.to(at_least_float32(pairs).dtype)
        log_prior = _mean(one_hot, found.valid).clamp(1e-6, 1).log()
        matched = self.scores(critic, pairs, one_hot, log_prior)
        shuffled = self.scores(critic, pairs, one_hot[self.permutation(found.valid)], log_prior)
        mixed = (shuffled - 1).clamp(-10, 10).exp()
        return (_mean(mixed, found.valid) - _mean(matched, found.valid)).mean()

    def scores(self, critic: JointCritic, pairs: Tensor, labels: Tensor, log_prior: Tensor) -> Tensor:
        """Return T, (B, 1), or (B, C) with the authors' prior.

        Args:
            critic: Answers for pairs and classes.
            pairs: (B, 2 D).
            labels: (B, C) one-hot.
            log_prior: (C,) log p.
        """
        gain = 1 + critic(pairs, labels).unsqueeze(1)
        own = log_prior if self.prior == "broadcast" else (labels * log_prior).sum(1, keepdim=True)
        return (gain - own).clamp(-20, 20)

    def permutation(self, valid: Tensor) -> Tensor:
        """Return a random order of the valid pairs, with the rest behind them, the same in every process.

        Args:
            valid: (N,) bool.
        """
        chance = gathered(torch.rand(len(valid), device=valid.device))[: len(valid)]
        return (chance + 2 * ~valid).argsort()


def _mean(values: Tensor, valid: Tensor) -> Tensor:
    """Mean over the valid rows, zero if there are none."""
    return (values * valid[:, None]).sum(0) / valid.sum().clamp_min(1)
