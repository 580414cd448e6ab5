from __future__ import annotations

import pandas as pd
import pytest

from ferda.data.audit import count_table
from ferda.data.manifest import complete_manifest
from ferda.data.official_counts import against_official, find_misreading, tell_absent
from ferda.expressions import BASIC, CLASS_ORDERS

OFFICIAL = {
    "train": dict(zip(BASIC, (1290, 281, 717, 4772, 1982, 705, 2524), strict=True)),
    "test": dict(zip(BASIC, (329, 74, 160, 1185, 478, 162, 680), strict=True)),
}


def counts(found: dict[str, dict[str, int]]) -> pd.DataFrame:
    """The table of a manifest with so many rows, a hundredth of each."""
    rows = [
        {"file": f"{split}/{name}/{row}.png", "split": split or None, "expression": name}
        for split, table in found.items()
        for name, count in table.items()
        for row in range(count)
    ]
    return count_table(complete_manifest(pd.DataFrame(rows)))


def renamed(table: dict[str, dict[str, int]], names: dict[str, str | None]) -> dict[str, dict[str, int]]:
    return {
        split: {str(names[name]): count for name, count in rows.items() if names[name] is not None}
        for split, rows in table.items()
    }


def label_is(truly: dict[str, str]) -> str:
    return ", ".join(" is ".join(pair) for pair in truly.items())


SMALL = {split: {name: count // 20 for name, count in rows.items()} for split, rows in OFFICIAL.items()}


def test_differences_by_split_and_class() -> None:
    found = {split: dict(rows) for split, rows in SMALL.items()}
    found["train"]["fear"] -= 3
    found["test"]["contempt"] = 2
    table = against_official(counts(found), SMALL)
    assert table.columns.tolist() == ["split", "expression", "found", "official", "difference"]
    wrong = table[table["difference"] != 0].set_index(["split", "expression"])["difference"]
    assert wrong.to_dict() == {("train", "fear"): -3, ("test", "contempt"): 2}
    assert len(table) == 16


def test_without_a_common_split_all_rows_are_compared() -> None:
    together = {"": {name: SMALL["train"][name] + SMALL["test"][name] for name in BASIC}}
    table = against_official(counts(together), SMALL)
    assert set(table["split"]) == {"all"} and not table["difference"].any()
    assert not against_official(counts(together), together)["difference"].any()


def test_a_split_that_is_not_there_at_all_is_told() -> None:
    train = counts({"train": SMALL["train"]})
    assert not against_official(train, SMALL)["difference"].any()
    assert tell_absent(train, OFFICIAL, "RAF-DB") == ["RAF-DB has no row of 'test', 3,068 are published."]
    assert tell_absent(counts(SMALL), OFFICIAL, "RAF-DB") == []
    unsplit = counts({"": SMALL["train"]})
    assert tell_absent(unsplit, OFFICIAL, "x") == [] == tell_absent(train, {"": SMALL["train"]}, "x")


def test_rows_without_a_label_are_no_class() -> None:
    frame = complete_manifest(pd.DataFrame({"file": ["a", "b"], "expression": ["fear", None]}))
    assert "unlabelled" not in set(against_official(count_table(frame), SMALL)["expression"])


@pytest.mark.parametrize("is_lost", [False, True])
@pytest.mark.parametrize(("step", "story"), [(1, "one too high"), (-1, "one too low")])
def test_labels_off_by_one(step: int, story: str, is_lost: bool) -> None:
    read: dict[str, str | None] = {name: BASIC[(i + step) % 7] for i, name in enumerate(BASIC)}
    if is_lost:
        read[BASIC[-1 if step == 1 else 0]] = None
    found = find_misreading(against_official(counts(renamed(SMALL, read)), SMALL), BASIC)
    assert found is not None and story in found.story
    assert {label: true for true, label in read.items() if label} == {
        label: true for label, true in found.truly.items() if label in read.values()
    }
    assert (found.misfit == 0) == (not is_lost)
    before = against_official(counts(renamed(SMALL, read)), SMALL)["difference"].abs().sum()
    assert f"({label_is(found.truly)}): {before} rows differ, {found.misfit} then" in found.sentence("RAF-DB")


@pytest.mark.parametrize("order", ["affectnet", "fer2013", "ferplus"])
def test_labels_read_in_anothers_order(order: str) -> None:
    read = dict(zip(BASIC, CLASS_ORDERS[order], strict=False))
    found = find_misreading(against_official(counts(renamed(SMALL, dict(read))), SMALL), BASIC)
    assert found is not None and found.misfit == 0
    assert {label: found.truly.get(label, label) for label in read.values()} == {
        label: true for true, label in read.items()
    }
    assert order in found.story or CLASS_ORDERS[order][:7] in [
        CLASS_ORDERS[name][:7] for name in CLASS_ORDERS if name in found.story
    ]


def test_sound_labels_are_not_misread() -> None:
    assert find_misreading(against_official(counts(SMALL), SMALL), BASIC) is None
    fewer = {split: {name: count * 2 // 3 for name, count in rows.items()} for split, rows in SMALL.items()}
    assert find_misreading(against_official(counts(fewer), SMALL), BASIC) is None
