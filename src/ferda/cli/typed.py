"""The command that a user typed, written down so that it can be typed again."""

from __future__ import annotations

import shlex

import typer


def typed_command(context: typer.Context, left_out: tuple[str, ...] = ()) -> str:
    """Return the running command with all options that are not at their default, in the order of its help.

    Args:
        context: Of the verb.
        left_out: Names of parameters that do not matter.
    """
    words = ["ferda", str(context.info_name)]
    for parameter in context.command.params:
        value = context.params.get(str(parameter.name))
        if parameter.name in left_out or value in (None, [], (), parameter.get_default(context)):
            continue
        if isinstance(value, bool):
            words.append((parameter.opts if value else parameter.secondary_opts)[0])
            continue
        flag = parameter.opts[:1] if parameter.param_type_name == "option" else []
        words += [*flag, *map(str, value if isinstance(value, list | tuple) else [value])]
    return shlex.join(words)
