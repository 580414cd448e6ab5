from __future__ import annotations

import numpy as np
import pytest

from ferda.selection.collapse import classes_in_use, has_collapsed


def test_classes_in_use_by_hand() -> None:
    assert classes_in_use(np.eye(7)[[3] * 9]) == pytest.approx(1)
    assert classes_in_use(np.eye(7)) == pytest.approx(7)
    # shares 1/2, 1/4, 1/4: the entropy is 3/2 bits
    assert classes_in_use(np.eye(4)[[0, 0, 1, 2]] * 0.4 + 0.15) == pytest.approx(2**1.5)


def test_an_unsure_model_that_always_answers_the_same_uses_one_class() -> None:
    assert classes_in_use(np.array([[0.34, 0.33, 0.33]] * 5)) == pytest.approx(1)


def test_half_of_the_starts_classes_is_enough() -> None:
    assert not has_collapsed(2.5, 5)
    assert has_collapsed(2.49, 5)
