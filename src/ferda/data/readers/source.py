"""Where the bytes of a picture come from: a folder, or a zip file that is never unpacked.

Manifests and archives come from others and are not trusted: a name that is absolute, climbs with `..`, or
leads out of the folder through a link is refused, and so is an entry that would swell beyond any picture.
"""

from __future__ import annotations

import hashlib
import os
import posixpath
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Protocol

import pandas as pd

from ferda.data.manifest import file_problem
from ferda.errors import UserError

PICTURE_SUFFIXES = frozenset(
    (
        *(".jpg", ".jpeg", ".jpe", ".png", ".webp", ".bmp", ".gif"),
        *(".tif", ".tiff", ".ppm", ".pgm", ".pbm", ".jp2", ".mpo", ".avif"),
    )
)
#: No picture file is larger; what claims to be is a damaged or malicious archive.
MAX_BYTES = 256 * 2**20
#: What systems leave behind in folders and archives.
_HIDDEN = (".", "__MACOSX", "Thumbs.db", "desktop.ini")


class ImageSource(Protocol):
    """Gives the bytes of pictures by their name in the manifest. Can be pickled and sent to a worker."""

    @property
    def root(self) -> Path:
        """The folder or archive."""

    def files(self) -> list[str]:
        """Names of all pictures, sorted."""

    def stamps(self) -> list[str]:
        """One line a picture that changes when the picture does; cheap, reads no picture."""

    def read(self, file: str) -> bytes:
        """Return the bytes of one picture; raises `OSError` or `UserError` when it cannot."""


@dataclass(frozen=True)
class Reading:
    """What a reader answers.

    Attributes:
        manifest: Columns as in `ferda.data.manifest`; expressions are names.
        images: Opens the pictures that the manifest names.
        told: One sentence about what was found and how it was understood.
        warnings: What the user should look at.
        unusable: Columns `file` and `reason`: rows left out already.
        dataset: Name of the official data set (`ferda.data.datasets`), if it is one.
        variant: Which of its forms.
        crop: The crop rule that these pictures ask for; None leaves it to the data set.
    """

    manifest: pd.DataFrame
    images: ImageSource
    told: str
    warnings: tuple[str, ...] = ()
    unusable: pd.DataFrame = field(default_factory=lambda: pd.DataFrame({"file": [], "reason": []}))
    dataset: str | None = None
    variant: str | None = None
    crop: Mapping[str, Any] | None = None

    def fingerprint(self) -> str:
        """Return a hash that changes when the manifest or any of its pictures does."""
        wanted = set(self.manifest["file"])
        lines = [line for line in self.images.stamps() if line.split("\t", 1)[0] in wanted]
        text = self.manifest.to_csv(index=False) + "\n".join(lines)
        return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


class FolderSource:
    """Pictures in a folder and the folders below it.

    Args:
        root: The folder.
    """

    def __init__(self, root: Path | str) -> None:
        self.root = Path(root)
        self._real = self.root.resolve()

    def names(self) -> list[str]:
        """Names of all files below the root that are not hidden, sorted.

        Raises:
            UserError: If a link leads out of the folder, or to another folder.
        """
        return sorted(name for name, _ in self._walk())

    def files(self) -> list[str]:
        """Names of all pictures below the root, sorted; raises as `names` does."""
        return [name for name in self.names() if is_picture(name)]

    def stamps(self) -> list[str]:
        """Name, size and time of change of each picture."""
        return sorted(
            f"{name}\t{entry.stat().st_size}\t{entry.stat().st_mtime_ns}"
            for name, entry in self._walk()
            if is_picture(name)
        )

    def read(self, file: str) -> bytes:
        """Return the bytes of one picture.

        Args:
            file: Relative to the root.

        Raises:
            UserError: If the name leaves the root or the file is too large for a picture.
        """
        if problem := file_problem(file):
            raise UserError(f"{problem} {self.root}; name pictures relative to it.")
        real = (self._real / file).resolve()
        if not real.is_relative_to(self._real):
            raise UserError(f"'{file}' is a link that leaves {self.root}; copy the picture into the folder.")
        if real.stat().st_size > MAX_BYTES:
            raise UserError(f"'{file}' is larger than {MAX_BYTES // 2**20} MB, which no picture is.")
        return real.read_bytes()

    def _walk(self) -> Iterator[tuple[str, os.DirEntry[str]]]:
        folders = [""]
        while folders:
            folder = folders.pop()
            with os.scandir(self._real / folder) as entries:
                for entry in entries:
                    name = f"{folder}/{entry.name}" if folder else entry.name
                    if entry.name.startswith(_HIDDEN):
                        continue
                    if entry.is_symlink():
                        self._refuse_escape(entry, name)
                    if entry.is_dir():
                        folders.append(name)
                    else:
                        yield name, entry

    def _refuse_escape(self, entry: os.DirEntry[str], name: str) -> None:
        if not Path(entry.path).resolve().is_relative_to(self._real):
            raise UserError(f"'{name}' is a link that leaves {self.root}; copy the pictures into the folder.")
        if entry.is_dir():
            raise UserError(f"'{name}' is a link to another folder of {self.root}; remove the link.")


