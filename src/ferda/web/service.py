"""The parts of a service put together: models, jobs, limits, and what is counted."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from pydantic import BaseModel, ValidationError

from ferda.web.intake import Allowance, FilesIn, Form, read_form
from ferda.web.jobs.runner import Runner, Task
from ferda.web.jobs.store import Job, Jobs, Kind
from ferda.web.jobs.tasks import RUN, reopen, tasks
from ferda.web.metrics import Metrics
from ferda.web.models import Models, Open
from ferda.web.pictures import Room
from ferda.web.refusal import Refused
from ferda.web.settings import Settings

if TYPE_CHECKING:
    from starlette.requests import Request

#: Seconds that a running job gets to notice that the service ends.
_LAST = 20.0


class Service:
    """Everything that requests share.

    Args:
        settings: What the service was told.
        open_model: As in `Models`.
        work: How jobs are done; None does them as `ferda.web.jobs.tasks` says.

    Attributes:
        is_ended: Whether the last job left in time when the service was stopped.

    Raises:
        UserError: If a model or the folder cannot be opened.
    """

    def __init__(
        self, settings: Settings, open_model: Open | None = None, work: dict[str, Task] | None = None
    ) -> None:
        settings.check()
        self.settings, self.limits = settings, settings.limits
        self.jobs = Jobs(settings.folder)
        self._at_work = self._arriving = 0
        self.metrics = Metrics(lambda: self._at_work, self.jobs.counts)
        self.models = Models(settings, self.metrics.passed, open_model)
        reopen(self.models, self.jobs)
        self.runner = Runner(self.jobs, work or tasks(self.models))
        self.room = Room(self.limits.held_pixels)
        self.is_ended = True

    def stop(self) -> None:
        """Interrupt the job that is at work, which then waits for the next start, and close everything."""
        self.is_ended = self.runner.stop(_LAST)
        if self.is_ended:  # else somebody still writes
            self.models.close()
            self.jobs.close()

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Count a request that is at work or waits.

        Raises:
            Refused: If there are too many.
        """
        if self._at_work >= self.limits.requests:
            raise Refused(429, "Too many requests are waiting; try again in a moment.", retry_s=1)
        self._at_work += 1
        try:
            yield
        finally:
            self._at_work -= 1

    async def pictures(self, request: Request, fields: tuple[str, ...], most: int) -> Form:
        """Read a request's pictures into memory.

        Args:
            request: A form.
            fields: Words that it may have.
            most: Pictures that it may have.

        Raises:
            Refused: If there is none, or too much of anything.
        """
        allowed = self._allowance(self.limits.request_bytes, most, fields)
        form = await _read(request, allowed)
        if not form.files:
            raise Refused(400, "The form has no picture; send at least one file.")
        return form

    async def job(self, request: Request, kind: Kind, most: tuple[int, int], options: type[BaseModel]) -> Job:
        """Read what is sent for a job onto the disk, under names made here, and note the job.

        Args:
            request: A form.
            kind: What shall be done.
            most: Bytes and files that it may have.
            options: The words of the form, apart from `model`.

        Raises:
            Refused: If there is nothing, too much of anything, or too many jobs wait.
        """
        if self.jobs.counts()["queued"] + self._arriving >= self.limits.jobs:
            raise Refused(429, "Too many jobs are waiting; try again when one is done.", retry_s=30)
        name, folder = self.jobs.new_place()
        self._arriving += 1
        try:
            with FilesIn(folder, "mp4" if kind == "video" else "jpg") as place:
                allowed = self._allowance(*most, ("model", *options.model_fields))
                form = await _read(request, allowed, place)
            if not form.files:
                raise Refused(400, "The form has no file; send at least one.")
            model = self.models(form.fields.pop("model", None)).name
            count = len(form.files)
            called = form.files[0].name if kind == "video" else f"{count} picture{'s' * (count > 1)}"
            self.jobs.add(Job(name, kind, model, called, _options(options, form.fields)))
        except BaseException:
            shutil.rmtree(folder.parent, ignore_errors=True)
            raise
        finally:
            self._arriving -= 1
        self.runner.notice()
        return self.known(name)

    def known(self, job: str) -> Job:
        """Return a job.

        Args:
            job: Its id.

        Raises:
            Refused: If there is none.
        """
        found = self.jobs.get(job)
        if found is None:
            raise Refused(404, "There is no such job.")
        return found

    def drop(self, job: str) -> None:
        """Cancel a job that waits or is at work; remove one that has ended, with its result and its model.

        Args:
            job: Its id.

        Raises:
            Refused: If there is none.
        """
        found = self.known(job)
        self.runner.drop(found)
        self.models.remove(self.jobs.place(found.id) / RUN)

    def result(self, job: str, *names: str) -> Path:
        """Return a file that a job left.

        Args:
            job: Its id.
            *names: Folders and file below the job's.

        Raises:
            Refused: If the job is not done, or has no such file.
        """
        found = self.known(job)
        if found.state != "done":
            raise Refused(409, f"The job has no result: it is {found.state}.")
        path = self.jobs.place(job).joinpath(*names)
        if not path.is_file():
            raise Refused(404, "The job has no such result.")
        return path

    def _allowance(self, most_bytes: int, files: int, fields: tuple[str, ...]) -> Allowance:
        limits = self.limits
        return Allowance(most_bytes, files, fields, limits.seconds, limits.bytes_per_second)


async def _read(request: Request, allowed: Allowance, place: Callable[[], BinaryIO] | None = None) -> Form:
    from starlette.requests import ClientDisconnect

    options = {} if place is None else {"place": place}
    try:
        return await read_form(request.headers, request.stream(), allowed, **options)
    except ClientDisconnect:
        raise Refused(400, "The connection broke off.") from None
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise Refused(507, "The disk of the service is full.") from None
        raise


def _options(kind: type[BaseModel], fields: dict[str, str]) -> dict[str, Any]:
    """Words of a form as what they mean; those that were left out stay out."""
    try:
        found = kind.model_validate({name: word for name, word in fields.items() if word})
    except ValidationError as error:
        wrong = "; ".join(f"{each['loc'][0]}: {each['msg']}" for each in error.errors())
        raise Refused(422, f"The form is not right: {wrong}.") from None
    return found.model_dump(exclude_unset=True)
