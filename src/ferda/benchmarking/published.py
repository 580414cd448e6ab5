"""Numbers that others published, to stand beside a table, never in it.

`CD-FER`: Chen et al., "Cross-domain facial expression recognition: a unified evaluation benchmark and
adversarial graph learning", TPAMI 2022, arXiv 2008.00923, as the authors' program lists them: accuracy on the
target's test part, seven classes, one run each. Half of its methods took the epoch that the target's test
labels liked best; the other half the one that the source's test labels did.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from importlib import resources
from typing import Any

from ferda.errors import UserError, nearest

PAPERS = {"CD-FER": "CD-FER, Chen et al., TPAMI 2022, arXiv 2008.00923"}


@dataclass(frozen=True)
class Published:
    """One published number.

    Attributes:
        paper: Where it stands.
        source: Data set of the labels.
        target: Data set of the test faces.
        backbone: As the paper calls it.
        method: As the paper calls it.
        accuracy: Per cent.
        chosen_by: What chose the epoch.
    """

    paper: str
    source: str
    target: str
    backbone: str
    method: str
    accuracy: float
    chosen_by: str

    @property
    def is_oracle(self) -> bool:
        """Whether the labels that it was measured on chose its epoch."""
        return self.chosen_by.startswith("target")


def all_published() -> list[Published]:
    """Return every published number that ferda knows."""
    text = resources.files("ferda.benchmarking").joinpath("published.csv").read_text(encoding="utf-8")
    rows: list[dict[str, Any]] = list(csv.DictReader(text.splitlines()))
    return [
        Published(**row | {"paper": PAPERS[row["paper"]], "accuracy": float(row["accuracy"])}) for row in rows
    ]


def published_rows(source: str | None = None, target: str | None = None) -> list[Published]:
    """Return the numbers of a source and target, the best first.

    Args:
        source: Data set as papers write it; None takes any.
        target: The same.

    Raises:
        UserError: If nothing is known of such a data set.
    """
    found = all_published()
    for role, wanted in (("source", source), ("target", target)):
        known = sorted({str(getattr(one, role)) for one in found})
        if wanted is not None and wanted not in known:
            raise UserError(
                f"No published number has the {role} '{wanted}'{nearest(wanted, known)}; known: "
                f"{', '.join(known)}."
            )
        found = [one for one in found if wanted in (None, getattr(one, role))]
    return sorted(found, key=lambda one: -one.accuracy)
