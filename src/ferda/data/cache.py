"""From what a user typed to a pack: a pack is opened, anything else is prepared into the cache once.

The cache is the folder `FERDA_CACHE`, or `~/.cache/ferda`. A pack in it is found by a hash of the place, its
files (sizes and times) and the crop rule, so changed data is prepared anew; the whole folder may be removed.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ferda.data.pack import Pack, is_pack
from ferda.data.prepare import prepare
from ferda.data.readers import Reading, read_any
from ferda.errors import UserError
from ferda.faces.crops import CropRule

SYNTHETIC = "synthetic:"
_ALIGNED = CropRule(kind="aligned")


def cache_folder() -> Path:
    """Return where packs are kept that were made on the fly."""
    return Path(os.environ.get("FERDA_CACHE") or Path.home() / ".cache" / "ferda").expanduser()


def prepared(
    place: str,
    crop: CropRule | None = None,
    *,
    workers: int = 0,
    progress: Callable[[int, int], None] | None = None,
    **options: Any,
) -> Pack:
    """Return the pack for a place, made now if need be.

    Args:
        place: A pack; `synthetic:NAME`; or what `read_any` reads.
        crop: How faces are cut out of data that is not a pack; aligned, 112 pixels, by default.
        workers: Processes for preparing.
        progress: Called with rows done and in all while preparing.
        **options: Passed to the reader.

    Raises:
        UserError: If there is nothing at the place, or options are given for a pack.
    """
    if not place.startswith(SYNTHETIC) and is_pack(Path(place)):
        if options:
            raise UserError(f"{place} is a pack, which takes no reader's options ({', '.join(options)}).")
        return Pack.open(place)
    reading, name, out = _cached(place, crop, options)
    # With force a damaged pack is made again; a sound one under this name is the one that is wanted.
    prepare(reading, out, crop or _ALIGNED, workers=workers, progress=progress, name=name, force=True)
    return Pack.open(out)


def is_prepared(place: str, crop: CropRule | None = None) -> bool:
    """Say whether `prepared` would only open a pack. Of other data, files are listed and none is read.

    Args:
        place: As for `prepared`.
        crop: Likewise.
    """
    if not place.startswith(SYNTHETIC) and is_pack(Path(place)):
        return True
    try:
        return is_pack(_cached(place, crop, {})[2])
    except UserError:
        return False


def _cached(place: str, crop: CropRule | None, options: dict[str, Any]) -> tuple[Reading, str, Path]:
    """Return the reading, the name of the data, and where its pack is in the cache, now or later."""
    reading, name, where = _read(place, options)
    key = json.dumps([where, reading.fingerprint(), (crop or _ALIGNED).to_dict()], sort_keys=True)
    folder = f"{re.sub(r'[^A-Za-z0-9_-]+', '_', name)}-{hashlib.sha256(key.encode()).hexdigest()[:16]}"
    return reading, name, cache_folder() / folder


def _read(place: str, options: dict[str, Any]) -> tuple[Reading, str, str]:
    """Return the reading, the name of the data, and where it is for the cache's key."""
    if place.startswith(SYNTHETIC):
        from ferda.synthetic.embedded import embedded_files

        name = place.removeprefix(SYNTHETIC)
        images, table = embedded_files(name)
        # Embedded data is the same wherever the package is installed: its content is its address.
        return read_any(table, images=images, **options), name, SYNTHETIC
    path = Path(place).expanduser()
    return read_any(path, **options), path.stem, str(path.resolve())
