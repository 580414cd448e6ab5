"""Shape promises that are kept at run time, and cost nothing under `python -O`."""

from __future__ import annotations

from torch import Tensor


def check_shape(tensor: Tensor, shape: str, name: str = "tensor", **sizes: int) -> None:
    """Raise unless a tensor has the shape written in letters.

    Args:
        tensor: Any tensor.
        shape: Space-separated axes: a letter or word matches any size (the same letter twice must
            match the same size), a number matches itself, `*` at the end matches any further axes.
        name: How the message calls the tensor.
        **sizes: Fixed sizes of letters, for instance `C=7`.

    Raises:
        ValueError: With the wanted and the actual shape.

    Example:
        >>> import torch
        >>> check_shape(torch.zeros(4, 5, 2), "B P 2", P=5)
    """
    if not __debug__:
        return
    axes = shape.split()
    is_open = bool(axes) and axes[-1] == "*"
    axes = axes[:-1] if is_open else axes
    fits = tensor.ndim >= len(axes) if is_open else tensor.ndim == len(axes)
    known = dict(sizes)
    for axis, size in zip(axes, tensor.shape, strict=False):
        expected = int(axis) if axis.isdigit() else known.setdefault(axis, size)
        fits = fits and size == expected
    if not fits:
        fixed = f" with {sizes}" if sizes else ""
        raise ValueError(f"{name} must have shape ({shape}){fixed}, got {tuple(tensor.shape)}")
