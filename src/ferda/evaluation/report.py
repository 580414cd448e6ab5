"""One self-contained `report.html`: no other host, no script, readable on a phone, in light and dark.

`write_report` compares trained runs on one target; `write_evaluation_report` is for one model on one or more
domains. Both return the path they wrote.
"""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from ferda.evaluation.blocks import Section
from ferda.evaluation.comparison import Headline, headline
from ferda.evaluation.evaluation import Evaluation
from ferda.evaluation.explained import explained_section
from ferda.evaluation.gallery import ExplainedFace, wrong_faces
from ferda.evaluation.page import write_page
from ferda.evaluation.pairs import pairs_section
from ferda.evaluation.regret import choice_section
from ferda.evaluation.remarks import counted_section, groups_section, reproduce_section
from ferda.evaluation.sections import (
    affect_section,
    calibration_section,
    classes_section,
    confusion_section,
    faces_section,
    map_section,
    training_section,
)
from ferda.evaluation.style import class_colours
from ferda.evaluation.summary import RunSection, comparison_section, domains_section, summary_section

if TYPE_CHECKING:
    from ferda.data.pack import Pictures

__all__ = ["RunSection", "write_evaluation_report", "write_report"]


def write_report(
    path: Path,
    *,
    title: str,
    runs: Sequence[RunSection],
    pictures: Pictures | None = None,
    data: Mapping[str, str] | None = None,
) -> Path:
    """Compare runs on one target.

    The headline is about the first run that is no baseline: order them by a rule that needs no target labels.

    Args:
        path: The file.
        title: Heading.
        runs: At least one.
        pictures: Pack of the target, for the faces it gets wrong; None leaves pictures out.
        data: What `ferda.evaluation.card_facts.preparation_words` says of the packs.
    """
    if not runs:
        raise ValueError("a report needs at least one run")
    baseline = next((run for run in runs if run.is_baseline), None)
    subject = next((run for run in runs if not run.is_baseline), runs[0])
    before = baseline if baseline is not subject else None
    pair = [(run.name, run.target) for run in (before, subject) if run is not None]
    own = (before or subject).own
    maps = [
        (run.name, run.embedding)
        for run in (before, subject)
        if run is not None and run.embedding is not None
    ]
    faces = wrong_faces(subject.target, pictures)
    sections = [
        comparison_section(runs),
        classes_section(pair),
        confusion_section(pair),
        *_some(pairs_section(pair)),
        faces_section(faces, len(subject.target.wrong), pictures is not None),
        *([explained_section(subject.explained, subject.name)] if subject.explained else []),
        *([map_section(maps, subject.sides)] if maps else []),
        calibration_section(pair),
        *([affect_section(subject.target)] if subject.target.affect else []),
        *([groups_section(subject.target)] if subject.target.groups else []),
        *(
            [training_section(subject.name, subject.journal, subject.scores, subject.pseudo_labels)]
            if subject.journal is not None or subject.scores is not None
            else []
        ),
        *([choice_section(subject.name, subject.choices)] if subject.choices else []),
        counted_section(
            [(run.name, one) for run in runs for one in (run.own, run.target) if one is not None],
            [
                (run.name, f"checkpoint chosen by {run.target.selected_by}, without labels of the target")
                for run in runs
            ],
        ),
        reproduce_section(
            {run.name: run.recipe for run in runs if run.recipe},
            [
                *(data or {}).items(),
                *((f"{run.name}: {key}", value) for run in runs for key, value in run.facts.items()),
                *version_facts(),
            ],
        ),
    ]
    before_target = None if before is None else before.target
    return _write(path, title, headline(subject.target, before_target, own), sections, subject.target)


def write_evaluation_report(
    path: Path,
    *,
    title: str,
    evaluations: Sequence[Evaluation],
    pictures: Sequence[Pictures | None] = (),
    explained: Sequence[Sequence[ExplainedFace]] = (),
    data: Mapping[str, str] | None = None,
) -> Path:
    """Report one model on one or more domains.

    Args:
        path: The file.
        title: Heading.
        evaluations: At least one; the first makes the headline.
        pictures: Pack of each domain, or None to leave its pictures out.
        explained: Faces of each domain with the places that answers came from.
        data: Words on each pack by its name.
    """
    if not evaluations:
        raise ValueError("a report needs at least one evaluation")
    named = [(evaluation.domain, evaluation) for evaluation in evaluations]
    packs = list(pictures) + [None] * (len(evaluations) - len(pictures))
    sections = [domains_section(evaluations)] if len(evaluations) > 1 else [summary_section(evaluations[0])]
    reasons = [*explained, *[()] * (len(evaluations) - len(explained))]
    for number, (evaluation, pack, faces) in enumerate(zip(evaluations, packs, reasons, strict=True)):
        own = [(evaluation.domain, evaluation)]
        parts = [
            classes_section(own),
            confusion_section(own),
            calibration_section(own),
            *_some(pairs_section(own)),
            faces_section(wrong_faces(evaluation, pack), len(evaluation.wrong), pack is not None),
            *([explained_section(faces)] if faces else []),
            *([affect_section(evaluation)] if evaluation.affect else []),
            *([groups_section(evaluation)] if evaluation.groups else []),
        ]
        sections += (
            parts
            if len(evaluations) == 1
            else [_of_domain(part, evaluation.domain, number) for part in parts]
        )
    chosen = (evaluations[0].model, f"checkpoint chosen by {evaluations[0].selected_by}")
    sections += [
        counted_section(named, [chosen]),
        reproduce_section({}, [*(data or {}).items(), *version_facts()]),
    ]
    return _write(path, title, headline(evaluations[0]), sections, evaluations[0])


def _some(section: Section | None) -> list[Section]:
    return [] if section is None else [section]


def _of_domain(section: Section, domain: str, number: int) -> Section:
    return replace(
        section,
        anchor=f"{section.anchor}-{number + 1}",
        short="" if section.anchor != "classes" else domain,
        title=f"{domain}: {section.title[0].lower()}{section.title[1:]}",
    )


def version_facts() -> list[tuple[str, str]]:
    """Return what else must be the same to do it again: packages, Python, machine."""
    packages = " · ".join(
        f"{name} {metadata.version(name)}" for name in ("ferda", "torch", "numpy", "scikit-learn")
    )
    return [
        (
            "versions",
            f"{packages} · Python {platform.python_version()} · {platform.system()} {platform.machine()}",
        )
    ]


def _write(path: Path, title: str, said: Headline, sections: Sequence[Section], subject: Evaluation) -> Path:
    return write_page(
        path,
        "report.html.j2",
        title=title,
        headline=said,
        sections=sections,
        colours=dict(zip(subject.scores.classes, class_colours(subject.scores.classes), strict=True)),
    )
