"""Weights out of pickled whole modules and training files of other programs, without their classes.

Face recognisers and older papers publish what `torch.save(network)` wrote: the numbers, tied to classes of a
program that one does not have, and to code that one does not want to run. Both of torch's formats are read
here, the zip archive and the older stream of pickles; CUDA tensors come to the CPU. An unknown class becomes
an inert record; a record that looks like a module is walked into a flat state dict. A file never makes us
keep more numbers than it has bytes.
"""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import torch
from torch import Tensor

from ferda.backbones.inert_pickle import Call, Name, keys_to_set, pairs_to_dict, read_pickle
from ferda.backbones.pickled_modules import without_modules
from ferda.errors import UserError

#: What torch writes at the beginning of its older format.
_MAGIC, _PROTOCOL = 0x1950A86A20F9469CFC6C, 1001
_DTYPES = {
    "DoubleStorage": torch.float64,
    "FloatStorage": torch.float32,
    "HalfStorage": torch.float16,
    "BFloat16Storage": torch.bfloat16,
    "LongStorage": torch.int64,
    "IntStorage": torch.int32,
    "ShortStorage": torch.int16,
    "CharStorage": torch.int8,
    "ByteStorage": torch.uint8,
    "BoolStorage": torch.bool,
    "UntypedStorage": torch.uint8,
}


@dataclass(frozen=True)
class Pickled:
    """What a file holds.

    Attributes:
        content: Dicts, lists, numbers, tensors; whole modules as flat state dicts; `Inert` records.
        not_run: Classes and functions that the file names and that were neither imported nor called.
    """

    content: Any
    not_run: tuple[str, ...]


def read_pickled(path: Path) -> Pickled:
    """Read a file that `torch.save` wrote, whatever objects are in it.

    Args:
        path: In torch's zip format, or the older one.

    Raises:
        UserError: If it is neither, is damaged, or claims more than it holds.
    """
    try:
        with path.open("rb") as file:
            is_zip = file.read(4) == b"PK\x03\x04"
        content, not_run = (_read_zip if is_zip else _read_stream)(path)
        return Pickled(without_modules(content), not_run)
    except Exception as error:  # a damaged or hostile pickle can fail in any way
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise UserError(f"{path} is no readable weight file: {reason}.") from error


def _read_zip(path: Path) -> tuple[Any, tuple[str, ...]]:
    storages: dict[str, Tensor] = {}
    left = _Allowance(path)
    with zipfile.ZipFile(path) as archive:
        pickles = [name for name in archive.namelist() if name.endswith("data.pkl")]
        if len(pickles) != 1:
            raise ValueError("it is a zip archive, but not one of torch.save")
        folder = pickles[0].removesuffix("data.pkl")

        def stored(name: str) -> bytes:
            entry = archive.getinfo(folder + name)
            if entry.compress_type != zipfile.ZIP_STORED:
                raise ValueError(f"its part {name} is compressed")
            left.take(entry.file_size)
            return archive.read(entry)

        def persistent(identity: Any) -> Tensor:
            dtype, key, numel = _storage(identity)
            if key not in storages:
                storages[key] = _numbers(stored(f"data/{key}"), torch.uint8)
            found = storages[key].view(dtype)
            if len(found) != numel:
                raise ValueError(f"storage {key} has {len(found)} numbers and claims {numel}")
            return found

        if f"{folder}byteorder" in archive.namelist() and stored("byteorder") != b"little":
            raise ValueError("it was written on a machine with another byte order")
        return read_pickle(io.BytesIO(stored("data.pkl")), _CALLS, persistent)


