"""What is wrong with a data set before anybody trains on it: one look at a manifest, a table and sentences.

Each warning here was somebody's wasted month: one class only (the folder was one too high), the same
picture in training and test, the same person in both, one picture under two labels, a class of seven rows
that decides a macro average.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from ferda.data.manifest import SPLITS, name_list
from ferda.expressions import BASIC

#: A class with fewer rows is too small to learn or to score.
RARE = 10
_UNLABELLED = "unlabelled"
_NO_SPLIT = "no split"


@dataclass(frozen=True)
class Audit:
    """What `audit` found.

    Attributes:
        counts: Rows per class (index, ends with `unlabelled`) and split (columns, ends with `all`).
        warnings: One sentence each; empty if nothing is odd.
    """

    counts: pd.DataFrame
    warnings: tuple[str, ...]


def audit(manifest: pd.DataFrame, classes: Sequence[str] = BASIC) -> Audit:
    """Count classes per split and look for what makes results wrong without saying so.

    Args:
        manifest: Columns as in `ferda.data.manifest`.
        classes: The classes that are expected.
    """
    counts = count_table(manifest, classes)
    warnings = [
        *_class_warnings(manifest, classes),
        *_duplicate_warnings(manifest),
        *_subject_warnings(manifest),
    ]
    return Audit(counts, tuple(warnings))


def count_table(manifest: pd.DataFrame, classes: Sequence[str] = BASIC) -> pd.DataFrame:
    """Return rows per class and split, with every class of the list even where it has no row.

    Args:
        manifest: Columns as in `ferda.data.manifest`.
        classes: The classes that come first, in this order.
    """
    expression = manifest["expression"].fillna(_UNLABELLED).astype(str)
    split = manifest["split"].fillna(_NO_SPLIT).astype(str)
    found = set(expression)
    others = sorted(found - {*classes, _UNLABELLED})
    index = [*classes, *others, *([_UNLABELLED] if _UNLABELLED in found else [])]
    columns = [name for name in (*SPLITS, _NO_SPLIT) if (split == name).any()]
    table = pd.crosstab(expression, split).reindex(index=index, columns=columns, fill_value=0)
    table["all"] = table.sum(axis=1)
    table.index.name, table.columns.name = "expression", None
    return table


def _class_warnings(manifest: pd.DataFrame, classes: Sequence[str]) -> list[str]:
    counts = manifest["expression"].value_counts()
    if counts.empty:
        return []
    if len(counts) == 1:
        return [f"All labelled rows are '{counts.index[0]}'; with one class every score is 100 %."]
    warnings = []
    if empty := [name for name in classes if name not in counts.index]:
        warnings.append(f"No row is {' or '.join(empty)}.")
    if rare := [f"{name} ({count})" for name, count in counts.items() if count < RARE]:
        warnings.append(f"Fewer than {RARE} rows: {', '.join(rare)}; scores of these classes mean little.")
    return warnings


def _duplicate_warnings(manifest: pd.DataFrame) -> list[str]:
    known = manifest[manifest["sha256"].notna()]
    # One photo with several faces is several rows of one file, and no duplicate.
    several = known[known.groupby("sha256")["file"].transform("nunique") > 1]
    if several.empty:
        return []
    groups = several.groupby("sha256", sort=False)
    copies = len(several) - groups.ngroups
    first = name_list(
        [str(file) for file in several["file"][several["sha256"] == several["sha256"].iloc[0]]], 3
    )
    warnings = [f"{copies} pictures are exact copies of another ({first})."]
    if crossing := int((groups["split"].nunique() > 1).sum()):
        warnings.append(f"{crossing} pictures are in more than one split: scores on them are not honest.")
    if disagreeing := int((groups["expression"].nunique() > 1).sum()):
        warnings.append(f"{disagreeing} pictures are there under different labels.")
    return warnings


def _subject_warnings(manifest: pd.DataFrame) -> list[str]:
    known = manifest[manifest["subject"].notna() & manifest["split"].notna()]
    spread = known.groupby("subject")["split"].nunique()
    both = sorted(map(str, spread.index[spread > 1]))
    if not both:
        return []
    return [f"{len(both)} subjects are in more than one split ({name_list(both, 3)}): split by subject."]
