"""`ferda demo`: the whole idea in a few minutes, on faces that the package brings along."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ferda.cli.screen import AsJson, remark, show_json, show_table


def demo(
    out: Annotated[Path, typer.Option("--out", help="Where runs and report go.")] = Path("runs/demo"),
    quick: Annotated[
        bool, typer.Option("--quick", help="A minute instead of a few; the gain is smaller.")
    ] = False,
    controls: Annotated[
        bool,
        typer.Option("--controls", help="Also train on the source for as long as the adaptation trains."),
    ] = False,
    seed: Annotated[int, typer.Option("--seed", help="Decides weights, batches and views.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Train on synthetic studio faces, adapt to a surveillance camera's without labels, and compare."""
    from ferda.evaluation.demo import run_demo

    result = run_demo(out, seed=seed, quick=quick, controls=controls)
    if as_json:
        show_json(result.to_dict())
        return
    show_table(
        list(result.table.columns), result.table.itertuples(index=False), title="studio -> cctv, macro recall"
    )
    remark(f"The camera costs {result.loss:.0%}; adaptation wins {result.won_back:.0%} of that back.")
    remark(f"The report is in {result.report}")
