"""The engine's small parts: tables, candidates, averages, the watch for bad losses, files."""

from __future__ import annotations

import errno
import json
import os
import signal
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ferda.engine import checkpoint
from ferda.engine.candidates import Candidates
from ferda.engine.display import Display
from ferda.engine.ema import WeightAverage
from ferda.engine.finite import FiniteWatch
from ferda.engine.interrupt import Interrupt
from ferda.engine.tables import GrowingTable
from ferda.errors import UserError
from ferda.methods import method_class
from ferda.methods.base import Method
from ferda.selection.choose import choose


def small_method() -> Method:
    kind = method_class("source_only")
    return kind(kind.Config(backbone="small_cnn", backbone_options={"stem": 8, "widths": [8, 16]}), 3)


def test_a_table_grows_by_rows_and_columns_and_reads_back_exactly(tmp_path: Path) -> None:
    table = GrowingTable(tmp_path / "t.csv")
    table.append({"step": 1, "loss": 0.1 + 0.2})
    table.append({"step": 2, "loss": 1e-30, "more": "x"})
    again = GrowingTable(tmp_path / "t.csv")
    assert [float(row["loss"]) for row in again.rows] == [0.1 + 0.2, 1e-30]
    assert again.rows[0]["more"] == ""
    again.keep(lambda row: int(row["step"]) < 2)
    assert len(GrowingTable(tmp_path / "t.csv").rows) == 1


def test_half_a_line_at_the_end_is_forgotten(tmp_path: Path) -> None:
    table = GrowingTable(tmp_path / "t.csv")
    table.append({"step": 1, "loss": 0.5})
    with (tmp_path / "t.csv").open("a") as file:
        file.write("2")
    assert [row["step"] for row in GrowingTable(tmp_path / "t.csv").rows] == ["1"]


@settings(max_examples=settings.default.max_examples // 2)
@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=1, max_size=12))
def test_the_chosen_weights_are_always_at_hand(tmp_path_factory: pytest.TempPathFactory, pairs: list) -> None:
    folder = tmp_path_factory.mktemp("run")
    candidates = Candidates(folder / "candidates", folder / "best.txt", tolerance=0.15)
    for epoch, (score, accuracy) in enumerate(pairs):
        best = candidates.offer(
            score / 5, accuracy / 5, lambda path, e=epoch: path.write_text(str(e)) and None
        )
        seen = pairs[: epoch + 1]
        assert best == choose([s / 5 for s, _ in seen], [a / 5 for _, a in seen], 0.15)
        assert (folder / "best.txt").read_text() == str(best)
    candidates.close()
    assert not (folder / "candidates").exists()


def test_weights_are_kept_where_every_score_may_change(tmp_path: Path) -> None:
    def offered(candidates: Candidates, epoch: int, scores: list[float]) -> int:
        *earlier, score = scores
        return candidates.offer(
            score, 0.5, lambda path: path.write_text(str(epoch)) and None, earlier=earlier
        )

    candidates = Candidates(tmp_path / "candidates", tmp_path / "best.txt", tolerance=0.05)
    answers = [np.eye(3)[[0, 1, 2]], np.eye(3)[[1, 1, 2]], np.eye(3)[[1, 1, 2]]]
    assert candidates.compare({"ensv": answers[0]}) == {"ensv": [1]}
    assert offered(candidates, 0, [1.0]) == 0
    state = candidates.state_dict()
    again = Candidates(tmp_path / "candidates", tmp_path / "best.txt", tolerance=0.05)
    again.load_state_dict(state)
    again.compare({"ensv": answers[1]})
    assert offered(again, 1, [0.9, 0.4]) == 0
    (scores,) = again.compare({"ensv": answers[2]}).values()
    assert scores == pytest.approx([2 / 3, 1, 1])
    # the second epoch was beaten when it was offered, and is the best now
    assert offered(again, 2, scores) == 1
    assert (tmp_path / "best.txt").read_text() == "1"
    again.load_state_dict({"scores": [1.0], "accuracies": [0.5]})  # as a run of before saved it
    assert again.compare({"ensv": answers[0]}) == {"ensv": [1]}


def test_an_average_moves_towards_the_weights_and_copies_buffers() -> None:
    method = small_method()
    average = WeightAverage(method, decay=0.5)
    before = next(average.method.parameters()).clone()
    with torch.no_grad():
        next(method.parameters()).add_(1.0)
    next(method.buffers()).add_(3.0)
    average.update(method)
    # the first step uses (1 + 1) / (10 + 1) instead of the decay
    assert torch.allclose(next(average.method.parameters()), before + 9 / 11)
    assert torch.equal(next(average.method.buffers()), next(method.buffers()))
    fresh = WeightAverage(method, decay=0.5)
    fresh.load_state_dict(average.state_dict())
    assert fresh.steps == 1
    assert torch.equal(next(fresh.method.parameters()), next(average.method.parameters()))


