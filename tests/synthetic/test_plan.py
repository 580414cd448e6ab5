from collections import Counter

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ferda.synthetic.domains import CCTV, CLASS_MIXES, STUDIO
from ferda.synthetic.plan import SPLITS, plan_domain


@settings(max_examples=settings.default.max_examples // 4)
@given(st.integers(21, 900), st.integers(0, 9))
@example(44, 0)  # of six people, 0.6 and 0.75 round to the same four
def test_every_picture_once_and_nobody_in_two_splits(count, seed):
    plan = plan_domain(STUDIO, count, seed=seed)
    assert [picture.number for picture in plan] == list(range(count))
    people = {split: {p.person for p in plan if p.split == split} for split, _ in SPLITS}
    assert all(people.values())
    assert sum(len(members) for members in people.values()) == len({p.person for p in plan})


def test_balanced_classes_are_balanced_in_every_split():
    plan = plan_domain(STUDIO, 1400, seed=0)
    for split, share in SPLITS:
        counts = Counter(picture.label for picture in plan if picture.split == split)
        assert max(counts.values()) - min(counts.values()) <= 1
        assert counts.total() == pytest.approx(1400 * share, abs=10)


def test_the_long_tail_keeps_its_shares():
    counts = Counter(picture.label for picture in plan_domain(CCTV, 1000, seed=0))
    for name, share in CLASS_MIXES["long_tailed"].items():
        assert counts[name] == pytest.approx(1000 * share, abs=3)


def test_labels_of_a_person_are_mixed():
    plan = plan_domain(STUDIO, 700, seed=0)
    first = {picture.label for picture in plan if picture.person == 0}
    assert len(first) >= 4
