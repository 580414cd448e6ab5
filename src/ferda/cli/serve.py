"""`ferda serve`: models answer over HTTP, with a page to try them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ferda.cli.screen import remark


def serve(
    runs: Annotated[
        list[Path] | None,
        typer.Argument(
            help="Run folders, .safetensors or .onnx files; the first is the default. None: the package's."
        ),
    ] = None,
    host: Annotated[
        str, typer.Option("--host", help="Address to listen at; one that others reach needs a token.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="0 takes a free one.")] = 8000,
    token: Annotated[
        str | None,
        typer.Option(
            "--token", envvar="FERDA_TOKEN", help="That requests must carry; better set FERDA_TOKEN."
        ),
    ] = None,
    name: Annotated[
        list[str] | None, typer.Option("--name", help="A name under which others reach the service.")
    ] = None,
    folder: Annotated[
        Path, typer.Option("--folder", help="For jobs and their results, over restarts.")
    ] = Path("runs/serve"),
    detect: Annotated[
        bool | None,
        typer.Option(help="Look for faces, or take each picture for one; as in training by default."),
    ] = None,
    whole: Annotated[
        bool, typer.Option("--whole", help="Judge a picture in which no face is found as a whole.")
    ] = False,
    device: Annotated[str, typer.Option("--device", help="cpu, cuda, mps.")] = "cpu",
    changes: Annotated[
        list[str] | None,
        typer.Option("--set", help="Limits: pictures=16 request_bytes=8000000 (docs: Service)."),
    ] = None,
) -> None:
    """Answer over HTTP, and show a page to try it, until SIGTERM or Ctrl-C."""
    from ferda.web.running import run
    from ferda.web.settings import Settings, limits
    from ferda.weights import STARTER

    settings = Settings(
        tuple(runs or (Path(STARTER),)),
        folder,
        host,
        port,
        token,
        tuple(word.lower() for word in name or ()),
        device,
        detect,
        "whole" if whole else "none",
        limits(changes or ()),
    )
    run(settings, lambda address: remark(f"{address} shows the page, {address}/docs what programs can ask."))
