"""What preparing and reading pictures cost."""

from __future__ import annotations

from typing import Any

from sections.cells import made


def section(found: dict[str, Any]) -> str:
    """Return the section of preparing and reading."""
    about, memory, rates = found["about"], found["memory"], found["pictures_per_second"]
    plain = rates["plain loader"]
    lines = [
        "## Preparing and reading pictures\n",
        f"{made(about)} Pictures a CPU second on one core, best of {about['runs']}; "
        f"{about['pictures']} pictures whose longer side is {' to '.join(map(str, found['longer_side']))} "
        f"pixels, crops of {about['size']}. The plain loader opens, converts and resizes each picture anew, "
        "as an image-folder data set does in every epoch.\n",
        "| step | pictures a second | against the plain loader |",
        "|---|---|---|",
        *(f"| {name} | {rate:,.0f} | {rate / plain:.2f} × |" for name, rate in rates.items()),
        f"\nA pack of {memory['rows']:,} rows: the manifest takes {memory['manifest_megabytes']} MB, and a "
        f"thousand batches from it add {memory['a_thousand_batches_add_megabytes']} MB.",
    ]
    return "\n".join(lines)
