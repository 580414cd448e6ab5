"""The last sections of a report: groups, what was counted and what was not, and how to do it again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ferda.evaluation.blocks import Drawing, Section
from ferda.evaluation.evaluation import Evaluation
from ferda.evaluation.plots import MOST_GROUPS, group_intervals
from ferda.evaluation.sections import Named
from ferda.evaluation.style import percent, svg

_MOST_NOTES = 8
#: With fewer units a percentile bootstrap is known to be too narrow.
_FEW_UNITS = 20


def groups_section(evaluation: Evaluation) -> Section:
    """Accuracy of each group of each column.

    Args:
        evaluation: With groups.
    """
    drawings, facts = [], []
    for groups in evaluation.groups:
        if len(groups.rows) > 1:
            hidden = len(groups.rows) - MOST_GROUPS
            caption = "Faces in brackets." + (
                f" {hidden} groups in the middle are not drawn." if hidden > 0 else ""
            )
            picture = svg(group_intervals(groups), f"Accuracy by {groups.column}")
            drawings.append(Drawing(picture, f"By {groups.column}", caption))
        facts.append((groups.column, _group_words(groups.gap, groups.chance_gap, groups.is_clear)))
        if groups.too_small:
            faces = sum(groups.too_small.values())
            facts.append(
                (
                    "not shown",
                    f"{len(groups.too_small)} groups with fewer than {groups.minimum} faces ({faces} faces)",
                )
            )
        if groups.unknown:
            facts.append(("unknown", f"{groups.unknown:,} faces have no {groups.column}"))
    return Section(
        "groups",
        "Groups",
        "Whether it is equally good for everybody",
        "Accuracy with its 95 % interval, the worst group on top; the dashed line is the mean of all faces.",
        drawings=tuple(drawings),
        facts=tuple(facts),
    )


def counted_section(named: Named, remarks: Sequence[tuple[str, str]] = ()) -> Section:
    """What was counted, what was left out, and how the checkpoints were chosen.

    Args:
        named: All evaluations of the report.
        remarks: Further pairs to show first.
    """
    facts = list(remarks)
    seen = set()
    for _, evaluation in named:
        if evaluation.domain not in seen:
            seen.add(evaluation.domain)
            facts.append((evaluation.domain, _count_words(evaluation)))
            facts += [
                (f"{count:,} faces", note) for note, count in list(evaluation.notes.items())[:_MOST_NOTES]
            ]
    scores, intervals = named[-1][1].scores, named[-1][1].intervals
    rough = "" if intervals.units >= _FEW_UNITS else f"; with so few {intervals.unit}, a rough guide at best"
    facts.append(
        (
            "intervals",
            f"{percent(intervals.level)} percentile bootstrap over {intervals.units:,} {intervals.unit}, "
            f"{intervals.resamples:,} draws; they do not cover other seeds of training{rough}",
        )
    )
    facts.append(
        (
            "to beat",
            f"always answering the most frequent class has an accuracy of {percent(scores.majority, 1)}",
        )
    )
    return Section(
        "counted",
        "Counted",
        "What was counted, and what was not",
        "Nothing is dropped silently.",
        facts=tuple(facts),
    )


def reproduce_section(texts: Mapping[str, str], facts: Sequence[tuple[str, str]]) -> Section:
    """Recipes, seeds and versions.

    Args:
        texts: Recipes by the name of their run.
        facts: Pairs to show.
    """
    return Section("again", "Recipe", "How to do it again", facts=tuple(facts), texts=dict(texts))


def _group_words(gap: float | None, chance: float | None, clear: bool) -> str:
    if gap is None or chance is None:
        return "fewer than two groups are large enough to be compared"
    verdict = "more than chance explains" if clear else "no more than chance explains"
    return (
        f"{100 * gap:.0f} points between the best and the worst group, {verdict}: random groups of these "
        f"sizes differ by up to {100 * chance:.0f} points"
    )


def _count_words(evaluation: Evaluation) -> str:
    counts = evaluation.counts
    words = [f"{counts['rows']:,} faces, {counts['scored']:,} scored"]
    for key, meaning in (
        ("without_label", "without a label of the model's classes"),
        ("class_not_scored", "of classes that were not to be scored"),
        ("unusable", "pictures of the whole data set could not be read"),
        ("no_face", "pictures of the whole data set show no face that was found"),
    ):
        if counts.get(key):
            words.append(f"{counts[key]:,} {meaning}")
    return "; ".join(words)
