"""Several workers on one machine, each a process of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from ferda.errors import UserError
from ferda.tuning.search import read_search
from ferda.tuning.study import open_study
from ferda.tuning.worker import Budget, Worker

#: What starts a worker; its order comes on standard input.
COMMAND = (sys.executable, "-m", "ferda.tuning")
_INTERRUPTED = 130


def run_workers(
    out: Path,
    budget: Budget,
    *,
    jobs: int,
    gpus: Sequence[str] = (),
    storage: str | None = None,
    watch: Callable[[], None] = lambda: None,
) -> None:
    """Work on a search with several processes until its budget is spent.

    Args:
        out: Folder of the search, which was begun.
        budget: When to stop.
        jobs: Processes.
        gpus: CUDA devices to deal to them in turn; none leaves the choice to each.
        storage: Address of a data base; None for the folder's own file.
        watch: Called twice a second.

    Raises:
        UserError: If a process gave up; says why. Or on Windows, whose processes cannot tell who has a trial.
        KeyboardInterrupt: After Ctrl-C, when every trial was saved.
    """
    if os.name != "posix" and jobs > 1:
        raise UserError("On Windows a search has one process; leave --jobs out.")
    threads = os.environ.get("OMP_NUM_THREADS") or str(max(1, (os.cpu_count() or 1) // jobs))
    workers = []
    for number in range(jobs):
        environment = {**os.environ, "OMP_NUM_THREADS": threads}
        environment |= {"CUDA_VISIBLE_DEVICES": gpus[number % len(gpus)]} if gpus else {}
        order = {"out": str(out), "trials": budget.trials, "until": budget.until, "storage": storage}
        workers.append(_start(out / f"worker-{number}.log", order | {"worker": number}, environment))
    try:
        while any(worker.poll() is None for worker in workers):
            watch()
            time.sleep(0.5)
    except BaseException:
        for worker in workers:
            if worker.poll() is None:
                worker.send_signal(signal.SIGINT)
        raise
    finally:
        for worker in workers:
            worker.wait()
    failed = [number for number, worker in enumerate(workers) if worker.returncode]
    if failed:
        log = out / f"worker-{failed[0]}.log"
        lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines() or ["it said nothing"]
        raise UserError(
            f"{len(failed)} of {jobs} processes gave up ({log}): {lines[-1].removeprefix('ferda: ')} "
            "The same command goes on."
        )


def _start(log: Path, order: dict[str, object], environment: dict[str, str]) -> subprocess.Popen[bytes]:
    with log.open("w") as said:
        worker = subprocess.Popen(
            COMMAND,
            stdin=subprocess.PIPE,
            stdout=said,
            stderr=said,
            env=environment,
            start_new_session=True,  # Ctrl-C reaches it once, from us
        )
    assert worker.stdin is not None
    # not on the command line, which everybody may read: the address of a data base may hold a password
    worker.stdin.write(json.dumps(order).encode())
    worker.stdin.close()
    return worker


def work(order: str) -> int:
    """Do what `run_workers` ordered; return the exit code.

    Args:
        order: JSON.
    """
    asked = json.loads(order)
    out = Path(asked["out"])
    search = read_search(out)
    try:
        study = open_study(search, out, asked["storage"], asked["worker"])
        Worker(search, study, out, Budget(asked["trials"], asked["until"])).run(_stop_if_left(os.getppid()))
    except KeyboardInterrupt:
        return _INTERRUPTED
    except UserError as mistake:
        sys.stderr.write(f"ferda: {mistake}\n")
        return 2
    return 0


def _stop_if_left(parent: int) -> Callable[[], None]:
    """What a worker does after each trial: it ends if whoever started it is gone."""

    def look() -> None:
        if os.getppid() != parent:
            raise KeyboardInterrupt

    return look
