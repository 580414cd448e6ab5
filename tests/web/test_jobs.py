"""Jobs are done in order, can be cancelled, outlive a crash, and leave nothing of what was sent."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from ferda.errors import UserError
from ferda.web.jobs.runner import Progress, Runner
from ferda.web.jobs.store import Job, Jobs
from ferda.web.jobs.tasks import REPORT, RESULT, RUN, TABLE

VIDEO = b"a video, says its sender"


def until(is_so: Callable[[], object]) -> None:
    """Wait for another thread; a test that waits in vain fails after a minute."""
    waiting = threading.Event()
    for _ in range(6000):
        if is_so():
            return
        waiting.wait(0.01)
    raise AssertionError("it never came so far")


class Work:
    """A task that does one step each time it is let."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.step = threading.Semaphore(0)
        self.sent: list[bytes] = []

    def __call__(self, job: Job, place: Path, progress: Progress) -> None:
        self.begun.append(job.id)
        self.sent += [file.read_bytes() for file in sorted((place / "input").iterdir())]
        for done in range(3):
            progress(done, 3)
            assert self.step.acquire(timeout=60)
        (place / RESULT).write_text(json.dumps({"model": None, "rows": [], "options": job.options}))
        (place / TABLE).write_text("input\n")
        progress(3, 3)

    def finish(self) -> None:
        self.step.release(3)


@pytest.fixture
def work() -> Iterator[Work]:
    made = Work()
    yield made
    made.step.release(1000)


@pytest.fixture
def client(make, work: Work) -> TestClient:
    return make(work={"video": work, "adapt": work}, jobs=2)


def post(client: TestClient, **words: str) -> dict:
    answer = client.post("/video", files={"video": ("../../holiday.mp4", VIDEO)}, data=words)
    assert answer.status_code == 202, answer.text
    return answer.json()


def state(client: TestClient, job: dict) -> str:
    return client.get(f"/jobs/{job['id']}").json()["state"]


def test_a_job_from_beginning_to_end(client: TestClient, work: Work, tmp_path: Path) -> None:
    job = post(client, step="5", smooth_s="0.5")
    assert job["name"] == "../../holiday.mp4" and job["model"] == "hall" and job["error"] is None
    until(lambda: work.sent)
    assert work.sent == [VIDEO]
    assert client.get(f"/jobs/{job['id']}/result").status_code == 409
    work.step.release()
    until(lambda: state(client, job) == "running")
    work.finish()
    until(lambda: state(client, job) == "done")
    ended = client.get(f"/jobs/{job['id']}").json()
    assert (ended["done"], ended["total"]) == (3, 3) and ended["result"] == f"/jobs/{job['id']}/result"
    assert client.get(ended["result"]).json()["options"] == {"step": 5, "smooth_s": 0.5}
    assert client.get(ended["result"], params={"format": "csv"}).text == "input\n"
    kept = [file.name for file in tmp_path.rglob("*") if file.is_file() and "journal" not in file.name]
    assert sorted(kept) == ["jobs.sqlite", RESULT, TABLE], "what was sent is gone"
    assert client.delete(f"/jobs/{job['id']}").status_code == 204
    assert client.get(f"/jobs/{job['id']}").status_code == 404
    assert list((tmp_path / "serve" / "jobs").iterdir()) == []


def test_a_running_job_and_a_waiting_one_can_be_cancelled(
    client: TestClient, work: Work, tmp_path: Path
) -> None:
    first, second = post(client), post(client)
    until(lambda: work.begun)
    client.delete(f"/jobs/{second['id']}")
    assert state(client, second) == "cancelled"
    client.delete(f"/jobs/{first['id']}")
    work.step.release()
    until(lambda: state(client, first) == "cancelled")
    assert work.begun == [first["id"]]
    assert list((tmp_path / "serve" / "jobs").iterdir()) == []
    assert [job["id"] for job in client.get("/jobs").json()["jobs"]] == [second["id"], first["id"]]


def test_more_jobs_than_the_limit_are_told_to_come_back(
    client: TestClient, work: Work, tmp_path: Path
) -> None:
    post(client)
    until(lambda: work.begun)
    post(client), post(client)
    refused = client.post("/video", files={"video": VIDEO})
    assert refused.status_code == 429 and int(refused.headers["Retry-After"]) > 0
    assert len(list((tmp_path / "serve" / "jobs").iterdir())) == 3


@pytest.mark.parametrize(
    ("words", "status"),
    [
        ({"step": "0"}, 422),
        ({"step": "x"}, 422),
        ({"smooth_s": "nan"}, 422),
        ({"end_s": "-1"}, 422),
        ({"model": "none"}, 404),
        ({"out": "/etc"}, 400),
    ],
)
def test_wrong_words_leave_nothing(
    client: TestClient, tmp_path: Path, words: dict[str, str], status: int
) -> None:
    answer = client.post("/video", files={"video": VIDEO}, data=words)
    assert answer.status_code == status and list(answer.json()) == ["error"]
    assert list((tmp_path / "serve" / "jobs").iterdir()) == []


