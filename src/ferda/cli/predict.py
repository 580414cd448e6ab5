"""`ferda predict`: name the expressions in pictures, videos and what a camera sees."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ferda.cli.screen import AsJson, counting, remark, show_json, show_table
from ferda.test_time import list_adaptations

if TYPE_CHECKING:
    import pandas as pd

    from ferda.inference.adapted import AdaptedPredictor
    from ferda.inference.judging import Judging

_SHOWN = ("input", "face_id", "expression", "confidence", "detection_score", "note")


def predict(
    words: Annotated[
        list[str],
        typer.Argument(
            metavar="[RUN] INPUTS...",
            help="A run folder, or a .safetensors or exported .onnx file; without one the package's model "
            "answers. Then pictures, videos, folders, quoted patterns like 'photos/*.jpg', or camera:0.",
        ),
    ],
    out: Annotated[Path | None, typer.Option("--out", help="Write a .csv, .parquet or .jsonl table.")] = None,
    detect: Annotated[
        bool | None,
        typer.Option(help="Look for faces, or take each picture for one; as in training by default."),
    ] = None,
    whole: Annotated[
        bool, typer.Option("--whole", help="Judge a picture in which no face is found as a whole.")
    ] = False,
    min_face: Annotated[
        float | None,
        typer.Option("--min-face", min=12, help="Pixels of the smallest face to find; larger is faster."),
    ] = None,
    draw: Annotated[
        Path | None, typer.Option("--draw", help="Write annotated pictures and videos into this folder.")
    ] = None,
    step: Annotated[int, typer.Option("--step", min=1, help="Judge every N-th frame of a video.")] = 1,
    start: Annotated[float, typer.Option("--start", min=0, help="Second of a video to begin at.")] = 0.0,
    end: Annotated[float | None, typer.Option("--end", help="Second of a video to end before.")] = None,
    smooth: Annotated[
        float, typer.Option("--smooth", min=0, help="Seconds over which answers for a face are smoothed.")
    ] = 0.0,
    track: Annotated[
        bool, typer.Option("--track/--no-track", help="Keep a face's number from frame to frame.")
    ] = True,
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
    """Find the faces in pictures and videos and name their expressions, one row a face."""
    from ferda.data.engines import find_engine
    from ferda.errors import UserError
    from ferda.inference import load
    from ferda.inference.collection import judges
    from ferda.inference.drawings import Drawings
    from ferda.inference.table import WHOLE, check_name, unusable, write_table
    from ferda.inference.video import VideoOptions
    from ferda.inference.video_parts import PartsBeside
    from ferda.inference.which import model_and_inputs

    run, inputs = model_and_inputs(words)
    if out is not None:
        check_name(out)
    options: dict[str, Any] = {
        "device": device,
        "detect": detect,
        "fallback": "whole" if whole else "none",
        "precision": precision,
        "least": least,
        "min_face": min_face,
    }
    others = judges(find_engine(engine, workers, device), run, **options)
    is_alone = engine == "local" and not workers
    # where others judge, this process only tells them what it is about
    predictor = load(run, **(options if is_alone else options | {"device": "cpu"}))
    if adapt is not None and precision != "fp32":
        raise UserError("An adapting model computes in fp32; leave --precision out.")
    online = _adapting(adapt, changes, predictor) if adapt is not None or changes else None
    if predictor.is_crop_new:
        remark(
            "The model learned from whole pictures and is given boxes of faces now, which it may judge less "
            "well; train it on faces that are cut out alike."
        )
    drawings = None if draw is None else Drawings(draw)
    file = (str(run.resolve()), run.stat().st_mtime_ns if run.is_file() else None)
    parts = None if out is None or online is not None else PartsBeside(out, (file, options))
    videos = VideoOptions(
        step, start, end, track, smooth, None if drawings is None else drawings.video, parts
    )
    with counting("pictures and frames") as progress:
        judging = None if is_alone else others
        table = (online or predictor).table(inputs, progress, drawings, judging, videos)
    if out is not None:
        write_table(table, out)
    if parts is not None:
        parts.remove()
    if as_json:
        show_json(table)
    elif out is None:
        _show(table, track)
    if online is not None:
        how = f"adapted to the faces as they were answered, at most {online.batch} at a time in their order"
        for told in (how, *online.adaptation.remarks):
            remark(f"{adapt}: {told}")
    if not whole and (table["frame"].notna() & (table["note"] == WHOLE)).any():
        remark("The model judged each frame as a whole, as it learned; --detect looks for faces in them.")
    remark(_count(table) + (f", in {out}" if out else ""))
    if draw is not None:
        remark(f"What was drawn is in {draw}")
    for file, reason in unusable(table).itertuples(index=False):
        remark(f"{file} could not be read: {reason}")


def _adapting(name: str | None, changes: list[str] | None, start: Judging) -> AdaptedPredictor:
    # brings torch, which an exported model does without
    from ferda.engine.adapting import adaptation_settings
    from ferda.inference.adapted import adapt

    settings = adaptation_settings(name, changes)  # refuses settings of nothing
    assert name is not None
    return adapt(name, start, **settings)


def _show(table: pd.DataFrame, track: bool) -> None:
    """The table itself; of videos, in which faces have numbers, who was seen when."""
    from ferda.inference.summary import seen_faces

    if track and table["frame"].notna().any():
        seen = seen_faces(table)
        show_table(list(map(str, seen.columns)), seen.itertuples(index=False))
    else:
        shown = [name for name in (*_SHOWN, "valence", "arousal") if name in table]
        show_table(shown, table[shown].itertuples(index=False))


def _count(table: pd.DataFrame) -> str:
    from ferda.inference.table import UNREADABLE

    table = table[~(table["note"].fillna("").str.startswith(UNREADABLE) & table["frame"].notna())]
    faces, frames = int(table["expression"].notna().sum()), table["frame"].notna()
    pictures = table.loc[~frames, "input"].nunique()
    films = table[frames].groupby("input")["frame"].nunique()
    places = [f"{pictures} pictures"] * bool(pictures or films.empty)
    places += [f"{films.sum()} frames of {len(films)} videos"] * (not films.empty)
    return f"{faces} faces in {' and '.join(places)}"