def _read_stream(path: Path) -> tuple[Any, tuple[str, ...]]:
    storages: dict[str, Tensor] = {}
    left = _Allowance(path)

    def persistent(identity: Any) -> Any:
        if identity[0] == "module":  # a class together with its source code
            return identity[1]
        dtype, key, numel = _storage(identity)
        if key not in storages:
            left.take(numel * dtype.itemsize)
            storages[key] = torch.empty(numel, dtype=dtype)
        view = identity[5]
        return storages[key] if view is None else storages[key].narrow(0, view[1], view[2])

    # in memory, since a read of more than is left then makes no room for it first
    file = io.BytesIO(path.read_bytes())
    head = [read_pickle(file, {}, _nothing)[0] for _ in range(3)]
    if head[:2] != [_MAGIC, _PROTOCOL]:
        raise ValueError("torch.save did not write it")
    content, not_run = read_pickle(file, _CALLS, persistent)
    # the numbers come last, and fill what the tensors already look at
    for key in read_pickle(file, {}, _nothing)[0]:
        _fill(file, storages[key], key)
    return content, not_run


def _fill(file: BinaryIO, storage: Tensor, key: str) -> None:
    numel = int.from_bytes(file.read(8), "little")
    if numel != len(storage):
        raise ValueError(f"storage {key} has {numel} numbers and claims {len(storage)}")
    storage.copy_(_numbers(file.read(numel * storage.itemsize), storage.dtype))


def _numbers(data: bytes, dtype: torch.dtype) -> Tensor:
    # frombuffer takes no empty buffer, and warns of one that cannot be written to
    return torch.frombuffer(bytearray(data), dtype=dtype) if data else torch.empty(0, dtype=dtype)


class _Allowance:
    """Bytes that may still be read: a file's own size, however often it names the same part."""

    def __init__(self, path: Path) -> None:
        self.left = path.stat().st_size

    def take(self, count: int) -> None:
        self.left -= count
        if count < 0 or self.left < 0:
            raise ValueError("it claims more numbers than it has bytes")


def _storage(identity: Any) -> tuple[torch.dtype, str, int]:
    """Type, key and length of what a persistent id claims; where the numbers lay (`cuda:0`) is not read."""
    kind, storage, key, _, numel, *_ = identity
    name = storage.name.rpartition(".")[2] if isinstance(storage, Name) else ""
    if kind != "storage" or name not in _DTYPES or type(key) is not str or type(numel) is not int:
        raise ValueError(f"it holds numbers of an unknown kind {name}")
    return _DTYPES[name], key, numel


def _nothing(identity: Any) -> Any:
    raise ValueError("a persistent id stands where none belongs")


def _tensor(
    storage: Tensor, offset: int, size: tuple[int, ...], stride: tuple[int, ...], *rest: Any
) -> Tensor:
    view = storage.as_strided(size, stride, offset)
    if view.numel() > storage.numel():
        raise ValueError(f"a tensor of shape {tuple(size)} claims more numbers than are stored")
    return view


def _tensor_of_bytes(storage: Tensor, offset: int, size: Any, stride: Any, *rest: Any) -> Tensor:
    named = {str(dtype): dtype for dtype in _DTYPES.values()}
    return _tensor(storage.view(named[rest[2].name]), offset, size, stride)


def _first(value: Any, *rest: Any) -> Any:
    return value


def _of_type(rebuild: Name, kind: Any, arguments: tuple[Any, ...], state: Any) -> Any:
    return _CALLS[rebuild.name](*arguments)


#: All that a file can call, and these are our own functions.
_CALLS: dict[str, Call] = {
    "collections.OrderedDict": pairs_to_dict,
    "collections.defaultdict": lambda factory=None: {},
    "__builtin__.set": keys_to_set,
    "builtins.set": keys_to_set,
    "torch.Size": lambda sizes=(): tuple(sizes),
    "torch._utils._rebuild_tensor": _tensor,
    "torch._utils._rebuild_tensor_v2": _tensor,
    "torch._utils._rebuild_tensor_v3": _tensor_of_bytes,
    "torch._utils._rebuild_parameter": _first,
    "torch._utils._rebuild_parameter_with_state": _first,
    "torch._tensor._rebuild_from_type_v2": _of_type,
    "torch.nn.parameter.Parameter": _first,
    "torch.autograd.variable.Variable": _first,
}
