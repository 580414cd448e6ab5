"""How often faces are found, and how far off their points are."""

from __future__ import annotations

from typing import Any

from sections.cells import made


def section(found: dict[str, Any]) -> str:
    """Return the section of detection."""
    about, rendered, real = found["about"], found["rendered"], found["real"]
    points = list(next(iter(rendered.values()))["points"])
    lines = [
        "## Detection and its landmarks\n",
        f"{made(about)} Distance of the five points that are found to the exact ones of rendered faces, in "
        "percent of the eye distance of each face. Scatter is what is left when the mean offset of each "
        "point is taken away: a detector and a head model need not mean the same corner of a mouth. Far off: "
        f"faces with a mean distance above {about['far']:.0%}; the scatter is that of the others.\n",
        f"| domain | faces | found | mean | median | scatter | far off | "
        f"{' | '.join(name.replace('_', ' ') for name in points)} |",
        "|---|---|---|---|---|---|---|" + "---|" * len(points),
    ]
    for name, row in rendered.items():
        each = " | ".join(f"{100 * row['points'][point]:.1f}" for point in points)
        lines.append(
            f"| {name} | {row['faces']} | {row['found']:.1%} | {100 * row['error']:.1f} | "
            f"{100 * row['median']:.1f} | {100 * row['scatter']:.1f} | {row['far']:.1%} | {each} |"
        )
    if real:
        lines += _real(real, about["side"])
    return "\n".join(lines)


def _real(real: dict[str, Any], side: int) -> list[str]:
    borders = list(next(iter(real.values()))["found"])
    looks = " | ".join(f"border {float(border):.0%}" for border in borders)
    lines = [
        "\nShare of real pictures in which a face is found. A picture with a shorter side below "
        f"{side} pixels is enlarged to that, and its border continued, fading to black; where nothing is "
        "found, the next border is tried. So the last column is what `ferda prepare` finds.\n",
        f"| pack | pictures | shorter side | one look, no border | {looks} |",
        "|---|---|---|---|" + "---|" * len(borders),
    ]
    for name, row in real.items():
        least, middle, most = row["shorter_side"]
        sides = f"{least} to {most}, half below {middle}" if least < most else str(most)
        shares = " | ".join(f"{row['found'][border]:.1%}" for border in borders)
        lines.append(
            f"| {name} | {row['pictures']:,} of {row['of']:,} | {sides} | "
            f"{row['one_look_no_border']:.1%} | {shares} |"
        )
    return lines
