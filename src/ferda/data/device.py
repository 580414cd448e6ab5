"""The way to a training device and the room on it."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor


def sent(tensor: Tensor, device: torch.device) -> Tensor:
    """Return a tensor of the processor on a device, without waiting for that device.

    A plain `to` waits until a GPU has done all that was asked of it. From pinned memory the copy is queued
    behind the step that the GPU is busy with, and the processor makes the next batch meanwhile.

    Args:
        tensor: Of any shape, on the CPU.
        device: Where it goes.
    """
    if device.type == "cuda":
        tensor = tensor.pin_memory()
    return tensor.to(device, non_blocking=device.type not in ("cpu", "mps"))


def free_bytes(device: torch.device) -> int | None:
    """Return the memory that a device could still give, or None where nobody can say.

    Args:
        device: A GPU, or the processor with the machine's memory.
    """
    if device.type == "cuda":
        # what torch holds without using it is free as well
        held = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return torch.cuda.mem_get_info(device)[0] + held
    if device.type == "mps":
        return torch.mps.recommended_max_memory() - torch.mps.driver_allocated_memory()
    if device.type == "cpu" and Path("/proc/meminfo").is_file():
        fields = dict(line.split(":", 1) for line in Path("/proc/meminfo").read_text().splitlines())
        return int(fields["MemAvailable"].split()[0]) * 1024
    return None
