"""Exported networks in onnxruntime, which is optional until one is opened."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ferda.errors import UserError

#: Only what makes an answer impossible is told; advice on unused weights is for whoever made the file.
_ERRORS = 3


def open_session(model: bytes | Path, threads: int = 1) -> Any:
    """Return an `onnxruntime.InferenceSession` on the processor.

    Args:
        model: The file, or what is in it.
        threads: That one call may use.

    Raises:
        UserError: If onnxruntime is missing, or cannot read the model.
    """
    try:
        import onnxruntime
    except ImportError as error:
        raise UserError("An exported model needs onnxruntime: pip install onnxruntime.") from error
    if threads < 1:
        raise UserError(f"A model computes with at least one thread, got {threads}.")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = _ERRORS
    try:
        return onnxruntime.InferenceSession(
            model if isinstance(model, bytes) else str(model), options, providers=["CPUExecutionProvider"]
        )
    except Exception as error:  # onnxruntime has a class of its own for each of many failures
        name = "The exported model" if isinstance(model, bytes) else str(model)
        raise UserError(f"{name} cannot be read by onnxruntime: {error}".split("\n")[0]) from error
