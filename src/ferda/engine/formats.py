"""Number formats to compute in, and which of them a device gains from."""

from __future__ import annotations

from typing import Literal, get_args

import torch

from ferda.errors import UserError, nearest

Format = Literal["fp32", "bf16", "fp16"]
_SHORT = {"bf16": torch.bfloat16, "fp16": torch.float16}


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


def answering_in(wanted: Format | Literal["auto"], device: torch.device) -> torch.autocast:
    """Return a context in which a network answers in a format; it can be entered again and again.

    Args:
        wanted: `auto`, `fp32`, `bf16` or `fp16`.
        device: Where it computes.

    Raises:
        UserError: If there is no such format.
    """
    known = ("auto", *get_args(Format))
    if wanted not in known:
        raise UserError(
            f"There is no precision '{wanted}'{nearest(wanted, known)}; it is one of {', '.join(known)}."
        )
    dtype = _SHORT.get(choose_precision(wanted, device)[0])
    return torch.autocast(device.type, dtype, enabled=dtype is not None)


def _has_bf16_dot_product() -> bool:
    # not public, but the only question torch answers about the instruction sets that make bf16 fast
    supported = getattr(torch.cpu, "_is_avx512_bf16_supported", None)
    return bool(supported and supported())
