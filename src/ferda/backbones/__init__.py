"""The networks. The folder is the registry: a family is a file with a dict `BACKBONES` of name -> maker."""

from __future__ import annotations

import fnmatch
import importlib
import logging
import pkgutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ferda.backbones.base import Backbone
from ferda.backbones.timm_models import PREFIX, TimmBackbone, list_timm
from ferda.backbones.weights import load_weights, read_state, renamed, tensors_of
from ferda.errors import UserError, nearest

__all__ = ["Backbone", "create_backbone", "list_backbones"]


def create_backbone(name: str, weights: str | Path | None = None, **options: Any) -> Backbone:
    """Make a network by name.

    Args:
        name: One of `list_backbones()`, or `timm/<name>` for any network of timm.
        weights: A weight file with names of the backbone, or of a publisher whom the family knows; names it
            has beyond that are reported in the log and left out. Nothing is ever downloaded unless a timm
            network is told `download=True`.
        **options: What the family's maker takes, for instance `norm="group"` for `small_cnn`.

    Raises:
        UserError: If the name, an option or the weights do not fit.
    """
    families = _families()
    try:
        if name.startswith(PREFIX):
            backbone: Backbone = TimmBackbone(name.removeprefix(PREFIX), **options)
        elif name in families:
            backbone = families[name](**options)
        else:
            raise UserError(
                f"There is no backbone '{name}'{nearest(name, families)}. "
                f"Known: {', '.join(sorted(families))}, and {PREFIX}<name> for any network of timm."
            )
    except TypeError as error:
        raise UserError(f"The backbone '{name}' does not take these options: {error}.") from error
    if weights is not None:
        given = renamed(tensors_of(read_state(weights)), ())
        report = load_weights(backbone, backbone.own_names(given), source=str(weights))
        logging.getLogger("ferda").info("%s from %s: %s", name, weights, report)
    return backbone


def list_backbones(pattern: str = "*") -> list[str]:
    """Names that match a shell pattern, sorted; timm's are listed when the pattern starts with `timm/`.

    Args:
        pattern: For instance `"ir*"` or `"timm/resnet*"`.
    """
    names = list_timm() if pattern.startswith(PREFIX) else sorted(_families())
    return fnmatch.filter(names, pattern)


def _families() -> dict[str, Callable[..., Backbone]]:
    found: dict[str, Callable[..., Backbone]] = {}
    for module in pkgutil.iter_modules([str(Path(__file__).parent)]):
        found |= getattr(importlib.import_module(f"{__name__}.{module.name}"), "BACKBONES", {})
    return found
