"""What all tables share: the order of methods, and how a number is shown."""

from __future__ import annotations

from statistics import mean, stdev
from typing import Any

#: All methods as tables show them: what each must beat, then by the date of the paper.
ORDER = (
    "source_only",
    "linear_probe",
    "dan",
    "dfa",
    "dann",
    "deep_coral",
    "jan",
    "lpl",
    "mcd",
    "detn",
    "cdan",
    "cada",
    "mfsan",
    "icid",
    "swd",
    "mdd",
    "m3sda",
    "safn",
    "esr",
    "ecan",
    "bnm",
    "shot",
    "mcc",
    "agra",
    "manet",
    "cglrl",
    "diversified_esr",
    "diversified_manet",
    "aad",
    "mic",
    "ddamfn",
    "duml",
    "aglrls",
    "la_cmfer",
    "osa",
    "balanced_teacher",
)


def made(about: dict[str, Any]) -> str:
    """Return one line on command, machine and versions."""
    versions = ", ".join(f"{name} {number}" for name, number in about["versions"].items())
    return f"`{about['command']}`, commit {about['commit']}; {about['machine']}; {versions}."


def spread(values: list[float]) -> str:
    """Return mean ± standard deviation."""
    return f"{mean(values):.3f}" + (f" ± {stdev(values):.3f}" if len(values) > 1 else "")
