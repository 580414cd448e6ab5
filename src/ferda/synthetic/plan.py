"""Who shows what: the list of pictures of a domain, made before the first one is drawn.

People are split into train, val and test, never pictures; within every part the classes keep their shares.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ferda.synthetic.domains import CLASS_MIXES, DomainStyle

#: Shares of the people in each part of a domain.
SPLITS: tuple[tuple[str, float], ...] = (("train", 0.60), ("val", 0.15), ("test", 0.25))


@dataclass(frozen=True)
class Planned:
    """One picture that is to be drawn."""

    number: int
    label: str
    split: str
    person: int


def plan_domain(style: DomainStyle, count: int, *, seed: int) -> list[Planned]:
    """Say who shows what in which part: splits by person, class shares kept in every part.

    Args:
        style: Its class mix and pictures per person are used.
        count: Number of pictures.
        seed: Of the domain.
    """
    people = max(len(SPLITS), round(count / style.pictures_each))
    person = np.arange(count) * people // count
    borders = np.round(np.cumsum([0.0, *(share for _, share in SPLITS)]) * people).astype(int)
    # of few people, none goes to a part whose borders round to the same number
    parts = np.arange(len(borders))
    borders = np.maximum.accumulate(borders - parts) + parts
    borders = np.minimum(borders, people - parts[::-1])
    generator = np.random.default_rng([seed, 3])
    plan: list[Planned] = []
    for (split, _), low, high in zip(SPLITS, borders, borders[1:], strict=False):
        members = np.flatnonzero((person >= low) & (person < high))
        labels = generator.permutation(_labels(CLASS_MIXES[style.class_mix], len(members)))
        plan += [
            Planned(int(k), str(label), split, int(person[k]))
            for k, label in zip(members, labels, strict=True)
        ]
    return plan


def _labels(mix: dict[str, float], count: int) -> list[str]:
    """Labels in exact shares; what does not divide goes to the largest remainders."""
    total = sum(mix.values())
    exact = {name: count * share / total for name, share in mix.items()}
    whole = {name: int(value) for name, value in exact.items()}
    by_remainder = sorted(mix, key=lambda name: whole[name] - exact[name])
    for name in by_remainder[: count - sum(whole.values())]:
        whole[name] += 1
    return [name for name, times in whole.items() for _ in range(times)]
