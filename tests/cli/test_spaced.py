from typing import Annotated

import pytest
import typer
from typer.testing import CliRunner

from ferda.cli.spaced import SpacedCommand, repeat_option

Many = Annotated[list[str], typer.Option()]
One = Annotated[str, typer.Option()]


@pytest.mark.parametrize(
    ("typed", "understood"),
    [
        ("m --s a b --t c", "m --s a --s b --t c"),
        ("m --s a --s b", "m --s a --s b"),
        ("--s a b c", "--s a --s b --s c"),
        ("--s --t c", "--s --t c"),
        ("--s a -- b c", "--s a -- b c"),
        ("--s=a b", "--s=a b"),
        ("m n", "m n"),
    ],
)
def test_lists_are_written_out(typed: str, understood: str) -> None:
    assert repeat_option(typed.split(), {"--s"}) == understood.split()


def test_a_command_understands_both_ways() -> None:
    app = typer.Typer()

    @app.command(cls=SpacedCommand)
    def fit(method: str, sources: Many = (), target: One = "") -> None:
        typer.echo(f"{method} {list(sources)} {target}")

    for words in ("dann --sources a b --target t", "dann --sources a --sources b --target t"):
        result = CliRunner().invoke(app, words.split())
        assert result.output == "dann ['a', 'b'] t\n"


def test_a_list_without_values_is_refused() -> None:
    app = typer.Typer()

    @app.command(cls=SpacedCommand)
    def fit(sources: Many = ()) -> None:
        typer.echo(f"{sources}")

    assert CliRunner().invoke(app, ["--sources"]).exit_code == 2
