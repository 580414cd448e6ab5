from __future__ import annotations

from collections import defaultdict

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ferda.data.manifest import complete_manifest
from ferda.data.splits import split_by_group, split_names, subject_folds
from ferda.errors import UserError


def manifest(count: int, **columns: list[object]) -> pd.DataFrame:
    names = ["happiness", "fear", "neutral", None]
    frame = pd.DataFrame({"file": [f"{row}.png" for row in range(count)], **columns})
    if "expression" not in frame:
        frame["expression"] = [names[row % 4] for row in range(count)]
    return complete_manifest(frame)


def test_without_subjects_every_class_has_its_share() -> None:
    frame = manifest(400)
    names = split_by_group(frame, {"train": 0.7, "val": 0.1, "test": 0.2})
    for expression in ("happiness", "fear", "neutral", None):
        rows = frame["expression"].isna() if expression is None else frame["expression"] == expression
        counts = {split: int((names[rows] == split).sum()) for split in ("train", "val", "test")}
        assert counts == {"train": 70, "val": 10, "test": 20}


@given(st.lists(st.integers(0, 12), min_size=5, max_size=60), st.integers(0, 3))
def test_no_person_and_no_copy_is_on_both_sides(people: list[int], seed: int) -> None:
    subjects: list[object] = [None if person == 0 else f"p{person}" for person in people]
    rng = np.random.default_rng(seed)
    shas: list[object] = [f"{code:064x}" for code in rng.integers(0, 40, len(people))]
    names = split_by_group(
        manifest(len(people), subject=subjects, sha256=shas), {"train": 0.5, "test": 0.5}, seed
    )
    for keys in (subjects, shas):
        seen = defaultdict(set)
        for key, name in zip(keys, names, strict=True):
            if key is not None:
                seen[key].add(name)
        assert all(len(where) == 1 for where in seen.values())


def test_a_chain_of_copies_keeps_people_together() -> None:
    shas: list[object] = ["0" * 64, "1" * 64, "1" * 64, "2" * 64, "2" * 64, "3" * 64]
    names = split_by_group(
        manifest(6, subject=["a", "a", "b", "b", "c", "c"], sha256=shas), {"train": 1, "test": 1}
    )
    assert len(set(names)) == 1


def test_people_are_shared_out_fairly() -> None:
    people: list[object] = [f"p{row // 5}" for row in range(500)]
    names = split_by_group(manifest(500, subject=people), {"train": 0.7, "val": 0.1, "test": 0.2})
    for split, share in (("train", 350), ("val", 50), ("test", 100)):
        assert abs(int((names == split).sum()) - share) <= 10


def test_the_same_seed_gives_the_same_split_and_another_another() -> None:
    frame = manifest(200)
    assert (split_by_group(frame) == split_by_group(frame)).all()
    assert (split_by_group(frame, seed=1) != split_by_group(frame)).any()


def test_the_owners_split_comes_first() -> None:
    frame = manifest(4, split=["train", "test", None, "val"])
    assert split_names(frame).tolist() == ["train", "test", "", "val"]
    assert set(split_names(manifest(40))) == {"train", "val", "test"}


@pytest.mark.parametrize("fractions", [{}, {"train": 0.0, "test": 1.0}, {"dev": 1.0}])
def test_odd_fractions_are_refused(fractions: dict[str, float]) -> None:
    with pytest.raises(UserError, match="Fractions"):
        split_by_group(manifest(4), fractions)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 30), st.booleans()), min_size=1, max_size=80), st.integers(3, 10))
def test_people_are_dealt_to_folds_in_turn(rows: list[tuple[int, bool]], count: int) -> None:
    subjects: list[object] = [f"S{person:03d}" for person, _ in rows]
    words: list[object] = ["fear" if is_labelled else None for _, is_labelled in rows]
    frame = manifest(len(rows), subject=subjects, expression=words)
    with_label = {person for person, word in zip(subjects, words, strict=True) if word is not None}
    if len(with_label) < count:
        with pytest.raises(UserError, match=f"not to {count}"):
            subject_folds(frame, count)
        return
    # the authors' way: a counter that steps on at each new person and starts again after the last fold
    step, of_person = -1, {}
    for person in sorted({*subjects}, key=str):
        if person in with_label:
            step = step + 1 if step < count - 1 else 0
            of_person[person] = step
    wanted = [of_person.get(person, -1) for person in subjects]
    assert subject_folds(frame, count).tolist() == wanted
    for turn in range(count):
        role = {-1: "", turn: f"test:{turn}/{count}", (turn + 1) % count: f"val:{turn}/{count}"}
        names = split_names(frame, f"val:{turn}/{count}")
        assert names.tolist() == [role.get(fold, f"train:{turn}/{count}") for fold in wanted]


def test_folds_need_people_and_exist() -> None:
    with pytest.raises(UserError, match="3 rows with an expression name no subject"):
        split_names(manifest(4), "test:0/3")
    with pytest.raises(UserError, match="no fold 3 of 3"):
        split_names(manifest(4, subject=["a", "b", "c", "d"]), "test:3/3")
