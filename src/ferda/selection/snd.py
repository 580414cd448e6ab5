"""Soft neighbourhood density (Saito et al., ICCV 2021, arXiv 2108.10860): are similar answers many?

Each target row looks at all others through a softmax of the cosines between their answers, temperature 0.05;
the mean entropy of these looks is high where rows lie in dense groups.

Trap: a model that answers the same for everything is one dense group, and scores log(m - 1), the most there
is. Use it only together with the guard of `choose`.
"""

from __future__ import annotations

import numpy as np

from ferda.selection.outputs import EpochOutputs

TEMPERATURE = 0.05
_BLOCK_VALUES = 2**22  # similarities held at once


def score(outputs: EpochOutputs) -> float:
    """Return the mean entropy of the rows of softmax(cosine / 0.05), each row without itself.

    Args:
        outputs: Of one checkpoint; fewer than two target rows score 0.
    """
    rows = outputs.target_probabilities.astype(np.float32)
    if len(rows) < 2:
        return 0.0
    rows = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
    block = max(1, _BLOCK_VALUES // len(rows))
    total = 0.0
    for start in range(0, len(rows), block):
        here = np.arange(start, min(start + block, len(rows)))
        # cosines are at most 1, so this shift keeps the exponentials from overflowing
        logits = (rows[here] @ rows.T - 1) / TEMPERATURE
        weights = np.exp(logits)
        weights[here - start, here] = 0
        sums = weights.sum(1, dtype=np.float64)
        # entropy of w / s is log s - (sum of w log w) / s
        total += float((np.log(sums) - (weights * logits).sum(1, dtype=np.float64) / sums).sum())
    return total / len(rows)
