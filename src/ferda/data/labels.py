"""From a manifest to tensors of labels, by a rule that is said aloud.

Which labels are used matters more than most methods do. A rule names a column of words (`expression`, or any
other that the owner gave, such as a second opinion), or `votes`: the distribution of several people's votes,
restricted to the classes at hand. A row without a label under the rule gets -1 and a reason.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from ferda.data.manifest import VOTES, vote_columns
from ferda.data.readers.words import Words
from ferda.errors import UserError, nearest
from ferda.expressions import class_index

UNLABELLED = "unlabelled"
TOO_FEW_VOTES = "too few votes"


@dataclass(frozen=True)
class LabelRule:
    """Where labels come from.

    Attributes:
        column: A column with words for expressions, or `votes` for soft labels from `votes_...`.
        min_votes: Least votes for the classes at hand (only with `votes`).
        too_few: What happens to rows with fewer: they are left out, or take the hard label of `expression`.
    """

    column: str = "expression"
    min_votes: float = 1
    too_few: Literal["drop", "hard"] = "drop"

    @property
    def is_soft(self) -> bool:
        """Whether labels are distributions."""
        return self.column == "votes"


@dataclass(frozen=True, eq=False)
class Labels:
    """Labels of n rows.

    Attributes:
        hard: (n,) int64 class positions, -1 without a label.
        soft: (n, C) float32, rows sum to one (zero without a label); None unless the rule says votes.
        reasons: (n,) why a row has no label: its class outside the list, `unlabelled`, `too few votes`.
            Empty for a row with a label.
    """

    hard: np.ndarray
    soft: np.ndarray | None
    reasons: np.ndarray


def find_labels(manifest: pd.DataFrame, classes: Sequence[str], rule: LabelRule) -> Labels:
    """Apply a rule to every row of a manifest.

    Args:
        manifest: Columns as in `ferda.data.manifest`.
        classes: Expressions in the order of the positions.
        rule: Where labels come from.

    Raises:
        UserError: If the manifest has no such column or no votes.
    """
    if rule.is_soft:
        return _from_votes(manifest, classes, rule)
    if rule.column not in manifest.columns:
        raise UserError(
            f"There is no column '{rule.column}' for labels{nearest(rule.column, manifest.columns)}; "
            f"columns: {', '.join(manifest.columns)}, or 'votes'."
        )
    return _from_words(manifest[rule.column], classes)


def _from_words(column: pd.Series, classes: Sequence[str]) -> Labels:
    words, position = Words(), class_index(classes)
    # A column has few different words: each is looked up once.
    known = {word: words.expression(str(word)) or str(word) for word in column.dropna().unique()}
    names = column.map(known)
    hard = names.map(position).fillna(-1).to_numpy(dtype=np.int64)
    reasons = np.where(hard >= 0, "", names.fillna(UNLABELLED).to_numpy(dtype=str))
    return Labels(hard, None, reasons)


def _from_votes(manifest: pd.DataFrame, classes: Sequence[str], rule: LabelRule) -> Labels:
    there = set(vote_columns(manifest))
    if not there & {VOTES + name for name in classes}:
        raise UserError("Labels were to come from votes, but the data has no columns votes_<expression>.")
    zero = np.zeros(len(manifest))
    columns = [manifest[VOTES + name] if VOTES + name in there else zero for name in classes]
    votes = np.nan_to_num(np.stack([np.asarray(column, dtype=np.float64) for column in columns], axis=1))
    one_opinion = _from_words(manifest["expression"], classes)
    single = np.eye(len(classes))[one_opinion.hard] * (one_opinion.hard >= 0)[:, None]
    is_few = votes.sum(1) < max(rule.min_votes, 1e-9)
    if rule.too_few == "hard":
        votes = np.where(is_few[:, None], single, votes)
        is_few &= one_opinion.hard < 0
    total = votes.sum(1, keepdims=True)
    soft = np.where(is_few[:, None], 0.0, votes / np.where(total > 0, total, 1.0))
    # Where two classes have the same number of votes, the owner's own label decides if it is one of them.
    hard = np.where(is_few, -1, (votes + 0.5 * single).argmax(1))
    return Labels(hard.astype(np.int64), soft.astype(np.float32), np.where(is_few, TOO_FEW_VOTES, ""))
