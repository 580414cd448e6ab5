"""The doors for jobs: a video, a folder to adapt to, and what became of them."""

# no postponed annotations: FastAPI reads them, and those of functions inside of functions it could not find

import asyncio
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, Field

from ferda.web.described import PICTURE, PICTURES, WORD, form, refusals
from ferda.web.jobs.store import Job
from ferda.web.jobs.tasks import REPORT, RESULT, RUN, TABLE
from ferda.web.service import Service

if TYPE_CHECKING:
    from fastapi import APIRouter

#: Of a report, which is whole in itself: nothing is run in it, and only the page may frame it.
_REPORT_POLICY = (
    "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data:; "
    "frame-ancestors 'self'"
)


class VideoOptions(BaseModel):
    """How a video is looked at.

    Attributes:
        step: Every how manieth frame is judged.
        start_s: Where to begin, in seconds.
        end_s: Where to end, in seconds.
        smooth_s: Seconds over which the probabilities of a face are averaged.
    """

    step: Annotated[int, Field(ge=1, le=10_000)] = 1
    start_s: Annotated[float, Field(ge=0, le=1e6)] = 0
    end_s: Annotated[float, Field(gt=0, le=1e6)] | None = None
    smooth_s: Annotated[float, Field(ge=0, le=60)] = 0


class AdaptOptions(BaseModel):
    """How a model is adapted.

    Attributes:
        method: That adapts it; left out, the service chooses.
    """

    method: Annotated[str, Field(max_length=40, pattern=r"^[a-z0-9_]+$")] | None = None


def job_view(job: Job) -> dict[str, Any]:
    """Return a job as clients see it.

    Args:
        job: As it stands.
    """
    seen = asdict(job)
    del seen["tries"]
    place, is_done = f"/jobs/{job.id}", job.state == "done"
    seen["result"] = f"{place}/result" if is_done else None
    seen["report"] = f"{place}/report" if is_done and job.kind == "adapt" else None
    return seen


def job_routes(service: Service) -> "APIRouter":
    """Return the doors.

    Args:
        service: That stands behind them.
    """
    from fastapi import APIRouter, Request, Response
    from fastapi.responses import JSONResponse

    router, limits = APIRouter(tags=["jobs"]), service.limits

    @router.post(
        "/video",
        summary="Name the expressions in a video, as a job",
        **form({"video": PICTURE, "model": WORD} | _words(VideoOptions), required="video", status=202),
    )
    async def video(request: Request) -> Response:
        with service.turn():
            job = await service.job(request, "video", (limits.video_bytes, 1), VideoOptions)
        return JSONResponse(job_view(job), 202)

    @router.post(
        "/adapt",
        summary="Adapt a model to pictures without labels, as a job",
        **form({"images": PICTURES, "model": WORD} | _words(AdaptOptions), required="images", status=202),
    )
    async def adapt(request: Request) -> Response:
        with service.turn():
            most = (limits.folder_bytes, limits.folder_pictures)
            job = await service.job(request, "adapt", most, AdaptOptions)
        return JSONResponse(job_view(job), 202)

    router.include_router(_looking_routes(service))
    return router


def _looking_routes(service: Service) -> "APIRouter":
    """Return the doors to jobs that are there."""
    from fastapi import APIRouter, Response
    from fastapi.responses import FileResponse, HTMLResponse, JSONResponse

    router = APIRouter(responses=refusals(401, 404, 421, 422))

    @router.get("/jobs", summary="All jobs, the newest first")
    async def jobs() -> Response:
        return JSONResponse({"jobs": [job_view(job) for job in service.jobs.all()]})

    @router.get("/jobs/{job}", summary="How far a job is")
    async def one_job(job: str) -> Response:
        return JSONResponse(job_view(service.known(job)))

    about = "Cancel a job that waits or is at work; remove one that has ended, with its result"

    @router.delete("/jobs/{job}", status_code=204, responses=refusals(403), summary=about)
    async def drop(job: str) -> Response:
        await asyncio.to_thread(service.drop, job)
        return Response(status_code=204)

    csv: dict[int | str, dict[str, Any]] = {200: {"content": {"text/csv": {}}}}

    @router.get(
        "/jobs/{job}/result",
        responses=csv | refusals(409),
        summary="What a job found: JSON, or a video's CSV",
    )
    async def result(job: str, format: Literal["json", "csv"] = "json") -> Response:
        name = RESULT if format == "json" else TABLE
        return FileResponse(service.result(job, name), filename=name)

    about = "The page about an adaptation"

    @router.get("/jobs/{job}/report", response_class=HTMLResponse, responses=refusals(409), summary=about)
    async def report(job: str) -> Response:
        headers = {"Content-Security-Policy": _REPORT_POLICY}
        return FileResponse(service.result(job, RUN, REPORT), media_type="text/html", headers=headers)

    return router


def _words(options: type[BaseModel]) -> dict[str, Any]:
    return dict(options.model_json_schema()["properties"])
