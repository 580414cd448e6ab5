"""What one could have had by looking at the target's labels. Never a result, always called oracle.

Training writes the target's probabilities after every epoch, without labels. Here, after the run, the labels
are opened and each epoch is scored. The best of these numbers is the upper bound of what any rule of choice
could have reached on this run; the distance to the epoch that was chosen without labels is the price of not
having them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ferda.errors import UserError
from ferda.evaluation.confusion import accuracy, confusion_matrix, f1_scores, macro, recalls
from ferda.files import replacing

if TYPE_CHECKING:
    from ferda.data.domain import Domain

#: Every column that the target's labels had a part in starts so.
PREFIX = "oracle_"
_NAME = re.compile(r"(?P<stage>.+)_(?P<epoch>\d+)\.npz")


@dataclass(frozen=True)
class OracleChoice:
    """The epoch that the target's own labels would have chosen.

    Attributes:
        stage: Its stage.
        epoch: Its epoch, from 1 as in `scores.csv`.
        accuracy: Accuracy of that epoch on the target.
        macro_recall: Macro recall of that epoch, by which it was chosen.
        macro_f1: Macro F1 of that epoch.
    """

    stage: str
    epoch: int
    accuracy: float
    macro_recall: float
    macro_f1: float


@dataclass(frozen=True, eq=False)
class RecordedEpoch:
    """The answers after one epoch.

    Attributes:
        stage: Its stage.
        epoch: Its epoch, from 1.
        truth: (m,) int64 class positions of the watched rows, -1 where the domain has no label.
        probabilities: (m, C) of these rows.
    """

    stage: str
    epoch: int
    truth: NDArray[np.int64]
    probabilities: NDArray[np.float32]


def oracle_scores(run: Path, domain: Domain) -> pd.DataFrame:
    """Score every epoch of a run on the labelled target.

    Args:
        run: The run's folder, which holds `outputs/<stage>_<epoch>.npz`.
        domain: The target with its labels. Watched rows that it does not hold count as faces without a label.

    Returns:
        A frame with `stage`, `epoch`, `faces`, `oracle_accuracy`, `oracle_macro_recall`, `oracle_macro_f1`.

    Raises:
        UserError: If the run recorded nothing, or the domain is another one.
    """
    found = [_score(one, len(domain.classes)) for one in recorded_epochs(run, domain)]
    return pd.DataFrame(found).sort_values(["stage", "epoch"], ignore_index=True)


def recorded_epochs(run: Path, domain: Domain) -> list[RecordedEpoch]:
    """Return what a run said of its target after each epoch, beside the labels that it did not have.

    Args:
        run: The run's folder, which holds `outputs/<stage>_<epoch>.npz`.
        domain: The target with its labels.

    Raises:
        UserError: If the run recorded nothing, or the domain is another one.
    """
    files = [
        (match, file) for file in (run / "outputs").glob("*.npz") if (match := _NAME.fullmatch(file.name))
    ]
    if not files:
        raise UserError(
            f"{run} recorded no predictions of a target in {run / 'outputs'}; there is nothing to score."
        )
    labels = pd.Series(np.asarray(domain.labels()), index=np.asarray(domain.rows))
    return [
        RecordedEpoch(match["stage"], int(match["epoch"]), *_read(file, labels, len(domain.classes)))
        for match, file in files
    ]


def oracle_choice(table: pd.DataFrame, stage: str | None = None) -> OracleChoice:
    """Return the epoch with the best macro recall on the target; the first of equals.

    Args:
        table: What `fill_oracle` returned.
        stage: Only epochs of this stage; None takes the table's last one, whose epochs alone could have
            become the run's checkpoint.
    """
    own = table[table["stage"] == (stage or table["stage"].iloc[-1])]
    own = own[own[f"{PREFIX}macro_recall"].notna()]
    if own.empty:
        raise ValueError(f"no epoch of stage {stage} was scored")
    best = own.iloc[int(own[f"{PREFIX}macro_recall"].to_numpy().argmax())]
    return OracleChoice(
        stage=str(best["stage"]),
        epoch=int(best["epoch"]),
        accuracy=float(best[f"{PREFIX}accuracy"]),
        macro_recall=float(best[f"{PREFIX}macro_recall"]),
        macro_f1=float(best[f"{PREFIX}macro_f1"]),
    )


def fill_oracle(run: Path, domain: Domain) -> pd.DataFrame:
    """Write the oracle's columns into the run's `scores.csv`, for people; no choice ever reads them.

    Args:
        run: The run's folder.
        domain: The target with its labels.

    Returns:
        The whole table of scores.

    Raises:
        UserError: As `oracle_scores`, or if the run has no `scores.csv`.
    """
    path = run / "scores.csv"
    if not path.is_file():
        raise UserError(f"{path} does not exist; the run has not finished an epoch yet.")
    scores = pd.read_csv(path)
    found = oracle_scores(run, domain).drop(columns="faces")
    scores = scores.drop(columns=[column for column in scores.columns if str(column).startswith(PREFIX)])
    merged = scores.merge(found, on=["stage", "epoch"], how="left", validate="one_to_one")
    with replacing(path) as temporary:
        merged.to_csv(temporary, index=False)
    return merged


def _read(file: Path, labels: pd.Series[Any], classes: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    try:
        with np.load(file, allow_pickle=False) as stored:
            rows, probabilities = stored["rows"], stored["probabilities"]
    except (OSError, ValueError, KeyError) as error:
        raise UserError(f"{file} is damaged ({error}); resume or repeat the run.") from error
    if probabilities.shape != (len(rows), classes):
        raise UserError(
            f"{file} was recorded with {probabilities.shape[-1]} classes, the domain has {classes}."
        )
    truth: NDArray[np.int64] = labels.reindex(rows, fill_value=-1).to_numpy()
    if not (truth >= 0).any():
        raise UserError(
            f"The domain has no label for any face of {file}; give the domain that the run watched."
        )
    return truth, probabilities


def _score(one: RecordedEpoch, classes: int) -> dict[str, str | float | int]:
    known = one.truth >= 0
    matrix = confusion_matrix(one.truth[known], one.probabilities.argmax(1)[known], classes)
    return {
        "stage": one.stage,
        "epoch": one.epoch,
        f"{PREFIX}accuracy": float(accuracy(matrix)),
        f"{PREFIX}macro_recall": float(macro(recalls(matrix))),
        f"{PREFIX}macro_f1": float(macro(f1_scores(matrix))),
        "faces": int(known.sum()),
    }
