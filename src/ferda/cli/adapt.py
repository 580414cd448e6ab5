"""`ferda adapt`: make a trained model fit the faces of a folder, unless that seems to make it worse."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ferda.cli.screen import AsJson, counting, remark, say, show_json, show_table


def adapt(
    run: Annotated[Path, typer.Argument(help="A run folder, a .safetensors file, or starter.")],
    target: Annotated[
        str, typer.Option("--target", help="A folder of pictures, or a pack. No label of it is read.")
    ],
    out: Annotated[Path, typer.Option("--out", help="Folder for the new model and adapt.html.")],
    method: Annotated[
        str | None,
        typer.Option(
            "--method",
            help="Train by a method without source faces, such as shot; by default no weight moves, only "
            "what batch norm takes for usual.",
        ),
    ] = None,
    pictures: Annotated[bool, typer.Option(help="Show faces whose answer changed in adapt.html.")] = True,
    as_json: AsJson = False,
) -> None:
    """Adapt a model to faces without labels; the old model is kept if anything speaks against the new one."""
    from ferda.adaptation.adapting import adapt_run

    with counting("pictures") as progress:
        report = adapt_run(run, target, out, method=method, pictures=pictures, progress=progress)
    if as_json:
        show_json(report.to_dict())
    else:
        rows = [(name, report.before.get(name), value) for name, value in report.after.items()]
        show_table(("on faces held back", "before", "after"), rows)
        say(f"{report.folder}")
    for sentence in report.sentences:
        remark(sentence)
    remark(f"Look at {report.folder / 'adapt.html'}")
