"""The last part of `ferda prepare`: cropped blocks become a manifest, contact sheets and a pack."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from ferda.data.blocks import Blocks
from ferda.data.contact_sheet import Faces, write_sheets
from ferda.data.cropping import NO_FACE, NO_FACE_KNOWN, Cropped
from ferda.data.manifest import BOX, LANDMARKS
from ferda.data.order import Order
from ferda.data.pack import Pack
from ferda.data.pack_writer import PackWriter
from ferda.data.quality import MEASURES, turned_away
from ferda.errors import UserError

Count = Callable[[int, int], None]
#: Folder of the contact sheets in a pack.
SHEETS = "sheets"


def complete(writer: PackWriter, blocks: Blocks, order: Order, drawing: Count | None = None) -> None:
    """Let the pack appear.

    Args:
        writer: Holds the pictures of all rows.
        blocks: Records of all rows; forgotten.
        order: What was asked for.
        drawing: Called with contact sheets drawn and in all.

    Raises:
        UserError: If no row stays.
    """
    everything = blocks.collect()
    manifest = _completed(order.reading.manifest, everything)
    away = turned_away(manifest, order.keep)
    reasons = np.array([unread or away for unread, away in zip(everything.reasons, away, strict=True)])
    usable = reasons == ""
    if not usable.any():
        raise UserError(
            f"None of the {len(usable)} pictures of {order.reading.images.root} can be used; the first: "
            f"{manifest['file'].iloc[0]}: {reasons[0]}."
        )
    writer.landmarks = everything.landmarks
    if order.sheets != "none":
        images = np.load(writer.folder / "images.npy", mmap_mode="r", allow_pickle=False)
        points = everything.landmarks if order.sheets == "points" else None
        there = np.array(everything.reasons) == ""
        faces = Faces(images, points, manifest, there, usable)
        write_sheets(writer.folder / SHEETS, faces, progress=drawing)
    lost = pd.DataFrame({"file": manifest["file"], "reason": reasons})[~usable]
    unusable = pd.concat([order.reading.unusable, lost], ignore_index=True)
    blocks.forget()  # from here on the pictures move: a run killed now starts over
    writer.finish(
        manifest,
        order.rule.to_dict(),
        order.name,
        keep=usable,
        unusable=unusable.assign(reason=unusable["reason"].astype(str).map(order.without_folders)),
        no_face=int((np.isin(everything.notes, (NO_FACE, NO_FACE_KNOWN)) & usable).sum()),
        **order.origin(),
    )


def add_sheets(pack: Pack, order: Order, drawing: Count | None = None) -> None:
    """Draw the contact sheets of a pack that was made without them.

    Args:
        pack: Complete.
        order: What was asked for.
        drawing: Called with contact sheets drawn and in all.
    """
    if order.sheets != "none" and not (pack.path / SHEETS).exists():
        every = np.ones(len(pack), dtype=bool)
        points = pack.landmarks if order.sheets == "points" else None
        faces = Faces(pack.images, points, pack.manifest, every, every)
        write_sheets(pack.path / SHEETS, faces, progress=drawing)


def _completed(manifest: pd.DataFrame, everything: Cropped) -> pd.DataFrame:
    """Return the manifest with what was learned of each picture."""
    manifest = manifest.copy()
    manifest["sha256"] = [sha256 or None for sha256 in everything.sha256]
    manifest[list(BOX)] = everything.boxes
    manifest[list(LANDMARKS)] = everything.points.reshape(-1, 2 * everything.points.shape[1])
    manifest[list(MEASURES)] = everything.measures
    notes = [" ".join(filter(None, both)) for both in zip(manifest["note"], everything.notes, strict=True)]
    manifest["note"] = pd.Series([note or None for note in notes], dtype=object)
    return manifest
