"""Trains the cells of a table, each in a process of its own, several at a time.

A cell is taken when the run that it starts from is finished and nobody else trains it, here or on another
machine with the same folder. One that fails keeps its error, and stops nobody but those that start from it.
Ctrl-C lets every training save itself; the same command goes on, also after a power cut.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import replace
from pathlib import Path
from typing import Literal

from ferda.benchmarking.earlier import forget_other
from ferda.benchmarking.places import Cost, Place
from ferda.benchmarking.table import Cell, Table
from ferda.files import replacing

Event = Literal["begun", "finished", "failed", "cannot start", "interrupted"]
Watch = Callable[[Cell, Event], None]
#: Seconds until a cell that another process trains is looked at again.
_PATIENCE = 5.0
_INTERRUPTED = 130


class Runner:
    """Trains what is open of a table.

    Args:
        table: Checked.
        out: Its folder.
        jobs: Trainings at a time.
        gpus: CUDA devices to deal to the jobs in turn; none leaves the choice to each training.
        watch: Called, from any thread, whenever a cell begins or ends.
    """

    def __init__(
        self,
        table: Table,
        out: Path,
        *,
        jobs: int = 1,
        gpus: Sequence[str] = (),
        watch: Watch = lambda cell, event: None,
    ) -> None:
        self.table = table
        self.out = out
        self.jobs = jobs
        self.gpus = tuple(gpus)
        self.watch = watch
        self.threads = int(os.environ.get("OMP_NUM_THREADS") or max(1, (os.cpu_count() or 1) // jobs))
        self._waiting = [cell for cell in table.cells if Place(out, cell).state == "open"]
        self._hopeless: set[Cell] = set()
        self._not_before: dict[Cell, float] = {}
        self._running: dict[Cell, subprocess.Popen[bytes]] = {}
        self._lock = threading.Lock()
        self._stop = threading.Event()

    def run(self) -> None:
        """Train until nothing is left that can be trained.

        Raises:
            KeyboardInterrupt: After Ctrl-C, when every training has saved itself.
        """
        with ThreadPoolExecutor(self.jobs) as pool:
            gpus = self.gpus or (None,)
            workers = [pool.submit(self._work, gpus[number % len(gpus)]) for number in range(self.jobs)]
            try:
                while wait(workers, timeout=0.2).not_done:
                    pass
            except KeyboardInterrupt:
                self._interrupt()
                raise
            finally:
                self._stop.set()
        for worker in workers:
            worker.result()

    def _interrupt(self) -> None:
        self._stop.set()
        with self._lock:
            for process in self._running.values():
                process.send_signal(signal.SIGINT)

    def _work(self, gpu: str | None) -> None:
        while (cell := self._next()) is not None:
            place = Place(self.out, cell)
            with place.claimed() as claim:
                if claim is None:
                    with self._lock:
                        self._not_before[cell] = time.monotonic() + _PATIENCE
                        self._waiting.append(cell)
                elif place.state == "open":  # else another process was faster
                    self._train(place, claim, gpu)

    def _next(self) -> Cell | None:
        """Return the next cell that can begin; None when there will be none."""
        while not self._stop.is_set():
            with self._lock:
                for cell in [*self._waiting]:
                    start = self._start(cell)
                    if start is not None and (start.state == "failed" or start.cell in self._hopeless):
                        self._waiting.remove(cell)
                        self._hopeless.add(cell)
                        self.watch(cell, "cannot start")
                    elif self._can_begin(cell, start):
                        self._waiting.remove(cell)
                        return cell
                if not self._waiting:
                    return None
            self._stop.wait(0.2)
        return None

    def _can_begin(self, cell: Cell, start: Place | None) -> bool:
        is_ready = start is None or start.state == "finished"
        return is_ready and self._not_before.get(cell, 0) <= time.monotonic()

    def _start(self, cell: Cell) -> Place | None:
        row = self.table.methods[cell.row].start
        return None if row is None else Place(self.out, replace(cell, row=row))

    def _train(self, place: Place, claim: int, gpu: str | None) -> None:
        self.watch(place.cell, "begun")
        start = self._start(place.cell)
        whole = self.table.recipe(place.cell, None if start is None else start.folder)
        forget_other(place, whole)
        place.beside("yaml").write_text(whole.to_yaml(), encoding="utf-8")
        command = training_command(place, whole.method.name)
        environment = {**os.environ, "OMP_NUM_THREADS": str(self.threads)}
        environment |= {} if gpu is None else {"CUDA_VISIBLE_DEVICES": gpu}
        code, said = self._wait_for(place, command, environment, claim)
        if place.run.is_finished:
            self.watch(place.cell, "finished")
        elif self._stop.is_set() or code == _INTERRUPTED:
            self._stop.set()
            self.watch(place.cell, "interrupted")
        else:
            with replacing(place.beside("error")) as temporary:
                temporary.write_text(_reason(code, said) + "\n", encoding="utf-8")
            self.watch(place.cell, "failed")

    def _wait_for(
        self, place: Place, command: list[str], environment: dict[str, str], claim: int
    ) -> tuple[int, str]:
        """Run a training to its end; return its exit code and what it said."""
        with place.beside("log").open("a+", encoding="utf-8", errors="replace") as log:
            since, begun = log.seek(0, os.SEEK_END), time.monotonic()
            # a session of its own: Ctrl-C reaches it once, from us
            process = subprocess.Popen(
                command,
                env=environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
                pass_fds=(claim,) if os.name == "posix" else (),
            )
            with self._lock:
                self._running[place.cell] = process
                if self._stop.is_set():
                    process.send_signal(signal.SIGINT)
            cpu, memory = _wait(process)
            with self._lock:
                del self._running[place.cell]
            log.seek(since)
            said = log.read()
        place.add_cost(Cost(time.monotonic() - begun, cpu, memory, self.threads))
        return process.returncode, said


def training_command(place: Place, method: str) -> list[str]:
    """Return the command that trains a cell, or goes on with it.

    Args:
        place: With its recipe written.
        method: Name or file.
    """
    command = [sys.executable, "-m", "ferda", "fit", method, "--recipe", str(place.beside("yaml"))]
    command += ["--out", str(place.folder), "--no-report"]
    return command + (["--resume"] if (place.folder / "recipe.yaml").is_file() else [])


def _wait(process: subprocess.Popen[bytes]) -> tuple[float, int]:
    """Wait for a process; return its CPU seconds and its peak memory in bytes, 0 where nobody counts."""
    if not hasattr(os, "wait4"):
        process.wait()
        return 0.0, 0
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    kilo = 1 if sys.platform == "darwin" else 1024
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss * kilo


def _reason(code: int, said: str) -> str:
    """Return the last thing that a failed training said."""
    if code < 0:
        return (
            f"The process was killed ({signal.Signals(-code).name}); too little memory is the usual reason."
        )
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    ours = [line.removeprefix("ferda: ") for line in lines if line.startswith("ferda: ")]
    return (ours or lines or [f"It ended with exit code {code} and said nothing."])[-1]
