"""What the jobs do: a table of a video, and a model that is adapted to somebody's pictures.

What is in a job's folder: `input`, what was sent, which is deleted at the end whatever that is; and what is
kept for the client until the job is removed: `result.json`, and `table.csv` of a video or `run` of an
adaptation.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ferda.data.prepare import prepare
from ferda.data.readers import read_any
from ferda.errors import UserError
from ferda.files import replacing
from ferda.web.jobs.runner import Progress, Task
from ferda.web.jobs.store import Job, Jobs
from ferda.web.models import Models

if TYPE_CHECKING:
    import pandas as pd

RESULT, TABLE, RUN, REPORT = "result.json", "table.csv", "run", "adapt.html"


def tasks(models: Models) -> dict[str, Task]:
    """Return how each kind of job is done.

    Args:
        models: That do it.
    """

    def video(job: Job, place: Path, progress: Progress) -> None:
        from ferda.inference.table import write_table
        from ferda.inference.video import video_table

        model = models(job.model)
        (source,) = (place / "input").iterdir()
        parts = place / "input.parts"  # from which a job goes on after a crash
        table = video_table(model.predictor, source, progress=progress, parts=parts, **job.options)
        parts.unlink(missing_ok=True)
        table["input"] = job.name
        write_table(table, place / TABLE)
        classes = list(model.predictor.classes)
        _write(place, {"model": model.name, "classes": classes, "rows": _records(table)})

    def adapt(job: Job, place: Path, progress: Progress) -> None:
        from ferda.adaptation.adapting import adapt_run

        model, run, pack = models(job.model), place / RUN, place / "pack"
        if model.predictor.loaded is None:
            raise UserError(f"The model '{model.name}' cannot be adapted: it has no weights file.")
        # not into the cache, where the faces would stay
        rule = model.predictor.loaded.preprocessing.crop
        prepare(read_any(place / "input"), pack, rule, name="your pictures", progress=progress, force=True)
        shutil.rmtree(run, ignore_errors=True)  # of a try that was broken off at its very end
        found = adapt_run(model.path, pack, run, pictures=False, progress=progress, **job.options)
        shutil.rmtree(pack)
        name = None if found.kept_old else models.add(f"{job.model}-adapted", run).name
        _write(
            place,
            {
                "model": name,
                "kept_old": found.kept_old,
                "before": found.before,
                "after": found.after,
                "sentences": found.sentences,
            },
        )

    return {"video": video, "adapt": adapt}


def reopen(models: Models, jobs: Jobs) -> None:
    """Open the models again that former services adapted.

    Args:
        models: Get them.
        jobs: That made them.
    """
    for job in reversed(jobs.all()):
        if job.kind == "adapt" and job.state == "done":
            name = json.loads((jobs.place(job.id) / RESULT).read_text(encoding="utf-8"))["model"]
            if name is not None:
                models.add(name, jobs.place(job.id) / RUN)


def _records(table: pd.DataFrame) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads(table.to_json(orient="records"))
    return rows


def _write(place: Path, result: dict[str, Any]) -> None:
    with replacing(place / RESULT) as temporary:
        temporary.write_text(json.dumps(result, ensure_ascii=False), encoding="utf-8")
