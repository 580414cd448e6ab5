"""`ferda export`: a trained model as one ONNX file."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ferda.cli.screen import AsJson, counting, remark, say, show_json

if TYPE_CHECKING:
    from ferda.engine.checkpoint import LoadedMethod
    from ferda.inference.quantise import Loss


def export(
    run: Annotated[Path, typer.Argument(help="A run folder or a .safetensors file.")],
    out: Annotated[Path, typer.Option("--out", help="The file to write.")] = Path("model.onnx"),
    int8: Annotated[bool, typer.Option("--int8", help="Round to eight bits, and measure the loss.")] = False,
    calibrate: Annotated[
        str | None,
        typer.Option("--calibrate", help="Faces for --int8; those RUN learned from by default."),
    ] = None,
    least_agreement: Annotated[
        float,
        typer.Option(
            "--least-agreement", min=0, max=1, help="Keep no int8 model that names fewer faces the same."
        ),
    ] = 0.95,
    as_json: AsJson = False,
) -> None:
    """Write RUN's model as ONNX with a batch of any size, after its answers were compared with torch's."""
    from ferda.engine.checkpoint import load_method
    from ferda.errors import UserError
    from ferda.inference.export import check_export, export_model

    if calibrate is not None and not int8:
        raise UserError("--calibrate is for --int8.")
    check_export(out)
    model = load_method(run)
    loss = None
    if int8:
        with tempfile.TemporaryDirectory() as folder:
            exact = Path(folder) / "exact.onnx"
            difference = export_model(model, exact)
            loss = _rounded(model, exact, out, calibrate, least_agreement)
    else:
        difference = export_model(model, out)
    if as_json:
        show_json({"file": out, "largest_difference": difference, "int8": loss and vars(loss)})
        return
    say(str(out))
    remark(f"Probabilities differ from torch's by {difference:.1e} at most.")
    if loss is not None:
        remark(
            f"int8 names the same expression in {loss.agreement:.1%} of {loss.faces} faces; probabilities "
            f"differ by {loss.mean_difference:.4f} on average, {loss.largest_difference:.3f} at most."
        )
        if loss.accuracy_before is not None:
            remark(
                f"Accuracy on {loss.labelled}: {loss.accuracy_before:.3f}, int8 {loss.accuracy_after:.3f}."
            )


def _rounded(
    model: LoadedMethod, exact: Path, out: Path, calibrate: str | None, least_agreement: float
) -> Loss:
    from ferda.data.domain import open_domain
    from ferda.errors import UserError
    from ferda.inference.quantise import quantise

    sources = model.metadata.get("recipe", {}).get("data", {}).get("sources") or []
    if calibrate is None and not sources:
        raise UserError("The model does not say which faces it learned from; name some with --calibrate.")
    spec = calibrate or str(sources[0])
    with counting(spec) as progress:
        domain = open_domain(
            spec, model.classes, labelled=False, crop=model.preprocessing.crop, progress=progress
        )
    return quantise(exact, out, domain, least_agreement)
