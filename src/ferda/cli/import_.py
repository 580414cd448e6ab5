"""`ferda import`: make a run of a checkpoint that a method's authors published."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from ferda.cli.screen import AsJson, remark, say, show_json, show_table


def import_(
    method: Annotated[str, typer.Argument(help="A method ('ferda methods' lists them).")],
    file: Annotated[Path, typer.Argument(help="A checkpoint of the authors, or a folder of its parts.")],
    out: Annotated[
        Path | None, typer.Option("--out", help="Run folder; runs/METHOD-1 and so on by default.")
    ] = None,
    classes: Annotated[
        list[str] | None,
        typer.Option(
            "--classes",
            help="Expressions in the order of the weights, or whose order it is: affectnet, raf-db, fer2013.",
        ),
    ] = None,
    size: Annotated[int | None, typer.Option("--size", help="Side of the pictures in pixels.")] = None,
    crop: Annotated[
        str | None, typer.Option("--crop", help="How faces are cut out, as in 'ferda prepare'.")
    ] = None,
    normalise: Annotated[
        str | None, typer.Option("--normalise", help="Mean and deviation: imagenet, half or none.")
    ] = None,
    channels: Annotated[str | None, typer.Option("--channels", help="Order of colours: rgb or bgr.")] = None,
    changes: Annotated[
        list[str] | None,
        typer.Option("--set", help="Settings of the method that its weights do not tell: key=value."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Read FILE, which METHOD's authors wrote, without running it, and write a run folder."""
    from ferda.engine.imported import import_upstream

    wanted = {"size": size, "crop": crop, "normalise": normalise, "channels": channels}
    imported = import_upstream(
        method,
        file,
        out,
        classes=classes or (),
        shown={key: value for key, value in wanted.items() if value is not None},
        settings=_settings(changes or []),
    )
    folder, data = imported.run.folder, imported.recipe.data
    if as_json:
        reports = [asdict(report) for report in imported.reports]
        show_json({"run": folder, "recipe": imported.recipe.to_dict(), "weights": reports})
        return
    assert data.crop is not None
    facts = {
        "classes": ", ".join(data.classes),
        "size": f"{data.size} pixels",
        "crop": data.crop.kind,
        "normalise": data.normalise,
        "channels": data.channels,
    }
    show_table((f"imported {method}", ""), facts.items())
    say("")
    for report in imported.reports:
        for word in ("used", "unused", "missing"):
            names = getattr(report, word)
            say(f"{word:8} {len(names)}" + (f": {_grouped(names)}" if names and word != "used" else ""))
    say(f"{folder}")
    remark(f"Evaluate it with: ferda evaluate {folder} --on DOMAIN")


def _settings(changes: Sequence[str]) -> dict[str, Any]:
    import yaml

    from ferda.errors import UserError

    settings = {}
    for change in changes:
        key, sign, text = change.partition("=")
        if not sign or not key:
            raise UserError(f"'{change}' is not of the form key=value, for instance part_width=64.")
        try:
            settings[key.removeprefix("method.")] = yaml.safe_load(text)
        except yaml.YAMLError as error:
            raise UserError(f"The value of '{change}' is not valid YAML.") from error
    return settings


def _grouped(names: Sequence[str]) -> str:
    """Names by their first two parts, each with how many there are."""
    groups = Counter(".".join(name.split(".")[:2]) for name in names)
    shown = [f"{group} ({count})" if count > 1 else group for group, count in groups.items()]
    return ", ".join(shown[:12]) + (f" and {len(shown) - 12} more" if len(shown) > 12 else "")
