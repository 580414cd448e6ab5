"""What a service stands: answers a second, how long they take, and whether its memory grows.

    python benchmarks/serve.py [--seconds 120] [--run RUN]

`ferda serve` runs in a process of its own, at one thread. Clients in threads of this process ask again as
soon as they are answered, first one of them, then several. Each sends a picture of one face, in which none
has to be looked for unless a run that does is named. The network is small and its weights are random, since
what is measured is the service. CPU time is the service's; on a machine that does other work, too, it is the
number to look at. Resident memory is read after a warm-up and at the end.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

os.environ["OMP_NUM_THREADS"] = "1"

import cv2
import numpy as np
from about import about

from ferda.engine.checkpoint import Preprocessing, save_weights
from ferda.expressions import BASIC
from ferda.faces.crops import CropRule
from ferda.methods import method_class

CLIENTS = (1, 4, 16)
SIZE, WARM_UP = 112, 20


@dataclass
class Told:
    """What clients saw.

    Attributes:
        took: Seconds of each answer.
        errors: Answers that were none, by status.
    """

    took: list[float] = field(default_factory=list)
    errors: dict[str, int] = field(default_factory=dict)


def main() -> None:
    """Measure and write JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=120)
    parser.add_argument("--run", type=Path)
    parser.add_argument("--json", type=Path, default=Path(__file__).parent / "results" / "serve.json")
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        run = wanted.run or make_run(Path(folder))
        found = measure(run, Path(folder) / "jobs", wanted.seconds)
    facts = about("python benchmarks/serve.py", seconds=wanted.seconds, cores=os.cpu_count())
    result = {"about": facts | {"load": os.getloadavg()[0]}, **found}
    wanted.json.parent.mkdir(parents=True, exist_ok=True)
    wanted.json.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(result, indent=1))


def make_run(folder: Path) -> Path:
    """Write a run with random weights that takes whole pictures.

    Args:
        folder: For it.
    """
    kind = method_class("source_only")
    config = kind.Config(backbone="small_cnn")
    shown = Preprocessing(CropRule("whole", size=SIZE, detect=False), SIZE, (0.5,) * 3, (0.5,) * 3)
    path = folder / "best.safetensors"
    method = kind(config, len(BASIC), 1)
    save_weights(
        path,
        method,
        name="source_only",
        settings=config.model_dump(),
        classes=BASIC,
        preprocessing=shown,
    )
    return path


def measure(run: Path, jobs: Path, seconds: float) -> dict[str, Any]:
    """Return what clients saw, for each number of clients, and the memory of the service.

    Args:
        run: The model.
        jobs: Folder of the service.
        seconds: For all numbers of clients together.
    """
    command = [sys.executable, "-m", "ferda", "serve", str(run), "--port", "0", "--folder", str(jobs)]
    service = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    assert service.stderr is not None
    try:
        found = re.match(r"http://([\w.]+):(\d+) ", service.stderr.readline())
        assert found is not None
        place = found[1], int(found[2])
        ask(place, WARM_UP, Told())
        begin = resident(service.pid)
        loads = [load(place, count, seconds / len(CLIENTS), service.pid) for count in CLIENTS]
        end = resident(service.pid)
    finally:
        service.send_signal(signal.SIGTERM)
        code = service.wait(120)
    return {"loads": loads, "megabytes": {"begin": begin, "end": end}, "exit": code}


def load(place: tuple[str, int], clients: int, seconds: float, process: int) -> dict[str, Any]:
    """Return what some clients see.

    Args:
        place: Host and port.
        clients: Their number.
        seconds: That they ask for.
        process: Id of the service's.
    """
    before, told, cpu = passes(place), [Told() for _ in range(clients)], cpu_seconds(process)
    end = time.monotonic() + seconds
    threads = [threading.Thread(target=ask, args=(place, None, one, end)) for one in told]
    began = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    wall = time.monotonic() - began
    after, cpu = passes(place), cpu_seconds(process) - cpu
    took = sorted(one for each in told for one in each.took)
    errors: dict[str, int] = {}
    for status, count in [pair for each in told for pair in each.errors.items()]:
        errors[status] = errors.get(status, 0) + count
    return {
        "clients": clients,
        "answers": len(took),
        "per_second": len(took) / wall,
        "p50_ms": 1000 * statistics.median(took) if took else None,
        "p99_ms": 1000 * took[int(0.99 * (len(took) - 1))] if took else None,
        "cpu_ms": 1000 * cpu / max(len(took), 1),
        "pictures_a_pass": (after[0] - before[0]) / max(after[1] - before[1], 1),
        "errors": errors,
    }


def ask(place: tuple[str, int], count: int | None, told: Told, end: float = float("inf")) -> None:
    """Ask again and again, on one connection.

    Args:
        place: Host and port.
        count: How often; None for as long as there is time.
        told: Gets what is seen.
        end: When to stop.
    """
    _, picture = cv2.imencode(".jpg", np.random.default_rng(0).integers(0, 256, (SIZE, SIZE, 3), np.uint8))
    body = (
        b'--x\r\nContent-Disposition: form-data; name="images"; filename="face.jpg"\r\n\r\n'
        + picture.tobytes()
        + b"\r\n--x--\r\n"
    )
    connection = http.client.HTTPConnection(*place, timeout=120)
    done = 0
    while time.monotonic() < end and (count is None or done < count):
        began, done = time.monotonic(), done + 1
        try:
            connection.request("POST", "/predict", body, {"Content-Type": "multipart/form-data; boundary=x"})
            answer = connection.getresponse()
            answer.read()
            status = str(answer.status)
        except (OSError, http.client.HTTPException) as failure:
            connection.close()
            status = type(failure).__name__
        if status == "200":
            told.took.append(time.monotonic() - began)
        else:
            told.errors[status] = told.errors.get(status, 0) + 1
    connection.close()


def passes(place: tuple[str, int]) -> tuple[float, float]:
    """Return how many pictures were judged, and in how many passes.

    Args:
        place: Host and port.
    """
    connection = http.client.HTTPConnection(*place, timeout=120)
    connection.request("GET", "/metrics")
    text = connection.getresponse().read().decode()
    connection.close()
    found = [re.search(rf"^ferda_pass_pictures_{name} (\S+)$", text, re.M) for name in ("sum", "count")]
    return float(found[0][1]) if found[0] else 0.0, float(found[1][1]) if found[1] else 0.0


def cpu_seconds(process: int) -> float:
    """Return the CPU time that a process took so far.

    Args:
        process: Its id.
    """
    fields = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident(process: int) -> float:
    """Return the resident memory of a process in megabytes.

    Args:
        process: Its id.
    """
    pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


if __name__ == "__main__":
    main()
