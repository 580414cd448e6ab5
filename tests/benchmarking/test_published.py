from __future__ import annotations

from collections import Counter

import pytest

from ferda.benchmarking.published import all_published, published_rows
from ferda.errors import UserError


def test_all_numbers_of_the_benchmark_are_there() -> None:
    found = all_published()
    assert len(found) == 300
    assert set(Counter((one.source, one.backbone, one.method) for one in found).values()) == {5}
    # means of five targets as the authors print them, one of each backbone and source
    for key, mean in {
        ("RAF-DB", "ResNet-50", "AGRA"): 66.13,
        ("RAF-DB", "ResNet-18", "ICID"): 56.96,
        ("RAF-DB", "MobileNet V2", "DFA"): 38.49,
        ("AFE", "ResNet-50", "SAFN"): 58.42,
        ("AFE", "ResNet-18", "SWD"): 59.15,
        ("AFE", "MobileNet V2", "LPL"): 52.11,
    }.items():
        values = [one.accuracy for one in found if (one.source, one.backbone, one.method) == key]
        assert sum(values) / 5 == pytest.approx(mean, abs=0.006)


def test_who_looked_at_the_test_labels_is_marked() -> None:
    oracle = {one.method for one in all_published() if one.is_oracle}
    assert oracle == {"AGRA", "CADA", "DETN", "ECAN", "DFA"}


def test_rows_of_a_pair_come_best_first() -> None:
    found = published_rows("RAF-DB", "SFEW 2.0")
    assert len(found) == 30
    assert (found[0].method, found[0].backbone, found[0].accuracy) == ("AGRA", "ResNet-50", 56.43)
    assert [one.accuracy for one in found] == sorted((one.accuracy for one in found), reverse=True)


def test_an_unknown_data_set_is_named() -> None:
    with pytest.raises(UserError, match=r"did you mean 'SFEW 2\.0'"):
        published_rows("RAF-DB", "SFEW2")
