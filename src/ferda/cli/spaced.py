"""Options that take several values with blanks between them: `--sources raf affectnet --target sfew`."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from typer.core import TyperCommand


def repeat_option(arguments: Sequence[str], options: Collection[str]) -> list[str]:
    """Write `--name a b` as `--name a --name b`, which every parser of command lines understands.

    Args:
        arguments: Words of a command line. A word that begins with `-` ends a list of values, `--` all lists.
        options: Names of the options that take lists.
    """
    repeated: list[str] = []
    option, has_value = "", False
    for position, word in enumerate(arguments):
        if word == "--":
            return repeated + list(arguments[position:])
        if word in options:
            option, has_value = word, False
            repeated.append(word)
        elif option and not word.startswith("-"):
            repeated += [option, word] if has_value else [word]
            has_value = True
        else:
            option = ""
            repeated.append(word)
    return repeated


class SpacedCommand(TyperCommand):
    """A command whose repeatable options may also be written once, with all their values behind."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        lists = {
            name
            for parameter in self.params
            if getattr(parameter, "multiple", False)
            for name in (*parameter.opts, *parameter.secondary_opts)
        }
        return super().parse_args(ctx, repeat_option(args, lists))
