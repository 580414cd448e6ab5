"""Run a trained model over a labelled domain, and turn its answers into an `Evaluation`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ferda.data.affect import AFFECT, find_affect
from ferda.errors import UserError, nearest
from ferda.evaluation.affect import AffectScores, score_affect
from ferda.evaluation.bootstrap import bootstrap_intervals
from ferda.evaluation.evaluation import Evaluation
from ferda.evaluation.groups import score_groups
from ferda.evaluation.metrics import score

if TYPE_CHECKING:
    from ferda.data.domain import Domain
    from ferda.engine.checkpoint import LoadedMethod
    from ferda.test_time.base import Adaptation

_SUBJECT = "subject"


def evaluate(
    model: LoadedMethod | Path | str,
    domain: Domain,
    *,
    name: str | None = None,
    groups: Sequence[str] = (),
    classes_scored: Sequence[str] | None = None,
    minimum_group: int = 20,
    batch: int = 128,
    device: str = "cpu",
    resamples: int = 2000,
    seed: int = 0,
    adapt: str | Adaptation | None = None,
    allow_leaks: bool = False,
) -> Evaluation:
    """Run a trained model over a labelled domain and score its answers.

    Args:
        model: A loaded method, a run folder or a weights file.
        domain: Faces with labels; faces without one are answered, counted and not scored.
        name: What reports call the model; its method's name by default.
        groups: Columns of the manifest to score by; `subject` is always scored when subjects are known.
        classes_scored: Only faces of these classes count; None means all of the model's.
        minimum_group: Faces a group needs to be scored.
        batch: Faces at a time.
        device: Where to compute, if the model must be loaded first.
        resamples: Draws behind the intervals.
        seed: Of the intervals, and of the order in which an adaptation meets the faces.
        adapt: One of `ferda.list_adaptations()`, or one made of this model, which starts anew and learns from
            the faces without their labels, `batch` at a time.
        allow_leaks: Score faces, or people of the same pack, whose labels the model learned from; they are
            counted in the notes.

    Raises:
        UserError: If the domain has other classes, lacks a column, has no labelled face, or the score would
            not be honest.
    """
    from ferda.engine.domains import notes_on_weights
    from ferda.evaluation.adapted import domain_answers

    if isinstance(model, str | Path):
        from ferda.engine.checkpoint import load_method

        model = load_method(model, device)
    if len(domain.rows) == 0:
        raise UserError(f"{domain.name} has no rows to evaluate on; check the split that was asked for.")
    if tuple(domain.classes) != tuple(model.classes):
        raise UserError(
            f"{domain.name} was opened with the classes {', '.join(domain.classes)}, the model answers "
            f"{', '.join(model.classes)}; open the domain with the model's classes."
        )
    known = notes_on_weights(model.metadata, domain, None if allow_leaks else "allow_leaks=True")
    said, adapted, told = domain_answers(model, domain, adapt, batch, seed)
    evaluation = evaluation_of(
        domain,
        said.probabilities,
        features=said.features.reshape(len(said.features), -1),
        affect=said.affect,
        model=(name or str(model.metadata.get("method", "model"))) + adapted,
        selected_by=_selection_words(model.metadata),
        groups=groups,
        classes_scored=classes_scored,
        minimum_group=minimum_group,
        resamples=resamples,
        seed=seed,
    )
    learned, given = model.preprocessing.crop.kind, domain.pack.crop.get("kind", "unknown")
    notes = known | told | evaluation.notes
    if learned != given:
        remark = f"cut out as '{given}', while the model learned from faces cut out as '{learned}'"
        notes = {remark: len(domain.rows)} | notes
    return replace(evaluation, notes=notes)


def evaluation_of(
    domain: Domain,
    probabilities: NDArray[np.float32],
    *,
    model: str,
    selected_by: str = "",
    features: NDArray[np.float32] | None = None,
    affect: NDArray[np.float32] | None = None,
    groups: Sequence[str] = (),
    classes_scored: Sequence[str] | None = None,
    minimum_group: int = 20,
    resamples: int = 2000,
    seed: int = 0,
) -> Evaluation:
    """Score probabilities that are already there, for instance of another tool.

    Args:
        domain: Faces with labels.
        probabilities: (n, C) for the rows of the domain, in their order.
        model: What reports call the model.
        selected_by: Rule that chose the checkpoint, in words.
        features: (n, D) for maps.
        affect: (n, 2) valence and arousal, scored where the manifest has them.
        groups: Columns of the manifest to score by; `subject` is always scored when subjects are known.
        classes_scored: Only faces of these classes count; None means all.
        minimum_group: Faces a group needs to be scored.
        resamples: Draws behind the intervals.
        seed: Of the intervals.

    Raises:
        UserError: If the manifest lacks a column, or no labelled face remains.
    """
    labels = np.asarray(domain.labels())
    rows = domain.pack.manifest.iloc[np.asarray(domain.rows)].reset_index(drop=True)
    columns = _group_columns(rows, groups)
    wanted: Sequence[int] = range(len(domain.classes))
    if classes_scored is not None:
        wanted = [domain.classes.index(name) for name in classes_scored if name in domain.classes]
    scored = np.isin(labels, wanted)
    if not (labels >= 0).any():
        raise UserError(
            f"{domain.name} has no face with a label of {', '.join(domain.classes)}; nothing can be scored."
        )
    known = labels >= 0
    scores = score(labels[known], probabilities[known], domain.classes, classes_scored=classes_scored)
    subjects = rows.loc[scored, _SUBJECT] if _SUBJECT in rows else pd.Series(dtype=object)
    by_subject = len(subjects) > 0 and subjects.notna().all() and 1 < subjects.nunique() < len(subjects)
    return Evaluation(
        domain=domain.name,
        model=model,
        selected_by=selected_by,
        scores=scores,
        intervals=bootstrap_intervals(
            labels[scored],
            probabilities[scored].argmax(1),
            len(domain.classes),
            clusters=subjects.to_numpy() if by_subject else None,
            unit="subjects",
            resamples=resamples,
            seed=seed,
        ),
        groups=tuple(
            score_groups(
                labels[scored],
                probabilities[scored],
                domain.classes,
                rows.loc[scored, column],
                minimum=minimum_group,
            )
            for column in columns
        ),
        counts={
            "rows": len(labels),
            "scored": int(scored.sum()),
            "without_label": int((~known).sum()),
            "class_not_scored": int((known & ~scored).sum()),
            "unusable": int(domain.pack.description.get("unusable", 0)),
            "no_face": int(domain.pack.description.get("no_face", 0)),
        },
        notes={f"left out: {reason}": count for reason, count in domain.left_out.items()}
        | _count_notes(rows),
        predictions=_prediction_table(domain, rows, labels, probabilities, scored, columns, affect),
        features=features,
        affect=_affect_scores(domain, rows, affect),
    )


def _affect_scores(
    domain: Domain, rows: pd.DataFrame, affect: NDArray[np.float32] | None
) -> tuple[AffectScores, ...]:
    true = None if affect is None else find_affect(rows, domain.name)
    return () if affect is None or true is None else score_affect(true, affect)


def _prediction_table(
    domain: Domain,
    rows: pd.DataFrame,
    labels: NDArray[np.int64],
    probabilities: NDArray[np.float32],
    scored: NDArray[np.bool_],
    columns: Sequence[str],
    affect: NDArray[np.float32] | None,
) -> pd.DataFrame:
    names = np.array([*domain.classes, None], dtype=object)
    answers = probabilities.argmax(1)
    table = {
        "file": rows["file"].to_numpy(),
        "row": np.asarray(domain.rows),
        "label": names[labels],
        "predicted": names[answers],
        "confidence": probabilities.max(1),
        "correct": answers == labels,
        "scored": scored,
        **{f"p_{name}": probabilities[:, i] for i, name in enumerate(domain.classes)},
        **{column: rows[column].to_numpy() for column in columns},
    }
    if affect is not None:
        table |= {f"{name}_predicted": affect[:, place] for place, name in enumerate(AFFECT)}
        table |= {name: rows[name].to_numpy() for name in AFFECT if name in rows}
    if "note" in rows:
        table["note"] = rows["note"].to_numpy()
    return pd.DataFrame(table)


def _group_columns(rows: pd.DataFrame, groups: Sequence[str]) -> list[str]:
    for column in groups:
        if column not in rows.columns:
            raise UserError(
                f"The manifest has no column '{column}'{nearest(column, map(str, rows.columns))} to group by."
            )
    has_subjects = _SUBJECT in rows.columns and rows[_SUBJECT].nunique() > 1
    return list(dict.fromkeys([*([_SUBJECT] if has_subjects else []), *groups]))


def _count_notes(rows: pd.DataFrame) -> dict[str, int]:
    if "note" not in rows:
        return {}
    return dict(Counter(str(note) for note in rows["note"].dropna()).most_common())


def _selection_words(metadata: dict[str, Any]) -> str:
    rule, epoch = metadata.get("selected_by"), metadata.get("epoch")
    if not rule:
        return "unknown"
    return f"{rule}, epoch {epoch}" if epoch is not None else str(rule)
