"""Reads a pickle without running it: what it would have called becomes a record of the call.

A pickle is a program for a small stack machine that may import and call anything, which is why a weight file
from elsewhere can do anything on your machine. Here the same program is followed, opcode by opcode as
`pickletools` tells them apart, but nothing is imported and no object is made other than lists, dicts, tuples,
sets, texts, numbers and `Inert` records. The few calls that matter (rebuild a tensor) are given by the reader
of a format, by name, as functions of its own.
"""

from __future__ import annotations

import pickletools
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, BinaryIO

Call = Callable[..., Any]


@dataclass(frozen=True)
class Name:
    """What a pickle would have imported.

    Attributes:
        name: Module and class or function, for instance `torch.FloatStorage`.
    """

    name: str


@dataclass(eq=False, repr=False)
class Inert:
    """An object of a class that was not imported.

    Attributes:
        name: Of the class, or of the function that would have made it.
        arguments: What it would have been called with.
        state: Its attributes, or whatever else it would have been given as its state.
        items: What would have been put into it, if it is a container.
    """

    name: str
    arguments: tuple[Any, ...] = ()
    state: Any = None
    items: list[Any] = field(default_factory=list)

    def __repr__(self) -> str:
        return f"<{self.name}, not run>"


def read_pickle(
    file: BinaryIO, calls: Mapping[str, Call], persistent: Callable[[Any], Any]
) -> tuple[Any, tuple[str, ...]]:
    """Read one pickle, and leave the file right behind it.

    Args:
        file: At the pickle's first byte.
        calls: Name -> function that is called in place of what the pickle names.
        persistent: What a persistent id stands for.

    Returns:
        What the pickle holds, and the names of all that it would have called and that was not.

    Raises:
        Exception: Of any kind, if the pickle is damaged or was made to do harm.
    """
    machine = _Machine(calls, persistent)
    for opcode, argument, _ in pickletools.genops(file):
        if opcode.name == "STOP":
            break
        if opcode.name in _STEPS:
            _STEPS[opcode.name](machine, argument)
        elif opcode.name in _VALUES:
            machine.push(argument)
        else:
            raise ValueError(f"the opcode {opcode.name} is not followed")
    return machine.pop(), tuple(sorted(machine.not_run))


class _Machine:
    """The stack, the memo, and the steps that are more than a line."""

    def __init__(self, calls: Mapping[str, Call], persistent: Callable[[Any], Any]) -> None:
        self.calls = calls
        self.persistent = persistent
        self.stack: list[Any] = []
        self.below: list[list[Any]] = []
        self.memo: dict[int, Any] = {}
        self.not_run: set[str] = set()

    def push(self, value: Any) -> None:
        self.stack.append(value)

    def pop(self) -> Any:
        return self.stack.pop()

    def take(self, count: int) -> tuple[Any, ...]:
        """Pop several values, lowest first."""
        if len(self.stack) < count:
            raise ValueError("the stack is too short")
        taken = tuple(self.stack[len(self.stack) - count :])
        del self.stack[len(self.stack) - count :]
        return taken

    def mark(self) -> None:
        self.below.append(self.stack)
        self.stack = []

    def since_mark(self) -> list[Any]:
        values, self.stack = self.stack, self.below.pop()
        return values

    def add(self, values: Iterable[Any]) -> None:
        """Put values into the list, set or record that is on top."""
        target = self.stack[-1]
        if isinstance(target, set):
            target.update(keys_to_set(values))
        else:
            (target.items if isinstance(target, Inert) else target).extend(values)

    def set(self, values: list[Any] | tuple[Any, ...]) -> None:
        """Put keys and values, taking turns, into the dict or record that is on top."""
        target = self.stack[-1]
        pairs = list(zip(values[::2], values[1::2], strict=True))
        if isinstance(target, Inert):
            target.items.extend(pairs)
        else:
            target.update((_key(key), value) for key, value in pairs)

    def call(self, callee: Any, arguments: Iterable[Any]) -> Any:
        """Call one of the known functions, or make a record."""
        name = callee.name if isinstance(callee, Name | Inert) else type(callee).__name__
        if isinstance(callee, Name) and name in self.calls:
            return self.calls[name](*arguments)
        self.not_run.add(name)
        return Inert(name, tuple(arguments))

    def build(self) -> None:
        """Give a record its attributes; what is no record (a dict, a tensor) keeps to its contents."""
        target, state = self.stack[-2], self.pop()
        if not isinstance(target, Inert):
            return
        attributes = state if isinstance(state, tuple) and len(state) == 2 else (state, None)
        if all(isinstance(part, dict | None) for part in attributes):
            target.state = {key: value for part in attributes for key, value in (part or {}).items()}
        else:
            target.state = state


