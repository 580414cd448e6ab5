"""State dicts of modules whose classes are not there: `_parameters`, `_buffers` and `_modules`, walked."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from ferda.backbones.inert_pickle import Inert

#: Modules within modules can be tied into a knot that never ends; a real network keeps far below these.
_MOST_PARTS, _LONGEST_NAME = 200_000, 1000
_PARTS = ("_parameters", "_buffers", "_modules")


def without_modules(content: Any) -> Any:
    """Return what a file holds with a flat state dict for every module in its dicts and lists.

    Args:
        content: From `read_pickle`; its dicts and lists are changed in place.

    Raises:
        ValueError: If modules contain each other without an end.
    """
    whole = [content]
    waiting: list[Any] = [whole]
    seen: set[int] = set()
    states: dict[int, dict[str, Tensor]] = {}
    while waiting:
        holder = waiting.pop()
        if id(holder) in seen or not isinstance(holder, dict | list):
            continue
        seen.add(id(holder))
        for place, value in list(holder.items() if isinstance(holder, dict) else enumerate(holder)):
            if not _is_module(value):
                waiting.append(value)
                continue
            if id(value) not in states:
                states[id(value)] = module_state(value)
            holder[place] = states[id(value)]
    return whole[0]


def module_state(module: Inert) -> dict[str, Tensor]:
    """Return the state dict of a module that was not made, under the names that it would have had.

    Args:
        module: A record whose state has `_parameters`, `_buffers` and `_modules`.

    Raises:
        ValueError: If the modules contain each other without an end.
    """
    flat: dict[str, Tensor] = {}
    waiting: list[tuple[str, Any]] = [("", module)]
    parts = 0
    while waiting:
        prefix, part = waiting.pop()
        if not _is_module(part):
            continue
        parameters, buffers, children = (part.state[name] for name in _PARTS)
        # not in files of torch before 1.6
        passing = part.state.get("_non_persistent_buffers_set", ())
        tensors = parameters | {name: value for name, value in buffers.items() if name not in passing}
        parts += 1 + len(tensors) + len(children)
        longest = max((len(str(name)) for name in (*tensors, *children)), default=0)
        if parts > _MOST_PARTS or len(prefix) + longest > _LONGEST_NAME:
            raise ValueError("its modules contain each other")
        flat |= {f"{prefix}{name}": value for name, value in tensors.items() if isinstance(value, Tensor)}
        waiting += reversed([(f"{prefix}{name}.", child) for name, child in children.items()])
    return flat


def _is_module(value: Any) -> bool:
    return (
        isinstance(value, Inert)
        and isinstance(value.state, dict)
        and all(isinstance(value.state.get(part), dict) for part in _PARTS)
    )
