"""Limits as they are typed."""

from __future__ import annotations

import pytest

from ferda.errors import UserError
from ferda.web.settings import Limits, is_loopback, limits


def test_limits_are_numbers_with_known_names() -> None:
    assert limits([]) == Limits()
    assert limits(["pictures=3", "seconds=0.5"]) == Limits(pictures=3, seconds=0.5)


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("picture=3", "did you mean 'pictures'"),
        ("pictures", "LIMIT=NUMBER"),
        ("pictures=0", "greater than 0"),
        ("pictures=many", "integer"),
        ("seconds=-1", "greater than 0"),
    ],
)
def test_others_are_refused(typed: str, words: str) -> None:
    with pytest.raises(UserError, match=words):
        limits([typed])


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("localhost", True),
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("[::1]", True),
        ("0.0.0.0", False),
        ("::", False),
        ("192.168.0.1", False),
        ("example.org", False),
    ],
)
def test_loopback(host: str, expected: bool) -> None:
    assert is_loopback(host) is expected
