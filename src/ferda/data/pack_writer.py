"""Writing a pack: block by block into a hidden folder, then one rename.

Rows go to the disk by ordinary writes and not through a memory map, so that a full disk is an `OSError` one
can answer and not a dead process.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

import numpy as np
import pandas as pd

from ferda.data.manifest import complete_manifest, write_manifest
from ferda.errors import UserError
from ferda.files import replacing

#: Version of the layout, written into `pack.json`.
FORMAT = 1
_BLOCK = 1024


class PackWriter:
    """Writes the rows of a new pack; as a context, leaving it by an error removes what was written.

    Args:
        path: Where the pack shall appear; must not exist yet unless `replace`.
        count: Rows that will be written (some may be left out at the end).
        size: H and W.
        replace: Put the new pack in the place of an old one.
        folder: The hidden folder; kept and continued if it exists. By default a fresh one beside `path`.
    """

    def __init__(
        self, path: Path | str, count: int, size: int, *, replace: bool = False, folder: Path | None = None
    ) -> None:
        self.path, self.count, self.size, self.replace = Path(path), count, size, replace
        if self.path.exists() and not replace:
            raise UserError(f"{self.path} exists already; choose another place or remove it.")
        self.folder = folder or self.path.with_name(f".{self.path.name}.{os.getpid()}.partial")
        self.landmarks = np.full((count, 5, 2), np.nan, dtype=np.float32)
        self._file: BinaryIO | None = None
        make_folder(self.folder)
        images = self.folder / "images.npy"
        self._file = images.open("r+b" if images.exists() else "w+b")
        self._start = self._write_header(count)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
        if kind is not None:
            shutil.rmtree(self.folder, ignore_errors=True)

    def close(self) -> None:
        """Close the picture file; what was written stays in the hidden folder."""
        if self._file is not None:
            # After a full disk, closing fails once more on the bytes it could not write.
            with contextlib.suppress(OSError):
                self._file.close()
            self._file = None

    def write(self, start: int, images: np.ndarray, landmarks: np.ndarray | None = None) -> None:
        """Write consecutive rows.

        Args:
            start: First row.
            images: (n, H, W, 3) uint8 RGB.
            landmarks: (n, 5, 2) pixels of the pack; None leaves them unknown.
        """
        if images.dtype != np.uint8 or images.shape[1:] != (self.size, self.size, 3):
            raise ValueError(f"a pack of size {self.size} takes uint8, got {images.dtype} {images.shape}")
        if start < 0 or start + len(images) > self.count:
            raise ValueError(f"rows {start} to {start + len(images)} are outside a pack of {self.count}")
        file = self._open_file()
        file.seek(self._start + start * self._row_bytes)
        write_bytes(file, np.ascontiguousarray(images).tobytes())
        file.flush()
        if landmarks is not None:
            self.landmarks[start : start + len(images)] = landmarks

    def sync(self) -> None:
        """Return when all that was written is on the disk and would outlive a power cut."""
        os.fsync(self._open_file().fileno())

    def finish(
        self,
        manifest: pd.DataFrame,
        crop: Mapping[str, Any],
        name: str | None = None,
        *,
        keep: np.ndarray | None = None,
        unusable: pd.DataFrame | None = None,
        **details: Any,
    ) -> Path:
        """Complete the pack and let it appear.

        Args:
            manifest: One row a written picture; rows not kept are dropped from it.
            crop: The crop rule as a dictionary.
            name: What reports call the data; the folder's name by default.
            keep: (count,) bool, the rows that stay; all by default.
            unusable: Columns `file` and `reason`.
            **details: Further entries of `pack.json`.

        Returns:
            Where the pack is now.
        """
        from ferda import __version__

        kept = np.arange(self.count) if keep is None else np.flatnonzero(keep)
        self._compact(kept)
        manifest = complete_manifest(manifest.iloc[kept] if len(manifest) == self.count else manifest)
        if len(manifest) != len(kept):
            raise ValueError(f"{len(manifest)} manifest rows for {len(kept)} pictures")
        unusable = pd.DataFrame({"file": [], "reason": []}) if unusable is None else unusable
        with replacing(self.folder / "landmarks.npy") as temporary:
            np.save(temporary, self.landmarks[kept])
        write_manifest(manifest, self.folder / "manifest.parquet")
        with replacing(self.folder / "unusable.csv") as temporary:
            unusable.to_csv(temporary, index=False)
        counts = manifest["expression"].value_counts()
        description = {
            "format": FORMAT,
            "name": name or self.path.name,
            "size": self.size,
            "crop": dict(crop),
            "counts": {str(expression): int(count) for expression, count in sorted(counts.items())},
            "unusable": len(unusable),
            "created_with": f"ferda {__version__}",
            **details,
        }
        text = json.dumps(description, indent=1, ensure_ascii=False)
        with replacing(self.folder / "pack.json") as temporary:
            temporary.write_text(text + "\n", encoding="utf-8")
        self._appear()
        return self.path

    @property
    def _row_bytes(self) -> int:
        return self.size * self.size * 3

    def _open_file(self) -> BinaryIO:
        if self._file is None:
            raise ValueError("this writer is closed")
        return self._file

    def _write_header(self, count: int) -> int:
        # NumPy pads the header so that any count fits the same number of bytes; it can be written again.
        file = self._open_file()
        file.seek(0)
        header = {"descr": "|u1", "fortran_order": False, "shape": (count, self.size, self.size, 3)}
        np.lib.format.write_array_header_1_0(file, header)
        return file.tell()

    def _compact(self, kept: np.ndarray) -> None:
        file = self._open_file()
        if len(kept) < self.count:
            for first in range(0, len(kept), _BLOCK):
                blocks = []
                for row in kept[first : first + _BLOCK].tolist():
                    file.seek(self._start + row * self._row_bytes)
                    blocks.append(file.read(self._row_bytes))
                file.seek(self._start + first * self._row_bytes)
                write_bytes(file, b"".join(blocks))
        if self._write_header(len(kept)) != self._start:
            raise ValueError("the header of images.npy changed its length")
        file.truncate(self._start + len(kept) * self._row_bytes)
        file.flush()
        os.fsync(file.fileno())
        self.close()

    def _appear(self) -> None:
        old = self.path.with_name(f".{self.path.name}.{os.getpid()}.old")
        if self.replace and self.path.exists():
            self.path.replace(old)
        self.folder.replace(self.path)
        shutil.rmtree(old, ignore_errors=True)


def make_folder(path: Path) -> None:
    """Make a folder and those above it.

    Args:
        path: The folder; it may exist.

    Raises:
        UserError: If a file stands in the way or writing is not allowed.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"The folder {path} cannot be made ({error.strerror}); choose another.") from error


def write_bytes(file: BinaryIO, data: bytes) -> None:
    """Write a block; the one place where pictures meet the disk."""
    file.write(data)