class ZipSource:
    """Pictures in a zip file, read entry by entry; nothing is unpacked to the disk.

    Args:
        path: The archive.
        prefix: Put before every name of the manifest to get the entry's name.

    Raises:
        UserError: If this is no zip file or an entry's name leaves the archive.
    """

    def __init__(self, path: Path | str, prefix: str = "") -> None:
        self.root = Path(path)
        self.prefix = prefix
        self._open: tuple[int, zipfile.ZipFile] | None = None
        if bad := [info.filename for info in self._archive().infolist() if file_problem(info.filename)]:
            raise UserError(
                f"{path} holds the entry '{bad[0]}', which leaves the archive; do not use this file."
            )

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_open": None}

    def names(self) -> list[str]:
        """Names of all entries that are not hidden, sorted."""
        return sorted({self._name(info) for info in self._entries()})

    def files(self) -> list[str]:
        """Names of all pictures, sorted."""
        return [name for name in self.names() if is_picture(name)]

    def stamps(self) -> list[str]:
        """Name, size and checksum of each picture."""
        pictures = (info for info in self._entries() if is_picture(info.filename))
        return sorted(f"{self._name(info)}\t{info.file_size}\t{info.CRC:08x}" for info in pictures)

    def read(self, file: str) -> bytes:
        """Return the bytes of one picture.

        Args:
            file: Name as in `files`.

        Raises:
            OSError: If there is no such entry or it is damaged.
            UserError: If the entry is too large for a picture.
        """
        try:
            info = self._archive().getinfo(self.prefix + file)
            if info.file_size > MAX_BYTES:
                raise UserError(f"'{file}' is larger than {MAX_BYTES // 2**20} MB, which no picture is.")
            with self._archive().open(info) as stream:
                return stream.read(MAX_BYTES)
        except KeyError:
            raise FileNotFoundError(f"{self.root} holds no '{self.prefix}{file}'") from None
        except (UserError, OSError):
            raise
        except Exception as error:  # damaged bytes raise nearly anything: BadZipFile, zlib.error, EOFError
            raise OSError(f"damaged or encrypted entry of {self.root.name} ({error})") from error

    def open(self, file: str) -> IO[bytes]:
        """Open an entry of any size.

        Args:
            file: Its name, pictures or not.

        Raises:
            OSError: If there is no such entry.
        """
        try:
            return self._archive().open(self.prefix + file)
        except KeyError:
            raise FileNotFoundError(f"{self.root} holds no '{self.prefix}{file}'") from None

    def _entries(self) -> Iterable[zipfile.ZipInfo]:
        return (
            info
            for info in self._archive().infolist()
            if not info.is_dir() and info.filename.startswith(self.prefix) and _is_visible(info.filename)
        )

    def _name(self, info: zipfile.ZipInfo) -> str:
        return info.filename[len(self.prefix) :]

    def _archive(self) -> zipfile.ZipFile:
        if self._open is None or self._open[0] != os.getpid():
            try:
                self._open = os.getpid(), zipfile.ZipFile(self.root)
            except (OSError, zipfile.BadZipFile) as error:
                raise UserError(f"{self.root} cannot be read as a zip file ({error}).") from error
        return self._open[1]


def is_picture(name: str) -> bool:
    """Say whether a file name ends like a picture."""
    return posixpath.splitext(name)[1].lower() in PICTURE_SUFFIXES


def _is_visible(name: str) -> bool:
    return not any(part.startswith(_HIDDEN) for part in name.split("/"))


def image_source(path: Path, prefix: str = "") -> ImageSource:
    """Return the source for a folder or a zip file.

    Args:
        path: Either.
        prefix: Folder within, put before every name.
    """
    if path.is_dir():
        return FolderSource(path / prefix if prefix else path)
    return ZipSource(path, prefix)
