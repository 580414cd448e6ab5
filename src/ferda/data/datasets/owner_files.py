"""An owner's data set as it lies on the disk: folders, archives that nobody unpacked, text files.

Owners ship pictures in archives within folders (`Image/aligned.zip`), and people unpack some of them. Here an
archive is a folder that happens to end in `.zip`: `Image/aligned.zip/aligned/test_0001_aligned.jpg` is a
picture like any other, read entry by entry. What systems leave behind (`.DS_Store`, `__MACOSX`) is not seen.
"""

from __future__ import annotations

import re
from functools import cached_property
from pathlib import Path
from typing import IO

from ferda.data.readers.source import FolderSource, ZipSource, is_picture
from ferda.errors import UserError

_ARCHIVE = re.compile(r"\.zip(?=/|$)", re.IGNORECASE)
#: Other archives, and zip files within zip files.
_CLOSED = re.compile(r"\.(zip|rar|7z|tar|t?gz)(\.\d+)?$", re.IGNORECASE)


class OwnerFiles:
    """All files below a root, by name; an `ImageSource` that can also be asked for text.

    Args:
        root: A folder, or a zip file.

    Raises:
        UserError: If an archive is damaged, or an entry or a link leaves its root.
    """

    def __init__(self, root: Path | str) -> None:
        self.root = Path(root)
        self._top: FolderSource | ZipSource = (
            FolderSource(self.root) if self.root.is_dir() else ZipSource(self.root)
        )
        inside = [] if isinstance(self._top, ZipSource) else self._top.names()
        self._archives = {name: ZipSource(self.root / name) for name in inside if _ARCHIVE.search(name)}

    @cached_property
    def names(self) -> list[str]:
        """Names of all files, sorted; `/` between folders, and between an archive and what is in it."""
        top = [name for name in self._top.names() if name not in self._archives]
        within = [f"{name}/{entry}" for name, archive in self._archives.items() for entry in archive.names()]
        return sorted(top + within)

    def files(self) -> list[str]:
        """Names of all pictures, sorted."""
        return self._pictures.copy()

    @cached_property
    def _pictures(self) -> list[str]:
        return [name for name in self.names if is_picture(name)]

    def stamps(self) -> list[str]:
        """One line a picture that changes when the picture does."""
        within = (f"{name}/{line}" for name, archive in self._archives.items() for line in archive.stamps())
        return sorted([*self._top.stamps(), *within])

    def read(self, file: str) -> bytes:
        """Return the bytes of a file.

        Args:
            file: Name as in `names`.

        Raises:
            OSError: If there is no such file, or it is damaged.
            UserError: If the name leaves the root, or the file is larger than any picture.
        """
        if end := _ARCHIVE.search(file):
            name, entry = file[: end.end()], file[end.end() + 1 :]
            if name in self._archives:
                return self._archives[name].read(entry)
        return self._top.read(file)

    def open(self, name: str) -> IO[bytes]:
        """Open a file that may be larger than any picture, to read it part by part.

        Args:
            name: As in `names`.
        """
        if end := _ARCHIVE.search(name):
            return self._archives[name[: end.end()]].open(name[end.end() + 1 :])
        return (self.root / name).open("rb") if isinstance(self._top, FolderSource) else self._top.open(name)

    def text(self, name: str) -> str:
        """Return a text file's content, in UTF-8 with or without its mark, or else in Latin 1.

        Args:
            name: As in `names`.
        """
        data = self.read(name)
        try:
            return data.decode("utf-8-sig")
        except UnicodeDecodeError:
            return data.decode("latin-1")

    def lines(self, name: str) -> list[str]:
        """Return the lines of a text file without blanks around them; empty ones are left out.

        Args:
            name: As in `names`.
        """
        return [line.strip() for line in self.text(name).splitlines() if line.strip()]

    def found(self, pattern: str) -> dict[str, re.Match[str]]:
        """Return the names that end with a pattern, at any depth, with what it matched.

        Args:
            pattern: Regular expression of the last parts of a name; case does not matter.
        """
        whole = re.compile(f"(?:(?P<above>.*)/)?{pattern}", re.IGNORECASE)
        return {name: match for name in self.names if (match := whole.fullmatch(name))}


def owner_files(
    root: Path, marker: str, *, title: str, layout: str, below: tuple[str, ...] = ()
) -> OwnerFiles:
    """Open a data set's root, also if the path is one level too high or too low.

    Args:
        root: What the user gave.
        marker: Regular expression that fits the last parts of at least one name of the data set.
        title: Of the data set, for the message.
        layout: Its tree, for the message.
        below: Folders of the layout; given one of these, its parent is opened.

    Raises:
        UserError: If nothing is there, or nothing that looks like the data set.
    """
    if not root.exists():
        raise UserError(f"There is nothing at {root}.")
    if root.is_file() and root.suffix.lower() != ".zip":  # one of its tables
        root = root.absolute().parent
    places = [root]
    if root.name.lower() in [name.lower() for name in below]:
        places.append(root.absolute().parent)
    for place in places:
        files = OwnerFiles(place)
        if files.found(marker):
            return files
    closed = [name for name in files.names if _CLOSED.search(name)]
    advice = f" {closed[0]} is an archive that is not looked into: unpack it." if closed else ""
    raise UserError(
        f"{root} does not look like {title}, which comes as\n{layout.rstrip()}\nPoint at its root.{advice}"
    )
