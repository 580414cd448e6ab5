"""A domain: rows of a pack with their labels, and the same rows with no labels at all.

A target domain is handed to training as an `UnlabelledDomain`. It is made of pictures, landmarks and row
numbers; no attribute of it, however deep, leads to a label, so no method can use one by accident or
otherwise.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ferda.data.affect import find_affect
from ferda.data.cache import prepared
from ferda.data.exclusions import EXCLUDED, excluded_rows
from ferda.data.labels import LabelRule, find_labels
from ferda.data.manifest import SPLITS
from ferda.data.pack import Pack, Pictures
from ferda.data.splits import FOLD_SPLIT, FRACTIONS, split_by_group, split_names
from ferda.errors import UserError
from ferda.expressions import BASIC, class_list
from ferda.faces.crops import CropRule


class _Rows:
    """What both kinds of domain can do: hand out pictures by their position in the domain."""

    def __init__(self, pack: Pictures, rows: np.ndarray, name: str) -> None:
        self.rows = np.asarray(rows, dtype=np.int64)
        self.name = name
        self._pictures = pack

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def size(self) -> int:
        """H and W of the pictures."""
        return self._pictures.size

    @property
    def crop(self) -> dict[str, Any]:
        """The crop rule as a dictionary."""
        return self._pictures.crop

    @property
    def landmarks(self) -> np.ndarray:
        """(n, 5, 2) float32 in pixels of the pictures, NaN where unknown."""
        return self._pictures.landmarks[self.rows]

    def gather(self, index: np.ndarray) -> np.ndarray:
        """Return pictures.

        Args:
            index: (B,) positions within the domain, from 0.

        Returns:
            (B, H, W, 3) uint8.
        """
        return self._pictures.gather(self.rows[index])


class UnlabelledDomain(_Rows):
    """Pictures of a domain whose labels are nobody's business.

    Args:
        pack: Pictures and landmarks; a `Pack` is refused, since it knows labels.
        rows: (n,) rows of the pack.
        name: What reports call it.
    """

    def __init__(self, pack: Pictures, rows: np.ndarray, name: str) -> None:
        if type(pack) is not Pictures:
            raise ValueError(
                "an unlabelled domain takes Pictures and nothing that knows more (`pack.pictures`)"
            )
        super().__init__(pack, rows, name)

    @property
    def pack(self) -> Pictures:
        """Pictures and landmarks of the whole pack."""
        return self._pictures


class Domain(_Rows):
    """Rows of a pack and their labels under a rule.

    Args:
        pack: Pictures with their manifest.
        rows: (n,) rows of the pack.
        classes: Expressions in the order of the label positions.
        name: What reports call it; the pack's name by default.
        rule: Where labels come from.
        left_out: Rows that were left out on the way here, by reason.
    """

    def __init__(
        self,
        pack: Pack,
        rows: np.ndarray,
        classes: Sequence[str],
        name: str | None = None,
        *,
        rule: LabelRule | None = None,
        left_out: Mapping[str, int] | None = None,
    ) -> None:
        super().__init__(pack, rows, name or pack.name)
        self.pack = pack
        self.classes = class_list(classes)
        self.rule = rule or LabelRule()
        self.left_out = dict(left_out or {})
        self._labels = find_labels(self.manifest, self.classes, self.rule)

    @property
    def manifest(self) -> pd.DataFrame:
        """The domain's rows of the manifest."""
        return self.pack.manifest.iloc[self.rows]

    def labels(self) -> np.ndarray:
        """(n,) int64 class positions, -1 where unknown or outside the class list."""
        return self._labels.hard.copy()

    def soft_labels(self) -> np.ndarray | None:
        """(n, C) float32 from votes if the rule says so; None otherwise."""
        return None if self._labels.soft is None else self._labels.soft.copy()

    def affect(self) -> np.ndarray | None:
        """(n, 2) float32 valence and arousal in [-1, 1], NaN where unknown; None if no row has them."""
        return find_affect(self.manifest, self.name)

    def counts(self) -> dict[str, int]:
        """Rows per class of the list, in its order."""
        found = np.bincount(self._labels.hard[self._labels.hard >= 0], minlength=len(self.classes))
        return dict(zip(self.classes, found.tolist(), strict=True))

    def labelled(self) -> Domain:
        """Return the domain without the rows that have no label; `left_out` counts them by reason.

        Raises:
            UserError: If nothing remains.
        """
        keep = self._labels.hard >= 0
        left_out = Counter(self.left_out) + Counter(self._labels.reasons[~keep].tolist())
        if not keep.any():
            raise UserError(
                f"No row of '{self.name}' has a label of {', '.join(self.classes)}: it can be a "
                "target of training, but no source and no test."
            )
        return self._with(self.rows[keep], self.name, dict(left_out))

    def in_use(self) -> Domain:
        """Return the domain without the rows that `ferda check --exclude` took out; `left_out` counts them.

        Raises:
            UserError: If nothing remains.
        """
        keep = ~np.isin(self.rows, excluded_rows(self.pack))
        if keep.all():
            return self
        if not keep.any():
            raise UserError(f"All rows of '{self.name}' are {EXCLUDED}; --include-all takes them back.")
        return self._with(self.rows[keep], self.name, {**self.left_out, EXCLUDED: int((~keep).sum())})

    def subset(self, split: str) -> Domain:
        """Return the rows of a split; a data set without splits is split by subject, always alike.

        Args:
            split: `train`, `val`, `test` or `all`; or one of a fold, as in `ferda.data.splits`.

        Raises:
            UserError: If the split is unknown or empty.
        """
        if split == "all":
            return self
        names = split_names(self.pack.manifest, split)[self.rows]
        return self._part(names, split)

    def split_by_subject(
        self, fractions: Mapping[str, float] = FRACTIONS, seed: int = 0
    ) -> dict[str, Domain]:
        """Return new splits of the domain: no person and no copy of a picture is in two of them.

        Args:
            fractions: Share of each split.
            seed: Another seed, another split.
        """
        names = split_by_group(self.manifest, fractions, seed)
        return {split: self._part(names, split) for split in fractions}

    def without_labels(self) -> UnlabelledDomain:
        """Return the same pictures and nothing that knows a label."""
        return UnlabelledDomain(self.pack.pictures, self.rows.copy(), self.name)

    def _part(self, names: np.ndarray, split: str) -> Domain:
        rows = self.rows[names == split]
        if len(rows) == 0:
            there = [name for name in SPLITS if (names == name).any()]
            raise UserError(
                f"'{self.name}' has no rows of '{split}'; its splits: {', '.join(there) or 'none'}."
            )
        return self._with(rows, f"{self.name}@{split}", self.left_out)

    def _with(self, rows: np.ndarray, name: str, left_out: Mapping[str, int]) -> Domain:
        return Domain(self.pack, rows, self.classes, name, rule=self.rule, left_out=left_out)


