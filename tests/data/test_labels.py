from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ferda.data.labels import LabelRule, find_labels
from ferda.data.manifest import complete_manifest
from ferda.errors import UserError

CLASSES = ("happiness", "fear", "neutral")


def manifest(expressions: list[str | None], **columns: list[object]) -> pd.DataFrame:
    files = [f"{row}.png" for row in range(len(expressions))]
    return complete_manifest(pd.DataFrame({"file": files, "expression": expressions, **columns}))


def test_names_become_positions_of_the_list_at_hand() -> None:
    frame = manifest(["fear", "contempt", None, "neutral"])
    labels = find_labels(frame, CLASSES, LabelRule())
    assert labels.hard.tolist() == [1, -1, -1, 2]
    assert labels.reasons.tolist() == ["", "contempt", "unlabelled", ""]
    assert labels.soft is None
    assert find_labels(frame, CLASSES[::-1], LabelRule()).hard.tolist() == [1, -1, -1, 0]


def test_another_column_of_words() -> None:
    frame = manifest(["fear"] * 4, opinion=["Happy", "", "odd", "afraid"])
    labels = find_labels(frame, CLASSES, LabelRule("opinion"))
    assert labels.hard.tolist() == [0, -1, -1, 1]
    assert labels.reasons.tolist() == ["", "unlabelled", "odd", ""]
    with pytest.raises(UserError, match=r"no column 'opinon' for labels .did you mean 'opinion'"):
        find_labels(frame, CLASSES, LabelRule("opinon"))


def voted(**columns: list[object]) -> pd.DataFrame:
    return manifest(
        ["fear", "neutral", None, "fear"],
        votes_happiness=[6, 1, 0, 3],
        votes_fear=[2, 0, 0, 3],
        votes_contempt=[2, 9, 10, 0],
        **columns,
    )


def test_votes_are_restricted_and_sum_to_one() -> None:
    labels = find_labels(voted(), CLASSES, LabelRule("votes", min_votes=2))
    assert labels.soft is not None
    np.testing.assert_allclose(labels.soft, [[0.75, 0.25, 0], [0, 0, 0], [0, 0, 0], [0.5, 0.5, 0]])
    assert labels.hard.tolist() == [0, -1, -1, 1]  # the tie of the last row goes to the owner's label
    assert labels.reasons.tolist() == ["", "too few votes", "too few votes", ""]


def test_too_few_votes_can_fall_back_to_the_hard_label() -> None:
    labels = find_labels(voted(), CLASSES, LabelRule("votes", min_votes=2, too_few="hard"))
    assert labels.soft is not None
    np.testing.assert_allclose(labels.soft[1], [0, 0, 1])
    assert labels.hard.tolist() == [0, 2, -1, 1]
    assert labels.reasons.tolist() == ["", "", "too few votes", ""]


def test_votes_that_are_not_there() -> None:
    with pytest.raises(UserError, match="no columns votes_"):
        find_labels(manifest(["fear"]), CLASSES, LabelRule("votes"))


@given(
    st.lists(st.lists(st.integers(0, 10), min_size=3, max_size=3), min_size=1, max_size=20),
    st.integers(1, 12),
    st.sampled_from(["drop", "hard"]),
)
def test_soft_labels_agree_with_a_plain_loop(rows: list[list[int]], least: int, too_few: str) -> None:
    votes = {f"votes_{name}": [row[k] for row in rows] for k, name in enumerate(CLASSES)}
    rule = LabelRule("votes", min_votes=least, too_few=too_few)  # type: ignore[arg-type]
    labels = find_labels(manifest(["neutral"] * len(rows), **votes), CLASSES, rule)
    assert labels.soft is not None
    for row, soft, hard in zip(rows, labels.soft, labels.hard, strict=True):
        if sum(row) >= least:
            expected, winner = (
                [vote / sum(row) for vote in row],
                int(np.argmax([row[0], row[1], row[2] + 0.5])),
            )
        elif too_few == "hard":
            expected, winner = [0.0, 0.0, 1.0], 2
        else:
            expected, winner = [0.0, 0.0, 0.0], -1
        np.testing.assert_allclose(soft, expected, rtol=1e-6)
        assert hard == winner
