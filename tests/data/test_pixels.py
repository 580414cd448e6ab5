"""A resident copy gives the bytes of the packs, is made once, and only where it fits."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch

from ferda.data import pixels
from ferda.data.domain import Domain, UnlabelledDomain
from ferda.data.pack import write_pack
from ferda.data.pixels import Pixels
from ferda.errors import UserError

SIDE, CPU = 8, torch.device("cpu")


@pytest.fixture(scope="module")
def pool(tmp_path_factory: pytest.TempPathFactory) -> list[UnlabelledDomain]:
    """Every second row of two packs of noise: 5 and 3 rows."""
    folder, random = tmp_path_factory.mktemp("packs"), np.random.default_rng(0)
    found = []
    for name, count in (("a", 10), ("b", 6)):
        images = random.integers(0, 256, (count, SIDE, SIDE, 3), dtype=np.uint8)
        frame = pd.DataFrame({"file": [f"{row}.png" for row in range(count)], "expression": "anger"})
        pack = write_pack(folder / name, images, frame, name=name)
        found.append(Domain(pack, np.arange(0, count, 2), ["anger", "fear"]).without_labels())
    return found


def test_a_resident_copy_gives_the_same_bytes(
    pool: list[UnlabelledDomain], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pixels, "_TOGETHER", 3)
    plain, resident = Pixels(pool, CPU), Pixels(pool, CPU, resident=True)
    for rows in (np.arange(8), np.array([7, 0, 5, 4, 4, 7]), np.array([], dtype=np.int64)):
        by_hand = [
            (pool[0].pack.images[2 * row] if row < 5 else pool[1].pack.images[2 * (row - 5)]).tolist()
            for row in rows
        ]
        assert plain.gather(rows).tolist() == by_hand == resident.gather(rows).tolist()


def test_the_packs_are_read_once_and_not_before_the_first_batch(
    pool: list[UnlabelledDomain], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    read = UnlabelledDomain.gather

    def gather(self: UnlabelledDomain, rows: np.ndarray) -> np.ndarray:
        asked.extend(rows.tolist())
        return read(self, rows)

    monkeypatch.setattr(UnlabelledDomain, "gather", gather)
    resident = Pixels(pool, CPU, resident=True)
    assert asked == []
    first = resident.gather(np.array([2, 2]))
    first.zero_()
    assert resident.gather(np.array([2]))[0].tolist() == pool[0].pack.images[4].tolist()
    assert asked == [0, 1, 2, 3, 4, 0, 1, 2]


def test_four_fifths_of_the_free_memory_may_be_used(
    pool: list[UnlabelledDomain], monkeypatch: pytest.MonkeyPatch
) -> None:
    need = 8 * SIDE * SIDE * 3
    monkeypatch.setattr(pixels, "free_bytes", lambda device: need * 5 // 4)
    assert len(Pixels(pool, CPU, resident=True).gather(np.arange(8))) == 8
    monkeypatch.setattr(pixels, "free_bytes", lambda device: need * 5 // 4 - 2)
    with pytest.raises(UserError, match=r"'a', 'b'\) on cpu, .* set data.resident=false"):
        Pixels(pool, CPU, resident=True).gather(np.arange(2))
    assert len(Pixels(pool, CPU).gather(np.arange(2))) == 2
