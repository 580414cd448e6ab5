"""`ferda predict`: name the expressions in pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ferda.cli.screen import AsJson, counting, remark, show_json, show_table
from ferda.test_time import list_adaptations

_SHOWN = ("input", "face_id", "expression", "confidence", "detection_score", "note")


def predict(
    run: Annotated[Path, typer.Argument(help="A run folder or a .safetensors file.")],
    inputs: Annotated[list[Path], typer.Argument(help="Pictures, or folders of pictures.")],
    out: Annotated[Path | None, typer.Option("--out", help="Write a .csv, .parquet or .jsonl table.")] = None,
    detect: Annotated[
        bool | None,
        typer.Option(help="Look for faces, or take each picture for one; as in training by default."),
    ] = None,
    whole: Annotated[
        bool, typer.Option("--whole", help="Judge a picture in which no face is found as a whole.")
    ] = False,
    draw: Annotated[
        Path | None, typer.Option("--draw", help="Write annotated pictures into this folder.")
    ] = None,
    device: Annotated[str, typer.Option("--device", help="cpu, cuda, mps.")] = "cpu",
    precision: Annotated[
        str, typer.Option("--precision", help="fp32 is exact; bf16 is faster; auto takes what is fastest.")
    ] = "fp32",
    adapt: Annotated[
        str | None,
        typer.Option("--adapt", help=f"Adapt to the faces, in their order: {', '.join(list_adaptations())}."),
    ] = None,
    changes: Annotated[
        list[str] | None, typer.Option("--set", help="Settings of --adapt: rate=0.0001.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Find the faces in pictures and name their expressions, one row a face."""
    from ferda.engine.adapting import adaptation_settings
    from ferda.errors import UserError
    from ferda.inference import load
    from ferda.inference.adapted import adapt as adapting
    from ferda.inference.drawings import Drawings
    from ferda.inference.table import unusable, write_table

    predictor = load(
        run, device=device, detect=detect, fallback="whole" if whole else "none", precision=precision
    )
    settings = adaptation_settings(adapt, changes)
    if adapt is not None and precision != "fp32":
        raise UserError("An adapting model computes in fp32; leave --precision out.")
    online = None if adapt is None else adapting(adapt, predictor, **settings)
    predictor = online or predictor
    if predictor.is_crop_new:
        remark(
            "The model learned from whole pictures and is given boxes of faces now, which it may judge less "
            "well; train it on faces that are cut out alike."
        )
    with counting("pictures") as progress:
        table = predictor.table(inputs, progress, None if draw is None else Drawings(draw))
    if out is not None:
        write_table(table, out)
    if as_json:
        show_json(table)
    elif out is None:
        shown = [name for name in (*_SHOWN, "valence", "arousal") if name in table]
        show_table(shown, table[shown].itertuples(index=False))
    pictures, faces = table["input"].nunique(), int(table["expression"].notna().sum())
    if online is not None:
        how = f"adapted to the faces as they were answered, at most {online.batch} at a time in their order"
        for told in (how, *online.adaptation.remarks):
            remark(f"{adapt}: {told}")
    remark(f"{faces} faces in {pictures} pictures" + (f", in {out}" if out else ""))
    if draw is not None:
        remark(f"Annotated pictures are in {draw}")
    for file, reason in unusable(table).itertuples(index=False):
        remark(f"{file} could not be read: {reason}")