def open_domain(
    spec: str | Path,
    classes: Sequence[str] = BASIC,
    *,
    labelled: bool = True,
    rule: LabelRule | None = None,
    crop: CropRule | None = None,
    workers: int = 0,
    progress: Callable[[int, int], None] | None = None,
    **options: Any,
) -> Domain:
    """Open a domain by what a user typed, without the rows that `ferda check --exclude` took out.

    Args:
        spec: A pack; `synthetic:NAME`; or a folder, table or zip file, which is prepared into the cache. An
            ending `@train`, `@val`, `@test` or `@all` (the default) picks a split, `@test:2/10` a fold.
        classes: Expressions in the order of the label positions.
        labelled: Leave out (and count) rows without a label of the list; False keeps every row, for a target.
        rule: Where labels come from.
        crop: How faces are cut out if the data is not prepared yet; a pack was cut out already.
        workers: Processes for preparing.
        progress: Called with rows done and in all while preparing.
        **options: Passed to the reader of data that is not prepared.

    Raises:
        UserError: If there is nothing at `spec`, or nothing that fits.
    """
    place, split = place_and_split(str(spec))
    pack = prepared(place, crop, workers=workers, progress=progress, **options)
    domain = Domain(pack, np.arange(len(pack)), classes, rule=rule).subset(split).in_use()
    return domain.labelled() if labelled else domain


def place_and_split(spec: str) -> tuple[str, str]:
    """Take `@split` off a domain as typed; without one, it is `all`."""
    place, at, split = spec.rpartition("@")
    if at and (split in (*SPLITS, "all") or FOLD_SPLIT.fullmatch(split)):
        return place, split
    return spec, "all"
