"""Files with other people's objects give up their numbers, and none of them runs, imports or grows."""

from __future__ import annotations

import io
import os
import pickle
import sys
import tracemalloc
import types
import zipfile
from collections import OrderedDict, defaultdict
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from ferda.backbones.inert_pickle import Inert
from ferda.backbones.pickled import read_pickled
from ferda.backbones.weights import read_state, tensors_of
from ferda.errors import UserError

THEIRS = """
import torch
from torch import nn

class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3, bias=False)
        self.bn = nn.BatchNorm2d(4)
        self.register_buffer("passing", torch.ones(2), persistent=False)

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = Block()
        self.again = nn.Sequential(self.first, nn.Linear(4, 2).half())
        self.scale = nn.Parameter(torch.tensor(2.0))
        self.register_buffer("part", torch.arange(12).reshape(3, 4)[1:, ::2])
        self.register_buffer("none", None)

class Recorder:
    def __init__(self):
        self.history = [0.1, 0.2]
        self.kinds = {"train", "val"}
"""


@pytest.fixture
def theirs(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A program whose classes are there while its files are written."""
    module = types.ModuleType("their_program")
    exec(THEIRS, module.__dict__)
    monkeypatch.setitem(sys.modules, "their_program", module)
    return module


def saved(content: object, path: Path, is_zip: bool = True) -> Path:
    torch.save(content, path, _use_new_zipfile_serialization=is_zip)
    sys.modules.pop("their_program", None)
    return path


def archive(path: Path, program: bytes, parts: dict[str, bytes] | None = None, pack: int = 0) -> Path:
    """A zip archive as torch writes it, around any pickle."""
    with zipfile.ZipFile(path, "w", compression=pack) as file:
        file.writestr("a/data.pkl", program)
        for name, data in (parts or {}).items():
            file.writestr(f"a/{name}", data)
    return path


def stream(path: Path, program: bytes, keys: list[str], data: bytes) -> Path:
    """A file in torch's older format, around any pickle."""
    head = [pickle.dumps(value, 2) for value in (0x1950A86A20F9469CFC6C, 1001, {"little_endian": True})]
    path.write_bytes(b"".join([*head, program, pickle.dumps(keys, 2), data]))
    return path


@pytest.mark.parametrize("is_zip", [True, False])
def test_a_whole_module_gives_its_state_dict(theirs: Any, tmp_path: Path, is_zip: bool) -> None:
    network = theirs.Net()
    found = read_pickled(saved(network, tmp_path / "net.pth", is_zip))
    assert list(found.content) == list(network.state_dict())
    for name, value in network.state_dict().items():
        assert torch.equal(found.content[name], value) and found.content[name].dtype == value.dtype, name
    assert "their_program.Net" in found.not_run
    assert "their_program" not in sys.modules


@pytest.mark.parametrize("is_zip", [True, False])
def test_a_training_file_keeps_its_weights(theirs: Any, tmp_path: Path, is_zip: bool, caplog: Any) -> None:
    state = nn.DataParallel(nn.Linear(2, 3)).state_dict()
    content = {
        "epoch": 7,
        "state_dict": state,
        "best": torch.tensor(0.5),
        "recorder": theirs.Recorder(),
        "networks": [theirs.Block(), {"inner": theirs.Block()}],
        "counts": defaultdict(int, {3: 4}),
        "shape": torch.Size([2, 3]),
    }
    read = read_state(saved(content, tmp_path / "last.pth.tar", is_zip))
    assert (read["epoch"], read["counts"], read["shape"]) == (7, {3: 4}, (2, 3))
    assert torch.equal(tensors_of(read)["module.weight"], state["module.weight"])
    assert isinstance(read["recorder"], Inert)
    assert read["recorder"].state["history"] == [0.1, 0.2]
    assert set(read["networks"][0]) == set(read["networks"][1]["inner"]) == set(theirs.Block().state_dict())
    assert "their_program.Recorder" in caplog.text


@pytest.mark.parametrize("is_zip", [True, False])
def test_numbers_of_a_graphics_card_come_to_the_processor(theirs: Any, tmp_path: Path, is_zip: bool) -> None:
    network = theirs.Block()
    path = saved(network, tmp_path / "net.pth", is_zip)

    def tagged(program: bytes) -> bytes:
        program = program.replace(b"ctorch\nFloatStorage", b"ctorch.cuda\nFloatStorage")
        return program.replace(b"X\x03\x00\x00\x00cpu", b"X\x06\x00\x00\x00cuda:1")

    if is_zip:
        with zipfile.ZipFile(path) as file:
            parts = {name.split("/", 1)[1]: file.read(name) for name in file.namelist()}
        program = tagged(parts.pop("data.pkl"))
        assert b"cuda:1" in program
        archive(path, program, parts)
    else:
        path.write_bytes(tagged(path.read_bytes()))
        assert b"cuda:1" in path.read_bytes()
    found = read_pickled(path).content
    assert torch.equal(found["conv.weight"], network.conv.weight)
    assert found["conv.weight"].device.type == "cpu"


def test_plain_files_read_as_torch_reads_them(tmp_path: Path) -> None:
    whole = torch.arange(6.0)
    content = OrderedDict(a=whole[2:5], b=whole.reshape(2, 3).T, c=[1, None, True, 2.5, (1, 2, 3, 4)])
    content["empty"] = torch.empty(0, 3)
    content["parameter"] = nn.Parameter(torch.ones(2))
    content["types"] = [torch.ones(2, dtype=kind) for kind in (torch.bool, torch.bfloat16, torch.int8)]
    for is_zip in (True, False):
        path = tmp_path / f"{is_zip}.pt"
        torch.save(content, path, _use_new_zipfile_serialization=is_zip)
        found, plain = read_pickled(path), torch.load(path, weights_only=True)
        torch.testing.assert_close(found.content, dict(plain), rtol=0, atol=0)
        assert found.not_run == ()


class Attack:
    """Would leave a trace if it was called."""

    def __init__(self, *call: Any) -> None:
        self.call = call

    def __reduce__(self) -> Any:
        return self.call[0], self.call[1:]


def hostile(trace: Path) -> dict[str, bytes]:
    """Pickles that would write a file, by every door there is."""
    command = f"touch {trace}"
    argument = pickle.dumps(command, 0)[:-1]
    return {
        "reduce": pickle.dumps(Attack(os.system, command), 2),
        "new protocol": pickle.dumps(Attack(os.system, command), 5),
        "nested": pickle.dumps({"state_dict": [{"a": (1, Attack(os.system, command))}]}, 2),
        "evaluated": pickle.dumps(Attack(eval, f"open({str(trace)!r}, 'w')"), 4),
        "in a set state": pickle.dumps(Attack(os.system, Attack(os.system, command)), 2),
        "as a key": pickle.dumps({Attack(os.system, command): 1}, 2),
        "inst": b"(" + argument + b"iposix\nsystem\n.",
        "obj": b"(cposix\nsystem\n" + argument + b"o.",
        "of a tensor": b"ctorch._utils\n_rebuild_tensor_v2\n(cposix\nsystem\n" + argument + b"ttR.",
        "through an attribute": b"cbuiltins\ngetattr\n(cos\nS'system'\ntR(" + argument + b"tR.",
        "our method": b"ccollections\nOrderedDict\n(tR}S'__setitem__'\ncos\nsystem\nsb" + argument + b"b.",
        "a function's defaults": b"ctorch._utils\n_rebuild_tensor\n(N}S'__defaults__'\n(I1\ntstb.",
        "an extension": b"\x82\x01.",
    }


@pytest.mark.parametrize("name", hostile(Path("x")))
@pytest.mark.parametrize("is_zip", [True, False])
def test_nothing_of_a_hostile_file_runs(tmp_path: Path, name: str, is_zip: bool) -> None:
    trace, path = tmp_path / "trace", tmp_path / "bad.pt"
    program = hostile(trace)[name]
    assert str(trace).encode() in program or "ext" in name or "defaults" in name
    archive(path, program) if is_zip else stream(path, program, [], b"")
    try:
        found = read_pickled(path)
    except UserError as refused:
        assert "no readable weight file" in str(refused)
    else:
        kept_as_data = name in ("a function's defaults", "our method")
        assert bool(found.not_run) is not kept_as_data
    assert not trace.exists()


def test_the_attacks_are_real(tmp_path: Path) -> None:
    for name in ("reduce", "nested", "inst"):
        pickle.loads(hostile(tmp_path / name)[name])
        assert (tmp_path / name).exists()


def nested_pairs(depth: int, last: bytes) -> bytes:
    """A tuple of itself twice, so often that whoever follows every path never ends."""
    return b")" + b"2\x86" * depth + last


def storage(key: str, numel: int) -> bytes:
    identity = b"(X\x07\x00\x00\x00storagectorch\nFloatStorage\n"
    return identity + f"V{key}\nVcpu\nI{numel}\nNtQ".encode()


def tensor(size: int, stride: int, numel: int) -> bytes:
    shape = f"I0\n(I{size}\nt(I{stride}\nt".encode()
    return b"\x80\x02ctorch._utils\n_rebuild_tensor\n(" + storage("0", numel) + shape + b"tR."


def knot() -> bytes:
    """A module that is its own child."""
    parts = b"(X\x0b\x00\x00\x00_parameters}X\x08\x00\x00\x00_buffers}X\x08\x00\x00\x00_modules}S'a'\nh\x00s"
    return b"\x80\x02ca\nB\n)\x81q\x00" + b"}" + parts + b"ub."


BOMBS = {
    "numbers that are not there": tensor(4, 1, 1 << 40),
    "a view past the end": tensor(1 << 40, 1, 4),
    "a view on the same number": tensor(1 << 40, 0, 4),
    "a memo of two billion places": b"N" + b"r\xff\xff\xff\x7f" + b".",
    "a text of an exabyte": b"\x8e" + (1 << 60).to_bytes(8, "little") + b"x.",
    "keys of keys": b"}" + nested_pairs(200, b"Ns."),
    "keys of a set": b"\x80\x04\x8f(" + nested_pairs(200, b"\x90."),
    "a storage by nested keys": nested_pairs(200, b"Q."),
    "a knot": knot(),
    "no end": b"N" * 10 + b"(",
    "an empty stack": b"0.",
    "a put without a value": b"p0\n.",
    "an endless number": b"I" + b"9" * 100_000 + b"\n.",
}


@pytest.mark.parametrize("name", BOMBS)
@pytest.mark.parametrize("is_zip", [True, False])
def test_a_bomb_does_not_grow(tmp_path: Path, name: str, is_zip: bool) -> None:
    path = tmp_path / "bad.pt"
    program, data = BOMBS[name], torch.ones(4).numpy().tobytes()
    if is_zip:
        archive(path, program, {"data/0": data})
    elif b"Storage" in program:
        stream(path, program, ["0"], (4).to_bytes(8, "little") + data)
    else:
        stream(path, program, [], b"")
    tracemalloc.start()
    try:
        if name == "a memo of two billion places":
            assert read_pickled(path).content is None
        else:
            with pytest.raises(UserError, match=r"bad\.pt"):
                read_pickled(path)
        assert tracemalloc.get_traced_memory()[1] < 50e6
    finally:
        tracemalloc.stop()


def test_a_well_made_tensor_is_no_bomb(tmp_path: Path) -> None:
    data = torch.arange(4.0).numpy().tobytes()
    program = tensor(2, 2, 4)
    in_zip = program.replace(b"NtQ", b"tQ")
    assert read_pickled(archive(tmp_path / "z.pt", in_zip, {"data/0": data})).content.tolist() == [0, 2]
    whole = (4).to_bytes(8, "little") + data
    assert read_pickled(stream(tmp_path / "s.pt", program, ["0"], whole)).content.tolist() == [0, 2]


def test_a_deep_file_ends_well(tmp_path: Path) -> None:
    found = read_pickled(archive(tmp_path / "deep.pt", b"]" * 200_000 + b"a" * 199_999 + b"."))
    assert isinstance(found.content, list)


def test_compressed_and_repeated_parts_are_refused(tmp_path: Path) -> None:
    zeros = bytes(50_000_000)
    packed = archive(tmp_path / "packed.pt", pickle.dumps({}), {"data/0": zeros}, zipfile.ZIP_DEFLATED)
    with pytest.raises(UserError, match="compressed"):
        read_pickled(packed)
    many = b"".join(storage(str(number), 1 << 20) for number in range(8))
    with pytest.raises(UserError, match="more numbers than it has bytes"):
        read_pickled(stream(tmp_path / "many.pt", b"\x80\x02(" + many + b"t.", [], bytes(1 << 22)))


def test_a_file_cut_anywhere_is_refused(theirs: Any, tmp_path: Path) -> None:
    for is_zip in (True, False):
        data = saved(theirs.Block(), tmp_path / "whole.pt", is_zip).read_bytes()
        sys.modules["their_program"] = theirs
        for share in (0.01, 0.2, 0.5, 0.8, 0.99):
            (tmp_path / "cut.pt").write_bytes(data[: int(share * len(data))])
            with pytest.raises(UserError):
                read_pickled(tmp_path / "cut.pt")


def test_other_files_are_refused(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        file.writestr("readme.txt", "hello")
    for data, word in ((buffer.getvalue(), "not one of torch.save"), (b"PK\x03\x04", "zip"), (b"", "bad.pt")):
        (tmp_path / "bad.pt").write_bytes(data)
        with pytest.raises(UserError, match=word):
            read_pickled(tmp_path / "bad.pt")
    (tmp_path / "bad.pt").write_bytes(pickle.dumps({"weight": 1}))
    with pytest.raises(UserError, match=r"no readable weight file: .+\."):
        read_pickled(tmp_path / "bad.pt")
