"""The runner with trainings that take no time: a script that leaves what `ferda fit` leaves."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import pytest

from ferda.benchmarking import runner as runner_module
from ferda.benchmarking.earlier import check_finished, forget_failures
from ferda.benchmarking.places import Cost, Place
from ferda.benchmarking.reading import parse_table
from ferda.benchmarking.runner import Runner
from ferda.benchmarking.table import Cell, Table
from ferda.errors import UserError

PAIR = {"a-b": {"sources": "synthetic:studio", "target": "synthetic:cctv"}}
#: Fails if the method is dann, and waits for a file if there is one called `hold`.
SCRIPT = """
import pathlib, shutil, signal, sys, time
recipe, folder = map(pathlib.Path, sys.argv[1:3])
signal.signal(signal.SIGINT, lambda *_: sys.exit(130))
folder.mkdir(parents=True, exist_ok=True)
is_resumed = (folder / "recipe.yaml").is_file()
shutil.copy(recipe, folder / "recipe.yaml")
root = folder.parents[2]
with (root / "order.txt").open("a") as file:
    file.write(f"{folder.parent.name} {folder.name} {'again' if is_resumed else 'new'}\\n")
while (root / "hold").exists():
    time.sleep(0.01)
if "dann" in folder.parent.name and not (root / "mended").exists():
    sys.exit("first line\\nferda: the rate is too high\\n")
