"""Workers that do nothing: a script that writes down its order, and waits until it is told to stop."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from pathlib import Path

import pytest

from ferda.errors import UserError
from ferda.tuning import processes
from ferda.tuning.processes import run_workers, work
from ferda.tuning.search import Search, begin_search
from ferda.tuning.study import open_study
from ferda.tuning.worker import Budget

SCRIPT = """
import json, os, pathlib, signal, sys, time
order = json.load(sys.stdin)
signal.signal(signal.SIGINT, lambda *_: sys.exit(130))
place = pathlib.Path(order["out"]) / f"seen-{order['worker']}.json"
seen = {name: os.environ.get(name) for name in ("CUDA_VISIBLE_DEVICES", "OMP_NUM_THREADS")}
place.write_text(json.dumps(order | seen | {"words": sys.argv}))
while (place.parent / "hold").exists():
    time.sleep(0.01)
if (place.parent / "fail").exists():
    sys.exit("first line\\nferda: the data base is gone")
"""


@pytest.fixture(autouse=True)
def _script(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "COMMAND", (sys.executable, "-S", "-c", SCRIPT))


def seen(out: Path) -> list[dict[str, object]]:
    return [json.loads(file.read_text()) for file in sorted(out.glob("seen-*.json"))]


def test_each_gets_its_order_and_its_device(tmp_path: Path) -> None:
    address, calls = "postgresql://me:secret@host/x", []
    run_workers(
        tmp_path,
        Budget(7, 12.5),
        jobs=3,
        gpus=("2", "5"),
        storage=address,
        watch=lambda: calls.append(1),
    )
    first, second, third = seen(tmp_path)
    assert (first["trials"], first["until"], first["storage"]) == (7, 12.5, address)
    assert [one["worker"] for one in (first, second, third)] == [0, 1, 2]
    assert [one["CUDA_VISIBLE_DEVICES"] for one in (first, second, third)] == ["2", "5", "2"]
    assert first["OMP_NUM_THREADS"] == os.environ["OMP_NUM_THREADS"]
    assert "secret" not in str(first["words"])
    assert calls


def test_why_a_process_gave_up_is_told(tmp_path: Path) -> None:
    (tmp_path / "fail").touch()
    with pytest.raises(
        UserError, match=r"2 of 2 processes gave up .*: the data base is gone The same command"
    ):
        run_workers(tmp_path, Budget(1), jobs=2)


def test_ctrl_c_reaches_every_process(tmp_path: Path) -> None:
    (tmp_path / "hold").touch()

    def press() -> None:
        while len(list(tmp_path.glob("seen-*.json"))) < 2:
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=press).start()
    with pytest.raises(KeyboardInterrupt):
        run_workers(tmp_path, Budget(1), jobs=2)
    # both have ended, although what they wait for is still there
    assert (tmp_path / "hold").exists()


@pytest.mark.usefixtures("training")
def test_a_worker_does_what_it_is_told(search: Search, tmp_path: Path) -> None:
    begin_search(search, tmp_path)
    order = {"out": str(tmp_path), "trials": 2, "until": None, "storage": None, "worker": 1}
    assert work(json.dumps(order)) == 0
    assert len(open_study(search, tmp_path).get_trials()) == 2


@pytest.mark.usefixtures("training")
def test_a_worker_that_was_left_alone_ends_after_its_trial(
    search: Search, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin_search(search, tmp_path)
    parents = iter([4711, 1])
    monkeypatch.setattr(os, "getppid", lambda: next(parents))
    order = {"out": str(tmp_path), "trials": 5, "until": None, "storage": None, "worker": 1}
    assert work(json.dumps(order)) == 130
    assert [trial.state.name for trial in open_study(search, tmp_path).get_trials()] == ["COMPLETE"]


def test_a_worker_says_why_it_gives_up(
    search: Search, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    begin_search(search, tmp_path)
    order = {"out": str(tmp_path), "trials": 2, "until": None, "storage": "nosuchbase://x", "worker": 1}
    assert work(json.dumps(order)) == 2
    assert capsys.readouterr().err.startswith("ferda: --storage: the data base cannot be opened")
