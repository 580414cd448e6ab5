"""From run folders to a report: what each run does on its own domain and on the target.

This is where the target's labels are opened, after every training and every choice is over.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from ferda.data.domain import Domain
from ferda.engine.domains import open_run_domains, open_watched
from ferda.engine.run import Run
from ferda.errors import UserError
from ferda.evaluation.card_facts import preparation_words
from ferda.evaluation.embedding import Embedding, fit_embedding
from ferda.evaluation.evaluation import Evaluation
from ferda.evaluation.explained import explained_faces
from ferda.evaluation.oracle import OracleChoice, fill_oracle, oracle_choice
from ferda.evaluation.pseudo_labels import pseudo_label_quality
from ferda.evaluation.regret import Choice, choices
from ferda.evaluation.report import RunSection, write_evaluation_report, write_report
from ferda.evaluation.scoring import evaluate
from ferda.methods.base import Needs

if TYPE_CHECKING:
    import pandas as pd

#: Faces in a map of features: enough to see clusters, few enough to draw in seconds.
_MAPPED = 800
#: The same for three dimensions, which take longer and are drawn three times.
_MAPPED_IN_SPACE = 500


@dataclass(frozen=True)
class Compared:
    """One run of a study.

    Attributes:
        name: What the report calls it.
        run: Finished.
        own: What its checkpoint does on held-out faces of its own domain.
        target: What it does on the target.
        oracle: What the target's labels would have chosen; None if the run did not watch these faces.
        pseudo_labels: How good its sure answers were, epoch by epoch; likewise.
        choices: What each validator would have chosen; likewise empty.
    """

    name: str
    run: Run
    own: Evaluation
    target: Evaluation
    oracle: OracleChoice | None
    pseudo_labels: pd.DataFrame | None = field(default=None, compare=False, repr=False)
    choices: tuple[Choice, ...] = ()

    @property
    def is_baseline(self) -> bool:
        """Whether it was trained without the target."""
        return self.run.recipe.method.name == "source_only"


def compare(name: str, run: Run, own: Domain, target: Domain) -> Compared:
    """Evaluate a finished run on both domains.

    Args:
        name: What the report calls it.
        run: Finished.
        own: Labelled held-out faces of the source.
        target: Labelled faces of the target that were not adapted to.
    """
    loaded = run.load()
    watched = run.recipe.data.target is not None
    filled = fill_oracle(run.folder, target) if watched else None
    # what training learned from was refused, or allowed, when it began
    own_scores, there = (evaluate(loaded, one, name=name, allow_leaks=True) for one in (own, target))
    return Compared(
        name=name,
        run=run,
        own=own_scores,
        target=there,
        oracle=None if filled is None else oracle_choice(filled),
        pseudo_labels=pseudo_label_quality(run.folder, target) if watched else None,
        choices=() if filled is None else tuple(choices(filled, run.recipe.training.guard)),
    )


def report_run(run: Run) -> Path:
    """Write `report.html` into a run's folder.

    The target's labels are opened for it if it has any; else it tells of the held-out source alone.

    Args:
        run: Finished.

    Raises:
        UserError: If neither the held-out source nor the target has a label.
    """
    recipe = run.recipe
    needs = Needs(sources=bool(recipe.data.sources))
    held = open_run_domains(recipe.data, needs, lambda said: None).holdouts
    loaded, path, title = run.load(), run.folder / "report.html", f"{recipe.method.name}: {run.folder.name}"
    watched = open_watched(recipe.data)
    if held and watched is not None and (watched.labels() >= 0).any():
        target = watched.labelled()
        return write_study(path, title, [compare(recipe.method.name, run, held[0], target)], held[0], target)
    known = [*held, *([watched] if watched is not None and (watched.labels() >= 0).any() else [])]
    if not known:
        raise UserError(f"Neither source nor target of {run.folder} has labels: nothing to report on.")
    pictures = [domain.pack.pictures for domain in known]
    evaluations = [evaluate(loaded, domain, allow_leaks=True) for domain in known]
    explained = [explained_faces(loaded, domain, one) for domain, one in zip(known, evaluations, strict=True)]
    return write_evaluation_report(
        path,
        title=title,
        evaluations=evaluations,
        pictures=pictures,
        explained=explained,
        data=preparation_words([domain.pack for domain in known]),
    )


def write_study(path: Path, title: str, compared: Sequence[Compared], own: Domain, target: Domain) -> Path:
    """Write one report on several runs.

    Args:
        path: The file.
        title: Heading.
        compared: The baseline and the adapted models; the first adapted one makes the headline.
        own: The source's domain that they were evaluated on.
        target: The target that they were evaluated on, whose pictures are shown.
    """
    subject = next((one for one in compared if not one.is_baseline), compared[0])
    sections = [
        RunSection(
            name=one.name,
            target=one.target,
            own=one.own,
            is_baseline=one.is_baseline,
            oracle=one.oracle,
            journal=one.run.journal,
            scores=one.run.scores,
            embedding=_map(one, own, target),
            sides=_map(one, own, target, 3) if one is subject else None,
            pseudo_labels=one.pseudo_labels,
            choices=one.choices,
            explained=explained_faces(one.run.load(), target, one.target) if one is subject else (),
            recipe=one.run.recipe.to_yaml(),
            facts={"seed": str(one.run.recipe.training.seed)},
        )
        for one in compared
    ]
    data = preparation_words([own.pack, target.pack])
    return write_report(path, title=title, runs=sections, pictures=target.pack.pictures, data=data)


def _map(one: Compared, own: Domain, target: Domain, dimensions: Literal[2, 3] = 2) -> Embedding | None:
    if one.own.features is None or one.target.features is None:
        return None
    features = {own.name: one.own.features, target.name: one.target.features}
    labels = {own.name: own.labels(), target.name: target.labels()}
    limit = _MAPPED if dimensions == 2 else _MAPPED_IN_SPACE
    return fit_embedding(features, labels, own.classes, limit=limit, dimensions=dimensions)
