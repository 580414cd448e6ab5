"""`ferda landmarks`: five points of each face in text files, for programs that want them so."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from ferda.cli.screen import AsJson, counting, remark, say, show_json

if TYPE_CHECKING:
    from ferda.data.landmark_files import Fallback


def landmarks(
    source: Annotated[
        Path, typer.Argument(help="A pack, or a folder, zip file, list or table of pictures to look at.")
    ],
    out: Annotated[Path, typer.Option("--out", help="Folder for a file with five lines 'x y' each.")],
    boxes: Annotated[
        Path | None, typer.Option("--boxes", help="Folder for box files: left, top, right, bottom.")
    ] = None,
    fallback: Annotated[
        str,
        typer.Option(
            "--fallback",
            help="What a picture without a face gets: none, or mean-face (where the points are on average).",
        ),
    ] = "none",
    workers: Annotated[int, typer.Option("--workers", min=0, help="Processes that decode and detect.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Write the five points of each face of SOURCE into text files, the owner's where there are any."""
    from ferda.data.cache import prepared
    from ferda.data.landmark_files import REPORT, write_landmark_files
    from ferda.data.pack import is_pack
    from ferda.faces.crops import CropRule

    is_heap = not is_pack(source) and (source.is_dir() or source.suffix.lower() == ".zip")
    options: dict[str, Any] = {"reader": "pictures"} if is_heap else {}  # classes do not matter here
    with counting("pictures") as progress:
        pack = prepared(str(source), CropRule("whole", size=8), workers=workers, progress=progress, **options)
    with counting("files") as progress:
        written = write_landmark_files(
            pack, out, boxes=boxes, fallback=cast("Fallback", fallback), progress=progress
        )
    if as_json:
        show_json({"files": written.files, "without": written.without, "several": written.several})
    else:
        say(f"{written.files} pictures have their points in {out}")
    if len(written.without):
        remark(f"{len(written.without)} pictures have no face of their own; {out / REPORT} says why.")
    if written.several:
        remark(f"{len(written.several)} pictures have several faces; the first of each was taken.")
