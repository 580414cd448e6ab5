"""What stands before every request: is it meant for this service, does it come from here, may it ask?

A page elsewhere in the user's browser can send requests to a service on the same machine. It cannot hide
where it comes from, though: the browser writes `Origin` and `Sec-Fetch-Site`. And if it gives its own name
the address of this machine (DNS rebinding), the browser writes that name as `Host`.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import urlsplit

from ferda.web.refusal import Refused

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]

#: Of the page: its own files and pictures that it made itself, and nothing from elsewhere.
PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; media-src blob:; "
    "connect-src 'self'; frame-src 'self'; manifest-src 'self'; form-action 'none'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
_HEADERS = {
    "Content-Security-Policy": PAGE_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(self), microphone=(), geolocation=()",
    "Cache-Control": "no-store",
}
_SAFE = ("GET", "HEAD", "OPTIONS")
_LOG = logging.getLogger("ferda.web")


class Guard:
    """Lets requests through to an application, and adds headers to what it answers.

    Args:
        app: The application.
        token: That requests must carry; None asks for none.
        hosts: Names that a request may call the service by; None for any.
        is_open: Says of a path whether it is answered without a token.
    """

    def __init__(
        self, app: App, *, token: str | None, hosts: frozenset[str] | None, is_open: Callable[[str], bool]
    ) -> None:
        self.app = app
        self._token = None if token is None else token.encode()
        self._hosts = hosts
        self._is_open = is_open

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Answer one request.

        Args:
            scope: What it asks for.
            receive: Gives its body.
            send: Takes the answer.
        """
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        is_begun = False

        async def guarded(message: Message) -> None:
            nonlocal is_begun
            if message["type"] == "http.response.start":
                is_begun = True
                message["headers"] = _with_headers(message.get("headers", []))
            await send(message)

        try:
            self._check(scope["method"], scope["path"], _decoded(scope["headers"]))
            await self.app(scope, receive, guarded)
        except Refused as refused:
            await _refuse(guarded, refused)
        except Exception:
            _LOG.exception("%s %s", scope["method"], scope["path"])
            if is_begun:
                raise
            await _refuse(guarded, Refused(500, "This is a mistake of ferda, not yours; its log says more."))

    def _check(self, method: str, path: str, headers: dict[str, str]) -> None:
        host = headers.get("host", "")
        if self._hosts is not None and _name(host) not in self._hosts:
            raise Refused(
                421, "The service does not go by this name; ask for it as localhost, or start it with --name."
            )
        if method not in _SAFE:
            origin = headers.get("origin")
            is_foreign = origin is not None and urlsplit(origin).netloc.lower() != host.lower()
            if is_foreign or headers.get("sec-fetch-site", "none") not in ("same-origin", "none"):
                raise Refused(403, "A page of another site may not use this service.")
        if self._token is not None and not self._is_open(path):
            kind, _, given = headers.get("authorization", "").partition(" ")
            is_right = secrets.compare_digest(given.strip().encode("latin-1", "replace"), self._token)
            if kind.lower() != "bearer" or not is_right:
                raise Refused(401, "The service asks for its token; send 'Authorization: Bearer TOKEN'.")


def _decoded(headers: list[tuple[bytes, bytes]]) -> dict[str, str]:
    return {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in headers}


def _name(host: str) -> str:
    """The name of a `Host` header, without its port."""
    end = host.find("]") + 1 if host.startswith("[") else host.rfind(":")
    return (host[:end] if end > 0 else host).lower()


def _with_headers(headers: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    given = {name.lower() for name, _ in headers}
    ours = [(name.lower().encode(), value.encode()) for name, value in _HEADERS.items()]
    return [*headers, *((name, value) for name, value in ours if name not in given)]


async def _refuse(send: Send, refused: Refused) -> None:
    headers = {
        "Content-Type": "application/json",
        "Content-Length": str(len(refused.body)),
        **refused.headers,
    }
    encoded = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": refused.status, "headers": encoded})
    await send({"type": "http.response.body", "body": refused.body})
