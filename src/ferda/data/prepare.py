"""Prepare a data set once: decode, find the face, crop, and write a pack that training can gather from.

Blocks of rows go to worker processes and come back to one writer. Each finished block is on record, so a run
that was killed continues where it was and ends in the same bytes as one that never was. A run that *fails* (a
full disk, nothing readable) leaves nothing behind, and the pack appears by one rename when it is whole.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ferda.data.audit import audit
from ferda.data.blocks import Blocks
from ferda.data.cropping import NO_FACE, NO_FACE_KNOWN
from ferda.data.manifest import BOX, LANDMARKS, check_manifest
from ferda.data.pack import Pack, PackWriter
from ferda.data.pack_writer import make_folder
from ferda.data.place import alone, is_there_already, leaving_nothing
from ferda.data.readers import Reading, read_any
from ferda.data.working import BLOCK, crop_blocks, refuse_a_second_start
from ferda.errors import UserError
from ferda.faces.crops import CropRule

#: Changes whenever the same pictures and rule would give other bytes; old packs are then not reused.
EDITION = 1


@dataclass(frozen=True)
class PrepareSummary:
    """What `prepare` did.

    Attributes:
        path: The pack.
        count: Rows in it.
        unusable: Rows that could not be read; `unusable.csv` in the pack names them.
        no_face: Rows without a face, kept as whole pictures.
        counts: Rows per expression, and `unlabelled`.
        warnings: What the user should look at.
        seconds: How long it took.
        reused: Whether the pack was there already.
    """

    path: Path
    count: int
    unusable: int
    no_face: int
    counts: dict[str, int]
    warnings: tuple[str, ...]
    seconds: float
    reused: bool = False


def prepare(
    source: Reading | Path | str,
    out: Path | str,
    rule: CropRule,
    *,
    workers: int = 0,
    progress: Callable[[int, int], None] | None = None,
    resume: bool = True,
    force: bool = False,
    name: str | None = None,
    device: str = "cpu",
    **options: Any,
) -> PrepareSummary:
    """Make a pack, continue one that was interrupted, or find that it is there already.

    Args:
        source: What `read_any` answers, or the path it shall read.
        out: Where the pack appears.
        rule: How faces are cut out.
        workers: Processes that decode and detect; 0 works in this one. With workers, a script needs
            `if __name__ == "__main__":`, as always with processes.
        progress: Called with rows done and rows in all.
        resume: Continue an interrupted run; False starts over.
        force: Replace a pack that was made from other files or by another rule, or is damaged.
        name: What reports call the data; the folder's name by default.
        device: Where the detector runs.
        **options: Passed to the reader.

    Raises:
        UserError: If there is nothing to prepare, nothing readable, `out` is taken, or the disk is full.
    """
    started = time.monotonic()
    if workers > 0:
        refuse_a_second_start()
    out = Path(out).absolute()
    reading = source if isinstance(source, Reading) else read_any(source, **options)
    total = len(reading.manifest)
    if total == 0:
        raise UserError(f"{reading.images.root} has no rows to prepare.")
    check_manifest(reading.manifest, str(reading.images.root))
    key = _key(reading, rule, name)
    is_there = is_there_already(out, key, force)
    if not is_there:
        make_folder(out.parent)
        partial = out.with_name(f".{out.name}.partial")
        with alone(partial):
            is_there = is_there_already(out, key, force)
            if not is_there:
                with leaving_nothing(partial, out):
                    blocks = Blocks.start(partial, key, resume)
                    writer = PackWriter(out, total, rule.size, replace=out.exists(), folder=partial)
                    with contextlib.closing(writer):
                        _fill(writer, blocks, reading, rule, workers, device, progress)
                        _finish(writer, blocks, reading, rule, name, key)
    if is_there and progress:
        progress(total, total)
    return _summary(Pack.open(out), reading, time.monotonic() - started, is_there)


def _fill(
    writer: PackWriter,
    blocks: Blocks,
    reading: Reading,
    rule: CropRule,
    workers: int,
    device: str,
    progress: Callable[[int, int], None] | None,
) -> None:
    """Crop every block that is not on record."""
    rows = reading.manifest[["file", *BOX, *LANDMARKS]]
    missing = [start for start in range(0, len(rows), BLOCK) if start not in blocks]
    done = len(rows) - sum(len(rows.iloc[start : start + BLOCK]) for start in missing)
    room = shutil.disk_usage(writer.folder).free
    if room < (need := (len(rows) - done) * rule.size**2 * 3):
        raise OSError(errno.ENOSPC, f"{need >> 20} MB are needed and {room >> 20} MB are free")
    for block in crop_blocks(rows, missing, reading.images, rule, workers=workers, device=device):
        writer.write(block.start, block.images)
        writer.sync()
        blocks.record(block)
        done += len(block.images)
        if progress:
            progress(done, len(rows))


def _finish(
    writer: PackWriter, blocks: Blocks, reading: Reading, rule: CropRule, name: str | None, key: str
) -> None:
    everything = blocks.collect()
    usable = np.array([not reason for reason in everything.reasons])
    if not usable.any():
        raise UserError(
            f"None of the {len(usable)} pictures of {reading.images.root} can be read; the first: "
            f"{reading.manifest['file'].iloc[0]}: {everything.reasons[0]}."
        )
    manifest = reading.manifest.copy()
    manifest["sha256"] = [sha256 or None for sha256 in everything.sha256]
    manifest[list(BOX)] = everything.boxes
    manifest[list(LANDMARKS)] = everything.points.reshape(-1, 2 * everything.points.shape[1])
    notes = [" ".join(filter(None, both)) for both in zip(manifest["note"], everything.notes, strict=True)]
    manifest["note"] = pd.Series([note or None for note in notes], dtype=object)
    lost = pd.DataFrame({"file": manifest["file"], "reason": everything.reasons})[~usable]
    no_face = sum(note in (NO_FACE, NO_FACE_KNOWN) for note in everything.notes)
    writer.landmarks = everything.landmarks
    blocks.forget()  # from here on the pictures move: a run killed now starts over
    writer.finish(
        manifest,
        rule.to_dict(),
        name,
        keep=usable,
        unusable=pd.concat([reading.unusable, lost], ignore_index=True),
        no_face=no_face,
        made_from=key,
        **{
            what: value
            for what, value in (("dataset", reading.dataset), ("variant", reading.variant))
            if value
        },
    )


def _key(reading: Reading, rule: CropRule, name: str | None) -> str:
    parts = [EDITION, reading.fingerprint(), rule.to_dict(), name]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _summary(pack: Pack, reading: Reading, seconds: float, reused: bool) -> PrepareSummary:
    labels = pack.manifest["expression"].fillna("unlabelled").value_counts()
    warnings = [*reading.warnings, *audit(pack.manifest).warnings]
    unusable, no_face = int(pack.description["unusable"]), int(pack.description["no_face"])
    if unusable:
        warnings.append(f"{unusable} pictures could not be used; {pack.path / 'unusable.csv'} says why.")
    if no_face:
        warnings.append(
            f"{no_face} of {len(pack)} pictures have no face that was found; they are kept whole."
        )
    counts = {str(label): int(count) for label, count in labels.items()}
    return PrepareSummary(pack.path, len(pack), unusable, no_face, counts, tuple(warnings), seconds, reused)
