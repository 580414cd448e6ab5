"""How the command line ends: 0 well, 2 the user was wrong, 130 interrupted, 1 we were wrong."""

from __future__ import annotations

import functools
import os
import traceback
from collections.abc import Callable
from typing import Any

import typer

from ferda.errors import UserError

#: Set by `--debug`, or by hand: show where in the code a mistake was noticed.
DEBUG = "FERDA_DEBUG"


def guarded(verb: Callable[..., None], after_interrupt: str = "Nothing half-written was left.") -> Any:
    """Wrap a verb so that whatever goes wrong ends in one sentence and the right exit code.

    Args:
        verb: A function that typer calls; its signature stays visible.
        after_interrupt: What the user should know after Ctrl-C.
    """

    @functools.wraps(verb)
    def door(**options: Any) -> None:
        try:
            verb(**options)
        except UserError as mistake:
            _end(str(mistake), 2)
        except KeyboardInterrupt:
            _end(f"Interrupted. {after_interrupt}", 130)
        except (typer.Exit, typer.Abort, typer.BadParameter):
            raise
        except Exception as error:
            hint = "" if os.environ.get(DEBUG) else " Run it again with --debug to see where."
            _end(f"This is a mistake of ferda, not yours: {type(error).__name__}: {error}.{hint}", 1)

    return door


def _end(sentence: str, code: int) -> None:
    if os.environ.get(DEBUG):
        traceback.print_exc()
    typer.echo(f"ferda: {sentence}", err=True)
    raise typer.Exit(code)
