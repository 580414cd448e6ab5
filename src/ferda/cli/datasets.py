"""`ferda datasets`: the official data sets that ferda reads, and how to get each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from ferda.cli.screen import AsJson, say, show_json, show_table

if TYPE_CHECKING:
    from ferda.data.datasets import Dataset


def datasets(
    name: Annotated[str | None, typer.Argument(help="One data set, with all that is known of it.")] = None,
    as_json: AsJson = False,
) -> None:
    """List the official data sets that 'ferda prepare' reads, or tell all about one."""
    from ferda.data.datasets import dataset, list_datasets

    if name is not None:
        _show(name, dataset(name), as_json)
        return
    known = {each: dataset(each) for each in list_datasets()}
    if as_json:
        show_json([{"dataset": each, "title": one.title, "use": one.terms} for each, one in known.items()])
    else:
        show_table(("data set", "use"), ((each, one.terms) for each, one in known.items()))


def _show(name: str, one: Dataset, as_json: bool) -> None:
    from dataclasses import fields

    from ferda.cli.describe import options_of

    if as_json:
        known = {field.name: getattr(one, field.name) for field in fields(one) if field.name != "read"}
        show_json({"dataset": name, **known})
        return
    say(f"{one.title}: {one.paper}.\n\nHow to get it: {one.access}\nUse: {one.terms}.\n")
    say(f"What it must look like:\n{one.layout}\nProtocol: {one.protocol}.")
    say(f"People: {one.subjects or 'not known'}. Boxes and points: {one.faces or 'none'}.")
    say(f"Splits: {', '.join(one.splits) or 'none'}.")
    for variant, counts in one.counts.items():
        classes = list(dict.fromkeys(expression for split in counts.values() for expression in split))
        rows = [(split or "all", *map(numbers.get, classes)) for split, numbers in counts.items()]
        show_table(("split", *classes), rows, title=f"published counts: {variant}")
    notes = "\n".join(f"- {note}" for note in (one.counts_note, *one.traps) if note)
    say(notes)
    options = options_of(one.read)
    if options:
        rows = [(f"{option.name}={option.default}", option.kind, option.meaning) for option in options]
        show_table(("--option", "values", "meaning"), rows, title=f"ferda prepare {name}")
