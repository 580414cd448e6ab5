"""Where the trainings of a table live on disk, and how far each has come.

    OUT/<pair>/<row>/<seed>/            the run
    OUT/<pair>/<row>/<seed>.yaml        its recipe
    OUT/<pair>/<row>/<seed>.log         what it said
    OUT/<pair>/<row>/<seed>.cost.json   what it took
    OUT/<pair>/<row>/<seed>.error       why it failed, if it did

Whoever trains a cell holds the lock of its `.lock`; so any number of processes, on all machines that share
the folder, can work on one table, each at what nobody else has.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from ferda.benchmarking.table import Cell
from ferda.engine.run import Run
from ferda.files import replacing

State = Literal["finished", "failed", "open"]


@dataclass(frozen=True)
class Cost:
    """What a training took.

    Attributes:
        seconds: On the clock.
        cpu_seconds: Of all its threads.
        peak_memory: Bytes of main memory at most.
        threads: It was allowed to use.
    """

    seconds: float
    cpu_seconds: float
    peak_memory: int
    threads: int


class Place:
    """The files of one cell.

    Args:
        out: Folder of the table.
        cell: The training.
    """

    def __init__(self, out: Path, cell: Cell) -> None:
        self.cell = cell
        self.folder = out / cell.pair / cell.row / str(cell.seed)

    def beside(self, ending: str) -> Path:
        """Return the path of a file beside the run's folder.

        Args:
            ending: `yaml`, `log`, `cost.json`, `error`, `lock`.
        """
        return self.folder.with_name(f"{self.cell.seed}.{ending}")

    @property
    def run(self) -> Run:
        """The run."""
        return Run(self.folder)

    @property
    def state(self) -> State:
        """How far it has come; who trains it right now is not looked at."""
        if self.run.is_finished:
            return "finished"
        return "failed" if self.beside("error").is_file() else "open"

    @property
    def error(self) -> str:
        """Why it failed; empty if it did not."""
        return self.beside("error").read_text(encoding="utf-8").strip() if self.state == "failed" else ""

    @property
    def cost(self) -> Cost | None:
        """What it took; None if nobody measured."""
        path = self.beside("cost.json")
        return Cost(**json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else None

    def add_cost(self, cost: Cost) -> None:
        """Write what a training took, beside what it took before it was interrupted.

        Args:
            cost: Of the last process.
        """
        if (before := self.cost) is not None:
            cost = Cost(
                before.seconds + cost.seconds,
                before.cpu_seconds + cost.cpu_seconds,
                max(before.peak_memory, cost.peak_memory),
                cost.threads,
            )
        with replacing(self.beside("cost.json")) as temporary:
            temporary.write_text(json.dumps(asdict(cost)) + "\n", encoding="utf-8")

    @contextmanager
    def claimed(self) -> Iterator[int | None]:
        """Take the cell, if nobody else has it.

        Yields:
            The descriptor that holds the claim, for the training process to inherit: then the claim lives as
            long as the training does, even if this process is killed. None if somebody else has the cell.
        """
        self.folder.parent.mkdir(parents=True, exist_ok=True)
        with self.beside("lock").open("w") as file:
            yield file.fileno() if _is_locked(file.fileno()) else None


def _is_locked(descriptor: int) -> bool:
    try:
        import fcntl
    except ImportError:  # Windows: two runs of one table at once are the user's to avoid
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
