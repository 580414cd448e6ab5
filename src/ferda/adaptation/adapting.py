"""`adapt_run`: a trained model and a folder of faces in; a model that fits them, or the old one, out."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from ferda.adaptation.evidence import gather_evidence
from ferda.adaptation.outcome import Outcome
from ferda.adaptation.page import write_adapt_page
from ferda.adaptation.safety import judge
from ferda.adaptation.target import open_target
from ferda.adaptation.ways import by_statistics, by_training, check_way
from ferda.data.domain import place_and_split
from ferda.data.place import hidden_folder
from ferda.engine.checkpoint import LoadedMethod, load_method, save_weights
from ferda.errors import UserError
from ferda.files import replacing
from ferda.methods.base import Method

#: What a weights file says by itself, and what no longer holds of an adapted model.
_OWN = ("ferda", "method", "settings", "classes", "sources", "preprocessing", "scores", "epoch", "stage")


@dataclass(frozen=True)
class AdaptReport:
    """What became of an adaptation; every number is of the faces that it did not see.

    Attributes:
        kept_old: Whether the model was left as it was.
        before: Of the old model: `confidence`, `steadiness`, `classes_in_use`, and the share of each class
            among its answers as `share_CLASS`.
        after: The same of the adapted model, kept or not, and `agreement` with the old one.
        sentences: What happened, for a person.
        folder: The new run folder, with the model to use in `best.safetensors`, and `adapt.html`.
    """

    kept_old: bool
    before: dict[str, float]
    after: dict[str, float]
    sentences: list[str]
    folder: Path

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {**vars(self), "folder": str(self.folder)}


def adapt_run(
    run: str | Path,
    target: str | Path,
    out: str | Path,
    *,
    method: str | None = None,
    pictures: bool = True,
    progress: Callable[[int, int], None] | None = None,
) -> AdaptReport:
    """Adapt a trained model to faces without labels, unless that seems to make it worse.

    Args:
        run: A run folder, a `.safetensors` file, or `starter`; is left as it is.
        target: A folder of pictures, or a pack; `@train` and the like pick a split. Labels are not read.
        out: The new run folder; must not hold anything.
        method: A method that needs no source faces, such as `shot`; None moves no weight, only what batch
            norm takes for usual.
        pictures: Show faces whose answer changed in the report.
        progress: Is told how many pictures are prepared, and how many there are.

    Raises:
        UserError: If there are fewer than twenty faces, the model cannot be adapted so, or `out` is taken.
        KeyboardInterrupt: After Ctrl-C; the same call goes on where a training was.

    Example:
        >>> report = ferda.adapt_run("runs/hall", "photos/new", "runs/hall-new")  # doctest: +SKIP
        >>> report.kept_old  # doctest: +SKIP
        False
    """
    out = Path(out)
    if out.is_file() or (out.is_dir() and any(out.iterdir())):
        raise UserError(f"{out} holds something already; choose another folder.")
    model = load_method(run)
    check_way(model, method)
    faces = open_target(str(target), model, progress)
    partial = hidden_folder(out.absolute())
    if method is None:
        adapted, about = by_statistics(model, faces), model.metadata
    else:
        trained = by_training(model, faces, method, partial)
        adapted, about = trained.method, trained.metadata
    before, after = (
        gather_evidence(one, faces, model.preprocessing, model.temperature) for one in (model.method, adapted)
    )
    outcome = Outcome(model, faces, before, after, judge(before, after, model.classes))
    done = _begun(partial / "done")
    if outcome.verdict.kept_old:
        with replacing(done / "best.safetensors") as temporary:
            shutil.copyfile(model.path, temporary)
    else:
        _save(done / "best.safetensors", model, adapted, about, str(target))
    report = _reported(outcome, done, out, pictures)
    with suppress(FileNotFoundError):
        out.rmdir()
    # one rename, so that a run folder that can be seen is whole
    done.replace(out)
    shutil.rmtree(partial)
    return report


def _reported(outcome: Outcome, done: Path, out: Path, pictures: bool) -> AdaptReport:
    """Write the page and the numbers into the folder that will be `out`."""
    report = AdaptReport(
        kept_old=outcome.verdict.kept_old,
        before=outcome.numbers(outcome.before),
        after=outcome.numbers(outcome.after) | {"agreement": outcome.agreement},
        sentences=outcome.sentences(),
        folder=out,
    )
    with replacing(done / "adapt.json") as temporary:
        temporary.write_text(json.dumps(report.to_dict(), indent=1) + "\n", encoding="utf-8")
    if left_out := list(outcome.faces.left_out.items()):
        with replacing(done / "left_out.csv") as temporary:
            pd.DataFrame(left_out, columns=["file", "reason"]).to_csv(temporary, index=False)
    title = f"{out.name}: adapted to {outcome.faces.domain.name}"
    write_adapt_page(done / "adapt.html", title, outcome, pictures)
    return report


def _begun(folder: Path) -> Path:
    """An empty folder, whatever a killed run left there."""
    if folder.is_dir():
        shutil.rmtree(folder)
    try:
        folder.mkdir(parents=True)
    except OSError as error:
        raise UserError(f"Cannot write into {folder.parent.parent}: {error.strerror or error}.") from error
    return folder


def _save(path: Path, model: LoadedMethod, adapted: Method, about: dict[str, Any], target: str) -> None:
    """Write the adapted model with all that is known of it, and the faces it has seen."""
    facts = {name: value for name, value in about.items() if name not in _OWN}
    spec = "@".join(place_and_split(target))
    if "recipe" in facts:
        data = {**facts["recipe"]["data"], "target": spec, "watch": None}
        facts["recipe"] = {**facts["recipe"], "data": data}
    save_weights(
        path,
        adapted,
        name=about["method"],
        settings=about["settings"],
        classes=model.classes,
        preprocessing=model.preprocessing,
        **facts,
        adapted_from=str(model.path),
        adapted_to=spec,
    )
