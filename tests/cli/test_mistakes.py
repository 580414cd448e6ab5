"""The four ways a command can end."""

import pytest
import typer
from typer.testing import CliRunner

from ferda.cli.mistakes import DEBUG, guarded
from ferda.errors import UserError


def end(error: BaseException | None) -> typer.testing.Result:
    def verb() -> None:
        """Do."""
        if error is not None:
            raise error

    app = typer.Typer(pretty_exceptions_enable=False)
    app.command()(guarded(verb, after_interrupt="Go on with --resume."))
    return CliRunner().invoke(app, [])


@pytest.mark.parametrize(
    ("error", "code", "sentence"),
    [
        (None, 0, ""),
        (UserError("There is no pack at x; make it."), 2, "ferda: There is no pack at x; make it.\n"),
        (KeyboardInterrupt(), 130, "ferda: Interrupted. Go on with --resume.\n"),
        (typer.Exit(1), 1, ""),
    ],
)
def test_exit_codes(error: BaseException | None, code: int, sentence: str) -> None:
    result = end(error)
    assert (result.exit_code, result.stderr, result.stdout) == (code, sentence, "")


def test_our_own_mistake_points_to_debug(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(DEBUG, raising=False)
    result = end(KeyError("x"))
    assert result.exit_code == 1
    assert "KeyError" in result.stderr and "--debug" in result.stderr and "Traceback" not in result.stderr


def test_debug_shows_where(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(DEBUG, "1")
    result = end(UserError("No."))
    assert result.exit_code == 2 and "Traceback" in result.stderr
