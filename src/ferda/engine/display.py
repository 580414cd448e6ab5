"""The progress bar of a run: stage, epoch, named losses, speed, time left. Only the first process draws."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn


class Display:
    """Draws on standard error, or not at all.

    Args:
        wanted: None draws when standard error is a terminal.
    """

    def __init__(self, wanted: bool | None = None) -> None:
        self.console = Console(stderr=True)
        self.is_shown = sys.stderr.isatty() if wanted is None else wanted
        self._bar = Progress(
            TextColumn("[bold]{task.description}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[losses]}"),
            console=self.console,
            disable=not self.is_shown,
        )
        self._task: TaskID | None = None

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def stage(self, name: str, steps: int, done: int) -> None:
        """Begin a stage.

        Args:
            name: Of the stage.
            steps: Its length.
            done: Steps already done, after a resume.
        """
        if self._task is not None:
            self._bar.remove_task(self._task)
        self._task = self._bar.add_task(name, total=steps, completed=done, losses="")

    def step(self, done: int, epoch: str, losses: Mapping[str, float], speed: float) -> None:
        """Show where the stage stands.

        Args:
            done: Steps done.
            epoch: For instance `adapt 3/20`.
            losses: By name.
            speed: Images a second.
        """
        if self._task is not None:
            named = "  ".join(f"{name} {value:.3f}" for name, value in losses.items())
            self._bar.update(
                self._task, completed=done, description=epoch, losses=f"{named}  [dim]{speed:.0f} images/s"
            )

    def counting(self, done: int, total: int) -> None:
        """Show how far a raw folder is prepared; the bar goes when it is done.

        Args:
            done: Pictures done.
            total: Pictures in all.
        """
        if self._task is None:
            self._task = self._bar.add_task("preparing pictures", losses="")
        self._bar.update(self._task, completed=done, total=total)
        if done >= total:
            self._bar.remove_task(self._task)
            self._task = None

    def say(self, sentence: str) -> None:
        """Print a line above the bar.

        Args:
            sentence: Plain text.
        """
        if self.is_shown:
            self.console.print(sentence, highlight=False, markup=False)


class Speed:
    """Images a second since the last look."""

    def __init__(self) -> None:
        self._images = 0
        self._since = time.perf_counter()

    def add(self, images: int) -> None:
        """Count images.

        Args:
            images: Of one step, over all processes.
        """
        self._images += images

    def look(self) -> float:
        """Return the rate, and start again."""
        now = time.perf_counter()
        rate = self._images / max(now - self._since, 1e-9)
        self._images, self._since = 0, now
        return rate
