"""What `ferda prepare` was asked for: what a pack depends on, and what its data card shall tell."""

from __future__ import annotations

import functools
import hashlib
import json
from dataclasses import dataclass
from importlib import metadata
from typing import Any, Literal, get_args

from ferda.data.private_paths import command_without_folders, without_folders
from ferda.data.quality import Keep
from ferda.data.readers.source import Reading
from ferda.errors import UserError
from ferda.faces.crops import CropRule

Sheets = Literal["none", "faces", "points"]
#: Whose versions can change a pixel of the pack or the place of a face.
_PACKAGES = ("numpy", "pillow", "opencv-python-headless", "torch", "mtcnn")


@dataclass(frozen=True)
class Order:
    """What is prepared, and how.

    Attributes:
        reading: Rows and pictures.
        rule: How faces are cut out.
        keep: Which rows stay.
        name: What reports call the data, if it was said.
        edition: Of the way packs are made.
        sheets: What contact sheets show.
        command: What was typed, if it was typed.

    Raises:
        UserError: If `keep` or `sheets` is no choice.
    """

    reading: Reading
    rule: CropRule
    keep: Keep
    name: str | None
    edition: int
    sheets: Sheets = "none"
    command: str | None = None

    def __post_init__(self) -> None:
        for option, value, choices in (("keep", self.keep, Keep), ("sheet", self.sheets, Sheets)):
            if value not in get_args(choices):
                raise UserError(f"--{option} is {' or '.join(get_args(choices))}, not '{value}'.")

    @functools.cached_property
    def key(self) -> str:
        """A hash of what the rows and pictures of the pack depend on."""
        parts = [self.edition, self.reading.fingerprint(), self.rule.to_dict(), self.name, self.keep]
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()

    def without_folders(self, text: str) -> str:
        """Return a sentence without the folders in which the data lies; a pack may be given away.

        Args:
            text: Of the reader, or of an error.
        """
        return without_folders(text, self.reading.images.root)

    def origin(self) -> dict[str, Any]:
        """Return what `pack.json` tells of where the pack is from; what is not known is left out."""
        entries = {
            "made_from": self.key,
            "edition": self.edition,
            "kept": self.keep,
            "dataset": self.reading.dataset,
            "variant": self.reading.variant,
            "read_as": self.without_folders(self.reading.told),
            "remarks": [self.without_folders(warning) for warning in self.reading.warnings],
            "command": command_without_folders(self.command or ""),
            "versions": _versions(),
        }
        return {name: value for name, value in entries.items() if value}


def _versions() -> dict[str, str]:
    found = {}
    for package in _PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:  # OpenCV goes by several names
            continue
    return found
