from __future__ import annotations

import pytest

from ferda.data.readers.words import NUMBERINGS, Words, number_advice, split_name
from ferda.errors import UserError
from ferda.expressions import BASIC, EXPRESSIONS


@pytest.mark.parametrize(
    ("word", "name"),
    [("Happy", "happiness"), (" ANGER ", "anger"), ("3_happy", "happiness"), ("fear-2", "fear")],
)
def test_words_become_names(word: str, name: str) -> None:
    assert Words().expression(word) == name


@pytest.mark.parametrize("word", [None, "", "  "])
def test_no_word_is_no_label_and_no_mistake(word: str | None) -> None:
    words = Words()
    assert words.expression(word) is None
    assert not words.unknown


def test_numbers_are_never_guessed() -> None:
    words = Words()
    assert [words.expression(code) for code in ("3", "3", "0")] == [None] * 3
    with pytest.raises(UserError, match=r"'3' \(2 rows\), '0' \(1 row\)\. ferda never guesses"):
        words.refuse_unknown("Column 'label'", number_advice(words.unknown))


@pytest.mark.parametrize(
    ("numbering", "code", "name"),
    [
        ("fer2013", "3", "happiness"),
        ("fer2013", "3.0", "happiness"),
        ("raf-db", "4", "happiness"),
        ("AffectNet", "1", "happiness"),
        ("affectnet", "7", "contempt"),
        ("cd-fer", "3", "happiness"),
    ],
)
def test_published_numberings(numbering: str, code: str, name: str) -> None:
    assert Words(numbering=numbering).expression(code) == name


@pytest.mark.parametrize("numbering", NUMBERINGS.values())
def test_a_numbering_names_each_class_once(numbering: dict[str, str]) -> None:
    assert len(set(numbering.values())) == len(numbering)
    assert set(BASIC) <= set(numbering.values()) <= set(EXPRESSIONS)


def test_the_users_names_come_first() -> None:
    words = Words({"Happy": "contempt", 5: "fear"}, "fer2013")  # type: ignore[dict-item]
    assert [words.expression(word) for word in ("happy", "5", "0")] == ["contempt", "fear", "anger"]


def test_wrong_names_and_numberings_are_refused() -> None:
    with pytest.raises(UserError, match="did you mean 'raf-db'"):
        Words(numbering="rafdb")
    with pytest.raises(UserError, match="'hapy' is not an expression"):
        Words({"1": "hapy"})


def test_the_nearest_word_is_offered() -> None:
    words = Words()
    words.expression("happines")
    assert "did you mean 'happiness'" in words.describe_unknown()
    assert "unknown='unlabelled'" in number_advice(words.unknown)


@pytest.mark.parametrize(
    ("word", "split"),
    [
        ("Training", "train"),
        ("PublicTest", "val"),
        ("PrivateTest", "test"),
        ("valid", "val"),
        ("odd", None),
        (None, None),
    ],
)
def test_splits(word: str | None, split: str | None) -> None:
    assert split_name(word) == split


def test_a_class_order_counts_from_zero() -> None:
    words = Words(order="raf-db")
    assert [words.expression(code) for code in ("0", "6", "3.0", "happy")] == [
        *("surprise", "neutral", "happiness", "happiness"),
    ]
    assert words.doubts("It") == ()
    assert Words(order=["happy,sad", "fear"]).expression("2") == "fear"
    with pytest.raises(UserError, match="either a numbering or a class order"):
        Words(numbering="raf-db", order="raf-db")


def test_numbers_that_start_at_one_raise_doubts() -> None:
    words = Words(order="raf-db")
    assert words.doubts("It") == ()
    assert [words.expression(code) for code in ("1", "6")] == ["fear", "neutral"]
    assert "has no number 0 (surprise)" in words.doubts("It")[0]
