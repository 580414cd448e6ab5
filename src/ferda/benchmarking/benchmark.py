"""`ferda.benchmark`: from a table to its report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from ferda.benchmarking.earlier import check_finished, forget_failures
from ferda.benchmarking.reading import parse_table, read_table
from ferda.benchmarking.results import write_results
from ferda.benchmarking.runner import Runner, Watch
from ferda.benchmarking.summary import Summary


def benchmark(
    table: str | Path | Mapping[str, Any],
    out: str | Path,
    *,
    jobs: int = 1,
    gpus: Sequence[str] = (),
    retry: bool = False,
    train: bool = True,
    watch: Watch = lambda cell, event: None,
) -> Summary:
    """Train every method of a table on every pair with every seed, and write what came of it.

    Finished trainings are kept, so calling it again goes on; several processes, also on machines that share
    the folder, share the work. No label of a target is read before all is trained and chosen.

    Args:
        table: A YAML file, or what would stand in it.
        out: Folder of the trainings; gets `report.html`, `trainings.csv`, `table.csv` and `table.tex`.
        jobs: Trainings at a time, each a process of its own.
        gpus: CUDA devices to deal to the jobs in turn.
        retry: Train again what failed before.
        train: False only reports on what is finished.
        watch: Called, from any thread, whenever a training begins or ends.

    Returns:
        The numbers; `methods` has one line a pair and method.

    Raises:
        UserError: If the table has mistakes, the folder holds trainings of another one, or nothing could be
            trained.
        KeyboardInterrupt: After Ctrl-C, when every training has saved itself.
    """
    folder = Path(out)
    if isinstance(table, Mapping):
        asked, text = (
            parse_table(dict(table)),
            yaml.safe_dump(dict(table), sort_keys=False, allow_unicode=True),
        )
    else:
        asked, text = read_table(table), Path(table).read_text(encoding="utf-8")
    if train:
        check_finished(asked, folder)
        if retry:
            forget_failures(asked, folder)
        Runner(asked, folder, jobs=jobs, gpus=gpus, watch=watch).run()
    return write_results(asked, folder, text)
