"""Options that a user gives to a reader by name."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any, Literal, get_args, get_origin, get_type_hints

from ferda.data.readers.source import Reading
from ferda.errors import UserError, nearest


def check_options(read: Callable[..., Reading], what: str, options: Mapping[str, Any]) -> None:
    """Refuse options that a reader does not have, and values that it does not know.

    Args:
        read: The reader.
        what: What the message calls it.
        options: By name.

    Raises:
        UserError: With the options or values there are.
    """
    known = [name for name in inspect.signature(read).parameters if name != "root"]
    hints = get_type_hints(read)
    for option, value in options.items():
        if option not in known:
            raise UserError(
                f"The {what} has no option '{option}'{nearest(option, known)}. "
                f"Its options: {', '.join(known) or 'none'}."
            )
        choices = get_args(hints[option]) if get_origin(hints[option]) is Literal else ()
        if choices and value not in choices:
            raise UserError(
                f"The option {option} of the {what} is one of {', '.join(map(str, choices))}, got '{value}'."
            )
