"""`ferda prepare`: find and cut out the faces of a data set once, so that training reads them fast."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from ferda.cli.screen import AsJson, counting_each, remark, say, show_json, show_table
from ferda.cli.typed import typed_command
from ferda.faces.crop_names import CROPS, crop_settings

if TYPE_CHECKING:
    from ferda.data.order import Sheets
    from ferda.data.quality import Keep
    from ferda.data.readers import Reading
    from ferda.faces.crops import CropRule

_CROPS = "; ".join(f"{name}: {what}" for name, (_, what) in CROPS.items())
#: What no byte of a pack depends on.
_BESIDE = ("workers", "engine", "device", "force", "dry_run", "as_json")


def prepare(
    context: typer.Context,
    source: Annotated[
        Path,
        typer.Argument(
            help="A folder, a table, a zip file or a picture; or an official data set such as raf-db, which "
            "then lies at --root ('ferda datasets' lists them)."
        ),
    ],
    out: Annotated[Path, typer.Option("--out", help="The pack to make.")],
    crop: Annotated[
        str | None,
        typer.Option(
            "--crop",
            help=f"What is cut out. {_CROPS}. Left out: aligned, or what suits the data set.",
        ),
    ] = None,
    size: Annotated[
        int, typer.Option("--size", min=16, max=1024, help="Side of the pictures in pixels.")
    ] = 112,
    detect: Annotated[
        bool, typer.Option(help="Look for faces where the data set does not say where they are.")
    ] = True,
    keep: Annotated[
        str,
        typer.Option(
            "--keep",
            help="all pictures, those with faces, or good ones (with a face, neither blurred, tiny nor "
            "blank); the others are listed in unusable.csv.",
        ),
    ] = "all",
    sheet: Annotated[
        str,
        typer.Option(
            "--sheet", help="Contact sheets in the pack, to be looked at: of faces, with points, or none."
        ),
    ] = "faces",
    reader: Annotated[
        str | None, typer.Option("--reader", help="How to read SOURCE; found by looking at it.")
    ] = None,
    root: Annotated[
        Path | None, typer.Option("--root", help="Where a data set lies, or the pictures that a list names.")
    ] = None,
    class_order: Annotated[
        list[str] | None,
        typer.Option(
            "--class-order",
            help="Which expression is 0, 1, 2 ..., where SOURCE numbers its classes: surprise,fear,disgust "
            "and so on, or whose order it is: raf-db, affectnet, osa, manet, fer2013.",
        ),
    ] = None,
    options: Annotated[
        list[str] | None, typer.Option("--option", help="Options of the reader: numbering=affectnet.")
    ] = None,
    name: Annotated[
        str | None, typer.Option("--name", help="What reports call it; the folder's name.")
    ] = None,
    workers: Annotated[int, typer.Option("--workers", min=0, help="Processes that decode and detect.")] = 0,
    engine: Annotated[
        str, typer.Option("--engine", help="Where they run: local, or ray for a cluster (docs: Data).")
    ] = "local",
    device: Annotated[str, typer.Option("--device", help="Where the detector computes.")] = "cpu",
    force: Annotated[bool, typer.Option("--force", help="Replace a pack made from something else.")] = False,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Only say how SOURCE is read, how large and how long; write nothing."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Make a pack of SOURCE, and name every picture that could not be used."""
    from ferda.data.prepare import prepare as make
    from ferda.faces.crops import CropRule

    named = {"reader": reader, "class_order": class_order}
    read_by = {name: value for name, value in named.items() if value} | reader_options(options or [])
    reading, rule = _read(source, root, read_by)
    cut = CropRule.from_dict((crop_settings(crop) if crop else rule) | {"size": size, "detect": detect})
    remark(reading.told)
    if dry_run:
        _show_cost(reading, out, cut, workers, device, as_json)
        return
    with counting_each("pictures", "sheets") as (progress, drawing):
        summary = make(
            reading,
            out,
            cut,
            keep=cast("Keep", keep),
            sheets=cast("Sheets", sheet),
            command=typed_command(context, _BESIDE),
            workers=workers,
            engine=engine,
            progress=progress,
            drawing=drawing,
            tell=remark,
            force=force,
            name=name,
            device=device,
        )
    if as_json:
        show_json(asdict(summary))
        return
    show_table(("expression", "faces"), summary.counts.items(), title=str(out))
    how = "was there already" if summary.reused else f"made in {summary.seconds:.0f} s"
    say(f"{summary.count} pictures, {summary.unusable} unusable, {summary.no_face} without a face; {how}")
    if summary.sheets:
        remark(f"Contact sheets to look at are in {summary.sheets}")
    for warning in summary.warnings:
        remark(warning)


def _show_cost(reading: Reading, out: Path, rule: CropRule, workers: int, device: str, as_json: bool) -> None:
    """Measure a few pictures, and say what all of them cost; refuse what there is no room for."""
    from ferda.data.estimate import estimate
    from ferda.data.place import check_room

    rows = reading.manifest
    found = estimate(rows, len(rows), reading.images, rule, workers=workers, device=device)
    if as_json:
        show_json(asdict(found))
    else:
        say(found.sentence())
    for warning in reading.warnings:
        remark(warning)
    check_room(out, found.bytes)


def _read(source: Path, root: Path | None, read_by: dict[str, Any]) -> tuple[Reading, dict[str, Any]]:
    """Return what is to be prepared, and the crop rule that suits it."""
    from ferda.data.datasets import dataset, known_name, list_datasets, read_dataset
    from ferda.data.readers import read_any
    from ferda.errors import UserError, nearest

    named = known_name(str(source))
    if named and not (source.exists() and root is None):
        if root is None:
            raise UserError(f"Say where {source} lies: ferda prepare {named} --root FOLDER --out PACK.")
        reading = read_dataset(named, root, **read_by)
        return reading, dict(reading.crop or dataset(named).crop)
    if not source.exists():
        near = nearest(str(source).lower(), list_datasets())
        raise UserError(f"There is nothing at {source}, and no data set is called so{near}.")
    images: dict[str, Any] = {"images": root} if root else {}
    return read_any(source, **images, **read_by), {"kind": "aligned"}


def reader_options(assignments: list[str]) -> dict[str, Any]:
    """Read `name=value` pairs, the values in YAML.

    Args:
        assignments: As typed behind `--option`.

    Raises:
        UserError: If one is no such pair.
    """
    import yaml

    from ferda.errors import UserError

    options: dict[str, Any] = {}
    for assignment in assignments:
        name, sign, text = assignment.partition("=")
        if not sign or not name:
            raise UserError(
                f"--option {assignment} is not of the form name=value, for instance numbering=affectnet."
            )
        options[name] = yaml.safe_load(text)
    return options
