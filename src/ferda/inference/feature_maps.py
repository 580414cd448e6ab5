"""The maps a decision was made from, found by itself in any network.

While a method answers, the output of every module is noted that is a map of places: (B, C, h, w) with more
than one channel, more than one place, and the proportions of the picture. From the decision the search then
goes back through the operations that made it, and the first map on each way back counts. That is one map in a
plain network, one of each branch in an ensemble, and where windows are cut from an early map, that one and
the last. A map is left out that is computed from another one of the same size: it is a gate of attention or
one half of a residual sum, and the gradient at the other one contains what it says.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

#: An output of an operation: the operation, and the output's number among its outputs.
_Edge = tuple[Any, int]


@contextmanager
def noted_maps(network: nn.Module, images: Tensor, within: str | None = None) -> Iterator[list[Tensor]]:
    """Note every map that modules give while the context is open.

    Args:
        network: Answers inside of the context.
        images: (B, 3, H, W) what it will be shown, read for the proportions.
        within: Dotted name of a module: only its map, or those of modules inside of it, are noted. For
            networks that cut a map into parts: the map of a part does not lie on the picture as a whole does.

    Yields:
        The list that fills, in order of computation.
    """
    maps: list[Tensor] = []
    height, width = images.shape[2:]

    def note(module: nn.Module, given: Any, made: Any) -> None:
        del module, given
        maps.extend(one for one in _tensors(made) if _is_map(one, height, width))

    part = network if within is None else network.get_submodule(within)
    hooks = [module.register_forward_hook(note) for module in part.modules()]
    try:
        yield maps
    finally:
        for hook in hooks:
            hook.remove()


def last_maps(decision: Tensor, maps: Sequence[Tensor]) -> list[Tensor]:
    """Return the maps that a decision was made from, in order; none if it depends on none of them.

    Args:
        decision: Computed under gradients; anything that `grad_fn` leads back from.
        maps: What was noted on the way to it, in order of computation.
    """
    if decision.grad_fn is None:
        return []
    # looked up only now: an activation in place has meanwhile taken the map's operation further
    noted = {(one.grad_fn, one.output_nr): one for one in maps if one.grad_fn is not None}
    met = _first_met([(decision.grad_fn, 0)], noted.keys())

    def is_part(edge: _Edge) -> bool:
        alike = {other for other in met - {edge} if noted[other].shape[2:] == noted[edge].shape[2:]}
        return bool(_first_met(edge[0].next_functions, alike))

    return [one for edge, one in noted.items() if edge in met and not is_part(edge)]


def direct_gradients(decision: Tensor, maps: Sequence[Tensor]) -> list[Tensor]:
    """Return the gradient of a decision at each of its last maps, without what goes through another of them.

    Args:
        decision: A number.
        maps: As `last_maps` returns them.
    """
    found = list(torch.autograd.grad(decision, maps, retain_graph=True))
    # from the last to the first, as what goes through a map is known once its own gradient is direct
    for place in range(len(maps) - 2, -1, -1):
        later, pulls = maps[place + 1 :], found[place + 1 :]
        (through,) = torch.autograd.grad(later, maps[place], pulls, retain_graph=True, allow_unused=True)
        if through is not None:
            found[place] = found[place] - through
    return found


def _first_met(start: Iterable[_Edge], wanted: Iterable[_Edge]) -> set[_Edge]:
    """Go back from some outputs until a wanted one is met on each way."""
    goals, met, seen, waiting = set(wanted), set(), set(), list(start)
    while waiting:
        edge = waiting.pop()
        if edge in goals:
            met.add(edge)
        elif edge[0] is not None and edge[0] not in seen:
            seen.add(edge[0])
            waiting.extend(edge[0].next_functions)
    return met


def _tensors(made: Any) -> Iterator[Tensor]:
    if isinstance(made, Tensor):
        yield made
    elif isinstance(made, tuple | list):
        for one in made:
            yield from _tensors(one)


def _is_map(one: Tensor, height: int, width: int) -> bool:
    if one.ndim != 4 or one.shape[1] < 2 or min(one.shape[2:]) < 2:
        return False
    # less than a cell away from the picture's proportions: not a row of tokens, nor channels that come last
    return abs(one.shape[2] * width - one.shape[3] * height) < max(height, width)
