"""Each section of a report, from evaluations to text, tables and figures."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from ferda.evaluation.blocks import Cell, Drawing, Section, Table
from ferda.evaluation.bootstrap import Interval
from ferda.evaluation.curves import learning_curves, validators
from ferda.evaluation.embedding import Embedding, draw_embedding, draw_three_sides
from ferda.evaluation.evaluation import Evaluation
from ferda.evaluation.gallery import WrongFace
from ferda.evaluation.plots import class_bars, confusion, reliability
from ferda.evaluation.pseudo_labels import THRESHOLD, draw_pseudo_labels
from ferda.evaluation.style import percent, svg

Named = Sequence[tuple[str, Evaluation]]


def classes_section(named: Named) -> Section:
    """Precision, recall and F1 of each class, with a bar for each model.

    Args:
        named: Evaluations on the same domain; the last one is the subject, the one before it the baseline.
    """
    subject = named[-1][1]
    earlier = [evaluation for _, evaluation in named[:-1]]
    columns = (
        "expression",
        "faces",
        *(f"recall, {name}" if earlier else "recall" for name, _ in named),
        "precision",
        "F1",
    )
    rows = tuple(
        (
            Cell(row.name, tone="" if row.faces else "quiet"),
            Cell(f"{row.faces:,}"),
            *(Cell(percent(evaluation.scores.per_class[place].recall)) for evaluation in earlier),
            Cell(percent(row.recall), _range(subject.intervals.recall[place])),
            Cell(percent(row.precision)),
            Cell(percent(row.f1)),
        )
        for place, row in enumerate(subject.scores.per_class)
    )
    absent = subject.scores.absent
    note = f" Not one face of {', '.join(absent)}: left out of macro averages." if absent else ""
    drawing = class_bars([evaluation for _, evaluation in named], [name for name, _ in named])
    words = "; ".join(f"{row.name} {percent(row.recall)}" for row in subject.scores.per_class)
    return Section(
        "classes",
        "Classes",
        "Which expressions it reads",
        f"Recall is the share of an expression's faces that is found; thin lines are 95 % intervals.{note}",
        tables=(
            Table(columns, rows, caption=f"Precision and F1 are those of {named[-1][0]}." if earlier else ""),
        ),
        drawings=(Drawing(svg(drawing, f"Recall by expression: {words}"), "Recall by expression"),),
    )


def confusion_section(named: Named) -> Section:
    """One matrix per model.

    Args:
        named: Evaluations to show.
    """
    return Section(
        "confusion",
        "Confusion",
        "What it takes for what",
        "Each row is what the faces truly are, in per cent of that row; the small number counts faces. "
        "Green is right, red is wrong.",
        drawings=tuple(
            Drawing(svg(confusion(evaluation.scores), f"Confusion matrix, {name}"), _title(name, named))
            for name, evaluation in named
        ),
    )


def calibration_section(named: Named) -> Section:
    """Reliability diagrams.

    Args:
        named: Evaluations to show.
    """
    subject = named[-1][1].scores
    return Section(
        "calibration",
        "Calibration",
        "Whether its confidence can be believed",
        "Where bars reach the dashed line, a confidence of 80 % means right in 80 % of cases. Hatching shows "
        f"where it promises more, or less, than it keeps. {named[-1][0]}: calibration error "
        f"{percent(subject.ece, 1)} ({percent(subject.ece_adaptive, 1)} with equally full bins), negative "
        f"log likelihood {subject.nll:.2f}, Brier score {subject.brier:.2f}.",
        drawings=tuple(
            Drawing(svg(reliability(evaluation.scores), f"Reliability diagram, {name}"), _title(name, named))
            for name, evaluation in named
        ),
    )


def affect_section(evaluation: Evaluation) -> Section:
    """Valence and arousal.

    Args:
        evaluation: With scores of affect.
    """
    rows = tuple(
        (
            Cell(each.name, f"{each.faces:,} faces"),
            Cell(f"{each.rmse:.2f}"),
            Cell("–" if each.ccc is None else f"{each.ccc:.2f}"),
            Cell(percent(each.sign_agreement)),
        )
        for each in evaluation.affect
    )
    return Section(
        "affect",
        "Affect",
        "How near it is in valence and arousal",
        "Both go from -1 to 1. Concordance is 1 where the answers are the labels and 0 for a model that "
        "always says the mean, however small its error.",
        tables=(Table(("", "error (RMSE)", "concordance", "same sign"), rows),),
    )


def faces_section(faces: Sequence[WrongFace], total: int, shown: bool) -> Section:
    """Faces with wrong answers.

    Args:
        faces: The chosen ones.
        total: How many wrong answers there are in all.
        shown: Whether pictures may be shown.
    """
    lead = (
        f"The most confident of {total:,} wrong answers, at most three of a kind: the truth, then the answer."
    )
    if not faces:
        lead = "It got no face wrong."
    elif not shown:
        lead += " Pictures were left out of this report."
    rows = tuple((Cell(f.file), Cell(f.label), Cell(f.predicted), Cell(percent(f.confidence))) for f in faces)
    table = (Table(("file", "true", "answer", "confidence"), rows),) if faces and not shown else ()
    return Section(
        "faces", "Faces", "Faces it gets wrong", lead, tables=table, faces=tuple(faces) if shown else ()
    )


def map_section(named: Sequence[tuple[str, Embedding]], sides: Embedding | None = None) -> Section:
    """t-SNE maps.

    Args:
        named: One map per model, each fitted on all domains together.
        sides: A map in three dimensions of the last model; None shows none.
    """
    drawings = [
        Drawing(svg(draw_embedding(embedding), f"Map of features, {name}"), name) for name, embedding in named
    ]
    if sides is not None:
        caption = "The same features with room for a third dimension. What lies apart on any side lies apart."
        words = f"{named[-1][0]}, from three sides"
        drawings.append(Drawing(svg(draw_three_sides(sides), f"Map of features, {words}"), words, caption))
    return Section(
        "map",
        "Map",
        "What the network sees",
        "Features of all domains on one map (t-SNE, fitted once on the union). Colour is the true "
        "expression, the mark is the domain. Good adaptation lays both marks of a colour over each other. "
        "Only closeness has a meaning here, not the size of gaps.",
        drawings=tuple(drawings),
    )


def training_section(
    name: str,
    journal: pd.DataFrame | None,
    scores: pd.DataFrame | None,
    pseudo_labels: pd.DataFrame | None = None,
) -> Section:
    """Learning curves and validators of one run, and how good its sure answers were.

    Args:
        name: Of the model.
        journal: `journal.csv`; None if it was not kept.
        scores: `scores.csv`; None if it was not kept.
        pseudo_labels: What `pseudo_label_quality` returned; None if the run watched no target with labels.
    """
    drawings = []
    if journal is not None and len(journal):
        drawings.append(Drawing(svg(learning_curves(journal), f"Losses of {name}"), "Losses"))
    if scores is not None and len(scores):
        caption = "Circles: the epoch that was chosen. Dashed: drawn with the target's labels after the run."
        drawings.append(
            Drawing(svg(validators(scores), f"Validators of {name}"), "Validators by epoch", caption)
        )
    if pseudo_labels is not None and len(pseudo_labels):
        caption = (
            f"Believed are faces of the target that the model is {percent(THRESHOLD)} sure of, as in "
            "self-training. Whether they were right is known from the target's labels, after the run."
        )
        picture = svg(draw_pseudo_labels(pseudo_labels), f"Sure answers of {name} by epoch")
        drawings.append(Drawing(picture, "Sure answers by epoch", caption))
    return Section(
        "training",
        "Training",
        f"How {name} was trained",
        "Every named loss on its own scale; dotted lines part the stages.",
        drawings=tuple(drawings),
    )


def _title(name: str, named: Named) -> str:
    return name if len(named) > 1 else ""


def _range(interval: Interval | None) -> str:
    # a class that is always or never found leaves the bootstrap nothing to vary: 0-0 would feign certainty
    return (
        ""
        if interval is None or interval.low == interval.high
        else f"{100 * interval.low:.0f}–{100 * interval.high:.0f}"
    )
