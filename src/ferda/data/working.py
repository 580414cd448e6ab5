"""Blocks of rows through the workers of an engine, and back in whatever order they finish."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from functools import partial
from multiprocessing import current_process

import pandas as pd

from ferda.data.cropping import Cropped, Cropper
from ferda.data.engines import Engine, must_see
from ferda.data.readers.source import ImageSource
from ferda.errors import UserError
from ferda.faces.crops import CropRule

#: Rows of one block: the unit of work, of the record, and of what a killed run loses.
BLOCK = 256


def crop_blocks(
    rows: pd.DataFrame,
    starts: Sequence[int],
    source: ImageSource,
    rule: CropRule,
    engine: Engine,
    device: str = "cpu",
) -> Generator[Cropped]:
    """Yield the cropped blocks as they are finished; who stops early closes it, which ends the workers.

    Args:
        rows: Columns that `Cropper` reads.
        starts: First rows of the blocks wanted.
        source: Opens the pictures.
        rule: How faces are cut out.
        engine: Does the work.
        device: Where the detector runs.
    """
    blocks = [(start, rows.iloc[start : start + BLOCK]) for start in starts]
    return engine(partial(_cropper, source, rule, device), blocks)


def refuse_a_second_start() -> None:
    """Raise in a worker that runs its caller's script again, which would otherwise wait for itself for ever.

    A spawned worker imports the script that started it; without `if __name__ == "__main__":` in that script
    it would prepare the same data again.

    Raises:
        UserError: If this process is such a worker.
    """
    if getattr(current_process(), "_inheriting", False):
        raise UserError("Put the script's own work below `if __name__ == '__main__':`, or use workers=0.")


def _cropper(source: ImageSource, rule: CropRule, device: str) -> Cropper:
    must_see(source.root)
    return Cropper(source, rule, device)
