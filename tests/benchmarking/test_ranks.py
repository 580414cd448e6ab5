from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import chi2

from ferda.benchmarking.ranks import rank_rows

#: Table 6 of Demsar, JMLR 2006: AUC of four classifiers on fourteen data sets.
DEMSAR = pd.DataFrame(
    [
        (0.763, 0.768, 0.771, 0.798),
        (0.599, 0.591, 0.590, 0.569),
        (0.954, 0.971, 0.968, 0.967),
        (0.628, 0.661, 0.654, 0.657),
        (0.882, 0.888, 0.886, 0.898),
        (0.936, 0.931, 0.916, 0.931),
        (0.661, 0.668, 0.609, 0.685),
        (0.583, 0.583, 0.563, 0.625),
        (0.775, 0.838, 0.866, 0.875),
        (1.000, 1.000, 1.000, 1.000),
        (0.940, 0.962, 0.965, 0.962),
        (0.619, 0.666, 0.614, 0.669),
        (0.972, 0.981, 0.9751, 0.975),
        (0.957, 0.978, 0.946, 0.970),
    ],
    columns=["C4.5", "C4.5+m", "C4.5+cf", "C4.5+m+cf"],
)


def ties(scores: pd.DataFrame) -> int:
    return sum(n**3 - n for row in scores.to_numpy() for n in np.unique(row, return_counts=True)[1])


def test_the_example_of_the_paper() -> None:
    found = rank_rows(DEMSAR)
    assert found is not None
    assert {name: round(rank, 3) for name, rank in found.mean.items()} == {
        "C4.5+m+cf": 1.964,
        "C4.5+m": 2.0,
        "C4.5+cf": 2.893,
        "C4.5": 3.143,
    }
    assert found.critical_difference == pytest.approx(2.569 * np.sqrt(4 * 5 / (6 * 14)), abs=2e-3)
    # the paper's chi-square of 9.28 is without the correction for ties
    assert found.p == pytest.approx(chi2.sf(9.28 / (1 - ties(DEMSAR) / (14 * 4 * (4**2 - 1))), 3), abs=2e-4)
    assert found.blocks == 14


def test_blocks_with_a_gap_do_not_count() -> None:
    frame = pd.DataFrame({"a": [0.3, 0.4, np.nan], "b": [0.2, 0.5, 0.1]})
    found = rank_rows(frame)
    assert found is not None
    assert (found.blocks, found.mean, found.p) == (2, {"a": 1.5, "b": 1.5}, 1.0)


def test_a_single_row_has_no_rank() -> None:
    assert rank_rows(pd.DataFrame({"a": [0.3]})) is None
    assert rank_rows(pd.DataFrame({"a": [0.3, np.nan], "b": [np.nan, 0.2]})) is None
