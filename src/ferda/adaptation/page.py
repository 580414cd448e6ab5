"""`adapt.html`: what adapting changed, what the safety rule looked at, and faces that are answered anew."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ferda.adaptation.figures import class_mix, confidence
from ferda.adaptation.outcome import Outcome
from ferda.evaluation.blocks import Cell, Drawing, Section, Table
from ferda.evaluation.comparison import Headline, Tone
from ferda.evaluation.gallery import ChangedFace, thumbnail
from ferda.evaluation.page import write_page
from ferda.evaluation.report import version_facts
from ferda.evaluation.style import class_colours, percent, svg

_MOST, _MOST_OF_A_KIND = 36, 6


def write_adapt_page(path: Path, title: str, outcome: Outcome, pictures: bool = True) -> Path:
    """Write the page.

    Args:
        path: The file.
        title: Heading.
        outcome: Of the adaptation.
        pictures: Whether faces are shown.

    Raises:
        UserError: If it cannot be written.
    """
    classes = outcome.model.classes
    first, *others = outcome.sentences()
    tone: Tone = "same" if outcome.verdict.kept_old else "better"
    return write_page(
        path,
        "report.html.j2",
        title=title,
        headline=Headline(first, " ".join(others), tone, None, 0.0, None),
        sections=[
            _safety(outcome),
            _mix(outcome),
            _confidence(outcome),
            _agreement(outcome),
            _changed(outcome, pictures),
            _facts(outcome),
        ],
        colours=dict(zip(classes, class_colours(classes), strict=True)),
    )


def _safety(outcome: Outcome) -> Section:
    facts = tuple(
        (check.name, f"{'passed' if check.passed else 'FAILED'}: {check.found}; asked for: {check.asked}")
        for check in outcome.verdict.checks
    )
    return Section(
        "safety",
        "Safety",
        "What the safety rule looked at",
        "Nobody knows the right answers here. So the rule asks whether anything speaks against the adapted "
        "model, on faces that adapting did not see, and one failed check keeps the old model. Passing all "
        "does not prove that it got better: look at the faces below.",
        facts=facts,
    )


def _mix(outcome: Outcome) -> Section:
    figure = class_mix(outcome.before, outcome.after, outcome.model.classes)
    return Section(
        "mix",
        "Mix",
        "How often each expression is answered",
        "A new mix is not wrong by itself: these people may smile more than those it learned from.",
        drawings=(Drawing(svg(figure, "Shares of the answers before and after")),),
    )


def _confidence(outcome: Outcome) -> Section:
    before, after = (percent(float(said.confidence.mean())) for said in (outcome.before, outcome.after))
    return Section(
        "confidence",
        "Confidence",
        "How sure it is",
        f"On average {before} before and {after} after. Being surer is no proof of being right.",
        drawings=(Drawing(svg(confidence(outcome.before, outcome.after), "Confidence before and after")),),
    )


def _agreement(outcome: Outcome) -> Section:
    classes = outcome.model.classes
    counts = np.zeros((len(classes), len(classes)), int)
    np.add.at(counts, (outcome.before.answers, outcome.after.answers), 1)
    rows = tuple(
        (Cell(name), *(_count(count, row == column) for column, count in enumerate(counts[row])))
        for row, name in enumerate(classes)
    )
    return Section(
        "agreement",
        "Agreement",
        "Where old and new agree",
        f"Rows are the old model's answers, columns the new one's; {percent(outcome.agreement)} of the faces "
        "are answered alike.",
        tables=(Table(("before \\ after", *classes), rows),),
    )


def _count(count: int, is_same: bool) -> Cell:
    return Cell(f"{count:,}", tone="good" if is_same else "") if count else Cell("·", tone="quiet")


def _changed(outcome: Outcome, pictures: bool) -> Section:
    chosen = _of_every_kind(outcome)
    rows = outcome.faces.held[chosen]
    classes, after = outcome.model.classes, outcome.after
    uris = [thumbnail(image) for image in outcome.faces.domain.gather(rows)] if pictures else [""] * len(rows)
    faces = tuple(
        ChangedFace(
            uri,
            outcome.faces.files[row],
            classes[outcome.before.answers[place]],
            classes[after.answers[place]],
            float(after.confidence[place]),
        )
        for uri, row, place in zip(uris, rows, chosen, strict=True)
    )
    cells = tuple(
        (Cell(face.file), Cell(face.before), Cell(face.after), Cell(percent(face.confidence)))
        for face in faces
    )
    where = (
        "These pictures are inside this page and were sent nowhere; whoever gets the page sees them."
        if pictures
        else "Pictures were left out."
    )
    return Section(
        "changed",
        "Changed",
        "Faces that are answered otherwise",
        f"{len(outcome.changed):,} of {len(after.answers):,} faces; the surest of each kind are shown, as "
        f"before → after. Are the new answers better? {where}"
        if faces
        else "There is none.",
        tables=() if pictures or not faces else (Table(("file", "before", "after", "confidence"), cells),),
        changed=faces if pictures else (),
    )


def _of_every_kind(outcome: Outcome) -> np.ndarray:
    """The surest changed faces, a few of each pair of answers, pairs beside each other."""
    rows, before, after = outcome.changed, outcome.before, outcome.after
    kinds = before.answers * len(outcome.model.classes) + after.answers
    order = rows[np.lexsort((-after.confidence[rows], kinds[rows]))]
    rank = np.arange(len(order)) - np.searchsorted(kinds[order], kinds[order])
    # the first of every kind, then the second of every kind, as far as there is room
    best = np.argsort(rank, kind="stable")[:_MOST]
    return np.asarray(order[np.sort(best[rank[best] < _MOST_OF_A_KIND])])


def _facts(outcome: Outcome) -> Section:
    faces = outcome.faces
    facts = [
        ("old model", str(outcome.model.path)),
        ("faces", f"{faces.domain.name}: {len(faces.seen):,} adapted to, {len(faces.held):,} held back"),
        ("labels", "none was read"),
        *version_facts(),
    ]
    return Section("facts", "Facts", "What was used", facts=tuple(facts))
