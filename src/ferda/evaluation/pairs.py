"""Which two expressions a model takes for one another, and which way round.

A confusion matrix of seven classes has 42 cells beside its diagonal. This is the short list: for each pair of
classes the share of their faces that is taken for the other of the two, the worst pair first.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

from ferda.evaluation.blocks import Cell, Section, Table
from ferda.evaluation.metrics import Scores
from ferda.evaluation.sections import Named
from ferda.evaluation.style import percent


@dataclass(frozen=True)
class ConfusedPair:
    """Two classes and the faces of each that were taken for the other.

    Attributes:
        names: Of the classes.
        mistaken: Faces of the first taken for the second, and the other way round.
        faces: Of each class.
    """

    names: tuple[str, str]
    mistaken: tuple[int, int]
    faces: tuple[int, int]

    @property
    def share(self) -> float:
        """Of the faces of both classes, those taken for the other one."""
        return sum(self.mistaken) / max(sum(self.faces), 1)


def confused_pairs(scores: Scores) -> list[ConfusedPair]:
    """Return all pairs of classes, the most mixed up first.

    Args:
        scores: Whose confusion matrix.
    """
    counts, sums = scores.matrix, scores.matrix.sum(1)
    pairs = [
        ConfusedPair(
            (scores.classes[a], scores.classes[b]),
            (int(counts[a, b]), int(counts[b, a])),
            (int(sums[a]), int(sums[b])),
        )
        for a, b in combinations(range(len(scores.classes)), 2)
    ]
    return sorted(pairs, key=lambda pair: -pair.share)


def pairs_section(named: Named, most: int = 6) -> Section | None:
    """The pairs that the last model mixes up most; None if it mixes up none.

    Args:
        named: Evaluations on the same domain; the last one is the subject, the one before it the baseline.
        most: At most this many pairs.
    """
    subject, earlier = named[-1], named[:-1]
    pairs = [pair for pair in confused_pairs(subject[1].scores) if sum(pair.mistaken)][:most]
    if not pairs:
        return None
    before = [{pair.names: pair.share for pair in confused_pairs(one.scores)} for _, one in earlier]
    columns = ("pair", *(f"mixed up, {name}" if earlier else "mixed up" for name, _ in named), "→", "←")
    rows = tuple(
        (
            Cell(" ↔ ".join(names)),
            *(Cell(percent(shares[pair.names])) for shares in before),
            Cell(percent(pair.share), f"{sum(pair.mistaken):,} of {sum(pair.faces):,}"),
            *(Cell(percent(share)) for share in ways),
        )
        for pair in pairs
        for names, ways in [_directed(pair)]
    )
    return Section(
        "pairs",
        "Pairs",
        "Which pairs it mixes up",
        "Of the faces of both expressions, the share that is taken for the other of the two. Faces taken for "
        "a third expression do not count here.",
        tables=(
            Table(
                columns,
                rows,
                caption="→ is the share of the first expression taken for the second, ← the other way.",
            ),
        ),
    )


def _directed(pair: ConfusedPair) -> tuple[tuple[str, str], tuple[float | None, float | None]]:
    """The classes and the share of each that is taken for the other, the larger share first."""
    a, b = (
        mistaken / faces if faces else None for mistaken, faces in zip(pair.mistaken, pair.faces, strict=True)
    )
    if (b or 0) > (a or 0):
        return (pair.names[1], pair.names[0]), (b, a)
    return pair.names, (a, b)
