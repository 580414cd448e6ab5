"""What a verb shows: tables for people on the screen, one JSON document for machines.

Results go to standard output, everything else (progress, remarks) to standard error; so `ferda … --json | jq`
and `ferda … > table.txt` hold results alone.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

Count = Callable[[int, int], None]
#: The option that every verb has.
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of tables.")]


def show_json(document: object) -> None:
    """Print one JSON document; arrays become lists, numbers that are none become null.

    Args:
        document: Anything made of dicts, lists, numbers, text, paths, arrays and tables.
    """
    typer.echo(json.dumps(plain(document), ensure_ascii=False, indent=2))


def show_table(columns: Sequence[str], rows: Iterable[Sequence[object]], title: str = "") -> None:
    """Print a table, numbers to the right.

    Args:
        columns: Headings.
        rows: One sequence of cells a row.
        title: What the table shows.
    """
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(title=title or None, title_justify="left", box=None, pad_edge=False, header_style="bold")
    cells = [[_cell(value) for value in row] for row in rows]
    kinds = list(zip(*[[isinstance(value, int | float) for value in row] for row in rows], strict=True))
    for position, name in enumerate(columns):
        is_number = bool(kinds) and all(kinds[position])
        table.add_column(name, justify="right" if is_number else "left", overflow="fold")
    for row in cells:
        table.add_row(*map(Text, row))  # Text: a word in brackets is no markup
    Console(highlight=False).print(table)


def say(text: str) -> None:
    """Print a line of text.

    Args:
        text: Printed as it is.
    """
    typer.echo(text)


def remark(text: str) -> None:
    """Tell the user something that is no result.

    Args:
        text: Printed to standard error.
    """
    typer.echo(text, err=True)


@contextmanager
def counting(what: str) -> Iterator[Count]:
    """Draw a progress bar on standard error, if that is a terminal, which vanishes when done.

    Args:
        what: What is counted.

    Yields:
        A function that takes how many are done, and how many there are.
    """
    with counting_each(what) as (count,):
        yield count


@contextmanager
def counting_each(*names: str) -> Iterator[tuple[Count, ...]]:
    """Draw a progress bar for each part of some work; the later ones appear when they begin.

    Args:
        *names: What is counted, part by part.

    Yields:
        A function for each, as `counting` has one.
    """
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    console = Console(stderr=True)

    def counter(bar: Progress, name: str, is_first: bool) -> Count:
        task = bar.add_task(name, total=None, visible=is_first)
        return lambda done, total: bar.update(task, completed=done, total=total, visible=True)

    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        yield tuple(counter(bar, name, name == names[0]) for name in names)


def plain(value: Any) -> Any:
    """Turn a value into what JSON knows.

    Args:
        value: Dicts, sequences, scalars, paths, numpy arrays and scalars, pandas tables.
    """
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    if hasattr(value, "to_dict") and hasattr(value, "columns"):
        return plain(value.to_dict("records"))
    if hasattr(value, "tolist"):
        return plain(value.tolist())
    return None if str(value) in ("NaT", "<NA>") else str(value)


def _cell(value: object) -> str:
    if value is None or str(value) in ("nan", "<NA>"):
        return ""
    return f"{value:.3f}" if isinstance(value, float) else str(value)
