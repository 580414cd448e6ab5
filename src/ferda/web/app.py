"""The application: doors, what stands before them, and one way to say no."""

# no postponed annotations: FastAPI reads them, and those of functions inside of functions it could not find

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ferda.errors import UserError
from ferda.web.answers import answer_routes
from ferda.web.described import refusals
from ferda.web.guard import App, Guard, Message, Receive, Send
from ferda.web.metrics import Metrics
from ferda.web.refusal import Refused
from ferda.web.service import Service
from ferda.web.settings import Settings
from ferda.web.work import job_routes

if TYPE_CHECKING:
    from fastapi import APIRouter, FastAPI

_STATIC = Path(__file__).parent / "static"
#: Answered without a token: the page, which asks for it, and what tells nothing of the user.
_OPEN = ("/", "/docs", "/health", "/openapi.json")


def create_app(settings: Settings, service: Service | None = None) -> "FastAPI":
    """Make the application, its models loaded.

    Args:
        settings: What it is told.
        service: What stands behind its doors; None makes it.

    Raises:
        UserError: If the settings are not safe, or a model or the folder cannot be opened.
    """
    from fastapi import FastAPI
    from fastapi.staticfiles import StaticFiles

    from ferda import __version__

    behind = service or Service(settings)

    @asynccontextmanager
    async def open_hours(_: FastAPI) -> AsyncIterator[None]:
        behind.runner.start()
        yield
        await asyncio.to_thread(behind.stop)

    app = FastAPI(
        title="ferda",
        version=__version__,
        summary="Names facial expressions, and adapts to faces without labels",
        docs_url=None,
        redoc_url=None,
        lifespan=open_hours,
    )
    app.state.service = behind
    for router in (answer_routes(behind), job_routes(behind), _about_routes(behind)):
        app.include_router(router)
    app.mount("/static", StaticFiles(directory=_STATIC))
    _add_refusals(app)
    app.add_middleware(_Counted, metrics=behind.metrics)
    app.add_middleware(Guard, token=settings.token, hosts=settings.hosts, is_open=_is_open)
    return app


def _is_open(path: str) -> bool:
    # a frame cannot send a token; who knows the 32 random digits of a job was told them with one
    is_report = path.startswith("/jobs/") and path.endswith("/report")
    return path in _OPEN or path.startswith("/static/") or is_report


def _about_routes(service: Service) -> "APIRouter":
    from fastapi import APIRouter, Response
    from fastapi.responses import FileResponse, JSONResponse, PlainTextResponse

    from ferda import __version__

    router = APIRouter(tags=["about"], responses=refusals(401, 421))

    @router.get("/models", summary="The models, what is known of them, and the limits")
    async def models() -> Response:
        facts = [model.facts() for model in service.models]
        return JSONResponse({"models": facts, "limits": service.limits.model_dump()})

    @router.get("/health", summary="Whether the service is well")
    async def health() -> Response:
        needs_token = service.settings.token is not None
        return JSONResponse({"status": "ok", "ferda": __version__, "needs_token": needs_token})

    @router.get("/metrics", response_class=PlainTextResponse, summary="Counts for Prometheus")
    async def metrics() -> Response:
        return Response(service.metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")

    @router.get("/", include_in_schema=False)
    async def page() -> Response:
        return FileResponse(_STATIC / "index.html")

    @router.get("/docs", include_in_schema=False)
    async def docs() -> Response:
        return FileResponse(_STATIC / "docs.html")

    return router


def _add_refusals(app: "FastAPI") -> None:
    from fastapi import Request, Response
    from fastapi.exceptions import RequestValidationError
    from starlette.exceptions import HTTPException

    def refuse(_: Request, problem: Exception) -> Response:
        refused = _refused(problem)
        headers = refused.headers | dict(getattr(problem, "headers", None) or {})
        return Response(refused.body, refused.status, headers, "application/json")

    for kind in (Refused, UserError, RequestValidationError, HTTPException):
        app.add_exception_handler(kind, refuse)


def _refused(problem: Any) -> Refused:
    if isinstance(problem, Refused):
        return problem
    if isinstance(problem, UserError):
        return Refused(422, str(problem))
    if hasattr(problem, "errors"):
        found = "; ".join(f"{each['loc'][-1]}: {each['msg']}" for each in problem.errors())
        return Refused(422, f"The request is not right: {found}.")
    sentences = {404: "There is nothing at this address.", 405: "This address does not take this method."}
    return Refused(problem.status_code, sentences.get(problem.status_code, str(problem.detail)))


class _Counted:
    """Counts the requests of an application."""

    def __init__(self, app: App, metrics: Metrics) -> None:
        self.app, self._metrics = app, metrics

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began, status = time.monotonic(), 500

        async def counted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self.app(scope, receive, counted)
        finally:
            route = getattr(scope.get("route"), "path", "other")
            self._metrics.answered(route, status, time.monotonic() - began)
