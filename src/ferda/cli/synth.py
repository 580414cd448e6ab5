"""`ferda synth`: draw faces whose expression is known, because it was put there."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from ferda.cli.screen import AsJson, counting, say, show_json


def synth(
    domain: Annotated[str, typer.Argument(help="studio, street or cctv.")],
    geometry: Annotated[
        Path, typer.Option("--geometry", help="The head: a checkout of ICT-FaceKit, or a compact .npz of it.")
    ],
    out: Annotated[Path, typer.Option("--out", help="Folder for the pictures and their table.")],
    count: Annotated[int, typer.Option("--count", help="Number of pictures.")] = 1000,
    size: Annotated[int, typer.Option("--size", help="Width and height in pixels.")] = 112,
    class_mix: Annotated[
        str | None, typer.Option("--class-mix", help="balanced or long_tailed; the domain's own by default.")
    ] = None,
    seed: Annotated[int, typer.Option("--seed", help="Other seeds, other people.")] = 0,
    workers: Annotated[int, typer.Option("--workers", min=1, help="Processes that draw.")] = 1,
    as_json: AsJson = False,
) -> None:
    """Draw a larger DOMAIN than the one that comes with the package."""
    from ferda.synthetic.domains import domain_style
    from ferda.synthetic.generate import generate_domain
    from ferda.synthetic.geometry import load_geometry

    style = domain_style(domain)
    with counting("pictures") as progress:
        made = generate_domain(
            load_geometry(geometry),
            style,
            out,
            count=count,
            seed=seed,
            size=size,
            class_mix=class_mix,
            workers=workers,
            progress=progress,
        )
    if as_json:
        show_json(asdict(made))
    else:
        say(f"{count} pictures in {made.images}; give {made.table} as a source or a target")
