"""Rows of a source that are shared out by quadrant: none above its cap, none unknown, all seen in time."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ferda.data.affect import quadrants
from ferda.data.domain import Domain
from ferda.data.loader import DomainLoader
from ferda.data.pack import write_pack
from ferda.errors import UserError


def source(folder: Path, counts: tuple[int, ...], unknown: int = 3) -> Domain:
    """So many faces in each quadrant, and some of which valence is unknown."""
    signs = np.array([(1, 1), (-1, 1), (-1, -1), (1, -1)], np.float32)
    affect = np.concatenate([np.repeat(signs / 2, counts, 0), np.full((unknown, 2), (np.nan, 0.5))])
    files = [f"{row}.png" for row in range(len(affect))]
    frame = pd.DataFrame({"file": files, "expression": "fear"})
    frame["valence"], frame["arousal"] = affect.T
    pack = write_pack(folder, np.zeros((len(affect), 16, 16, 3), np.uint8), frame, name=folder.name)
    return Domain(pack, np.arange(len(affect)), ("fear", "anger"))


def test_a_pass_holds_no_more_than_the_cap_of_each_quadrant(tmp_path: Path) -> None:
    faces = source(tmp_path / "a", (9, 2, 5, 0))
    loader = DomainLoader([faces], None, batch=10, balance="quadrant_cap", cap=4, weak="none")
    assert loader.epoch_steps() == 1  # 4 + 2 + 4 rows
    seen = [loader.batch(step).sources[0] for step in range(9)]
    for batch in seen:
        assert batch.affect is not None
        assert np.bincount(quadrants(batch.affect.numpy()), minlength=4).tolist() == [4, 2, 4, 0]
    rows = {int(row) for batch in seen if batch.index is not None for row in batch.index}
    assert rows == set(range(16))


def test_pooled_sources_share_their_quadrants(tmp_path: Path) -> None:
    pool = [source(tmp_path / name, counts) for name, counts in (("a", (3, 0, 3, 0)), ("b", (3, 3, 0, 1)))]
    loader = DomainLoader(pool, None, batch=8, sampling="pooled", balance="quadrant_cap", cap=2, weak="none")
    affect = loader.batch(0).sources[0].affect
    assert affect is not None
    # a pass is of 2 + 2 + 2 + 1 rows: the eighth is the first of the next one
    assert np.bincount(quadrants(affect.numpy()[:7]), minlength=4).tolist() == [2, 2, 2, 1]


def test_a_source_without_affect_is_named(tmp_path: Path) -> None:
    faces = source(tmp_path / "silent", (0, 0, 0, 0))
    with pytest.raises(UserError, match="'silent' has no row with both"):
        DomainLoader([faces], None, batch=2, balance="quadrant_cap", cap=2)
