"""The one exception a user is meant to read.

Every mistake a user can make (a wrong path, a word that is no expression, a recipe with a typo) ends in
a `UserError` whose message is one sentence: what was wrong, where, and what to do. The command line
prints it and exits with code 2; anything else that escapes is our own mistake and exits with 1.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class UserError(Exception):
    """What was wrong, where, and what to do, in one sentence."""


def nearest(word: str, choices: Iterable[str]) -> str:
    """Return `" (did you mean 'x'?)"` for the most similar choice, or an empty string.

    Args:
        word: What the user typed.
        choices: What would have been understood.
    """
    found = difflib.get_close_matches(word, list(choices), n=1, cutoff=0.6)
    return f" (did you mean '{found[0]}'?)" if found else ""
