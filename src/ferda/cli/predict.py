"""`ferda predict`: name the expressions in pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

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
    workers: Annotated[
        int, typer.Option("--workers", min=0, help="Processes, each with a model; 0 judges in this one.")
    ] = 0,
    engine: Annotated[
        str, typer.Option("--engine", help="Where they run: local, or ray for a cluster (docs: Data).")
    ] = "local",
    adapt: Annotated[
        str | None,
        typer.Option("--adapt", help=f"Adapt to the faces, in their order: {', '.join(list_adaptations())}."),
    ] = None,
    changes: Annotated[
        list[str] | None, typer.Option("--set", help="Settings of --adapt: rate=0.0001.")
    ] = None,
    least: Annotated[
        float, typer.Option("--least", min=0, max=1, help="Confidence below which a face is 'unsure'.")
    ] = 0.0,
    as_json: AsJson = False,
) -> None:
    """Find the faces in pictures and name their expressions, one row a face."""
    from ferda.data.engines import find_engine
    from ferda.engine.adapting import adaptation_settings
    from ferda.errors import UserError
    from ferda.inference import load
    from ferda.inference.adapted import adapt as adapting
    from ferda.inference.collection import judges
    from ferda.inference.drawings import Drawings
    from ferda.inference.table import unusable, write_table

    options: dict[str, Any] = {
        "device": device,
        "detect": detect,
        "fallback": "whole" if whole else "none",
        "precision": precision,
        "least": least,
    }
    others = judges(find_engine(engine, workers, device), run, **options)
    is_alone = engine == "local" and not workers
    # where others judge, this process only tells them what it is about
    predictor = load(run, **(options if is_alone else options | {"device": "cpu"}))
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
        see = None if draw is None else Drawings(draw)
        table = predictor.table(inputs, progress, see, None if is_alone else others)
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
