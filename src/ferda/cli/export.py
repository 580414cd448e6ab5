"""`ferda export`: a trained model as one ONNX file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ferda.cli.screen import AsJson, remark, say, show_json


def export(
    run: Annotated[Path, typer.Argument(help="A run folder or a .safetensors file.")],
    out: Annotated[Path, typer.Option("--out", help="The file to write.")] = Path("model.onnx"),
    as_json: AsJson = False,
) -> None:
    """Write RUN's model as ONNX with a batch of any size, after its answers were compared with torch's."""
    from ferda.engine.checkpoint import load_method
    from ferda.inference.export import export_model

    difference = export_model(load_method(run), out)
    if as_json:
        show_json({"file": out, "largest_difference": difference})
        return
    say(str(out))
    remark(f"Probabilities differ from torch's by {difference:.1e} at most.")
