"""What it costs to ask something."""

from __future__ import annotations

from typing import Any

from sections.cells import made


def section(found: dict[str, Any]) -> str:
    """Return the section of what it costs to ask something."""
    seconds = found["cpu_seconds"]
    idle = seconds["python -c pass"]
    lines = [
        "## Start\n",
        f"{made(found['about'])} CPU time of a new process, median of {found['about']['runs']}.\n",
        "| command | CPU seconds | against an idle Python |",
        "|---|---|---|",
        *(f"| `{name}` | {value:.2f} | {value / idle:.0f} × |" for name, value in seconds.items()),
    ]
    return "\n".join(lines)
