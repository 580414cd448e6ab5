from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from ferda.backbones.weights import WeightsReport, load_weights, read_state, reports_to, tensors_of
from ferda.errors import UserError


class Runs:
    """Would do something on unpickling."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (print, ("this must not run",))


def test_every_name_is_reported() -> None:
    network = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 1))
    given = {
        "module.net.0.weight": torch.ones(3, 2),
        "module.net.0.bias": torch.ones(3),
        "fc.weight": torch.ones(1),
    }
    report = load_weights(network, given, prefix="net.", partial=True)
    assert set(report.used) == {"0.weight", "0.bias"}
    assert report.unused == ("fc.weight",)
    assert set(report.missing) == {"1.weight", "1.bias"}
    assert "2 used" in str(report) and "fc.weight" in str(report)
    assert torch.equal(network[0].bias, torch.ones(3))


def test_names_can_be_rewritten_and_dropped() -> None:
    network = nn.Sequential(nn.Linear(2, 3))
    given = {"layer1.w": torch.ones(3, 2), "layer1.b": torch.ones(3), "head.w": torch.ones(1)}
    rules = [(r"^layer1\.w$", "0.weight"), (r"^layer1\.b$", "0.bias"), (r"^head\..*", "")]
    assert load_weights(network, given, rename=rules).unused == ()


@pytest.mark.parametrize(
    ("given", "word"),
    [
        ({"0.weight": torch.ones(3, 2)}, "1 missing"),
        ({"0.weight": torch.ones(3, 2), "0.bias": torch.ones(4)}, r"\(4,\) instead of \(3,\)"),
        ({"other": torch.ones(1)}, "0 used"),
        ({"epoch": 3}, "no tensors"),
    ],
)
def test_what_does_not_fit_is_an_error(given: dict[str, torch.Tensor], word: str) -> None:
    with pytest.raises(UserError, match=word):
        load_weights(nn.Sequential(nn.Linear(2, 3)), given)


def test_safetensors_and_torch_files_read_alike(tmp_path: Path) -> None:
    state = nn.Linear(2, 3).state_dict()
    save_file(state, tmp_path / "w.safetensors")
    torch.save({"model": state, "epoch": 3}, tmp_path / "w.pt")
    one, other = (tensors_of(read_state(tmp_path / name)) for name in ("w.safetensors", "w.pt"))
    assert set(one) == set(other) == {"weight", "bias"}
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_code_in_a_file_does_not_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    torch.save({"weight": torch.ones(1), "hook": Runs()}, tmp_path / "bad.pt")
    assert torch.equal(tensors_of(read_state(tmp_path / "bad.pt"))["weight"], torch.ones(1))
    assert "must not run" not in capsys.readouterr().out
    assert "was not run: __builtin__.print" in caplog.text


def test_a_folder_gives_the_state_of_every_file(tmp_path: Path) -> None:
    parts = {f"Net-Branch_{number}": {"fc.bias": torch.full((2,), number)} for number in range(9)}
    for stem, state in parts.items():
        torch.save(state, tmp_path / f"{stem}.pt", _use_new_zipfile_serialization=False)
    save_file({"fc.bias": torch.zeros(2)}, tmp_path / "Net-Base.safetensors")
    (tmp_path / "notes.txt").write_text("nothing")
    read = read_state(tmp_path)
    assert list(read) == ["Net-Base", *parts]
    assert all(torch.equal(read[stem]["fc.bias"], state["fc.bias"]) for stem, state in parts.items())
    with pytest.raises(UserError, match=r"has no weight file \(\.pt"):
        read_state(tmp_path.parent)


def test_who_listens_hears_of_all_weights() -> None:
    heard: list[WeightsReport] = []
    with reports_to(heard.append):
        load_weights(nn.Linear(1, 1), {"weight": torch.ones(1, 1), "x": torch.ones(1)}, partial=True)
    load_weights(nn.Linear(1, 1), nn.Linear(1, 1).state_dict())
    assert [(report.source, report.used, report.unused) for report in heard] == [
        ("the state dict", ("weight",), ("x",))
    ]


def test_what_is_no_weight_file_is_said(tmp_path: Path) -> None:
    (tmp_path / "noise.pt").write_bytes(b"not weights at all")
    (tmp_path / "noise.safetensors").write_bytes(b"12345678{}")
    torch.save([1, 2], tmp_path / "list.pt")
    for name in ("missing.pt", "noise.pt", "noise.safetensors", "list.pt"):
        with pytest.raises(UserError, match=name.split(".", maxsplit=1)[0]):
            read_state(tmp_path / name)
