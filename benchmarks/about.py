"""What a benchmark's JSON says of the machine and the code that made it."""

from __future__ import annotations

import os
import platform
import subprocess
from importlib.metadata import version
from typing import Any


def about(command: str, **facts: Any) -> dict[str, Any]:
    """Return command, commit, versions and machine.

    Args:
        command: What a reader types to repeat it.
        **facts: Anything else that JSON can hold.
    """
    git = ["git", "rev-parse", "--short", "HEAD"]
    commit = subprocess.run(git, capture_output=True, text=True, check=False).stdout.strip()
    return {
        "command": command,
        "commit": commit,
        "python": platform.python_version(),
        "versions": {name: version(name) for name in ("ferda", "torch", "numpy", "lightning")},
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, one thread a run, no GPU",
        **facts,
    }
