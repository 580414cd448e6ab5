"""How people in videos are told apart."""

from __future__ import annotations

from typing import Any

from sections.cells import made


def section(found: dict[str, Any]) -> str:
    """Return the section of videos."""
    about, cuts, warned = found["about"], found["cuts"], found["warned"]
    lines = [
        "## Videos\n",
        f"{made(about)} {about['faces']} faces of six film actors; stills in their order stand for frames. "
        "*Ranked right*: two stills in a row of one person are more alike than stills of two people. "
        f"*Taken for each other*: of {about['scenes']} scenes in which two people cross, those that end with "
        "a number that both had; a tenth of the detections is missing.\n",
        "| a face is known by | ranked right | taken for each other | numbers too many a scene |",
        "|---|---|---|---|",
    ]
    for name in dict.fromkeys([*found["ranked right"], *found["crossings"]]):
        ranked, walked = found["ranked right"].get(name), found["crossings"].get(name)
        cells = [
            "–" if ranked is None else f"{ranked:.2f}",
            *(["–"] * 2 if walked is None else [f"{value:.2f}" for value in walked.values()]),
        ]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    lines.append(
        f"\nCalled a cut: {cuts['two people']:.0%} of changes to another person's still, {cuts['pan']:.1%} "
        f"of pans by a sixth of the picture, {cuts['flash']:.1%} of flashes. The warning of exchanged "
        f"colours is raised for {warned['right order']:.1%} of the faces in the right order, and "
        f"{warned['wrong order']:.0%} in the wrong."
    )
    return "\n".join(lines)
