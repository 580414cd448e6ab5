"""`ferda evaluate`: how good a trained model is on labelled faces."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ferda.cli.screen import AsJson, counting, remark, say, show_json, show_table
from ferda.test_time import list_adaptations

if TYPE_CHECKING:
    from ferda.data.domain import Domain
    from ferda.engine.checkpoint import LoadedMethod
    from ferda.evaluation.evaluation import Evaluation


def evaluate(
    run: Annotated[Path, typer.Argument(help="A run folder or a .safetensors file.")],
    on: Annotated[list[str], typer.Option("--on", help="Labelled domains to measure on, one or more.")],
    out: Annotated[
        Path | None, typer.Option("--out", help="Write report.html here, and metrics and answers by domain.")
    ] = None,
    groups: Annotated[
        list[str] | None,
        typer.Option("--groups", help="Columns of the manifest to measure by: a rater, a camera."),
    ] = None,
    classes: Annotated[
        list[str] | None, typer.Option("--classes", help="Count only faces of these expressions.")
    ] = None,
    device: Annotated[str, typer.Option("--device", help="cpu, cuda, mps.")] = "cpu",
    adapt: Annotated[
        str | None,
        typer.Option(
            "--adapt",
            help=f"Adapt to each domain's faces while they are answered: {', '.join(list_adaptations())}.",
        ),
    ] = None,
    changes: Annotated[
        list[str] | None, typer.Option("--set", help="Settings of --adapt: rate=0.0001.")
    ] = None,
    batch: Annotated[
        int, typer.Option("--batch", min=1, help="Faces at a time; what --adapt learns from at once.")
    ] = 64,
    seed: Annotated[
        int, typer.Option("--seed", min=0, help="Of the intervals, and of the order for --adapt.")
    ] = 0,
    force: Annotated[
        bool, typer.Option("--force", help="Measure even on faces, or people, that RUN learned from.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Measure RUN on labelled domains: macro recall, accuracy, macro F1, calibration, confusion."""
    from ferda.engine.adapting import adaptation_settings, open_adaptation
    from ferda.engine.checkpoint import load_method
    from ferda.engine.domains import notes_on_weights
    from ferda.evaluation.scoring import evaluate as measure
    from ferda.expressions import class_list

    model = load_method(run, device)
    scored = class_list(classes) if classes else None
    domains = [_open(spec, model) for spec in on]
    # all are looked at, and refused, before the first is measured
    known = [notes_on_weights(model.metadata, domain, None if force else "--force") for domain in domains]
    settings = adaptation_settings(adapt, changes)
    way = None if adapt is None else open_adaptation(adapt, model, **settings)
    found = [
        measure(
            model,
            domain,
            groups=groups or (),
            classes_scored=scored,
            batch=batch,
            seed=seed,
            adapt=way,
            allow_leaks=True,
        )
        for domain in domains
    ]
    for domain, notes in zip(domains, known, strict=True):
        for reason, count in notes.items():
            remark(f"{domain.name}: {count} of {len(domain)} faces are {reason}")
    for one in found:
        for note in one.notes:
            if way is not None and note.startswith(f"{way.name}: "):
                remark(f"{one.domain}, {note}")
    if out is not None:
        written = _write(out, found, domains, model, str(run), is_adapted=adapt is not None)
        remark(f"The report is in {written}")
    if as_json:
        show_json([evaluation.to_dict() for evaluation in found])
        return
    columns = ("domain", "faces", "macro recall", "accuracy", "macro F1", "calibration error")
    show_table(columns, [_row(evaluation) for evaluation in found])
    for evaluation in found:
        say("")
        per_class = [
            (each.name, each.faces, each.recall, each.precision, each.f1)
            for each in evaluation.scores.per_class
        ]
        show_table(("expression", "faces", "recall", "precision", "F1"), per_class, title=evaluation.domain)
        affect = [
            (each.name, each.faces, each.rmse, each.ccc, each.sign_agreement) for each in evaluation.affect
        ]
        if affect:
            show_table(("affect", "faces", "RMSE", "concordance", "same sign"), affect)
        left = {
            name: count
            for name, count in evaluation.counts.items()
            if name not in ("rows", "scored", "no_face") and count
        }
        for name, count in left.items():
            remark(f"{evaluation.domain}: {count} {name.replace('_', ' ')}, not scored")


def _open(spec: str, model: LoadedMethod) -> Domain:
    from ferda.data.domain import open_domain

    with counting(spec) as progress:
        return open_domain(
            spec, model.classes, labelled=False, crop=model.preprocessing.crop, progress=progress
        )


def _write(
    out: Path,
    found: list[Evaluation],
    domains: list[Domain],
    model: LoadedMethod,
    title: str,
    *,
    is_adapted: bool,
) -> Path:
    from ferda.evaluation.card_facts import preparation_words
    from ferda.evaluation.explained import explained_faces
    from ferda.evaluation.report import write_evaluation_report

    # what an adapted model answered is no answer of the model that could be shown here
    explained = [
        () if is_adapted else explained_faces(model, domain, one)
        for domain, one in zip(domains, found, strict=True)
    ]
    for number, evaluation in enumerate(found, start=1):
        evaluation.save(out if len(found) == 1 else out / f"domain-{number}")
    return write_evaluation_report(
        out / "report.html",
        title=title,
        evaluations=found,
        pictures=[domain.pack.pictures for domain in domains],
        explained=explained,
        data=preparation_words([domain.pack for domain in domains]),
    )


def _row(evaluation: Evaluation) -> tuple[object, ...]:
    scores = evaluation.scores
    return evaluation.domain, scores.faces, scores.macro_recall, scores.accuracy, scores.macro_f1, scores.ece
