"""Accuracy on held-out rows of the sources.

It knows nothing of the target, and is nevertheless one of the best validators in large studies (Musgrave et
al., arXiv 2208.07360). It cannot tell a model that adapted from one that did not.
"""

from __future__ import annotations

import numpy as np

from ferda.selection.outputs import EpochOutputs

NEEDS = ("sources",)


def score(outputs: EpochOutputs) -> float:
    """Return the share of labelled source rows that are answered rightly.

    Args:
        outputs: Of one checkpoint.
    """
    known = outputs.source_labels >= 0
    if not known.any():
        raise ValueError("source accuracy needs at least one labelled source row")
    answers = outputs.source_probabilities[known].argmax(1)
    return float(np.mean(answers == outputs.source_labels[known]))
