"""`ferda show METHOD`: what a method is, as its own file tells it."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from ferda.cli.screen import AsJson, say, show_json, show_table


def show(
    method: Annotated[str, typer.Argument(help="A method, or a Python file of your own that defines one.")],
    as_json: AsJson = False,
) -> None:
    """Show a method's idea, formula, paper and settings."""
    from ferda.cli.describe import describe

    found = describe(method)
    if as_json:
        show_json(asdict(found))
        return
    say(f"{found.title}\n\n{found.text}\n")
    say(f"needs    {', '.join(found.needs)}")
    say(f"stages   {', '.join(found.stages)}\n")
    if found.settings:
        rows = [(each.name, each.kind, str(each.default), each.meaning) for each in found.settings]
        show_table(("setting", "kind", "default", "meaning"), rows)
