"""Notices the first step whose losses are not finite, without making the device wait for it every step."""

from __future__ import annotations

import torch
from torch import Tensor


class FiniteWatch:
    """Remembers, on the device, the losses of the first bad step.

    Args:
        device: Where the losses live.
    """

    def __init__(self, device: torch.device) -> None:
        self.step = torch.full((), -1, dtype=torch.long, device=device)
        self.losses: dict[str, Tensor] = {}

    def see(self, step: int, losses: dict[str, Tensor]) -> Tensor:
        """Look at a step's losses; return their sum in float32.

        Args:
            step: Its number.
            losses: Scalars by name.
        """
        total = torch.stack([loss.float() for loss in losses.values()]).sum()
        is_good = self.step < 0
        for name, loss in losses.items():
            value = loss.detach().float()
            self.losses[name] = torch.where(is_good, value, self.losses.get(name, value))
        self.step = torch.where(is_good & ~total.detach().isfinite(), step, self.step)
        return total

    def first_bad(self) -> tuple[int, dict[str, float]] | None:
        """Return the first bad step and its losses, or None. Waits for the device."""
        step = int(self.step)
        return None if step < 0 else (step, {name: float(value) for name, value in self.losses.items()})
