"""The doors for pictures: name the expressions in them, and say why."""

# no postponed annotations: FastAPI reads them, and those of functions inside of functions it could not find

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from ferda.inference.explain import known_class
from ferda.web.described import PICTURE, PICTURES, WORD, form
from ferda.web.pictures import answered, explained
from ferda.web.refusal import Refused
from ferda.web.service import Service

if TYPE_CHECKING:
    from fastapi import APIRouter


def answer_routes(service: Service) -> "APIRouter":
    """Return the doors.

    Args:
        service: That stands behind them.
    """
    from fastapi import APIRouter, Request, Response
    from fastapi.responses import JSONResponse

    router, limits = APIRouter(tags=["pictures"]), service.limits

    @router.post(
        "/predict",
        summary="Name the expressions in pictures",
        **form({"images": PICTURES, "model": WORD}, required="images"),
    )
    async def predict(request: Request) -> Response:
        with service.turn():
            sent = await service.pictures(request, ("model",), limits.pictures)
            model = service.models(sent.fields.get("model"))
            async with _in_time(limits.seconds):
                found = await answered(model, sent.files, service.room, limits.pixels)
        service.metrics.found(model.name, sum(row["face_id"] is not None for row in found["rows"]))
        return JSONResponse(found)

    @router.post(
        "/explain",
        summary="Show which places of each face of a picture an answer came from",
        **form({"image": PICTURE, "model": WORD, "about": WORD}, required="image"),
    )
    async def explain(request: Request) -> Response:
        with service.turn():
            sent = await service.pictures(request, ("model", "about"), 1)
            model = service.models(sent.fields.get("model"))
            about = sent.fields.get("about") or None
            about = about and known_class(about, model.predictor.classes)
            async with _in_time(limits.seconds), service.room(limits.pixels):
                faces = await asyncio.to_thread(explained, model, sent.files[0], limits.pixels, about)
        return JSONResponse({"model": model.name, "faces": faces})

    return router


@asynccontextmanager
async def _in_time(seconds: float) -> AsyncIterator[None]:
    """Give up when an answer takes too long."""
    try:
        async with asyncio.timeout(seconds):
            yield
    except TimeoutError:
        raise Refused(503, f"The answer took more than {seconds:g} seconds.", retry_s=5) from None
