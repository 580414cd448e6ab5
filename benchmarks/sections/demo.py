"""The demo: studio to cctv."""

from __future__ import annotations

from typing import Any

from sections.cells import made, spread


def section(found: dict[str, Any]) -> str:
    """Return the section of the demo."""
    runs = found["seeds"]
    lines = [
        "## Synthetic faces: studio to cctv (`make demo`)\n",
        f"{made(found['about'])} Macro recall over seven classes on held-out identities, mean ± standard "
        f"deviation over {len(runs)} seeds. The adapted model is chosen by `im`, without a camera label.\n",
        "| model | studio | cctv | cctv, oracle's epoch |",
        "|---|---|---|---|",
    ]
    names = [
        "source only",
        *sorted(
            {row["model"].removesuffix(" (chosen)") for run in runs for row in run["table"]} - {"source only"}
        ),
    ]
    for name in [*names, "chosen"]:
        rows = [row for run in runs for row in run["table"] if matches(row["model"], name)]
        cells = [spread([row[key] for row in rows]) for key in ("own domain", "target", "oracle")]
        lines.append(f"| {'**the chosen one**' if name == 'chosen' else name} | {' | '.join(cells)} |")
    lost, won = [run["loss"] for run in runs], [run["won_back"] for run in runs]
    per_seed = ", ".join(f"{value:.0%}" for value in won)
    lines.append(
        f"\nThe camera costs {spread(lost)} of macro recall; the chosen model wins back {per_seed} of it."
    )
    return "\n".join(lines)


def matches(model: str, name: str) -> bool:
    """Whether a row of a demo is of a model, or of the chosen one."""
    return model.endswith("(chosen)") if name == "chosen" else model.removesuffix(" (chosen)") == name
