"""`ferda predict`: name the expressions in pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ferda.cli.screen import AsJson, counting, remark, show_json, show_table

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
    as_json: AsJson = False,
) -> None:
    """Find the faces in pictures and name their expressions, one row a face."""
    from ferda.inference import load
    from ferda.inference.drawings import Drawings
    from ferda.inference.table import unusable, write_table

    predictor = load(
        run, device=device, detect=detect, fallback="whole" if whole else "none", precision=precision
    )
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
    remark(f"{faces} faces in {pictures} pictures" + (f", in {out}" if out else ""))
    if draw is not None:
        remark(f"Annotated pictures are in {draw}")
    for file, reason in unusable(table).itertuples(index=False):
        remark(f"{file} could not be read: {reason}")
