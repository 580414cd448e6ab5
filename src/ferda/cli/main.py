"""The command line: one verb, one file. Nothing heavy is imported before a verb runs."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from ferda.cli.adapt import adapt
from ferda.cli.benchmark import benchmark
from ferda.cli.card import describe
from ferda.cli.check import check
from ferda.cli.datasets import datasets
from ferda.cli.demo import demo
from ferda.cli.doctor import doctor
from ferda.cli.evaluate import evaluate
from ferda.cli.explain import explain
from ferda.cli.export import export
from ferda.cli.fit import fit
from ferda.cli.import_ import import_
from ferda.cli.landmarks import landmarks
from ferda.cli.methods import methods
from ferda.cli.mistakes import DEBUG, guarded
from ferda.cli.predict import predict
from ferda.cli.prepare import prepare
from ferda.cli.reproduce import reproduce
from ferda.cli.serve import serve
from ferda.cli.show import show
from ferda.cli.spaced import SpacedCommand
from ferda.cli.synth import synth
from ferda.cli.tune import tune

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)

_AFTER = {
    prepare: "Type the same command again to go on where it stopped; no byte changes.",
    fit: "Type the same command with --resume and --out RUN to go on where it stopped; no number changes.",
    benchmark: "Every training saved itself; type the same command to go on.",
    serve: "Jobs that wait are done when the same command is typed again.",
    predict: "The same command with --out goes on with a video where it stopped.",
    adapt: "Type the same command again; a training goes on where it stopped.",
    reproduce: "Every training saved itself; type the same command to go on.",
    tune: "Every trial saved itself; type the same command to go on.",
}
for verb in (
    demo,
    prepare,
    check,
    describe,
    synth,
    landmarks,
    fit,
    import_,
    evaluate,
    benchmark,
    tune,
    reproduce,
    adapt,
    predict,
    explain,
    export,
    serve,
    methods,
    datasets,
    show,
    doctor,
):
    door = guarded(verb, after_interrupt=_AFTER[verb]) if verb in _AFTER else guarded(verb)
    app.command(verb.__name__.rstrip("_"), cls=SpacedCommand)(door)


def _print_version(is_wanted: bool) -> None:
    if is_wanted:
        from importlib.metadata import version

        typer.echo(version("ferda"))
        raise typer.Exit


@app.callback()
def ferda(
    debug: Annotated[
        bool, typer.Option("--debug", help="Show where in the code a mistake was noticed.")
    ] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Facial expression recognition that adapts to faces without labels."""
    if debug:
        os.environ[DEBUG] = "1"


def run() -> None:
    """Entry point of `ferda`: `--debug` may stand anywhere in the command."""
    words = sys.argv[1:]
    asked = "--debug" in words
    app(args=["--debug"] * asked + [word for word in words if word != "--debug"], prog_name="ferda")
