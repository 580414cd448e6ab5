"""Whether the loader keeps a GPU busy."""

from __future__ import annotations

from typing import Any

from sections.cells import made


def section(found: dict[str, Any]) -> str:
    """Return the section of the loader."""
    about, sizes, queued = found["about"], found["sizes"], found["queued"]
    steps = list(next(iter(next(iter(sizes.values()))["views"].values()))["waits"])
    lines = [
        "## Feeding a GPU\n",
        f"{made(about)} Pictures a CPU second at one thread: the loader from a pack, and torchvision's "
        f"`ImageFolder` with `DataLoader` from JPEG files of that size, both with views of the same kind, in "
        f"batches of {about['batch']}. `weak + strong` are two views of each picture. On the right, the "
        "share of steps that wait for their batch, by the length of a step, when one core makes the next "
        "batch in the background, views and all.\n",
        f"| pixels | views | loader | image folder | ratio | ms a batch | "
        f"{' | '.join(f'{step} ms' for step in steps)} |",
        "|---|---|---|---|---|---|" + "---|" * len(steps),
    ]
    for size, measured in sizes.items():
        for name, row in measured["views"].items():
            waits = " | ".join(f"{row['waits'][step]:.0%}" for step in steps)
            ratio = row["loader"] / row["image_folder"]
            lines.append(
                f"| {size} | {name} | {row['loader']:,.0f} | {row['image_folder']:,.0f} | {ratio:.1f} × | "
                f"{row['batch_ms']:.1f} | {waits} |"
            )
    prepared = " and ".join(f"{one['prepared']:,.0f} of {size} pixels" for size, one in sizes.items())
    lines += [
        "\nA raw folder becomes a pack when it is first used, without a search for faces at "
        f"{prepared} a CPU second; after that it is read as any pack.\n",
        "With a GPU the processor only queues the views. This is its work for a batch then, whatever the "
        "size of the pictures, which are on the GPU already (`data.resident`; else a gather and a copy are "
        "added). No GPU was at hand: operations are counted, and the milliseconds are CPU time with pictures "
        "of 16 pixels, to which a driver adds its own.\n",
        "| views | operations for the GPU | ms of the processor |",
        "|---|---|---|",
        *(
            f"| {name} | {row['operations']:.0f} | {row['milliseconds']:.1f} |"
            for name, row in queued.items()
        ),
    ]
    return "\n".join(lines)
