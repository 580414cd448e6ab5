from __future__ import annotations

import math
from functools import partial

import pytest

from ferda.data.engines import find_engine, list_engines, must_see
from ferda.errors import UserError

ROOTS = [(number,) for number in range(7)]


def test_engines_are_found_by_name() -> None:
    assert list_engines() == ["local", "ray"]
    with pytest.raises(UserError, match=r"no engine 'rey' \(did you mean 'ray'\?\); take local or ray"):
        find_engine("rey")


@pytest.mark.parametrize("workers", [0, pytest.param(2, marks=pytest.mark.slow)])
def test_processes_answer_every_chunk(workers: int) -> None:
    answers = find_engine("local", workers)(partial(partial, math.sqrt), ROOTS)
    assert sorted(answers) == [math.sqrt(number) for (number,) in ROOTS]


def test_in_one_process_the_tool_is_made_once_and_no_chunk_is_worked_on_before_it_is_asked_for() -> None:
    made: list[int] = []

    def make() -> object:
        made.append(0)
        return made.append

    answers = find_engine("local")(make, ROOTS)
    assert made == []
    next(answers), next(answers)
    assert made == [0, 0, 1]


def test_a_worker_that_does_not_see_the_files_says_so(tmp_path) -> None:
    must_see(tmp_path)
    with pytest.raises(UserError, match=r"has no .*gone; every worker must find the files at the same path"):
        must_see(tmp_path / "gone")