def pairs_to_dict(pairs: Iterable[tuple[Any, Any]] = ()) -> dict[Any, Any]:
    """Make a dict of what a pickle gives as pairs, with keys that are cheap to look up.

    Args:
        pairs: Keys and values.
    """
    return {_key(key): value for key, value in pairs}


def keys_to_set(values: Iterable[Any] = ()) -> set[Hashable]:
    """Make a set, likewise.

    Args:
        values: Texts, numbers, or tuples of them.
    """
    return set(map(_key, values))


def _key(value: Any) -> Hashable:
    # the hash of tuples in tuples in tuples takes for ever, and only a hostile file has such keys
    parts = value if isinstance(value, tuple) else (value,)
    if not all(isinstance(part, str | bytes | int | float | Name | Inert | None) for part in parts):
        raise ValueError("a dict or set has keys that are neither text nor numbers")
    found: Hashable = value
    return found


def _pushed(value: Callable[[_Machine], Any]) -> Callable[[_Machine, Any], None]:
    return lambda machine, _: machine.push(value(machine))


def _done(step: Callable[[_Machine], Any]) -> Callable[[_Machine, Any], None]:
    return lambda machine, _: step(machine)


def _remember(machine: _Machine, place: int | None) -> None:
    machine.memo[len(machine.memo) if place is None else place] = machine.stack[-1]


def _imported(module_and_name: str) -> Name:
    return Name(module_and_name.replace(" ", "."))


def _made(machine: _Machine, argument: Any) -> None:
    callee, *arguments = machine.since_mark()
    machine.push(machine.call(callee, arguments))


def _get(machine: _Machine, place: int) -> None:
    machine.push(machine.memo[place])


def _ignore(machine: _Machine, argument: Any) -> None:
    """For what says nothing about the contents."""


#: Opcodes that push what they carry.
_VALUES = {
    *("INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT"),
    *("STRING", "BINSTRING", "SHORT_BINSTRING"),
    *("UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8"),
    *("BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8"),
}
#: What the others do; those that are not here (registered extensions, buffers out of band) are refused.
_STEPS: dict[str, Callable[[_Machine, Any], None]] = {
    "PROTO": _ignore,
    "FRAME": _ignore,
    "NONE": _pushed(lambda machine: None),
    "NEWTRUE": _pushed(lambda machine: True),
    "NEWFALSE": _pushed(lambda machine: False),
    "MARK": _done(_Machine.mark),
    "POP": _done(_Machine.pop),
    "POP_MARK": _done(_Machine.since_mark),
    "DUP": _pushed(lambda machine: machine.stack[-1]),
    "EMPTY_LIST": _pushed(lambda machine: []),
    "LIST": _pushed(_Machine.since_mark),
    "APPEND": _done(lambda machine: machine.add(machine.take(1))),
    "APPENDS": _done(lambda machine: machine.add(machine.since_mark())),
    "EMPTY_TUPLE": _pushed(lambda machine: ()),
    "TUPLE": _pushed(lambda machine: tuple(machine.since_mark())),
    "TUPLE1": _pushed(lambda machine: machine.take(1)),
    "TUPLE2": _pushed(lambda machine: machine.take(2)),
    "TUPLE3": _pushed(lambda machine: machine.take(3)),
    "EMPTY_DICT": _pushed(lambda machine: {}),
    "SETITEM": _done(lambda machine: machine.set(machine.take(2))),
    "SETITEMS": _done(lambda machine: machine.set(machine.since_mark())),
    "EMPTY_SET": _pushed(lambda machine: set()),
    "ADDITEMS": _done(lambda machine: machine.add(machine.since_mark())),
    "FROZENSET": _pushed(lambda machine: frozenset(keys_to_set(machine.since_mark()))),
    **dict.fromkeys(("GET", "BINGET", "LONG_BINGET"), _get),
    **dict.fromkeys(("PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE"), _remember),
    "GLOBAL": lambda machine, name: machine.push(_imported(name)),
    "STACK_GLOBAL": _pushed(lambda machine: Name(".".join(machine.take(2)))),
    "REDUCE": _pushed(lambda machine: machine.call(*machine.take(2))),
    "NEWOBJ": _pushed(lambda machine: machine.call(*machine.take(2))),
    "NEWOBJ_EX": _pushed(lambda machine: machine.call(*machine.take(3)[:2])),
    "INST": lambda machine, name: machine.push(machine.call(_imported(name), machine.since_mark())),
    "OBJ": _made,
    "BUILD": _done(_Machine.build),
    "BINPERSID": _pushed(lambda machine: machine.persistent(machine.pop())),
}
