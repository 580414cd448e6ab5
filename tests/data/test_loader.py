"""The loader: what a step holds depends on seed and step, not on processes, neighbours or the past."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from ferda.batch import DomainBatch
from ferda.data.domain import Domain
from ferda.data.labels import LabelRule
from ferda.data.loader import DomainLoader, evaluation_batches
from ferda.data.normalise import Normalise
from ferda.data.pack import write_pack
from ferda.data.view_options import WeakView
from ferda.errors import UserError

CLASSES = ("surprise", "fear", "anger")
SIDE = 24


def make_domain(
    folder: Path,
    name: str,
    count: int,
    side: int = SIDE,
    *,
    classes: Sequence[str] = CLASSES,
    points: bool = True,
    votes: bool = False,
    affect: bool = False,
) -> Domain:
    """A domain whose picture `i` has the value `i + 1` in its red channel."""
    images = np.full((count, side, side, 3), 60, np.uint8)
    images[..., 0] = (np.arange(count) + 1)[:, None, None]
    frame = pd.DataFrame({"file": [f"{row}.png" for row in range(count)]})
    frame["expression"] = [CLASSES[row % 3] for row in range(count)]
    if votes:
        for position, word in enumerate(CLASSES):
            frame[f"votes_{word}"] = [8.0 if row % 3 == position else 1.0 for row in range(count)]
    if affect:
        frame["valence"] = [-2.0 if row == 0 else row / count for row in range(count)]
        frame["arousal"] = [-row / count for row in range(count)]
    landmarks = (
        np.random.default_rng(0).uniform(0, side, (count, 5, 2)).astype(np.float32) if points else None
    )
    pack = write_pack(folder / name, images, frame, landmarks=landmarks, name=name)
    return Domain(pack, np.arange(count), classes, rule=LabelRule("votes") if votes else None)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("packs")


@pytest.fixture(scope="module")
def domains(folder: Path) -> list[Domain]:
    return [make_domain(folder, name, count) for name, count in (("a", 30), ("b", 5), ("t", 20))]


def load(domains: Sequence[Domain], **options: object) -> DomainLoader:
    settings = {"batch": 6, "target_batch": 8, "weak": "none", "normalise": "none", "seed": 3, **options}
    return DomainLoader(domains[:2], domains[2].without_labels(), **settings)


def rows_shown(images: torch.Tensor) -> list[int]:
    return (images[:, 0, 0, 0] * 255 - 1).round().int().tolist()


def parts_of(batch: DomainBatch) -> list[torch.Tensor]:
    tensors = []
    for record in (*batch.sources, batch.target):
        values = vars(record).values() if record is not None else ()
        tensors += [value for value in values if isinstance(value, torch.Tensor)]
    return tensors


def test_rows_labels_landmarks_and_index_belong_together(domains: list[Domain]) -> None:
    loader = load(domains)
    for step in range(7):
        batch = loader.batch(step)
        assert [len(source) for source in batch.sources] == [6, 6] and len(batch.target) == 8
        for domain, rows in zip(domains, (*batch.sources, batch.target), strict=True):
            index = rows.index.tolist()
            assert rows_shown(rows.images) == index
            assert np.array_equal(rows.landmarks.numpy(), domain.landmarks[index])
        for domain, source in zip(domains, batch.sources, strict=False):
            assert np.array_equal(source.labels.numpy(), domain.labels()[source.index])
    assert not hasattr(batch.target, "labels")


@pytest.mark.parametrize("sampling", ["joint", "pooled", "round_robin"])
def test_two_processes_see_the_batch_of_one(domains: list[Domain], sampling: str) -> None:
    options = {"sampling": sampling, "weak": "weak", "strong": "strong", "normalise": "imagenet"}
    whole = load(domains, **options)
    halves = [load(domains, rank=rank, world=2, **options) for rank in range(2)]
    for step in (4, 0, 1):
        parts = [parts_of(half.batch(step)) for half in halves]
        for one, *two in zip(parts_of(whole.batch(step)), *parts, strict=True):
            assert torch.allclose(one, torch.cat(two), atol=1.01 / 255 / 0.224, equal_nan=True)
            assert (one - torch.cat(two)).abs().float().mean() < 1e-3
        files = [name for half in halves for name in half.files(step)]
        assert sorted(files) == sorted(whole.files(step))


def test_a_step_does_not_depend_on_the_steps_before(domains: list[Domain]) -> None:
    used = load(domains, weak="weak", strong="strong", balance="class_balanced")
    for step in (5, 0, 11):
        used.batch(step)
    fresh = load(domains, weak="weak", strong="strong", balance="class_balanced")
    for one, other in zip(parts_of(used.batch(5)), parts_of(fresh.batch(5)), strict=True):
        assert torch.equal(one, other)
    other_seed = load(domains, weak="weak", seed=4).batch(5)
    assert not torch.equal(other_seed.target.images, fresh.batch(5).target.images)


def test_every_step_takes_another_chance(folder: Path) -> None:
    loader = DomainLoader([make_domain(folder, "single", 1)], None, batch=1)
    shown = [loader.batch(step).sources[0].landmarks for step in range(3)]
    assert not torch.allclose(shown[0], shown[1]) and not torch.allclose(shown[1], shown[2])


@pytest.mark.parametrize("sampling", ["joint", "pooled", "round_robin"])
def test_resident_pictures_and_the_background_change_no_bit(domains: list[Domain], sampling: str) -> None:
    options = {"sampling": sampling, "weak": "weak", "strong": "strong", "normalise": "imagenet"}
    plain, other = load(domains, **options), load(domains, resident=True, ahead=True, **options)
    for step in (0, 1, 2, 9, 10):
        for one, two in zip(parts_of(plain.batch(step)), parts_of(other.batch(step)), strict=True):
            assert torch.equal(one, two)
    whole = [[batch.images for batch in loader.target_view(batch=8).batches()] for loader in (plain, other)]
    assert torch.equal(torch.cat(whole[0]), torch.cat(whole[1]))


def test_a_dropped_loader_frees_its_resident_pictures(domains: list[Domain]) -> None:
    loader = load(domains, resident=True, ahead=True)
    loader.batch(0)
    loader._ahead._thread.shutdown()  # the thread may be at work on the next batch
    copy = weakref.ref(loader._target.pixels._copy)
    gc.disable()
    try:
        del loader
        assert copy() is None, "only the garbage collector would free it, and a further stage needs the room"
    finally:
        gc.enable()


@pytest.mark.parametrize("resident", [False, True])
def test_no_copy_to_the_device_waits_for_it(domains: list[Domain], resident: bool) -> None:
    class Watch(TorchDispatchMode):
        def __torch_dispatch__(self, function, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
            kwargs = kwargs or {}
            if function is torch.ops.aten._to_copy.default and kwargs.get("device") == torch.device("meta"):
                copies.append(kwargs.get("non_blocking", False))
            return function(*args, **kwargs)

    copies: list[bool] = []
    # the meta device computes nothing, but refuses to mix with tensors of the CPU
    erasing = WeakView(erase=0.5)
    loader = load(domains, weak=erasing, strong="strong", normalise="half", resident=resident, device="meta")
    loader.batch(0)
    with Watch():
        batch = loader.batch(1)
    assert {tensor.device.type for tensor in parts_of(batch)} == {"meta"}
    assert len(copies) > 10 and all(copies)


def test_target_does_not_change_with_the_sources(domains: list[Domain]) -> None:
    with_two = load(domains, weak="weak").batch(2).target
    target = domains[2].without_labels()
    alone = DomainLoader((), target, batch=8, weak="weak", normalise="none", seed=3).batch(2)
    assert alone.sources == () and torch.equal(with_two.images, alone.target.images)


def test_pooled_sources_are_one_set(domains: list[Domain]) -> None:
    loader = load(domains, sampling="pooled", batch=7)
    batches = [loader.batch(step).sources for step in range(5)]
    assert all(len(sources) == 1 for sources in batches)
    index = torch.cat([sources[0].index for sources in batches])
    assert sorted(index.tolist()) == list(range(35))
    shown = rows_shown(torch.cat([sources[0].images for sources in batches]))
    assert shown == [row if row < 30 else row - 30 for row in index.tolist()]
    assert any(name.startswith("b: ") for step in range(5) for name in loader.files(step))


def test_round_robin_takes_turns(domains: list[Domain]) -> None:
    loader = load(domains, sampling="round_robin")
    joint = load(domains)
    for step in range(6):
        batch = loader.batch(step)
        assert (len(batch.sources), batch.turn) == (1, step % 2)
        expected = joint.batch(step // 2).sources[step % 2]
        assert torch.equal(batch.sources[0].images, expected.images)
        assert torch.equal(batch.target.images, joint.batch(step).target.images)


def test_an_epoch_is_as_long_as_asked(domains: list[Domain]) -> None:
    assert load(domains).epoch_steps() == 5
    assert load(domains, target_batch=2).epoch_steps("longest") == 10
    assert load(domains, target_batch=2).epoch_steps("sources") == 5
    assert load(domains, sampling="round_robin").epoch_steps("sources") == 10
    assert load(domains, sampling="pooled").epoch_steps("sources") == 5
    assert load(domains, batch=64, target_batch=64).epoch_steps() == 1
    assert load(domains).epoch_steps(17) == 17


def test_strong_view_is_another_picture_of_the_same_rows(domains: list[Domain]) -> None:
    target = load(domains, strong="strong").batch(0).target
    assert target.strong_images.shape == target.images.shape
    assert not torch.equal(target.strong_images, target.images)
    assert target.strong_landmarks.shape == (8, 5, 2)
    assert load(domains).batch(0).target.strong_images is None


def test_votes_become_soft_labels_and_mix_with_classes(folder: Path, domains: list[Domain]) -> None:
    voted = make_domain(folder, "voted", 12, votes=True)
    loader = DomainLoader([voted], None, batch=6, weak="none")
    labels = loader.batch(0).sources[0].labels
    assert labels.shape == (6, 3) and torch.allclose(labels.max(1).values, torch.tensor(0.8))
    pooled = DomainLoader([voted, domains[1]], None, batch=17, weak="none", sampling="pooled").batch(0)
    assert torch.allclose(pooled.sources[0].labels.sum(1), torch.ones(17))
    assert (pooled.sources[0].labels.max(1).values == 1).sum() == 5


def test_unknown_landmarks_are_none(folder: Path) -> None:
    plain = make_domain(folder, "plain", 6, points=False)
    loader = DomainLoader([plain], plain.without_labels(), batch=3, strong="strong")
    batch = loader.batch(0)
    assert batch.sources[0].landmarks is None and batch.target.landmarks is None
    assert batch.target.strong_landmarks is None
    assert next(iter(loader.target_view().batches())).landmarks is None


def test_evaluation_shows_every_row_once_in_order(domains: list[Domain]) -> None:
    shown = SimpleNamespace(size=12, mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5), channels="rgb")
    batches = list(evaluation_batches(domains[0].without_labels(), shown, batch=7))
    assert [len(batch) for batch in batches] == [7, 7, 7, 7, 2]
    images = torch.cat([batch.images for batch in batches])
    assert images.shape == (30, 3, 12, 12)
    assert rows_shown(Normalise(shown.mean, shown.std).undo(images)) == list(range(30))
    points = torch.cat([batch.landmarks for batch in batches])
    assert np.allclose(points, (domains[0].landmarks + 0.5) / 2 - 0.5, atol=1e-4)
    some = list(evaluation_batches(domains[0], shown, np.array([9, 2])))
    assert [batch.index.tolist() for batch in some] == [[9, 2]]


def test_target_view_is_the_whole_target(domains: list[Domain]) -> None:
    view = load(domains, weak="weak").target_view(batch=16)
    batches = list(view.batches())
    assert len(view) == 20
    assert torch.cat([batch.index for batch in batches]).tolist() == list(range(20))
    assert rows_shown(torch.cat([batch.images for batch in batches])) == list(range(20))


def test_files_name_the_pictures_of_the_batch(domains: list[Domain]) -> None:
    loader = load(domains)
    batch, names = loader.batch(1), loader.files(1)
    assert len(names) == 6 + 6 + 8
    assert names[0] == f"a: {batch.sources[0].index[0]}.png"
    assert names[-1] == f"t: row {batch.target.index[-1]}"


def test_mistakes_are_told(folder: Path, domains: list[Domain]) -> None:
    large = make_domain(folder, "large", 6, side=32)
    with pytest.raises(UserError, match="'a' 24, 'large' 32"):
        DomainLoader([domains[0], large], None, batch=4, sampling="pooled")
    with pytest.raises(ValueError, match="same classes"):
        DomainLoader([domains[0], Domain(large.pack, large.rows, CLASSES[::-1])], None, batch=4)
    with pytest.raises(ValueError, match="source or a target"):
        DomainLoader([], None, batch=4)
    with pytest.raises(ValueError, match="no target"):
        DomainLoader(domains[:1], None, batch=4).target_view()


def test_domains_of_different_sizes_are_shown_at_one(folder: Path, domains: list[Domain]) -> None:
    large = make_domain(folder, "larger", 6, side=40)
    batch = DomainLoader([domains[0], large], None, batch=3, weak="weak").batch(0)
    assert [source.images.shape[-1] for source in batch.sources] == [24, 24]


@pytest.mark.parametrize("sampling", ["joint", "pooled"])
def test_valence_and_arousal_go_with_their_rows(folder: Path, sampling: str) -> None:
    felt = make_domain(folder, f"felt_{sampling}", 12, affect=True)
    plain = make_domain(folder, f"plain_{sampling}", 12)
    loader = DomainLoader([felt, plain], None, batch=24, sampling=sampling, weak="none")  # type: ignore[arg-type]
    rows = loader.batch(0).pooled
    assert rows.affect is not None
    # a picture's red channel is its row, from 1
    red = (
        Normalise.named("imagenet").std[0] * rows.images[:, 0, 0, 0] + Normalise.named("imagenet").mean[0]
    ) * 255
    place = red.round().long() - 1
    known = rows.affect.isfinite().all(1)
    expected = torch.stack([place / 12, -place / 12], 1)[known]
    torch.testing.assert_close(rows.affect[known], expected)
    assert known.sum() == (22 if sampling == "joint" else 11)
    unknown = DomainLoader([plain], felt.without_labels(), batch=4).batch(0)
    assert unknown.pooled.affect is None and not hasattr(unknown.target, "affect")
