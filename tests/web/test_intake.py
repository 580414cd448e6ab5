"""A form is the same however it is cut into pieces, and reading stops where a limit is passed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ferda.web.intake import Allowance, FilesIn, Form, read_form
from ferda.web.refusal import Refused

BODY = (
    b'--b\r\nContent-Disposition: form-data; name="model"\r\n\r\nhall\r\n'
    b'--b\r\nContent-Disposition: form-data; name="images"; filename="../a.png"\r\n'
    b"Content-Type: image/png\r\n\r\n\r\n--b\x00\xff\r\n\r\n"
    b'--b\r\ncontent-disposition: form-data; name="images"; filename=""\r\n\r\n\r\n--b--\r\n'
)
HEADERS = {"content-type": "multipart/form-data; boundary=b"}
ALLOWED = Allowance(10_000, 2, ("model",), seconds=60, bytes_per_second=1000)


async def pieces(parts: Sequence[bytes]) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


def read(
    *parts: bytes, allowed: Allowance = ALLOWED, headers: dict[str, str] = HEADERS, **options: Any
) -> Form:
    return asyncio.run(read_form(headers, pieces(parts), allowed, **options))


@settings(max_examples=settings.default.max_examples // 4)
@given(st.lists(st.integers(0, len(BODY)), max_size=8))
def test_pieces_change_nothing(cuts: list[int]) -> None:
    edges = [0, *sorted(cuts), len(BODY)]
    form = read(*(BODY[start:end] for start, end in pairwise(edges)))
    assert form.fields == {"model": "hall"}
    assert [(one.name, one.file.getvalue(), one.size) for one in form.files] == [
        ("../a.png", b"\r\n--b\x00\xff\r\n", 9),
        ("", b"", 0),
    ]


@pytest.mark.parametrize("end", range(1, len(BODY) - 4, 7))
def test_a_form_that_breaks_off_is_refused(end: int) -> None:
    with pytest.raises(Refused, match="no readable form") as caught:
        read(BODY[:end])
    assert caught.value.status == 400


@pytest.mark.parametrize(
    ("allowed", "status", "words"),
    [
        ({"total_bytes": len(BODY) - 1}, 413, "bytes"),
        ({"files": 1}, 413, "1 files"),
        ({"fields": ("about",)}, 400, "about"),
    ],
)
def test_too_much_is_refused(allowed: dict[str, Any], status: int, words: str) -> None:
    values = {"total_bytes": 10_000, "files": 2, "fields": ("model",), "seconds": 60, "bytes_per_second": 1}
    with pytest.raises(Refused, match=words) as caught:
        read(BODY, allowed=Allowance(**(values | allowed)))
    assert caught.value.status == status


def test_a_said_length_is_believed_when_it_is_too_much() -> None:
    with pytest.raises(Refused) as caught:
        read(BODY, headers=HEADERS | {"content-length": "10001"})
    assert caught.value.status == 413


def test_a_long_word_is_refused() -> None:
    body = b'--b\r\nContent-Disposition: form-data; name="model"\r\n\r\n' + b"x" * 5000 + b"\r\n--b--\r\n"
    with pytest.raises(Refused, match="too long"):
        read(body)


def test_who_trickles_is_left() -> None:
    async def trickle() -> AsyncIterator[bytes]:
        yield BODY[:20]
        await asyncio.Event().wait()

    slow = Allowance(10_000, 2, ("model",), seconds=0.05, bytes_per_second=1000)
    with pytest.raises(Refused) as caught:
        asyncio.run(read_form(HEADERS, trickle(), slow))
    assert caught.value.status == 408


def test_files_go_under_numbers(tmp_path: Path) -> None:
    with FilesIn(tmp_path, "jpg") as place:
        form = read(BODY, place=place)
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == {
        "000001.jpg": b"\r\n--b\x00\xff\r\n",
        "000002.jpg": b"",
    }
    assert all(upload.file.closed for upload in form.files)
