"""`ferda explain`: show which places of a face an answer comes from."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ferda.cli.screen import AsJson, counting, remark, show_json, show_table

if TYPE_CHECKING:
    from ferda.inference.explain import Explanation


def explain(
    run: Annotated[Path, typer.Argument(help="A run folder or a .safetensors file.")],
    images: Annotated[list[Path], typer.Argument(help="Pictures, or folders of pictures.")],
    out: Annotated[Path, typer.Option("--out", help="Folder for explain.html, and a .png for each face.")],
    about: Annotated[
        str | None,
        typer.Option("--class", help="Show what speaks for this expression, whatever the answer is."),
    ] = None,
    detect: Annotated[
        bool | None,
        typer.Option(help="Look for faces, or take each picture for one; as in training by default."),
    ] = None,
    whole: Annotated[
        bool, typer.Option("--whole", help="Judge a picture in which no face is found as a whole.")
    ] = False,
    device: Annotated[str, typer.Option("--device", help="cpu, cuda, mps.")] = "cpu",
    as_json: AsJson = False,
) -> None:
    """Show the places that speak for the answers: of the model, of each of its heads, and its attention."""
    from ferda.inference import load_run
    from ferda.inference.explain import explain_files, known_class
    from ferda.inference.explain_page import ExplanationFolder

    predictor = load_run(run, device=device, detect=detect, fallback="whole" if whole else "none")
    about = None if about is None else known_class(about, predictor.classes)
    folder = ExplanationFolder(out)
    rows: list[dict[str, Any]] = []

    def see(name: str, found: list[Explanation]) -> None:
        sheets = folder(name, found)
        rows.extend(one.to_dict() | {"sheet": sheet} for one, sheet in zip(found, sheets, strict=True))

    with counting("pictures") as progress:
        problems = explain_files(predictor, images, see, about=about, progress=progress)
    page = folder.finish(f"Why {run} answers as it does", problems, about)
    if as_json:
        show_json(rows)
    else:
        columns = ("input", "face_id", "expression", "confidence", "sheet")
        show_table(columns, [[row[column] for column in columns] for row in rows])
    remark(f"{len(rows)} faces are explained in {page}")
    for file, why in folder.unread.items():
        remark(f"{file} is not explained: {why}")
