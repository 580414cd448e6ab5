"""What `ferda check` finds of planted copies."""

from __future__ import annotations

from typing import Any

from sections.cells import made


def section(found: dict[str, Any]) -> str:
    """Return the section of near copies."""
    about, packs = found["about"], found["packs"]
    changes = list(dict.fromkeys(change for pack in packs.values() for change in pack["found"]))
    heads = [f"{name} ({pack['pictures']:,} pictures)" for name, pack in packs.items()]
    lines = [
        "## Near copies\n",
        f"{made(about)} {about['planted']:,} pictures of each pack, changed as the web changes them, and "
        f"looked for among all of the pack at {about['size']} pixels: the share that `ferda check` finds.\n",
        f"| change | {' | '.join(heads)} |",
        "|---|" + "---|" * len(heads),
    ]
    for change in changes:
        shares = [f"{pack['found'][change]:.3f}" for pack in packs.values()]
        lines.append(f"| {change} | {' | '.join(shares)} |")
    there = [str(pack["pairs there anyway"]) for pack in packs.values()]
    lines.append(f"| *pairs that nobody planted* | {' | '.join(there)} |")
    return "\n".join(lines)
