"""One contract for all methods, on a toy world: a square's colour says the class, the background the domain.

A method of your own is held to the same: add its file, and these tests run it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import pytest
import torch
from torch import Tensor

from ferda.batch import DomainBatch, Labelled, Output, Progress, Unlabelled
from ferda.inference.export import export_onnx
from ferda.methods import list_methods, method_class
from ferda.methods.base import Method

CLASSES, SIZE = 3, 48
#: Methods whose network is not a plain backbone with a head.
GLOBAL_LOCAL = {
    "backbone": "ir_small",
    "backbone_options": {"widths": [8, 16, 16, 32]},
    "part_width": 16,
    "critic_hidden": 32,
}
PARTS = {name: value for name, value in GLOBAL_LOCAL.items() if name != "critic_hidden"}
PLAIN = {"backbone": "small_cnn", "backbone_options": {"stem": 8, "widths": [16, 16]}}
ENSEMBLE = {"branches": 2, "base": (16, "pool"), "branch": (32,)}
SETTINGS = {
    "aglrls": GLOBAL_LOCAL,
    "agra": GLOBAL_LOCAL,
    "cada": GLOBAL_LOCAL,
    "detn": PARTS,
    "dfa": PARTS,
    "ecan": PARTS,
    "swd": PARTS,
    "icid": PARTS | {"dropout": 0.2},
    "lpl": PARTS,
    "cglrl": GLOBAL_LOCAL,
    "diversified_esr": ENSEMBLE,
    "esr": ENSEMBLE,
    "ddamfn": {**PLAIN, "size": SIZE},
    "osa": {**PLAIN, "size": SIZE},
    "la_cmfer": PLAIN | {"global_widths": [16, 32], "global_units": [1, 1], "local_width": 16},
    "m3sda": {"backbone": "small_cnn", "backbone_options": {"stem": 16, "widths": [16, 48]}},
    "mfsan": PLAIN | {"branch_width": 48},
    "duml": PLAIN | {"tower_widths": [16, 32], "tower_units": [1, 1], "fine_width": 16},
    "mcd": PLAIN | {"head_width": 32, "feature_updates": 1},
    "mdd": PLAIN | {"bottleneck": 32, "head_width": 32},
    "manet": {"widths": [8, 16, 16, 32], "units": [1, 1, 1, 1]},
    "diversified_manet": {"widths": [8, 16, 16, 32], "units": [1, 1, 1, 1]},
}
NAMES = list_methods()


def stages_of(name: str) -> tuple[str, ...]:
    kind = method_class(name)
    return kind.stages_for(kind.Config(**SETTINGS.get(name, PLAIN)))


STAGES = [(name, stage) for name in NAMES for stage in stages_of(name)]
#: No loss of theirs is the task's; what they promise is that a trained model gets better.
SOURCE_FREE = [name for name in NAMES if method_class(name).needs.source_model]


def make(name: str, sources: int = 2) -> Method:
    torch.manual_seed(0)
    kind = method_class(name)
    return kind(kind.Config(**SETTINGS.get(name, PLAIN)), CLASSES, sources)


def faces(
    count: int, domain: float, seed: int, classes: tuple[int, ...] = (0, 1, 2)
) -> tuple[Tensor, Tensor, Tensor]:
    """Pictures (B, 3, S, S), labels (B,) and landmarks (B, 5, 2)."""
    generator = torch.Generator().manual_seed(seed)
    images = 0.3 * torch.rand(count, 3, SIZE, SIZE, generator=generator) + domain
    labels = torch.tensor(classes)[torch.randint(len(classes), (count,), generator=generator)]
    for row, label in enumerate(labels.tolist()):
        images[row, label, 12:36, 12:36] += 1.5
    points = torch.tensor([[16.0, 18], [32, 18], [24, 26], [18, 34], [30, 34]])
    return images, labels, points + torch.rand(count, 5, 2, generator=generator)


def batch(
    method: Method,
    stage: str,
    *,
    seed: int = 0,
    sizes: tuple[int, ...] = (8, 8),
    target: int = 8,
    soft: bool = False,
    classes: tuple[int, ...] = (0, 1, 2),
) -> DomainBatch:
    sources = []
    for number, count in enumerate(sizes):
        images, labels, points = faces(count, 0.1 * number, seed * 10 + number, classes)
        kept = torch.nn.functional.one_hot(labels, CLASSES).float() if soft else labels
        sources.append(Labelled(images, kept, points, torch.arange(count)))
    if not method.needs.sources:
        sources = []
    if not method.uses_target(stage):
        return DomainBatch(tuple(sources))
    images, _, points = faces(target, -0.5, seed * 10 + 9)
    strong = images.flip(1) if method.needs.strong else None
    return DomainBatch(
        tuple(sources),
        Unlabelled(images, points, torch.arange(target), strong, None if strong is None else points),
    )


class View:
    """The target as `begin_epoch` sees it."""

    def __len__(self) -> int:
        return 24

    def batches(self) -> Iterator[Unlabelled]:
        for start in range(0, 24, 8):
            images, _, points = faces(8, -0.5, start)
            yield Unlabelled(images, points, torch.arange(start, start + 8))


def begin(method: Method, stage: str) -> None:
    method.begin_epoch(View() if method.uses_target(stage) else None, Progress(stage=stage))


def one_round(method: Method, given: DomainBatch, progress: Progress) -> dict[str, float]:
    """All updates of a step, gradients added up."""
    named = {}
    for update in method.updates(progress.stage):
        losses = method.losses(given, progress.at(update.name))
        torch.stack(list(losses.values())).sum().backward()
        named |= {name: float(loss.detach()) for name, loss in losses.items()}
    return named


@pytest.mark.parametrize(("name", "stage"), STAGES)
def test_a_step_is_finite_and_named(name: str, stage: str) -> None:
    method = make(name).train()
    begin(method, stage)
    losses = one_round(method, batch(method, stage), Progress(steps=10, step=3, stage=stage))
    assert losses
    assert all(abs(value) < 1e4 for value in losses.values())
    for update in method.updates(stage):
        for child in update.trains:
            method.get_submodule(child)


@pytest.mark.parametrize("name", NAMES)
def test_every_parameter_learns_in_some_stage(name: str) -> None:
    method = make(name).train()
    for stage in method.stages:
        begin(method, stage)
        for seed in range(3):
            one_round(method, batch(method, stage, seed=seed), Progress(steps=10, step=5, stage=stage))
    silent = [
        key for key, weight in method.named_parameters() if weight.requires_grad and weight.grad is None
    ]
    assert silent == []


@pytest.mark.parametrize(("name", "stage"), [pair for pair in STAGES if pair[0] not in SOURCE_FREE])
def test_thirty_steps_lower_the_task_loss(name: str, stage: str) -> None:
    method = make(name)
    optimiser = torch.optim.Adam(method.parameters(), lr=3e-3)
    begin(method, stage)
    task = []
    for step in range(30):
        method.train()
        optimiser.zero_grad()
        losses = one_round(
            method, batch(method, stage, seed=step), Progress(step=step, steps=300, stage=stage)
        )
        task.append(losses["task"])
        optimiser.step()
    assert sum(task[-5:]) < 0.6 * sum(task[:5])


def learn(method: Method, batches: list[DomainBatch]) -> list[float]:
    """Sums of the losses of all steps."""
    optimiser = torch.optim.Adam(method.parameters(), lr=3e-3)
    sums = []
    for step, given in enumerate(batches):
        method.train()
        optimiser.zero_grad()
        progress = Progress(step=step, steps=len(batches), stage=method.stages[-1])
        sums.append(sum(one_round(method, given, progress).values()))
        optimiser.step()
    return sums


def accuracy(method: Method) -> float:
    """On the target, whose labels no method has seen."""
    labels = torch.cat([faces(8, -0.5, start)[1] for start in range(0, 24, 8)])
    with torch.no_grad():
        answers = [method.eval()(rows.images).logits.argmax(1) for rows in View().batches()]
    return float((torch.cat(answers) == labels).float().mean())


@pytest.mark.parametrize("name", SOURCE_FREE)
def test_without_sources_a_trained_model_gets_better(name: str) -> None:
    start = make("source_only")
    learn(start, [batch(start, "adapt", seed=seed) for seed in range(5)])
    method = make(name)
    method.get_submodule("network").load_state_dict(start.get_submodule("network").state_dict())
    assert accuracy(method) == accuracy(start) < 0.8
    begin(method, "adapt")
    shown = list(View().batches())
    sums = learn(method, [DomainBatch((), shown[step % 3]) for step in range(30)])
    assert sum(sums[-5:]) < sum(sums[:5]) - 1
    assert accuracy(method) > 0.9


@pytest.mark.parametrize("name", NAMES)
def test_evaluation_answers_row_by_row(name: str) -> None:
    method = make(name).eval()
    images, _, points = faces(5, 0.0, 3)
    with torch.no_grad():
        output = method(images, points)
        single = method(images[:1], points[:1])
        unknown = method(images, None)
    assert isinstance(output, Output)
    assert output.logits.shape == (5, CLASSES)
    assert output.features.shape[0] == 5
    assert torch.allclose(output.probabilities.sum(1), torch.ones(5), atol=1e-5)
    assert torch.allclose(output.logits[:1], single.logits, atol=1e-4)
    assert unknown.logits.isfinite().all()
    assert all(len(view) == 5 for view in output.views.values())


@pytest.mark.parametrize("name", NAMES)
def test_weights_and_tables_survive_a_round_trip(name: str) -> None:
    method = make(name).train()
    for stage in method.stages:
        begin(method, stage)
        one_round(method, batch(method, stage), Progress(stage=stage))
    fresh = make(name)
    fresh.load_state_dict(method.state_dict())
    images, _, points = faces(4, 0.0, 5)
    with torch.no_grad():
        assert torch.equal(method.eval()(images, points).logits, fresh.eval()(images, points).logits)
    assert [*fresh.state_dict()] == [*method.state_dict()]


@pytest.mark.parametrize(("name", "stage"), STAGES)
@pytest.mark.parametrize("form", ["unequal", "one row", "absent class", "soft labels", "one source"])
def test_odd_batches_give_finite_losses(name: str, stage: str, form: str) -> None:
    method = make(name, sources=1 if form == "one source" else 2).train()
    begin(method, stage)
    given = {
        "unequal": batch(method, stage, sizes=(7, 3), target=5),
        # batch norm needs two values a channel, which one row of each of two sources has
        "one row": batch(method, stage, sizes=(1, 1), target=1 if method.uses_target(stage) else 8),
        "absent class": batch(method, stage, classes=(0, 2)),
        "soft labels": batch(method, stage, soft=True),
        "one source": batch(method, stage, sizes=(6,), target=4),
    }[form]
    if form == "one row":
        # a pass over a single target row has no batch statistics; evaluation mode is how one would run it
        for module in method.modules():
            if isinstance(module, torch.nn.modules.batchnorm._BatchNorm):
                module.eval()
    losses = one_round(method, given, Progress(step=2, steps=10, stage=stage))
    assert all(value == value and abs(value) < 1e6 for value in losses.values())


@pytest.mark.parametrize("name", NAMES)
def test_no_label_of_the_target_can_be_read(name: str) -> None:
    method = make(name)
    stage = method.stages[-1]
    given = batch(method, stage)
    if given.target is None:
        assert not method.needs.target
        return
    with pytest.raises(AttributeError):
        _ = given.target.labels  # type: ignore[attr-defined]
    assert not any("label" in field.name for field in fields(Unlabelled))


@pytest.mark.parametrize("name", NAMES)
def test_parameter_groups_name_what_exists_and_nothing_twice(name: str) -> None:
    method = make(name)
    seen: set[int] = set()
    for group in method.parameter_groups(method.stages[-1]):
        ids = {id(weight) for module in group.modules for weight in method.get_submodule(module).parameters()}
        assert ids
        assert not ids & seen
        seen |= ids


@pytest.mark.parametrize("name", NAMES)
def test_the_same_seed_gives_the_same_step(name: str) -> None:
    results = []
    for _ in range(2):
        method = make(name).train()
        stage = method.stages[-1]
        begin(method, stage)
        torch.manual_seed(1)
        results.append(one_round(method, batch(method, stage), Progress(step=1, steps=10, stage=stage)))
    assert results[0] == results[1]


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_an_exported_model_answers_as_torch_does(name: str, tmp_path: Path) -> None:
    assert export_onnx(make(name), tmp_path / "model.onnx", SIZE) < 1e-5
    assert (tmp_path / "model.onnx").is_file()