def test_too_large_a_video_is_refused(make, work: Work, tmp_path: Path) -> None:
    client = make(work={"video": work}, video_bytes=1000, folder_pictures=2)
    assert client.post("/video", files={"video": bytes(2000)}).status_code == 413
    assert client.post("/video", files=[("video", b"a"), ("video", b"b")]).status_code == 413
    assert client.post("/adapt", files=[("images", b"a")] * 3).status_code == 413
    assert client.post("/adapt", files=[], data={"method": "dann"}).status_code == 415
    own_code = client.post("/adapt", files={"images": b"a"}, data={"method": "./mine.py"})
    assert own_code.status_code == 422, "a client never names a file"
    assert list((tmp_path / "serve" / "jobs").iterdir()) == []


def test_a_mistake_is_told(make) -> None:
    def fails(job: Job, place: Path, progress: Progress) -> None:
        if job.options:
            raise UserError("This video has no frames.")
        raise ZeroDivisionError

    client = make(work={"video": fails})
    told, untold = post(client, step="2"), post(client)
    until(lambda: state(client, untold) == "failed")
    assert client.get(f"/jobs/{told['id']}").json()["error"] == "This video has no frames."
    assert "not yours" in client.get(f"/jobs/{untold['id']}").json()["error"]


def test_a_service_that_ends_keeps_its_jobs(make, tmp_path: Path) -> None:
    first, second = Work(), Work()
    with make(work={"video": first}, is_open=False) as client:
        running, waiting = post(client), post(client)
        until(lambda: first.begun)
        threading.Timer(0.2, first.step.release).start()  # the next report comes after the end was asked for
    client = make(work={"video": second})
    until(lambda: second.begun)
    assert second.begun == [running["id"]] and state(client, waiting) == "queued"
    second.step.release(6)
    until(lambda: state(client, waiting) == "done")
    assert second.sent == [VIDEO, VIDEO]


def test_an_adapted_model_answers_and_is_there_after_a_restart(make, tmp_path: Path) -> None:
    def adapts(job: Job, place: Path, progress: Progress) -> None:
        assert sorted(file.name for file in (place / "input").iterdir()) == ["000001.jpg", "000002.jpg"]
        (place / RUN).mkdir()
        (place / RUN / REPORT).write_text("<p>better</p>")
        name = client.app.state.service.models.add(f"{job.model}-adapted", place / RUN).name
        (place / RESULT).write_text(json.dumps({"model": name, "kept_old": False}))

    with make(work={"adapt": adapts}, is_open=False) as client:
        job = client.post(
            "/adapt", files=[("images", ("../a.jpg", b"a")), ("images", ("b.jpg", b"b"))]
        ).json()
        until(lambda: state(client, job) == "done")
        report = client.get(f"/jobs/{job['id']}/report")
        assert report.text == "<p>better</p>"
        assert report.headers["Content-Security-Policy"].startswith("sandbox; default-src 'none'")
        names = [model["name"] for model in client.get("/models").json()["models"]]
        assert names == ["hall", "hall-adapted"]

    again = make(work={})
    assert [model["name"] for model in again.get("/models").json()["models"]] == names
    again.delete(f"/jobs/{job['id']}")
    assert [model["name"] for model in again.get("/models").json()["models"]] == ["hall"]


def test_a_crash_loses_no_job_and_one_that_brings_it_about_is_given_up(tmp_path: Path) -> None:
    for number in range(4):
        jobs = Jobs(tmp_path)
        if number == 0:
            job, place = jobs.new_place()
            (place / "000001.mp4").write_bytes(VIDEO)
            jobs.add(Job(job, "video", "hall", "a.mp4"))
            jobs.new_place()  # of a client that is still sending
        if number < 3:
            begun = jobs.begin()
            assert begun is not None and begun.id == job and begun.tries == number + 1
            assert (place / "000001.mp4").exists()
        jobs.close()  # what is at work stays noted as running, as after kill -9
    jobs = Jobs(tmp_path)
    ended = jobs.get(job)
    assert ended is not None and ended.state == "failed" and "3 times" in str(ended.error)
    assert list((tmp_path / "jobs").iterdir()) == []


def test_two_services_do_not_share_a_folder(tmp_path: Path) -> None:
    first = Jobs(tmp_path)
    with pytest.raises(UserError, match="Another service"):
        Jobs(tmp_path)
    first.close()
    Jobs(tmp_path).close()


def test_a_job_that_does_not_report_is_not_waited_for(tmp_path: Path) -> None:
    jobs, hold = Jobs(tmp_path), threading.Event()
    job, _ = jobs.new_place()
    jobs.add(Job(job, "video", "hall", "a.mp4"))
    begun = threading.Event()
    runner = Runner(jobs, {"video": lambda *_: (begun.set(), hold.wait(60))})
    runner.start()
    assert begun.wait(60)
    assert runner.stop(0.01) is False
    left = jobs.get(job)
    assert left is not None and (left.state, left.tries) == ("queued", 0)
    hold.set()
