"""`ferda describe`: the data card of a pack."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ferda.cli.screen import AsJson, counting, remark, say, show_json


def describe(
    pack: Annotated[str, typer.Argument(help="A pack, or anything else that can be given as a domain.")],
    out: Annotated[Path | None, typer.Option("--out", help="Write the card: an .html or .md file.")] = None,
    examples: Annotated[
        int,
        typer.Option(
            "--examples", min=0, help="Faces of each class on an .html card. Ask first whether you may."
        ),
    ] = 0,
    as_json: AsJson = False,
) -> None:
    """Tell what PACK holds, where it is from and how it was made: its data card."""
    from ferda.data.cache import prepared
    from ferda.evaluation.card import card_markdown, write_card
    from ferda.evaluation.card_facts import card_facts

    with counting("pictures") as progress:
        found = prepared(pack, progress=progress)
    if out is not None:
        remark(f"The data card is in {write_card(found, out, examples=examples)}")
    if as_json:
        show_json(card_facts(found).to_dict())
    elif out is None:
        say(card_markdown(found))
