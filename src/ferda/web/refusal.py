"""How the service says no: one sentence, in one shape, with the right status."""

from __future__ import annotations

import json
import math


class Refused(Exception):  # noqa: N818, it names what happened to the request
    """A request that is not answered.

    Args:
        status: Of HTTP.
        sentence: What is wrong, and what to do.
        retry_s: Seconds after which it is worth another try.
    """

    def __init__(self, status: int, sentence: str, retry_s: float | None = None) -> None:
        super().__init__(sentence)
        self.status = status
        self.sentence = sentence
        self.headers: dict[str, str] = {}
        if retry_s is not None:
            self.headers["Retry-After"] = str(max(1, math.ceil(retry_s)))
        if status == 401:
            self.headers["WWW-Authenticate"] = "Bearer"

    @property
    def body(self) -> bytes:
        """The JSON document that says it."""
        return json.dumps({"error": self.sentence}, ensure_ascii=False).encode()
