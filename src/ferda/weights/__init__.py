"""The model that comes with the package; `pretrain/train.py` in the repository makes it."""

from __future__ import annotations

from pathlib import Path

#: What commands and `ferda.load` call it, unless there is a file or folder of that name.
STARTER = "starter"


def starter_file() -> Path:
    """Return the file of its weights; what is known of it stands beside it in `starter.json`."""
    return Path(__file__).with_name(f"{STARTER}.safetensors")
