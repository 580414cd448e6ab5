"""Expressions are names. Numbers exist only inside tensors, in the order of a model's own class list.

Every data set numbers its classes differently and every tool words them differently; mixing two of these
conventions is the oldest silent error of the field. So each reader turns its owner's codes into the names
below, each checkpoint carries its class list, and nothing in this package indexes a class by a literal.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ferda.errors import UserError, nearest

#: The seven basic classes in the order of most cross-domain papers (CD-FER benchmark, AGRA, AGLRLS).
BASIC: tuple[str, ...] = ("surprise", "fear", "disgust", "happiness", "sadness", "anger", "neutral")
#: All names ferda knows, canonical order.
EXPRESSIONS: tuple[str, ...] = (*BASIC, "contempt")

_SYNONYMS: dict[str, tuple[str, ...]] = {
    "surprise": ("surprised", "surprize", "su", "sur"),
    "fear": ("fearful", "afraid", "scared", "fe", "fea"),
    "disgust": ("disgusted", "di", "dis"),
    "happiness": ("happy", "joy", "joyful", "smile", "ha", "hap"),
    "sadness": ("sad", "sa", "unhappy"),
    "anger": ("angry", "an", "ang", "mad"),
    "neutral": ("neutrality", "ne", "neu", "calm", "normal"),
    "contempt": ("contemptuous", "scorn", "co", "con"),
}
_AFFECTNET = ("neutral", "happiness", "sadness", "surprise", "fear", "disgust", "anger", "contempt")
_FER2013 = ("anger", "disgust", "fear", "happiness", "sadness", "surprise", "neutral")

#: Which expression is 0, 1, 2 …, by the data set or program whose order it is. Counted from 0: RAF-DB's own
#: files count from 1 (`NUMBERINGS` of the readers' words), and programs that read them subtract one.
CLASS_ORDERS: dict[str, tuple[str, ...]] = {
    "raf-db": BASIC,
    **dict.fromkeys(("cd-fer", "agra", "aglrls", "la-cmfer", "duml", "osa"), BASIC),
    "affectnet": _AFFECTNET,
    **dict.fromkeys(("ddamfn", "esr"), _AFFECTNET),
    "manet": _AFFECTNET[:7],
    "fer2013": _FER2013,
    "expw": _FER2013,
    "ferplus": ("neutral", "happiness", "surprise", "sadness", "anger", "disgust", "fear", "contempt"),
    "esr-ck": ("anger", "disgust", "fear", "happiness", "sadness", "surprise", "contempt", "neutral"),
}
_NAMES: dict[str, str] = {word: name for name, others in _SYNONYMS.items() for word in (name, *others)}


def expression_name(word: str) -> str:
    """Return the canonical name for any common word for an expression.

    Args:
        word: For instance `"Happy"`, `"happiness"`, `" angry "`; case and outer blanks do not matter.

    Raises:
        UserError: If the word names no expression; the message offers the nearest one.
    """
    key = word.strip().lower()
    if key not in _NAMES:
        raise UserError(
            f"'{word}' is not an expression{nearest(key, _NAMES)}. Known: {', '.join(EXPRESSIONS)}."
        )
    return _NAMES[key]


def is_expression(word: str) -> bool:
    """Say whether `expression_name` would understand the word."""
    return word.strip().lower() in _NAMES


def class_list(words: Iterable[str]) -> tuple[str, ...]:
    """Return the canonical names of a model's classes, in the order given.

    Args:
        words: At least two expression words, no class twice.

    Raises:
        UserError: If a word is unknown, a class comes twice, or fewer than two remain.
    """
    names = tuple(expression_name(word) for word in words)
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise UserError(f"The class list names {', '.join(twice)} more than once; list each class once.")
    if len(names) < 2:
        raise UserError(f"A class list needs at least two expressions, got {list(names)}.")
    return names


def class_order(order: str | Iterable[str]) -> tuple[str, ...]:
    """Return which expression is 0, 1, 2 … .

    Args:
        order: A name of `CLASS_ORDERS`, or expressions in order, as a list or with commas between them.

    Raises:
        UserError: If the name is unknown, or the list is none of classes.
    """
    words = [order] if isinstance(order, str) else list(order)
    words = [word.strip() for part in words for word in part.split(",") if word.strip()]
    if len(words) != 1 or is_expression(words[0]):
        return class_list(words)
    name = words[0].lower()
    if name not in CLASS_ORDERS:
        raise UserError(
            f"There is no class order '{words[0]}'{nearest(name, CLASS_ORDERS)}; known: "
            f"{', '.join(CLASS_ORDERS)}; or list the expressions: surprise,fear,disgust and so on."
        )
    return CLASS_ORDERS[name]


def class_index(classes: Sequence[str]) -> dict[str, int]:
    """Return name -> position for a class list."""
    return {name: position for position, name in enumerate(classes)}
