"""Which method is best over all pairs and seeds, when each is hard or easy in its own way: mean ranks.

Every pair and seed ranks the methods; Friedman's test asks whether the ranks differ at all, and Nemenyi's
critical difference how far apart two mean ranks must be to differ themselves:

    CD = q_alpha sqrt(k (k + 1) / (6 N)),

with k methods, N blocks, and q the studentised range over the square root of two. Seeds of one pair are
blocks, too, though they share their faces: with few pairs the difference is too small rather than too large.

Demsar, "Statistical comparisons of classifiers over multiple data sets", JMLR 7, 2006.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd


@dataclass(frozen=True)
class Ranks:
    """Mean ranks.

    Attributes:
        mean: By row, the best (1) first.
        critical_difference: Two rows whose mean ranks are closer cannot be told apart at 5 %.
        p: Of Friedman's test; 1 where there are fewer than three rows or two blocks.
        blocks: Pairs times seeds that all rows have finished.
    """

    mean: dict[str, float]
    critical_difference: float
    p: float
    blocks: int


def rank_rows(scores: pd.DataFrame) -> Ranks | None:
    """Rank the rows of a table.

    Args:
        scores: One column a row of methods, one line a pair and seed, higher is better; NaN where a training
            is missing.

    Returns:
        None unless two rows have a block in common.
    """
    from scipy.stats import friedmanchisquare, rankdata, studentized_range

    whole = scores.dropna(axis=0)
    blocks, rows = whole.shape
    if rows < 2 or blocks < 1:
        return None
    ranks = rankdata(-whole.to_numpy(float), axis=1)
    mean = dict(
        sorted(zip(map(str, whole.columns), ranks.mean(0).tolist(), strict=True), key=lambda one: one[1])
    )
    q = float(studentized_range.ppf(0.95, rows, np.inf)) / np.sqrt(2)
    is_testable = rows > 2 and blocks > 1 and np.ptp(ranks, axis=1).any()
    p = float(friedmanchisquare(*whole.to_numpy(float).T).pvalue) if is_testable else 1.0
    return Ranks(mean, float(q * np.sqrt(rows * (rows + 1) / (6 * blocks))), p, blocks)
