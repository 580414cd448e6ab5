"""Two models on the same faces, and the one sentence that says what adaptation did."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from ferda.evaluation.bootstrap import Gain, bootstrap_gain
from ferda.evaluation.evaluation import Evaluation

Tone = Literal["better", "same", "worse", "plain"]


@dataclass(frozen=True)
class Headline:
    """What happened, for somebody who reads nothing else.

    Attributes:
        sentence: One plain sentence.
        detail: The numbers behind it.
        tone: Whether this is good news.
        before: Macro recall on the target without adaptation; None if unknown.
        after: Macro recall on the target.
        own: Macro recall on the model's own domain; None if unknown.
    """

    sentence: str
    detail: str
    tone: Tone
    before: float | None
    after: float
    own: float | None


def compare(first: Evaluation, second: Evaluation, seed: int = 0) -> Gain:
    """Return what the second model has over the first, face by face.

    Args:
        first: The baseline.
        second: Another model on the same faces.
        seed: Of the intervals.

    Raises:
        ValueError: If the two did not answer for the same faces.
    """
    one, other = (table[table["scored"]] for table in (first.predictions, second.predictions))
    if first.scores.classes != second.scores.classes or not np.array_equal(one["row"], other["row"]):
        raise ValueError("two models can be compared face by face only on the same faces and classes")
    position = {name: place for place, name in enumerate(first.scores.classes)}
    by_subject = first.intervals.unit != "faces" and "subject" in one
    return bootstrap_gain(
        one["label"].map(position).to_numpy(np.int64),
        one["predicted"].map(position).to_numpy(np.int64),
        other["predicted"].map(position).to_numpy(np.int64),
        len(position),
        clusters=one["subject"].to_numpy() if by_subject else None,
        level=first.intervals.level,
        seed=seed,
    )


def headline(
    target: Evaluation, baseline: Evaluation | None = None, own: Evaluation | None = None
) -> Headline:
    """Say what happened.

    The share won back is `(after - before) / (own - before)` in macro recall. It is claimed only if the
    interval of the gain lies above 0; otherwise the sentence says that nothing can be told, or that it
    got worse.

    Args:
        target: The model on the target.
        baseline: The model without adaptation on the same faces; None if there is no adaptation to judge.
        own: The baseline (or, without one, the model) on the domain it has labels for.
    """
    after = target.scores.macro_recall
    home = None if own is None else own.scores.macro_recall
    at_home = (
        "" if own is None else f" On its own domain, {own.domain}, it is {_percent(own.scores.macro_recall)}."
    )
    if baseline is None:
        count = len(target.scores.scored) - len(target.scores.absent)
        words = f"{_percent(after)} of the faces of {target.domain} are read right"
        sentence = f"On average over {count} expressions, {words}."
        detail = (
            "This is macro recall: rare expressions count as much as frequent ones. "
            f"Accuracy, the share of all faces, is {_percent(target.scores.accuracy)}."
        )
        return Headline(sentence, detail + at_home, "plain", None, after, home)
    before = baseline.scores.macro_recall
    gain = compare(baseline, target)
    sentence, tone = _verdict(gain, before, home)
    interval = gain.macro_recall_interval
    level, low, high = _percent(target.intervals.level), 100 * interval.low, 100 * interval.high
    detail = (
        f"Macro recall on {target.domain} went from {_percent(before)} to {_percent(after)}, "
        f"{_points(gain.macro_recall)} ({level} interval {low:+.1f} to {high:+.1f}).{at_home} "
        f"Faces set right: {gain.fixed:,}; faces that were right and now are wrong: {gain.broken:,}."
    )
    return Headline(sentence, detail, tone, before, after, home)


def _verdict(gain: Gain, before: float, home: float | None) -> tuple[str, Tone]:
    interval = gain.macro_recall_interval
    if interval.high < 0:
        return f"Adaptation made it worse, by {_points(-gain.macro_recall, sign=False)}.", "worse"
    if interval.low <= 0:
        return "Adaptation changed nothing that can be told from chance.", "same"
    cost = None if home is None else home - before
    points = _points(gain.macro_recall, sign=False)
    if cost is None:
        return f"Adaptation gained {points}.", "better"
    if cost <= 0.01:
        return f"Adaptation gained {points}, where the new domain had cost nothing.", "better"
    if gain.macro_recall >= cost:
        return "Adaptation won back all that the new domain cost.", "better"
    return f"Adaptation won back {_percent(gain.macro_recall / cost)} of what the new domain cost.", "better"


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def _points(difference: float, sign: bool = True) -> str:
    return f"{100 * difference:{'+' if sign else ''}.1f} points"
