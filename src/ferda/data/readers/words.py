"""From an owner's words and numbers to names, all at once: what is not understood is collected and counted.

Numbers are never guessed. Happiness is 3 in FER2013, 4 in RAF-DB and 1 in AffectNet, and a reader that tried
would be right often enough to be trusted. Say `numbering="raf-db"` for numbers as their owner writes them
(RAF-DB counts from 1), `class_order="raf-db"` or a list of expressions for numbers that a program counts
from 0, or give `names={"4": "happiness", ...}`.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from ferda.errors import UserError, nearest
from ferda.expressions import CLASS_ORDERS, EXPRESSIONS, class_order, expression_name, is_expression


def _numbered(first: int, order: Iterable[str]) -> dict[str, str]:
    return {str(number): name for number, name in enumerate(order, first)}


#: The published numbering of data sets whose owners write numbers.
NUMBERINGS: dict[str, dict[str, str]] = {
    "fer2013": _numbered(0, CLASS_ORDERS["fer2013"]),
    "raf-db": _numbered(1, CLASS_ORDERS["raf-db"]),
    "affectnet": _numbered(0, CLASS_ORDERS["affectnet"]),
    "cd-fer": _numbered(0, CLASS_ORDERS["cd-fer"]),
}

_SPLITS: dict[str, tuple[str, ...]] = {
    "train": ("training", "trainset", "train set", "train_set"),
    "val": ("valid", "validation", "dev", "publictest", "public test", "valset"),
    "test": ("testing", "privatetest", "private test", "testset", "test set", "test_set"),
}
_SPLIT_NAMES = {word: split for split, others in _SPLITS.items() for word in (split, *others)}


class Words:
    """Understands an owner's words for expressions and keeps count of those it does not.

    Args:
        names: The owner's word or number -> expression; comes before anything else.
        numbering: Name of one of `NUMBERINGS`.
        order: Which expression is 0, 1, 2 …: a name of `ferda.expressions.CLASS_ORDERS` or a list.

    Raises:
        UserError: If the numbering, the order or one of the names' expressions is unknown, or both are given.
    """

    def __init__(
        self,
        names: Mapping[str, str] | None = None,
        numbering: str | None = None,
        order: str | Sequence[str] | None = None,
    ) -> None:
        if numbering is not None and order is not None:
            raise UserError("Numbers follow either a numbering or a class order; leave one of them out.")
        if numbering is not None and numbering.lower() not in NUMBERINGS:
            raise UserError(
                f"There is no numbering '{numbering}'{nearest(numbering.lower(), NUMBERINGS)}; "
                f"known: {', '.join(NUMBERINGS)}; or give names of your own."
            )
        self._order = () if order is None else class_order(order)
        self._names = dict(NUMBERINGS[numbering.lower()]) if numbering else _numbered(0, self._order)
        for word, name in (names or {}).items():
            self._names[str(word).strip().lower()] = expression_name(name)
        self._seen: dict[str, str | None] = {}
        self.unknown: Counter[str] = Counter()

    def expression(self, word: str | None) -> str | None:
        """Return the expression a word means; count it as unknown and return None if it means none.

        Args:
            word: What the owner wrote; None and blanks mean that there is no label.
        """
        if word is None or not word.strip():
            return None
        name = self._lookup(word)
        if name is None:
            self.unknown[word.strip()] += 1
        return name

    def knows(self, word: str) -> bool:
        """Say whether `expression` would understand the word."""
        return self._lookup(word) is not None

    def refuse_unknown(self, where: str, advice: str) -> None:
        """Raise if any word was not understood.

        Args:
            where: Which column or folder.
            advice: What the user can do about it.

        Raises:
            UserError: With all unknown words and their counts.
        """
        if self.unknown and self._order and all(_is_number(word) for word in self.unknown):
            raise UserError(
                f"{where} has numbers outside the class order, {self.describe_unknown()}: it counts from 0 "
                f"({self._order[0]}) to {len(self._order) - 1} ({self._order[-1]}). If the owner counts from "
                f"1, give numbering= (--option numbering=raf-db) instead."
            )
        if self.unknown:
            raise UserError(f"{where} has words that are no expression: {self.describe_unknown()}. {advice}")

    def doubts(self, where: str) -> tuple[str, ...]:
        """Return a warning if the numbers look as if they were counted from 1, not from 0.

        Args:
            where: Which column or folder.
        """
        if not self._order or {"0", "0.0"} & self._seen.keys() or not self._seen.keys() & self._names.keys():
            return ()
        return (
            f"{where} has no number 0 ({self._order[0]}): if the owner counts from 1, all labels are wrong "
            "by one; then give numbering= (--option numbering=raf-db) instead of the class order.",
        )

    def describe_unknown(self) -> str:
        """Return `'hapy' (12 rows) (did you mean 'happy'?), '7' (3 rows)`."""
        return ", ".join(
            f"'{word}' ({count} row{'s' if count > 1 else ''}){nearest(word.lower(), EXPRESSIONS)}"
            for word, count in self.unknown.most_common()
        )

    def _lookup(self, word: str) -> str | None:
        # A data set has a million rows and eight words.
        if word not in self._seen:
            self._seen[word] = self._find(word)
        return self._seen[word]

    def _find(self, word: str) -> str | None:
        key = word.strip().lower()
        if re.fullmatch(r"\d+\.0+", key):  # a column of numbers with gaps is read as floats
            key = key.split(".")[0]
        if key in self._names:
            return self._names[key]
        if is_expression(key):
            return expression_name(key)
        plain = re.sub(r"^\d+[\s._-]+|[\s._-]+\d+$", "", key)  # "3_happy", "happy-3"
        return expression_name(plain) if is_expression(plain) else None


def number_advice(words: Iterable[str]) -> str:
    """Return what to do about unknown words: numbers ask for a numbering, others for names.

    Args:
        words: The unknown words.
    """
    if all(_is_number(word) for word in words):
        return (
            "ferda never guesses a numbering: say which expression is 0, 1, 2 and so on with class_order= "
            f"(--class-order), or, for numbers as their owner writes them, numbering= one of "
            f"{', '.join(NUMBERINGS)}, or names=."
        )
    return (
        "Give names={'their word': 'expression'}, or unknown='unlabelled' to keep the rows without a label."
    )


def _is_number(word: str) -> bool:
    return re.fullmatch(r"-?\d+(\.0+)?", word) is not None


def split_name(word: str | None) -> str | None:
    """Return `train`, `val` or `test` for an owner's word, or None if it is none of them."""
    return None if word is None else _SPLIT_NAMES.get(word.strip().lower())
