"""Prepare a data set once: decode, find the face, crop, and write a pack that training can gather from.

Blocks of rows go to worker processes and come back to one writer. Each finished block is on record, so a run
that was killed continues where it was and ends in the same bytes as one that never was. A run that *fails* (a
full disk, nothing readable) leaves nothing behind, and the pack appears by one rename when it is whole.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ferda.data.audit import audit
from ferda.data.blocks import Blocks
from ferda.data.completing import SHEETS, Count, add_sheets, complete
from ferda.data.engines import Engine, find_engine
from ferda.data.estimate import WORTH_A_PILOT, estimate, pack_bytes
from ferda.data.manifest import BOX, LANDMARKS, check_manifest
from ferda.data.order import Order, Sheets
from ferda.data.pack import Pack, PackWriter
from ferda.data.pack_writer import make_folder
from ferda.data.place import (
    alone,
    check_room,
    hidden_folder,
    is_there_already,
    leaving_nothing,
    put_back,
)
from ferda.data.quality import Keep, beside_measures
from ferda.data.readers import Reading, read_any
from ferda.data.working import BLOCK, crop_blocks, refuse_a_second_start
from ferda.errors import UserError
from ferda.faces.crops import CropRule

#: Changes whenever the same pictures and rule would give other bytes; old packs are then not reused.
EDITION = 2


@dataclass(frozen=True)
class PrepareSummary:
    """What `prepare` did.

    Attributes:
        path: The pack.
        count: Rows in it.
        unusable: Rows that could not be read or were not to be kept; `unusable.csv` in the pack says why.
        no_face: Rows without a face, kept as whole pictures.
        counts: Rows per expression, and `unlabelled`.
        warnings: What the user should look at.
        seconds: How long it took.
        reused: Whether the pack was there already.
        sheets: Folder of contact sheets, None if there are none.
    """

    path: Path
    count: int
    unusable: int
    no_face: int
    counts: dict[str, int]
    warnings: tuple[str, ...]
    seconds: float
    reused: bool = False
    sheets: Path | None = None


def prepare(
    source: Reading | Path | str,
    out: Path | str,
    rule: CropRule,
    *,
    keep: Keep = "all",
    sheets: Sheets = "none",
    workers: int = 0,
    engine: str = "local",
    progress: Count | None = None,
    drawing: Count | None = None,
    tell: Callable[[str], None] | None = None,
    resume: bool = True,
    force: bool = False,
    name: str | None = None,
    device: str = "cpu",
    command: str | None = None,
    **options: Any,
) -> PrepareSummary:
    """Make a pack, continue one that was interrupted, or find that it is there already.

    Args:
        source: What `read_any` answers, or the path it shall read.
        out: Where the pack appears.
        rule: How faces are cut out.
        keep: `all`, `faces` (what has one) or `good` (see `ferda.data.quality`); the rest is listed as
            unusable, with the reason.
        sheets: Draw contact sheets into the pack: of `faces`, or also their `points`.
        workers: Processes that decode and detect; 0 works in this one. With workers, a script needs
            `if __name__ == "__main__":`, as always with processes.
        engine: Where they run: `local`, or in a cluster of `ray`, of which 0 workers takes all.
        progress: Called with rows done and rows in all.
        drawing: Called with contact sheets drawn and in all.
        tell: Gets a sentence on size and time before long work of this machine begins, or on waiting for it.
        resume: Continue an interrupted run; False starts over.
        force: Replace a pack that was made from other files or by another rule, or is damaged.
        name: What reports call the data; the folder's name by default.
        device: Where the detector runs.
        command: What was typed to get this pack; kept for its data card.
        **options: Passed to the reader.

    Raises:
        UserError: If there is nothing to prepare, nothing that can be used, `out` is taken, or the disk has
            too little room, at the beginning or later.
    """
    started = time.monotonic()
    if workers > 0:
        refuse_a_second_start()
    working = find_engine(engine, workers, device)
    out = Path(out).absolute()
    reading = beside_measures(source if isinstance(source, Reading) else read_any(source, **options))
    total = len(reading.manifest)
    if total == 0:
        raise UserError(f"{reading.images.root} has no rows to prepare.")
    check_manifest(reading.manifest, str(reading.images.root))
    order = Order(reading, rule, keep, name, EDITION, sheets, command)
    partial = hidden_folder(out)
    put_back(out)
    is_there = is_there_already(out, order.key, force)
    if not is_there:
        make_folder(out.parent)
        with alone(partial, tell):
            is_there = is_there_already(out, order.key, force)
            if not is_there:
                check_room(out, pack_bytes(total, rule.size))
                with leaving_nothing(partial, out):
                    blocks = Blocks.start(partial, order.key, resume)
                    writer = PackWriter(out, total, rule.size, replace=out.exists(), folder=partial)
                    with contextlib.closing(writer):
                        if tell and engine == "local":
                            _announce(blocks, order, workers, device, tell)
                        _fill(writer, blocks, order, working, device, progress)
                        complete(writer, blocks, order, drawing)
    pack = Pack.open(out)
    if is_there and progress:
        progress(total, total)
    add_sheets(pack, order, drawing)
    return _summary(pack, reading, time.monotonic() - started, is_there)


def _announce(blocks: Blocks, order: Order, workers: int, device: str, tell: Callable[[str], None]) -> None:
    """Say how long the rest will take, where that is worth a measurement."""
    rows = order.reading.manifest
    left = rows[[row // BLOCK * BLOCK not in blocks for row in range(len(rows))]]
    if len(left) >= WORTH_A_PILOT:
        images = order.reading.images
        tell(estimate(left, len(rows), images, order.rule, workers=workers, device=device).sentence())


def _fill(
    writer: PackWriter,
    blocks: Blocks,
    order: Order,
    engine: Engine,
    device: str,
    progress: Count | None,
) -> None:
    """Crop every block that is not on record."""
    rows = order.reading.manifest[["file", *BOX, *LANDMARKS]]
    missing = [start for start in range(0, len(rows), BLOCK) if start not in blocks]
    done = len(rows) - sum(len(rows.iloc[start : start + BLOCK]) for start in missing)
    images = order.reading.images
    with contextlib.closing(crop_blocks(rows, missing, images, order.rule, engine, device)) as cropped:
        for block in cropped:
            writer.write(block.start, block.images)
            writer.sync()
            blocks.record(block)
            done += len(block.images)
            if progress:
                progress(done, len(rows))


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
    sheets = pack.path / SHEETS if (pack.path / SHEETS).is_dir() else None
    return PrepareSummary(
        pack.path, len(pack), unusable, no_face, counts, tuple(warnings), seconds, reused, sheets
    )
