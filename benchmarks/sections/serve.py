"""What a service stands."""

from __future__ import annotations

from typing import Any

from sections.cells import made


def section(found: dict[str, Any]) -> str:
    """Return the section of what a service stands."""
    said, memory = found["about"], found["megabytes"]
    lines = [
        "## Service\n",
        f"{made(said)} Service and clients share {said['cores']} cores; load at the end {said['load']:.1f}. "
        f"Pictures of one face to a small network, {said['seconds']:.0f} seconds in all.\n",
        "| clients | answers a second | median, ms | 99 %, ms | CPU, ms | pictures a pass | errors |",
        "|---|---|---|---|---|---|---|",
        *map(_row, found["loads"]),
        "",
        f"Resident memory: {memory['begin']:.0f} MB after the warm-up, {memory['end']:.0f} MB at the end.",
    ]
    return "\n".join(lines)


def _row(load: dict[str, Any]) -> str:
    times = ["" if load[name] is None else f"{load[name]:.0f}" for name in ("p50_ms", "p99_ms")]
    errors = ", ".join(f"{count} × {status}" for status, count in load["errors"].items()) or "none"
    return (
        f"| {load['clients']} | {load['per_second']:.0f} | {times[0]} | {times[1]} "
        f"| {load['cpu_ms']:.0f} | {load['pictures_a_pass']:.1f} | {errors} |"
    )
