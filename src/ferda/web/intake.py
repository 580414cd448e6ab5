"""Reads a form with files as it arrives, and stops reading where a limit is passed.

The names that a client gives its files are kept as text alone: where a file goes is decided here.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Self

from ferda.web.refusal import Refused

_MOST_FIELDS, _FIELD_BYTES, _NAME = 16, 4096, 200
_UNREADABLE = "The request is no readable form (multipart/form-data)."


@dataclass
class Upload:
    """A file of a form.

    Attributes:
        name: As the client calls it.
        file: Where it is; at its end.
        size: Bytes.
    """

    name: str
    file: BinaryIO
    size: int = 0


@dataclass
class Form:
    """What was sent.

    Attributes:
        fields: Words by name.
        files: In their order.
    """

    fields: dict[str, str] = field(default_factory=dict)
    files: list[Upload] = field(default_factory=list)


@dataclass(frozen=True)
class Allowance:
    """What a form may have.

    Attributes:
        total_bytes: Of all.
        files: Their number.
        fields: Names of words.
        seconds: Before the sender's rate counts.
        bytes_per_second: The least rate after that.
    """

    total_bytes: int
    files: int
    fields: tuple[str, ...]
    seconds: float
    bytes_per_second: int


class FilesIn:
    """Opens one file after the other in a folder, under names that are numbers.

    Args:
        folder: That is empty.
        ending: Of the names. Readers of folders go by it; what a file is, its content says.
    """

    def __init__(self, folder: Path, ending: str) -> None:
        self._folder, self._ending = folder, ending
        self._count, self._open = 0, contextlib.ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *problem: object) -> None:
        self._open.close()

    def __call__(self) -> BinaryIO:
        """Close the last file, if there is one, and open the next."""
        self._open.close()
        self._count += 1
        return self._open.enter_context((self._folder / f"{self._count:06}.{self._ending}").open("xb"))


async def read_form(
    headers: Mapping[str, str],
    chunks: AsyncIterator[bytes],
    allowed: Allowance,
    place: Callable[[], BinaryIO] = io.BytesIO,
) -> Form:
    """Read a form.

    Args:
        headers: Of the request.
        chunks: Its body.
        allowed: What it may have.
        place: Opens where the next file goes.

    Raises:
        Refused: If it is no form, has too much of anything, or comes too slowly.
    """
    from python_multipart.exceptions import FormParserError

    length = headers.get("content-length", "0")
    if length.isdigit() and int(length) > allowed.total_bytes:
        raise _too_large(allowed)
    reader = _Reader(_boundary(headers), allowed, place)
    try:
        async for chunk in _paced(chunks, allowed):
            reader.parser.write(chunk)
        reader.parser.finalize()
    except FormParserError:
        raise Refused(400, _UNREADABLE) from None
    if not reader.is_complete:
        raise Refused(400, f"{_UNREADABLE[:-1]}: it ends too early.")
    return reader.form


def _boundary(headers: Mapping[str, str]) -> bytes:
    from python_multipart.multipart import parse_options_header

    kind, options = parse_options_header(headers.get("content-type", ""))
    boundary = options.get(b"boundary", b"")
    if kind != b"multipart/form-data" or not 0 < len(boundary) <= 70:
        raise Refused(415, "Files are sent as a form: multipart/form-data with a boundary.")
    return boundary


def _too_large(allowed: Allowance) -> Refused:
    return Refused(413, f"The request has more than the {allowed.total_bytes:,} bytes that are allowed.")


async def _paced(chunks: AsyncIterator[bytes], allowed: Allowance) -> AsyncIterator[bytes]:
    """Hand on a body while it is small enough and comes fast enough."""
    clock = asyncio.get_running_loop().time
    began, received = clock(), 0
    body = aiter(chunks)
    while True:
        end = began + allowed.seconds + received / allowed.bytes_per_second
        try:
            chunk = await asyncio.wait_for(anext(body), end - clock())
        except StopAsyncIteration:
            return
        except TimeoutError:
            raise Refused(408, "The request came too slowly.") from None
        received += len(chunk)
        if received > allowed.total_bytes:
            raise _too_large(allowed)
        yield chunk


class _Reader:
    """Takes a form apart, fed by the parser."""

    def __init__(self, boundary: bytes, allowed: Allowance, place: Callable[[], BinaryIO]) -> None:
        from python_multipart.multipart import MultipartParser

        self.form = Form()
        self.is_complete = False
        self._allowed, self._place = allowed, place
        self._header: list[bytes] = [b"", b""]
        self._headers: dict[str, bytes] = {}
        self._word: tuple[str, bytearray] | None = None
        names = "part_begin part_data part_end header_field header_value header_end headers_finished end"
        callbacks: Any = {f"on_{name}": getattr(self, f"_{name}") for name in names.split()}
        self.parser = MultipartParser(boundary, callbacks)

    def _part_begin(self) -> None:
        self._headers, self._word = {}, None

    def _header_field(self, data: bytes, start: int, end: int) -> None:
        self._header[0] += data[start:end]

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._header[1] += data[start:end]

    def _header_end(self) -> None:
        self._headers[self._header[0].decode("latin-1").lower()] = self._header[1]
        self._header = [b"", b""]

    def _headers_finished(self) -> None:
        from python_multipart.multipart import parse_options_header

        _, said = parse_options_header(self._headers.get("content-disposition", b""))
        name = said.get(b"name", b"").decode("utf-8", "replace")
        if b"filename" in said:
            if len(self.form.files) >= self._allowed.files:
                raise Refused(
                    413, f"The request has more than the {self._allowed.files} files that are allowed."
                )
            called = said[b"filename"].decode("utf-8", "replace")[:_NAME]
            self.form.files.append(Upload(called, self._place()))
        elif name not in self._allowed.fields or len(self.form.fields) >= _MOST_FIELDS:
            known = ", ".join(self._allowed.fields) or "none"
            raise Refused(400, f"The form has a field that is not known here; there are: {known}.")
        else:
            self._word = (name, bytearray())

    def _part_data(self, data: bytes, start: int, end: int) -> None:
        if self._word is None:
            upload = self.form.files[-1]
            upload.file.write(memoryview(data)[start:end])
            upload.size += end - start
        elif len(self._word[1]) + end - start > _FIELD_BYTES:
            raise Refused(413, f"The field '{self._word[0]}' is too long.")
        else:
            self._word[1].extend(data[start:end])

    def _part_end(self) -> None:
        if self._word is not None:
            self.form.fields[self._word[0]] = self._word[1].decode("utf-8", "replace")

    def _end(self) -> None:
        self.is_complete = True
