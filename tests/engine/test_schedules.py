"""Courses of the learning rate."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ferda.batch import Progress
from ferda.engine.schedules import Schedule


def at(schedule: Schedule, step: int, steps: int = 100, epochs: int = 10) -> float:
    progress = Progress(step=step, steps=steps, epoch=step * epochs // steps, epochs=epochs)
    return schedule.factor(progress)


def test_values_by_hand() -> None:
    assert at(Schedule(kind="constant"), 70) == 1
    assert at(Schedule(kind="cosine"), 50) == pytest.approx(0.5)
    assert at(Schedule(kind="cosine", floor=0.2), 100) == pytest.approx(0.2)
    assert at(Schedule(kind="linear"), 25) == pytest.approx(0.75)
    assert at(Schedule(kind="inverse"), 50) == pytest.approx(6**-0.75)
    steps = Schedule(kind="steps", at={3: 0.1, 6: 0.01})
    assert [at(steps, step) for step in (0, 29, 30, 59, 60, 99)] == [1, 1, 0.1, 0.1, 0.01, 0.01]


def test_decay_and_a_course_that_ends_early() -> None:
    decay = Schedule(kind="decay", every=3, by=0.5)
    assert [decay.factor(Progress(epoch=epoch)) for epoch in (0, 2, 3, 6)] == [1, 1, 0.5, 0.25]
    inverse = Schedule(kind="inverse", until=100)
    assert inverse.factor(Progress(step=50, steps=1000)) == pytest.approx(6**-0.75)
    assert inverse.factor(Progress(step=500, steps=1000)) == pytest.approx(11**-0.75)


def test_warmup_rises_linearly_and_ends() -> None:
    schedule = Schedule(warmup=1)
    assert [at(schedule, step) for step in (0, 4, 9, 10)] == pytest.approx([0.1, 0.5, 1.0, 1.0])


@given(
    kind=st.sampled_from(["constant", "cosine", "linear", "inverse"]),
    floor=st.floats(0, 1),
    step=st.integers(0, 99),
)
def test_a_rate_never_rises_after_the_warmup(kind: str, floor: float, step: int) -> None:
    schedule = Schedule(kind=kind, floor=floor)
    assert 1 + 1e-12 >= at(schedule, step) >= at(schedule, step + 1) - 1e-12 >= -1e-12
