from __future__ import annotations

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ferda.memory.class_means import ClassMeans


def test_by_hand() -> None:
    memory = ClassMeans(classes=3, width=2, momentum=0.5, room=1)
    memory.update(torch.tensor([[1.0, 3], [3, 5], [10, 10]]), torch.tensor([0, 0, 2]))
    assert memory.centres.tolist() == [[2, 4], [0, 0], [10, 10]]  # the first rows of a class place it
    assert memory.seen.tolist() == [True, False, True]
    memory.update(torch.tensor([[4.0, 4]]), torch.tensor([0]))
    assert memory.centres[0].tolist() == [2, 4] and memory.counts.tolist() == [1, 0, 0]
    memory.update(torch.tensor([[6.0, 8]]), torch.tensor([0]))
    assert memory.centres[0].tolist() == [3.5, 5] and memory.counts.tolist() == [0, 0, 0]


@settings(max_examples=settings.default.max_examples // 4)
@given(st.integers(0, 1000), st.integers(0, 6), st.booleans())
def test_equals_lists_of_rows(seed: int, room: int, is_scalar: bool) -> None:
    torch.manual_seed(seed)
    memory = ClassMeans(3, 4, momentum=0.1, room=room, is_scalar=is_scalar)
    memory.start(torch.randn(9, 4))
    centres = [row.tolist() for row in memory.centres]
    waiting: list[list[list[float]]] = [[], [], []]
    for _ in range(6):
        rows = torch.randn(5, 4)
        memory.update(rows)
        # the nearest by the centres before the batch
        for row in rows.tolist():
            apart = [sum((a - b) ** 2 for a, b in zip(row, centre, strict=True)) for centre in centres]
            waiting[apart.index(min(apart))].append(row)
        for at, own in enumerate(waiting):
            if len(own) > room:
                means = [sum(column) / len(own) for column in zip(*own, strict=True)]
                means = [sum(means) / len(means)] * len(means) if is_scalar else means
                centres[at] = [0.1 * m + 0.9 * c for m, c in zip(means, centres[at], strict=True)]
                own.clear()
        torch.testing.assert_close(memory.centres, torch.tensor(centres), rtol=1e-4, atol=1e-5)
        assert memory.counts.tolist() == [len(own) for own in waiting]


def test_clusters_are_found_and_rows_find_them() -> None:
    places = torch.tensor([[0.0, 0], [10, 0], [0, 10]])
    rows = places.repeat(20, 1) + 0.1 * torch.randn(60, 2)
    memory = ClassMeans(3, 2)
    memory.start(rows)
    assert torch.cdist(places, memory.centres).min(1).values.max() < 0.2
    assert (memory(rows) - rows).norm(dim=1).max() < 0.6
    memory.update(rows[:5])
    again = ClassMeans(3, 2)
    again.start(rows)
    memory.start(rows)
    assert torch.equal(memory.centres, again.centres) and not memory.counts.any()


def test_without_any_centre_a_row_is_its_own_partner() -> None:
    memory = ClassMeans(3, 2)
    rows = torch.randn(4, 2, requires_grad=True)
    assert torch.equal(memory(rows), rows) and not memory(rows).requires_grad
    memory.update(rows)
    assert not memory.seen.any() and not memory.counts.any()


def test_what_has_no_place_attracts_nobody() -> None:
    memory = ClassMeans(4, 2)
    memory.start(torch.tensor([[5.0, 5], [6, 6]]))
    assert memory.seen.tolist() == [True, True, False, False]
    assert memory.nearest(torch.zeros(1, 2)).item() < 2


def test_everything_is_saved() -> None:
    memory = ClassMeans(3, 2, room=4)
    memory.update(torch.randn(7, 2), torch.tensor([0, 0, 1, 1, 1, 0, 0]))
    memory.update(torch.randn(3, 2), torch.tensor([0, 1, 1]))
    copy = ClassMeans(3, 2, room=4)
    copy.load_state_dict(memory.state_dict())
    for each in (memory, copy):
        each.update(torch.ones(4, 2), torch.tensor([0, 0, 1, 1]))
    assert all(torch.equal(copy.state_dict()[name], value) for name, value in memory.state_dict().items())
    assert memory.update(torch.ones(2, 2).bfloat16(), torch.tensor([0, 1])) is None
