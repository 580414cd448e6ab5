"""Run the service until somebody ends it."""

from __future__ import annotations

import importlib.util
import os
import signal
import socket
from collections.abc import Callable

from ferda.errors import UserError
from ferda.web.settings import Settings

_NEEDED = ("fastapi", "uvicorn", "python_multipart", "prometheus_client")


def run(settings: Settings, tell: Callable[[str], None]) -> None:
    """Answer requests until SIGTERM or Ctrl-C; requests that are at work are answered first.

    Args:
        settings: What the service is told.
        tell: Is given the service's address.

    Raises:
        UserError: If something is not installed or allowed, or a model, the folder or the port cannot be had.
        KeyboardInterrupt: After Ctrl-C.
    """
    missing = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise UserError(f"The service needs {', '.join(missing)}; install them: pip install 'ferda[serve]'.")
    import uvicorn

    from ferda.web.app import create_app

    settings.check()
    listener = _listener(settings)
    app = create_app(settings)
    config = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        server_header=False,
        ws="none",
        timeout_graceful_shutdown=round(settings.limits.seconds),
    )
    server = uvicorn.Server(config)
    tell(_address(settings.host, listener.getsockname()[1]))
    # uvicorn raises the signal again when all is done, and by itself that would end us with its number
    signal.signal(signal.SIGTERM, lambda *_: None)
    server.run(sockets=[listener])
    if not app.state.service.is_ended:
        os._exit(
            0
        )  # a job did not leave in time: it begins again at the next start, and nobody waits for it now


def _listener(settings: Settings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((settings.host.strip("[]"), settings.port))
        listener.listen()  # who asks before the models are loaded waits
    except OSError as error:
        listener.close()
        where = f"{settings.host}, port {settings.port}"
        raise UserError(
            f"Cannot listen at {where}: {error.strerror or error}; name another --port."
        ) from error
    return listener


def _address(host: str, port: int) -> str:
    shown = "localhost" if host in ("127.0.0.1", "::1") else f"[{host}]" if ":" in host else host
    return f"http://{shown}:{port}"
