"""Which number format a run computes in, and why."""

from __future__ import annotations

from typing import Any, Literal

import torch
from lightning.fabric.plugins import CheckpointIO, ClusterEnvironment, Precision
from lightning.fabric.plugins.precision import MixedPrecision

Format = Literal["fp32", "bf16", "fp16"]


def choose_precision(wanted: Format | Literal["auto"], device: torch.device) -> tuple[Format, str]:
    """Return the format to compute in and the reason, in words.

    Args:
        wanted: `auto`, `fp32`, `bf16` or `fp16`.
        device: Where the run computes.
    """
    if wanted != "auto":
        return wanted, "asked for"
    if device.type == "cuda":
        if torch.cuda.is_bf16_supported(including_emulation=False):
            return "bf16", "this GPU computes bf16 natively and it needs no loss scaling"
        return "fp16", "this GPU has no bf16; fp16 with loss scaling"
    if (
        device.type == "cpu"
        and torch.backends.cpu.get_cpu_capability() == "AVX512"
        and _has_bf16_dot_product()
    ):
        return "bf16", "this CPU multiplies bf16 natively, which nearly doubles the speed of convolutions"
    return "fp32", "this device gains nothing from a shorter format"


class DomainMixedPrecision(MixedPrecision):
    """Fabric's mixed precision, except that batches pass as they are.

    Fabric casts every float of the input to float32, which ours are already, by rebuilding dataclasses; ours
    are frozen.
    """

    def convert_input(self, data: Any) -> Any:
        """Return the input unchanged.

        Args:
            data: Arguments of the forward pass.
        """
        return data


def fabric_plugins(
    precision: Format, device_type: str
) -> list[Precision | ClusterEnvironment | CheckpointIO]:
    """Return Fabric's plugins for a format: none for fp32.

    Args:
        precision: The chosen format.
        device_type: `cpu`, `cuda`, ...
    """
    if precision == "fp32":
        return []
    return [DomainMixedPrecision("bf16-mixed" if precision == "bf16" else "16-mixed", device=device_type)]


def _has_bf16_dot_product() -> bool:
    # not public, but the only question torch answers about the instruction sets that make bf16 fast
    supported = getattr(torch.cpu, "_is_avx512_bf16_supported", None)
    return bool(supported and supported())
