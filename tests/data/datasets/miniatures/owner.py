"""Writes files as owners ship them."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image


def picture(path: Path, size: tuple[int, int] = (20, 16), mode: str = "RGB") -> None:
    """Write a picture of width x height random pixels, another for each name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(picture_bytes(path.name, size, mode))


def picture_bytes(name: str, size: tuple[int, int] = (20, 16), mode: str = "RGB") -> bytes:
    rng = np.random.default_rng(list(name.encode()))
    shape = (size[1], size[0], 3) if mode == "RGB" else (size[1], size[0])
    stream = io.BytesIO()
    kinds = {".jpg": "JPEG", ".jpeg": "JPEG", ".tiff": "TIFF", ".tif": "TIFF", ".bmp": "BMP"}
    kind = kinds.get(Path(name).suffix.lower(), "PNG")
    Image.fromarray(rng.integers(0, 256, shape, dtype=np.uint8)).save(stream, kind)
    return stream.getvalue()


def text(path: Path, content: str, newline: str = "\n") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.replace("\n", newline).encode())


def junk(root: Path) -> None:
    """What systems leave behind."""
    for name in (".DS_Store", "Thumbs.db", "desktop.ini", "._00.jpg", "__MACOSX/._a.png"):
        text(root / name, "junk")


def pack_up(folder: Path, archive: Path) -> None:
    """Move a folder into a zip file."""
    with zipfile.ZipFile(archive, "w") as out:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                out.write(path, path.relative_to(folder.parent).as_posix())
