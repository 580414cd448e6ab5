"""A pack may be given away, and the folders of whoever made it are nobody's business.

Of an absolute path the last part is kept: it says which data it was, and not whose home it lay in. A relative
path stays as it was typed, so that the command can be typed again beside the data.
"""

from __future__ import annotations

import re
import shlex
from pathlib import Path, PurePosixPath, PureWindowsPath

#: The folders of an absolute path, of this system or another, as they stand in a sentence.
_BEGINS = r"(?<![\w.~/\\:-])"
_FOLDERS = re.compile(_BEGINS + r"(?:[A-Za-z]:)?[/\\]{1,2}(?:[^/\\\s]+[/\\])+")


def without_folders(text: str, root: Path) -> str:
    """Return a sentence in which absolute paths are their last part, or relative to a folder above the data.

    Args:
        text: Of a reader, or of an error.
        root: Of the data; folders above it are known even if they have blanks in them.
    """
    for parent in root.absolute().parents[:-2]:  # without / and /home, which are above anybody's data
        text = re.sub(_BEGINS + re.escape(str(parent)) + r"[/\\]", "", text)
    return _FOLDERS.sub("", text)


def command_without_folders(command: str) -> str:
    """Return a command in which absolute paths are their last part.

    Args:
        command: As a shell reads it.
    """
    return shlex.join(_last_part(word) for word in shlex.split(command))


def _last_part(word: str) -> str:
    option, sign, value = word.partition("=")
    for kind in (PurePosixPath, PureWindowsPath):
        if kind(word).is_absolute():
            return kind(word).name
        if kind(value).is_absolute():
            return option + sign + kind(value).name
    return word
