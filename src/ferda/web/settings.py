"""What a service is told when it starts: whom it answers with, to whom, and how much it takes."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import BaseModel, ConfigDict, PositiveFloat, PositiveInt, ValidationError

from ferda.errors import UserError, nearest

_MB = 2**20


class Limits(BaseModel):
    """How much is taken before a request is refused.

    Attributes:
        request_bytes: Of a request with pictures.
        pictures: In one request.
        pixels: Of one picture, read from its header before it is unpacked.
        held_pixels: Of all pictures that are unpacked at a time, by all requests; more wait.
        requests: At work or waiting at a time; one more is told to come back later.
        seconds: That an answer may take, and that sending may take before its rate counts.
        bytes_per_second: That a sender must keep up after that.
        batch: Pictures that are judged together.
        wait_ms: Milliseconds that a picture waits for company.
        video_bytes: Of a video.
        folder_bytes: Of the pictures to adapt to.
        folder_pictures: Their number.
        jobs: Waiting to begin at a time.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    request_bytes: PositiveInt = 32 * _MB
    pictures: PositiveInt = 64
    pixels: PositiveInt = 50_000_000
    held_pixels: PositiveInt = 150_000_000
    requests: PositiveInt = 64
    seconds: PositiveFloat = 60
    bytes_per_second: PositiveInt = 16 * 1024
    batch: PositiveInt = 32
    wait_ms: PositiveFloat = 4
    video_bytes: PositiveInt = 2048 * _MB
    folder_bytes: PositiveInt = 2048 * _MB
    folder_pictures: PositiveInt = 5000
    jobs: PositiveInt = 8


@dataclass(frozen=True)
class Settings:
    """What a service is told when it starts.

    Attributes:
        runs: Run folders, `.safetensors` or `.onnx` files; the first answers unless another is asked for.
        folder: For jobs and their results; one service at a time uses it.
        host: Address that it listens at.
        port: 0 takes one that is free.
        token: That requests must carry; None asks for none.
        names: Further names under which the service is reached.
        device: Where models compute.
        detect: As in `Predictor`.
        fallback: As in `Predictor`.
        limits: How much is taken.
    """

    runs: tuple[Path, ...]
    folder: Path
    host: str = "127.0.0.1"
    port: int = 8000
    token: str | None = field(default=None, repr=False)
    names: tuple[str, ...] = ()
    device: str = "cpu"
    detect: bool | None = None
    fallback: str = "none"
    limits: Limits = field(default_factory=Limits)

    def check(self) -> None:
        """Refuse what would be unsafe or cannot work.

        Raises:
            UserError: If the service would answer other machines without a token, or there is no model.
        """
        if not self.runs:
            raise UserError("The service needs a model; name a run folder or a .safetensors file.")
        if self.token is None and not is_loopback(self.host):
            raise UserError(
                f"At {self.host} other machines can reach the service, so it needs a token; set FERDA_TOKEN "
                "or --token, or listen at 127.0.0.1."
            )
        if self.token is not None and len(self.token) < 16:
            raise UserError("A token of fewer than 16 characters can be guessed; take a longer one.")

    @property
    def hosts(self) -> frozenset[str] | None:
        """Names that a request may call the service by; None for any, which only a token allows."""
        if is_loopback(self.host):
            return frozenset({"localhost", "127.0.0.1", "[::1]", _bracketed(self.host), *self.names})
        if self.names:
            return frozenset({"localhost", "127.0.0.1", "[::1]", *self.names})
        return None


def limits(assignments: Iterable[str]) -> Limits:
    """Return limits as they are typed.

    Args:
        assignments: `name=value`.

    Raises:
        UserError: If there is no such limit, or a value is no positive number.
    """
    wanted: dict[str, str] = {}
    for assignment in assignments:
        name, sign, value = assignment.partition("=")
        if not sign or name not in Limits.model_fields:
            known = nearest(name, Limits.model_fields) or f"; there are {', '.join(Limits.model_fields)}"
            raise UserError(f"'{assignment}' is not of the form LIMIT=NUMBER with a known limit{known}.")
        wanted[name] = value
    try:
        return Limits.model_validate(wanted)
    except ValidationError as error:
        found = "; ".join(f"{each['loc'][0]}: {each['msg']}" for each in error.errors())
        raise UserError(f"The limits are not right: {found}.") from error


def is_loopback(host: str) -> bool:
    """Return whether an address can be reached from this machine alone.

    Args:
        host: A name or an address.
    """
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host and not host.startswith("[") else host
