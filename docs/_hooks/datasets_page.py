"""Fills the page of data sets from the code: one table, and a section for each.

mkdocs calls `on_page_markdown` for each page.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterable
from typing import Any

from ferda.cli.describe import options_of, split_docstring
from ferda.data.datasets import Dataset, dataset, list_datasets


def on_page_markdown(markdown: str, **page: Any) -> str:
    """Called by mkdocs for every page."""
    del page
    if "<!-- datasets: table -->" in markdown:
        markdown = markdown.replace("<!-- datasets: table -->", table())
        markdown = markdown.replace("<!-- datasets: sections -->", sections())
    return markdown


def table() -> str:
    """All data sets with what tells them apart."""
    rows = [
        (f"[`{name}`](#{name})", one.subjects, one.faces, ", ".join(one.splits), one.terms)
        for name, one in ((name, dataset(name)) for name in list_datasets())
    ]
    return _table(("data set", "people", "boxes, points", "splits", "use"), rows)


def sections() -> str:
    """How to get each data set, what it must look like, its options, numbers, protocol and traps."""
    return "\n".join(map(section, list_datasets()))


def section(name: str) -> str:
    """All about one data set.

    Args:
        name: One of `list_datasets()`.
    """
    one = dataset(name)
    source = inspect.getsource(sys.modules[one.read.__module__])
    facts = {
        "how to get it": one.access,
        "use": one.terms,
        "people": one.subjects or "not known",
        "boxes, points": one.faces or "none",
        "splits": ", ".join(one.splits) or "none; ferda makes them, by person where people are known",
        "protocol": one.protocol,
        "cut out as": f"`{one.crop['kind']}`, unless `--crop` says otherwise",
        "codes": ", ".join(f"`{code}` {expression}" for code, expression in one.codes.items()),
    }
    parts = [
        f"## {one.title} {{ #{name} }}",
        split_docstring(source)[0],
        f"{one.paper}.",
        _table(("", ""), facts.items()),
        f"```text\n{one.layout.strip()}\n```",
        *_options(name, one),
        *_counts(one),
        one.counts_note,
        "\n".join(f"- {trap}" for trap in one.traps),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _options(name: str, one: Dataset) -> list[str]:
    if not (options := options_of(one.read)):
        return []
    rows = [(f"`{option.name}={option.default}`", option.kind, option.meaning) for option in options]
    return [f"`ferda prepare {name} --option`", _table(("option", "values", "meaning"), rows)]


def _counts(one: Dataset) -> list[str]:
    tables = []
    for variant, counts in one.counts.items():
        classes = list(dict.fromkeys(expression for split in counts.values() for expression in split))
        rows = [
            (split or "all", *(f"{numbers.get(each, 0):,}" for each in classes), f"{sum(numbers.values()):,}")
            for split, numbers in counts.items()
        ]
        tables += [f"Published numbers, {variant}:", _table(("", *classes, "sum"), rows)]
    return tables


def _table(header: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in [header, *rows]]
    return "\n".join([lines[0], "|---" * len(header) + "|", *lines[1:]])
