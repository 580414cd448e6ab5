"""Faces named a CPU second, from pictures."""

from __future__ import annotations

from typing import Any

from sections.cells import made


def section(found: dict[str, Any]) -> str:
    """Return the section of prediction."""
    about, loss = found["about"], found["int8"]
    lines = [
        "## From pictures to named faces\n",
        f"{made(about)} {about['pictures']} pictures of LFW, {about['together']} at a time, all systems in "
        "turn; CPU time of detection and classification on one thread, medians over the turns. ferda's "
        f"network is {about['network']}; the others are timm's at {about['side']} pixels, random weights, "
        "behind our detector in torch, picture by picture. The ratio is that to EfficientNet-B0 in the same "
        "turn, with its least and its largest. The error of the landmarks is against our detector in torch, "
        "in eye distances.\n",
        "| system | faces a second | ratio | least to largest | with a face | faces | landmark error |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, row in found["systems"].items():
        least, largest = min(row["ratios"]), max(row["ratios"])
        lines.append(
            f"| {name} | {row['faces_per_second']:.1f} | {row['ratio']:.2f} × | {least:.2f} to {largest:.2f} "
            f"| {row['pictures_with_a_face']} | {row['faces']} | {row['landmark_error']:.5f} |"
        )
    lines.append(
        f"\nint8 names the same expression as fp32 in {loss['agreement']:.1%} of {loss['faces']} faces that "
        f"it was not calibrated on (probabilities differ by {loss['mean_difference']:.4f} on average, "
        f"{loss['largest_difference']:.3f} at most)"
        + (
            f"; accuracy {loss['accuracy_before']:.3f} before, {loss['accuracy_after']:.3f} after."
            if loss["labelled"]
            else "."
        )
    )
    return "\n".join(lines)