(folder / "finished").touch()
"""


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> None:
    def command(place: Place, method: str) -> list[str]:
        return [sys.executable, "-S", "-c", SCRIPT, str(place.beside("yaml")), str(place.folder)]

    monkeypatch.setattr(runner_module, "training_command", command)


def table(**given: object) -> Table:
    return parse_table({"pairs": PAIR, "seeds": [0], "methods": ["source_only"]} | given)


def order(out: Path) -> list[str]:
    return (out / "order.txt").read_text().splitlines()


@pytest.mark.usefixtures("fake")
def test_a_start_comes_before_what_starts_from_it(tmp_path: Path) -> None:
    asked = table(seeds=[0, 1], methods={"mcc": {"start": "source_only"}, "source_only": {}})
    Runner(asked, tmp_path, jobs=3).run()
    assert sorted(order(tmp_path)) == ["mcc 0 new", "mcc 1 new", "source_only 0 new", "source_only 1 new"]
    for seed in "01":
        assert order(tmp_path).index(f"source_only {seed} new") < order(tmp_path).index(f"mcc {seed} new")
    recipe = Place(tmp_path, Cell("a-b", "mcc", 1)).run.recipe
    assert recipe.training.start == str(tmp_path / "a-b" / "source_only" / "1")


@pytest.mark.usefixtures("fake")
def test_a_failure_stops_only_what_starts_from_it(tmp_path: Path) -> None:
    rows = {"dann": {}, "mcc": {"start": "dann"}, "more": {"name": "mcc", "start": "mcc"}, "source_only": {}}
    asked, events = table(methods=rows), []
    Runner(asked, tmp_path, watch=lambda cell, event: events.append((cell.row, event))).run()
    assert ("source_only", "finished") in events
    assert {("dann", "failed"), ("mcc", "cannot start"), ("more", "cannot start")} <= set(events)
    place = Place(tmp_path, Cell("a-b", "dann", 0))
    assert (place.state, place.error) == ("failed", "the rate is too high")

    Runner(asked, tmp_path).run()
    assert len(order(tmp_path)) == 2, "nothing is tried twice unasked"
    (tmp_path / "mended").touch()
    forget_failures(asked, tmp_path)
    Runner(asked, tmp_path).run()
    assert order(tmp_path)[2:] == ["dann 0 again", "mcc 0 new", "more 0 new"]
    assert place.error == ""


@pytest.mark.usefixtures("fake")
def test_what_a_training_took_is_measured_and_added_up(tmp_path: Path) -> None:
    Runner(table(), tmp_path).run()
    place = Place(tmp_path, Cell("a-b", "source_only", 0))
    cost = place.cost
    assert cost is not None
    assert cost.seconds > 0
    assert cost.cpu_seconds > 0
    assert 2**20 < cost.peak_memory < 2**32
    place.add_cost(Cost(10, 20, 5, 3))
    more = place.cost
    assert more == Cost(cost.seconds + 10, cost.cpu_seconds + 20, cost.peak_memory, 3)


@pytest.mark.usefixtures("fake")
def test_two_runners_share_one_folder(tmp_path: Path) -> None:
    asked = table(seeds=list(range(6)))
    runners = [Runner(asked, tmp_path) for _ in range(2)]
    threads = [threading.Thread(target=one.run) for one in runners]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(order(tmp_path)) == [f"source_only {seed} new" for seed in range(6)]


@pytest.mark.usefixtures("fake")
def test_a_training_whose_runner_was_killed_keeps_its_claim(tmp_path: Path) -> None:
    asked, cell = table(), Cell("a-b", "source_only", 0)
    (tmp_path / "hold").touch()
    script = f"""
        import sys
        sys.path.insert(0, {str(Path(__file__).parent)!r})
        import test_runner
        from pathlib import Path
        from ferda.benchmarking import runner
        runner.training_command = lambda place, method: [
            sys.executable, "-S", "-c", test_runner.SCRIPT, str(place.beside("yaml")), str(place.folder)
        ]
        runner.Runner(test_runner.table(), Path({str(tmp_path)!r})).run()
    """
    killed = subprocess.Popen([sys.executable, "-c", textwrap.dedent(script)])
    while not (tmp_path / "order.txt").is_file():
        assert killed.poll() is None
        time.sleep(0.02)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    with Place(tmp_path, cell).claimed() as claim:
        assert claim is None, "its training still runs"
    second = threading.Thread(target=Runner(asked, tmp_path).run)
    second.start()
    (tmp_path / "hold").unlink()
    second.join()
    assert order(tmp_path) == ["source_only 0 new"], "the second runner only waited"


@pytest.mark.usefixtures("fake")
def test_ctrl_c_lets_trainings_save_themselves(tmp_path: Path) -> None:
    asked, events = table(seeds=[0, 1, 2]), []
    (tmp_path / "hold").touch()

    def press() -> None:
        while len(order(tmp_path) if (tmp_path / "order.txt").is_file() else []) < 2:
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=press).start()
    with pytest.raises(KeyboardInterrupt):
        Runner(asked, tmp_path, jobs=2, watch=lambda cell, event: events.append(event)).run()
    assert sorted(events) == ["begun", "begun", "interrupted", "interrupted"]
    assert {Place(tmp_path, cell).state for cell in asked.cells} == {"open"}
    (tmp_path / "hold").unlink()
    Runner(asked, tmp_path, jobs=2).run()
    assert sorted(order(tmp_path)[2:]) == ["source_only 0 again", "source_only 1 again", "source_only 2 new"]


@pytest.mark.usefixtures("fake")
def test_runs_of_other_settings_are_never_mixed_in(tmp_path: Path) -> None:
    Runner(table(), tmp_path).run()
    check_finished(table(), tmp_path)
    with pytest.raises(UserError, match="followed other settings"):
        check_finished(table(training={"epochs": 3}), tmp_path)


@pytest.mark.usefixtures("fake")
def test_half_a_run_of_other_settings_is_begun_anew(tmp_path: Path) -> None:
    wrong, place = table(methods={"dann": {}}), Place(tmp_path, Cell("a-b", "dann", 0))
    Runner(wrong, tmp_path).run()
    (tmp_path / "mended").touch()
    right = table(methods={"dann": {"training": {"epochs": 3}}})
    forget_failures(right, tmp_path)
    Runner(right, tmp_path).run()
    assert order(tmp_path) == ["dann 0 new", "dann 0 new"]
    assert place.run.recipe.training.epochs == 3
