"""`ferda serve` as a process: it answers, ends when asked, and goes on with its jobs after kill -9."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from ferda.cli.main import app
from ferda.engine.checkpoint import Preprocessing, save_weights
from ferda.faces.crops import CropRule
from ferda.methods import method_class


def write_run(folder: Path) -> Path:
    """A run of a tiny network that takes whole pictures."""
    kind = method_class("source_only")
    config = kind.Config(backbone="small_cnn")
    folder.mkdir()
    save_weights(
        folder / "best.safetensors",
        kind(config, 2, 1),
        name="source_only",
        settings=config.model_dump(),
        classes=("anger", "happiness"),
        preprocessing=Preprocessing(
            CropRule("whole", size=32, detect=False), 32, (0.5, 0.5, 0.5), (0.5, 0.5, 0.5)
        ),
    )
    return folder


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return write_run(tmp_path / "hall")


class Process:
    """A service in a process of its own."""

    def __init__(self, run: Path) -> None:
        command = [
            sys.executable,
            "-m",
            "ferda",
            "serve",
            str(run),
            "--port",
            "0",
            "--folder",
            str(run / "jobs"),
        ]
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=run)
        line = self.process.stderr.readline()
        found = re.match(r"(http://localhost:\d+) ", line)
        assert found, line + self.process.stderr.read()
        self.address = found[1]

    def ask(self, path: str, file: bytes | None = None) -> Any:
        request = urllib.request.Request(self.address + path)
        if file is not None:
            start = b'--x\r\nContent-Disposition: form-data; name="video"; filename="a.avi"\r\n\r\n'
            request.data = start + file + b"\r\n--x--\r\n"
            request.add_header("Content-Type", "multipart/form-data; boundary=x")
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)

    def job(self, job: str, *states: str) -> dict[str, Any]:
        """Wait for a state."""
        while (found := self.ask(f"/jobs/{job}"))["state"] not in states:
            assert found["state"] in ("queued", "running"), found
            time.sleep(0.02)
        return found

    def end(self, number: signal.Signals) -> int:
        self.process.send_signal(number)
        code = self.process.wait(60)
        self.process.stderr.close()
        return code


@pytest.fixture
def processes(run: Path) -> Iterator[Any]:
    begun: list[Process] = []

    def begin() -> Process:
        begun.append(Process(run))
        return begun[-1]

    yield begin
    for one in begun:
        if one.process.poll() is None:
            one.end(signal.SIGKILL)


def film(path: Path, frames: int) -> bytes:
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), 25, (32, 32))
    for number in range(frames):
        writer.write(np.full((32, 32, 3), number % 256, np.uint8))
    writer.release()
    return path.read_bytes()


@pytest.mark.slow
def test_a_service_that_is_killed_goes_on_where_it_stopped(run: Path, processes: Any) -> None:
    first = processes()
    assert first.ask("/health")["status"] == "ok"
    assert first.ask("/models")["models"][0]["name"] == "hall"
    jobs = [first.ask("/video", film(run / "film.avi", frames))["id"] for frames in (6000, 20)]
    first.job(jobs[0], "running")
    assert first.end(signal.SIGKILL) == -signal.SIGKILL

    second = processes()
    assert second.job(jobs[0], "running", "done")["name"] == "a.avi"
    second.job(jobs[0], "done")
    second.job(jobs[1], "done")
    for job, frames in zip(jobs, (6000, 20), strict=True):
        rows = second.ask(f"/jobs/{job}/result")["rows"]
        assert [row["frame"] for row in rows] == list(range(frames))
        assert {row["input"] for row in rows} == {"a.avi"}
    assert not list((run / "jobs").rglob("*.mp4")), "what was sent is gone"
    assert second.end(signal.SIGTERM) == 0


def test_what_cannot_be_served_is_a_sentence(run: Path, tmp_path: Path) -> None:
    folder = ["--folder", str(tmp_path / "jobs"), "--port", "0"]
    for words, said in (
        ([str(run), "--host", "0.0.0.0"], "needs a token"),
        ([str(run), "--set", "picture=3"], "did you mean 'pictures'"),
        ([str(tmp_path / "nothing")], "no run folder"),
        ([str(run), "--host", "203.0.113.7", "--token", "a-long-enough-token"], "Cannot listen"),
    ):
        result = CliRunner().invoke(app, ["serve", *words, *folder])
        assert result.exit_code == 2 and said in result.stderr, result.stderr
