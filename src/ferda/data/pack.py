"""A pack: prepared pictures in one file that training reads by gathering a whole batch of rows at once.

A pack is a folder with `images.npy` (uint8, N x H x W x 3, RGB, memory-mapped), `landmarks.npy` (float32,
N x 5 x 2, pixels of the pack), `manifest.parquet` and `pack.json`, and beside them `unusable.csv` with the
pictures that could not be read. It is made once (`ferda.data.prepare`), in a hidden folder next to its final
place, and appears there by one rename: a pack that can be seen is whole.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ferda.data.manifest import read_manifest
from ferda.data.pack_writer import FORMAT, PackWriter
from ferda.errors import UserError

__all__ = ["FORMAT", "Pack", "PackWriter", "Pictures", "is_pack", "write_pack"]


class Pictures:
    """Pictures and landmarks by row number, and nothing that could tell a label.

    Attributes:
        name: What reports call the data.
        size: H and W in pixels.
        crop: How the faces were cut out, as `CropRule.to_dict` says it.
        images: (N, H, W, 3) uint8, memory-mapped.
        landmarks: (N, 5, 2) float32 in pixels of the pack, NaN where unknown.
    """

    def __init__(self, name: str, crop: Mapping[str, Any], images: np.ndarray, landmarks: np.ndarray) -> None:
        self.name = name
        self.crop = dict(crop)
        self.images = images
        self.landmarks = landmarks
        self.size = int(images.shape[1])

    def __len__(self) -> int:
        return len(self.images)

    def gather(self, rows: np.ndarray) -> np.ndarray:
        """Return the pictures of the rows, in the order asked for.

        Args:
            rows: (B,) integers; a row may come twice.

        Returns:
            (B, H, W, 3) uint8, a copy.

        Raises:
            IndexError: If a row is not in the pack.
        """
        rows = np.asarray(rows, dtype=np.int64)
        # The file is read front to back whatever the order of the batch: a cold disk pays for seeks.
        order = np.argsort(rows, kind="stable")
        batch = np.empty((len(rows), *self.images.shape[1:]), dtype=np.uint8)
        batch[order] = self.images[rows[order]]
        return batch


class Pack(Pictures):
    """Pictures with their manifest.

    Attributes:
        path: The folder.
        manifest: One row a picture, columns as in `ferda.data.manifest`.
        description: All of `pack.json`.
    """

    def __init__(
        self,
        path: Path,
        description: Mapping[str, Any],
        manifest: pd.DataFrame,
        images: np.ndarray,
        landmarks: np.ndarray,
    ) -> None:
        super().__init__(str(description["name"]), description["crop"], images, landmarks)
        self.path = path
        self.manifest = manifest
        self.description = dict(description)

    @classmethod
    def open(cls, path: Path | str) -> Pack:
        """Open a pack and check that its parts belong together.

        Args:
            path: The folder that holds `pack.json`.

        Raises:
            UserError: If this is no pack, a newer format, or a part is missing or damaged.
        """
        path = Path(path)
        if not is_pack(path):
            raise UserError(f"{path} is not a pack (it has no pack.json); make one with `ferda prepare`.")
        try:
            description = json.loads((path / "pack.json").read_text(encoding="utf-8"))
            if description["format"] != FORMAT:
                raise UserError(
                    f"{path} is a pack of format {description['format']}, this ferda reads {FORMAT}: "
                    "prepare it again."
                )
            images = np.load(path / "images.npy", mmap_mode="r", allow_pickle=False)
            landmarks = np.load(path / "landmarks.npy", allow_pickle=False)
            manifest = read_manifest(path / "manifest.parquet")
            size = int(description["size"])
            fits = images.dtype == np.uint8 and images.shape == (len(manifest), size, size, 3)
            fits = fits and landmarks.shape == (len(manifest), 5, 2)
            fits = fits and {"crop", "name"} <= description.keys()
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise UserError(f"The pack {path} is damaged ({error}); prepare it again.") from error
        if not fits:
            raise UserError(f"The parts of the pack {path} do not fit together; prepare it again.")
        return cls(path, description, manifest, images, landmarks.astype(np.float32, copy=False))

    def __reduce__(self) -> tuple[Any, ...]:
        return Pack.open, (self.path,)

    @property
    def pictures(self) -> Pictures:
        """The same pictures without the manifest."""
        return Pictures(self.name, self.crop, self.images, self.landmarks)


def is_pack(path: Path) -> bool:
    """Say whether a folder holds a pack."""
    return (path / "pack.json").is_file()


def write_pack(
    path: Path | str,
    images: np.ndarray,
    manifest: pd.DataFrame,
    *,
    landmarks: np.ndarray | None = None,
    crop: Mapping[str, Any] | None = None,
    name: str | None = None,
) -> Pack:
    """Write pictures that are in memory as a pack, for instance rendered ones.

    Args:
        path: The folder that appears.
        images: (N, H, H, 3) uint8 RGB.
        manifest: N rows, at least the column `file`.
        landmarks: (N, 5, 2) pixels of `images`; None if unknown.
        crop: The crop rule as a dictionary; the whole picture by default.
        name: What reports call the data; the folder's name by default.
    """
    with PackWriter(path, len(images), images.shape[1]) as writer:
        writer.write(0, images, landmarks)
        writer.finish(manifest, crop or {"kind": "whole", "size": int(images.shape[1])}, name)
    return Pack.open(path)
