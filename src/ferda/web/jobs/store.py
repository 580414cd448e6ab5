"""The list of jobs, in one SQLite file that one service at a time holds.

Whatever is noted here is there after a crash: a job that was at work then waits again.
"""

from __future__ import annotations

import json
import secrets
import shutil
import sqlite3
import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from ferda.errors import UserError

Kind = Literal["video", "adapt"]
STATES = ("queued", "running", "done", "failed", "cancelled")
ENDED = STATES[2:]
#: A job that takes the service down each time it is begun is given up after these.
_MOST_TRIES = 3
_TABLE = """
create table if not exists jobs (
    number integer primary key autoincrement, id text unique not null, kind text not null,
    model text not null, name text not null, options text not null, state text not null,
    done integer not null default 0, total integer not null default 0, tries integer not null default 0,
    created text not null, started text, ended text, error text
)
"""
_COLUMNS = "id, kind, model, name, options, state, done, total, tries, created, started, ended, error"


@dataclass(frozen=True)
class Job:
    """One job, as it stands.

    Attributes:
        id: 32 random hexadecimal digits.
        kind: What is done.
        model: Name of the model that does it.
        name: What the client calls its file or folder.
        options: Of the work.
        state: One of `STATES`.
        done: How much is done.
        total: Of how much; 0 while unknown.
        tries: How often it was begun.
        created: When it was asked for, UTC.
        started: When it was begun last.
        ended: When it ended.
        error: Why it failed.
    """

    id: str
    kind: Kind
    model: str
    name: str
    options: dict[str, Any] = field(default_factory=dict)
    state: str = "queued"
    done: int = 0
    total: int = 0
    tries: int = 0
    created: str = ""
    started: str | None = None
    ended: str | None = None
    error: str | None = None


class Jobs:
    """All jobs of a folder.

    Args:
        folder: Is made, for this user alone; no other service may use it at the same time.

    Raises:
        UserError: If it cannot be written, or another service uses it.
    """

    def __init__(self, folder: Path) -> None:
        self._lock = threading.Lock()
        self._folder = folder
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._base = sqlite3.connect(
                folder / "jobs.sqlite", check_same_thread=False, isolation_level=None
            )
            # the lock on the file goes with the process, however that ends
            self._base.execute("pragma locking_mode = exclusive")
            self._base.execute("pragma busy_timeout = 0")
            self._base.execute(_TABLE)
            self._base.execute("begin exclusive")
            self._base.execute("commit")
        except sqlite3.OperationalError as error:
            if "locked" in str(error):
                raise UserError(
                    f"Another service uses {folder}; end it, or name another --folder."
                ) from error
            raise UserError(f"The jobs in {folder} cannot be noted: {error}.") from error
        except OSError as error:
            raise UserError(f"The folder {folder} cannot be made: {error.strerror or error}.") from error
        self._recover()

    def place(self, job: str) -> Path:
        """Return the folder of a job.

        Args:
            job: Its id.
        """
        return self._folder / "jobs" / job

    def new_place(self) -> tuple[str, Path]:
        """Make a folder for what is sent for a job, and return the job's id and the folder."""
        job = secrets.token_hex(16)
        place = self.place(job)
        (place / "input").mkdir(parents=True, mode=0o700)
        return job, place / "input"

    def add(self, job: Job) -> None:
        """Note a job that waits.

        Args:
            job: What was asked for.
        """
        self._run(
            "insert into jobs (id, kind, model, name, options, state, created) "
            "values (?, ?, ?, ?, ?, 'queued', ?)",
            (job.id, job.kind, job.model, job.name, json.dumps(job.options), _now()),
        )

    def get(self, job: str) -> Job | None:
        """Return a job; None if there is none.

        Args:
            job: Its id.
        """
        found = self._select("where id = ?", job)
        return found[0] if found else None

    def all(self) -> list[Job]:
        """Return all jobs, the newest first."""
        return self._select("order by number desc")

    def counts(self) -> dict[str, int]:
        """Return how many jobs there are in each state."""
        found = dict(self._run("select state, count(*) from jobs group by state"))
        return {state: found.get(state, 0) for state in STATES}

    def begin(self) -> Job | None:
        """Take the job that waits longest; None if none does."""
        waiting = self._select("where state = 'queued' order by number limit 1")
        if not waiting:
            return None
        self._run(
            "update jobs set state = 'running', started = ?, tries = tries + 1, done = 0, total = 0 "
            "where id = ?",
            (_now(), waiting[0].id),
        )
        return self.get(waiting[0].id)

    def note(self, job: str, done: int, total: int) -> None:
        """Note how far a job is.

        Args:
            job: Its id.
            done: How much is done.
            total: Of how much.
        """
        self._run("update jobs set done = ?, total = ? where id = ?", (done, total, job))

    def wait_again(self, job: str) -> None:
        """Note that a job was interrupted through no fault of its own.

        Args:
            job: Its id.
        """
        self._run("update jobs set state = 'queued', tries = tries - 1 where id = ?", (job,))

    def end(self, job: str, state: str, error: str | None = None) -> None:
        """Note the end of a job, and delete what was sent for it; without success, all that it left.

        Args:
            job: Its id.
            state: One of `ENDED`.
            error: Why it failed.
        """
        with self._lock:  # who sees the end may trust that what was sent is gone
            command = "update jobs set state = ?, ended = ?, error = ? where id = ?"
            self._base.execute(command, (state, _now(), error, job))
            self._forget(job, state)

    def remove(self, job: str) -> None:
        """Delete a job with everything that it left.

        Args:
            job: Its id.
        """
        shutil.rmtree(self.place(job), ignore_errors=True)
        self._run("delete from jobs where id = ?", (job,))

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            self._base.close()

    def _recover(self) -> None:
        """Put back what was at work when a former service ended, and delete what was sent by halves."""
        for job in self._select("where state = 'running'"):
            if job.tries >= _MOST_TRIES:
                self.end(
                    job.id, "failed", f"It was begun {job.tries} times, and each time the service broke off."
                )
            else:
                self._run("update jobs set state = 'queued' where id = ?", (job.id,))
        known = set()
        for job in self.all():
            known.add(job.id)
            if job.state in ENDED:
                self._forget(job.id, job.state)
        for place in (self._folder / "jobs").glob("*"):
            if place.name not in known:
                shutil.rmtree(place, ignore_errors=True)

    def _forget(self, job: str, state: str) -> None:
        place = self.place(job)
        shutil.rmtree(place / "input" if state == "done" else place, ignore_errors=True)

    def _select(self, rest: str, *values: object) -> list[Job]:
        rows = self._run(f"select {_COLUMNS} from jobs {rest}", values)
        names = _COLUMNS.split(", ")
        found = [dict(zip(names, row, strict=True)) for row in rows]
        return [Job(**row | {"options": json.loads(row["options"])}) for row in found]

    def _run(self, command: str, values: tuple[object, ...] = ()) -> list[Any]:
        with self._lock:
            return self._base.execute(command, values).fetchall()


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