def test_the_watch_remembers_the_first_bad_step_only() -> None:
    watch = FiniteWatch(torch.device("cpu"))
    good, bad = torch.tensor(1.0), torch.tensor(float("nan"))
    for step, pair in enumerate([(good, good), (good, bad), (good * 5, good)]):
        watch.see(step, dict(zip(("task", "domain"), pair, strict=True)))
    assert watch.first_bad() is not None
    step, losses = watch.first_bad() or (0, {})
    assert step == 1
    assert losses["task"] == 1.0
    assert losses["domain"] != losses["domain"]


def test_the_first_signal_is_noticed_the_second_one_stops() -> None:
    # a shell starts background jobs with SIGINT ignored
    former = signal.signal(signal.SIGINT, signal.default_int_handler)
    with Interrupt() as interrupt:
        os.kill(os.getpid(), signal.SIGINT)
        assert interrupt.is_set
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
            signal.sigtimedwait([], 0.5) if hasattr(signal, "sigtimedwait") else None
    signal.signal(signal.SIGINT, former)


def facts(folder: Path) -> dict:
    from ferda.faces.crops import CropRule

    shown = checkpoint.Preprocessing(CropRule("whole", size=32), 32, (0.5,) * 3, (0.5,) * 3)
    return {
        "name": "source_only",
        "settings": {"backbone": "small_cnn", "backbone_options": {"stem": 8, "widths": [8, 16]}},
        "classes": ("anger", "fear", "neutral"),
        "preprocessing": shown,
        "epoch": 3,
    }


def test_weights_carry_all_they_need(tmp_path: Path) -> None:
    method = small_method().eval()
    checkpoint.save_weights(tmp_path / "w.safetensors", method, **facts(tmp_path))
    loaded = checkpoint.load_method(tmp_path / "w.safetensors")
    images = torch.rand(2, 3, 32, 32)
    assert torch.equal(loaded.method(images).logits, method(images).logits)
    assert loaded.classes == ("anger", "fear", "neutral")
    assert loaded.preprocessing == facts(tmp_path)["preprocessing"]
    assert loaded.metadata["epoch"] == 3


def test_a_full_disk_leaves_the_former_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "last.pt"
    checkpoint.save_state(path, {"step": 1})

    def full(value: object, target: Path) -> None:
        Path(target).write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(UserError, match="former file is unharmed"):
        checkpoint.save_state(path, {"step": 2})
    assert checkpoint.load_state(path) == {"step": 1}
    assert [entry.name for entry in tmp_path.iterdir()] == ["last.pt"]


def test_a_full_disk_while_weights_are_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "best.safetensors"
    checkpoint.save_weights(path, small_method(), **facts(tmp_path))
    before = path.read_bytes()

    def full(model: object, target: str, metadata: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(checkpoint, "save_model", full)
    with pytest.raises(UserError, match="free some space"):
        checkpoint.save_weights(path, small_method(), **facts(tmp_path))
    assert path.read_bytes() == before


def test_what_is_no_checkpoint_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.safetensors").write_bytes(b"not a tensor file")
    with pytest.raises(UserError, match="not a readable"):
        checkpoint.load_method(tmp_path / "x.safetensors")
    with pytest.raises(UserError, match="no run folder"):
        checkpoint.load_method(tmp_path / "nothing")
    with pytest.raises(UserError, match="no best"):
        checkpoint.load_method(tmp_path)


def test_a_pickle_that_runs_code_is_refused(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> tuple:
            return os.system, ("touch pwned",)

    import pickle

    (tmp_path / "last.pt").write_bytes(pickle.dumps(Evil()))
    with pytest.raises(UserError, match="cannot be resumed"):
        checkpoint.load_state(tmp_path / "last.pt")
    assert not Path("pwned").exists()


def test_metadata_is_json(tmp_path: Path) -> None:
    checkpoint.save_weights(tmp_path / "w.safetensors", small_method(), **facts(tmp_path))
    about = checkpoint.read_metadata(tmp_path / "w.safetensors")
    assert json.loads(json.dumps(about)) == about


def test_a_bar_counts_the_pictures_of_a_raw_folder_and_goes() -> None:
    display = Display(True)
    display.counting(1, 3)
    [task] = display._bar.tasks
    assert (task.completed, task.total) == (1, 3)
    display.counting(3, 3)
    assert display._bar.tasks == []
