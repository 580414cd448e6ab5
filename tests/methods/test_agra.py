from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from ferda.batch import DomainBatch, Labelled, Progress, Unlabelled
from ferda.errors import UserError
from ferda.layers.grl import reversal_coefficient
from ferda.losses.conditional import ConditionalAdversarialLoss
from ferda.methods.agra import AGRA, AGRAConfig
from ferda.upstream import load_upstream

SMALL = {"widths": [8, 16, 16, 24], "units": [1, 1, 1, 1], "local_units": 1, "shares_local_trunk": False}
CLASSES = 4
ADAPT = Progress(step=500, steps=1000, stage="adapt")


class Target:
    """A target domain that counts how often it was looked at."""

    def __init__(self) -> None:
        self.looks = 0

    def __len__(self) -> int:
        return 12

    def batches(self) -> Iterator[Unlabelled]:
        self.looks += 1
        generator = torch.Generator().manual_seed(9)
        for _ in range(2):
            yield Unlabelled(torch.randn(6, 3, 48, 48, generator=generator) - 0.5)


def make(begins: Progress | None = ADAPT, **settings: Any) -> AGRA:
    torch.manual_seed(0)
    chosen = {"backbone": "ir_small", "backbone_options": SMALL, "part_width": 8, "critic_hidden": 16}
    method = AGRA(AGRAConfig(**(chosen | settings)), CLASSES)
    if begins is not None:
        method.begin_epoch(Target(), begins)
        method.source_centres.start(torch.rand(9, method.features.width))
    return method.eval()  # no dropout and no batch statistics: a loss is a function of its rows


def batch(n: int = 5, m: int = 3) -> DomainBatch:
    generator = torch.Generator().manual_seed(1)
    images = torch.randn(n + m, 3, 48, 48, generator=generator)
    points = 48 * torch.rand(n + m, 5, 2, generator=generator)
    source = Labelled(images[:n], torch.arange(n) % CLASSES, points[:n])
    return DomainBatch((source,), Unlabelled(images[n:], points[n:], torch.arange(m)))


def closest(row: Tensor, centres: Tensor) -> Tensor:
    return centres[int((centres - row).square().sum(1).argmin())]


def face_by_face(method: AGRA, rows: Tensor, is_target: bool, lookup: str = "raw") -> Tensor:
    """What comes out of each face's own nodes: one graph a face, put together by hand."""
    norms = (method.source_norm, method.target_norm)
    centres = (method.source_centres.centres, method.target_centres.centres)
    own, other = (1, 0) if is_target else (0, 1)
    answers = []
    for row in rows:
        known = norms[own](row[None])
        partner = closest((known[0] if lookup == "normalised" else row), centres[other])
        pair: list[Any] = [None, None]
        pair[own], pair[other] = known, norms[other](partner[None])
        nodes = torch.cat([half.reshape(6, -1) for half in pair])
        answers.append(method.graph(nodes[None])[0].reshape(2, -1)[own])
    return torch.stack(answers)


def entropies(logits: Tensor, local: Tensor, labels: Tensor) -> Tensor:
    return functional.cross_entropy(logits, labels) + functional.cross_entropy(local, labels)


@pytest.mark.parametrize("lookup", ["raw", "normalised"])
def test_the_second_stage_is_the_sum_of_the_paper(lookup: str) -> None:
    method, given = make(lookup=lookup, centre_rows=100, adversarial_weight=0.5), batch()
    rows = method.together(given)[0].flatten(1).detach()
    source = face_by_face(method, rows[:5], False, lookup)
    target = face_by_face(method, rows[5:], True, lookup)
    logits, others = method.head(source), method.head(target)
    strength = reversal_coefficient(500 / 10_000)
    domain = ConditionalAdversarialLoss()(method.critics, (source, logits), (target, others), strength)
    found = method.losses(given, ADAPT)
    local = method.local_head(source[:, 8:])
    assert set(found) == {"task", "adversarial"}
    torch.testing.assert_close(found["task"], entropies(logits, local, given.pooled.labels))
    torch.testing.assert_close(found["adversarial"], 0.5 * domain)


def test_the_first_stage_learns_the_source_alone() -> None:
    method, given = make(Progress(stage="source")), batch()
    found = method.losses(given, Progress(stage="source"))
    assert set(found) == {"task"}
    with torch.no_grad():
        rows = method.features(given.pooled.images, given.pooled.landmarks).flatten(1)
        features = face_by_face(method, rows, False)
        expected = entropies(method.head(features), method.local_head(features[:, 8:]), given.pooled.labels)
    torch.testing.assert_close(found["task"].detach(), expected)
    alone = method.losses(DomainBatch(given.sources), Progress(stage="source"))
    torch.testing.assert_close(alone["task"], found["task"])


def test_each_domain_moves_its_own_centres() -> None:
    method, given = make(centre_rows=0), batch()
    before = [means.centres.clone() for means in (method.source_centres, method.target_centres)]
    rows = method.together(given)[0].flatten(1).detach()
    nearest = method.target_centres.nearest(rows[5:])
    method.losses(given, ADAPT)
    twice = rows[[0, 4]].mean(0)  # the fifth row is of the first class again
    torch.testing.assert_close(method.source_centres.centres[0], before[0][0].lerp(twice, 0.1))
    moved = [at for at in range(CLASSES) if not method.target_centres.centres[at].equal(before[1][at])]
    assert moved == sorted(set(nearest.tolist()))


@pytest.mark.parametrize(
    ("reversal", "features", "weights"),
    [("step", 0.05, 0.05), ("fraction", 0.5, 0.5), ("upstream", 0.1001, 0.05)],
)
def test_what_the_reversal_counts(
    reversal: str, features: float, weights: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    method = make(reversal=reversal)
    seen: list[float] = []

    def watch(critic: Any, source: Any, target: Any, strength: float, entropy_reversal: float) -> Tensor:
        seen.extend((strength, entropy_reversal))
        return source[0].sum()

    monkeypatch.setattr(method.domain_loss, "forward", watch)
    method.losses(batch(), ADAPT)
    assert seen == [reversal_coefficient(features), reversal_coefficient(weights)]


def test_centres_are_found_at_the_start_and_every_tenth_epoch() -> None:
    method, target = make(None).train(), Target()
    for epoch in range(21):
        method.begin_epoch(target, Progress(stage="source", epoch=epoch))
    assert target.looks == 3 and method.training
    assert method.target_centres.seen.all() and not method.is_adapted
    method.begin_epoch(None, Progress(stage="adapt"))
    assert method.is_adapted and target.looks == 3
    assert method.uses_target("source") and method.uses_target("adapt")


def test_who_answers() -> None:
    images, points = torch.randn(3, 3, 48, 48), 48 * torch.rand(3, 5, 2)
    for stage, inference, is_target in (
        ("source", "auto", False),
        ("adapt", "auto", True),
        ("adapt", "source", False),
        ("source", "target", True),
    ):
        method = make(Progress(stage=stage), inference=inference)
        with torch.no_grad():
            output = method(images, points)
            rows = method.features(images, points).flatten(1)
            expected = face_by_face(method, rows, is_target)
        torch.testing.assert_close(output.features, expected)
        torch.testing.assert_close(output.logits, method.head(expected))
        torch.testing.assert_close(output.views["local"], method.local_head(expected[:, 8:]))


def test_rates_are_those_of_the_authors() -> None:
    groups = {group.name: group for group in make(None).parameter_groups("adapt")}
    assert (groups["backbone"].rate, groups["parts"].rate, groups["critics"].rate) == (1, 10, 10)
    assert {"head", "local_head", "graph", "source_norm", "target_norm"} <= set(groups["parts"].modules)


class Logits(nn.Module):
    """A method as a program that is exported sees it: tensors in, a tensor out."""

    def __init__(self, method: AGRA) -> None:
        super().__init__()
        self.method = method

    def forward(self, images: Tensor, landmarks: Tensor) -> Tensor:
        return self.method(images, landmarks).logits


def test_it_can_be_exported_for_any_number_of_faces() -> None:
    method, rows = make(), torch.export.Dim("rows")
    given = torch.randn(2, 3, 48, 48), 48 * torch.rand(2, 5, 2)
    shapes = {"images": {0: rows}, "landmarks": {0: rows}}
    program = torch.export.export(Logits(method), given, dynamic_shapes=shapes)
    more = torch.randn(5, 3, 48, 48), 48 * torch.rand(5, 5, 2)
    torch.testing.assert_close(program.module()(*more), method(*more).logits)


THIN = {"backbone_options": {"widths": [8, 8, 8, 16]}, "part_width": 8, "critic_hidden": 16}
WORDS = {
    "local_head.": "loc_fc.",
    "head.": "fc.",
    "graph.within": "GCN.IntraAdjMatrix",
    "graph.across": "GCN.InterAdjMatrix",
    "graph.first": "GCN.IntraGCN_1.FC",
    "graph.second": "GCN.IntraGCN_2.FC",
    "graph.between": "GCN.InterGCN.FC",
    "source_norm": "SourceBN",
    "target_norm": "TargetBN",
    "source_centres.centres": "SourceMean.running_mean",
    "target_centres.centres": "TargetMean.running_mean",
}


@pytest.fixture
def authors(cd_fer_name: Callable[[str], str]) -> tuple[AGRA, dict[str, Tensor]]:
    """A thin method, and its network as the authors' program would have saved it."""
    method = AGRA(AGRAConfig(backbone="ir18", **THIN), CLASSES)
    method.source_centres.start(torch.rand(9, method.features.width))
    method.target_centres.start(torch.rand(9, method.features.width))
    state = {"module.GCN.InterMaskMatrix": method.graph.mask}
    for name, value in method.state_dict().items():
        ours = next((word for word in WORDS if name.startswith(word)), None)
        if ours or name.startswith("features."):
            theirs = name.replace(ours, WORDS[ours]) if ours else cd_fer_name(name)
            state[f"module.{theirs}"] = value.clone()
    return method.eval(), state


def test_a_checkpoint_of_the_authors_comes_back_whole(
    authors: tuple[AGRA, dict[str, Tensor]], tmp_path: Path
) -> None:
    method, state = authors
    torch.save({"state_dict": state, "epoch": 60}, tmp_path / "agra.pkl")
    loaded = load_upstream("agra", tmp_path / "agra.pkl", **THIN)
    method.is_adapted.fill_(True)
    for name, value in method.state_dict().items():
        if not name.startswith("critics."):
            assert torch.equal(loaded.state_dict()[name], value), name
    images = torch.randn(2, 3, 48, 48)
    torch.testing.assert_close(loaded(images).logits, method(images).logits)


def test_a_single_mean_of_a_domain_is_understood(authors: tuple[AGRA, dict[str, Tensor]]) -> None:
    _, state = authors
    state["module.TargetMean.running_mean"] = state["module.TargetMean.running_mean"][0]
    loaded = load_upstream("agra", state, **THIN)
    assert isinstance(loaded, AGRA)
    rows = torch.rand(3, loaded.features.width)
    assert torch.equal(loaded.target_centres(rows), state["module.TargetMean.running_mean"].expand(3, -1))


def test_other_files_are_refused(authors: tuple[AGRA, dict[str, Tensor]]) -> None:
    _, state = authors
    del state["module.GCN.InterGCN.FC.bias"]
    with pytest.raises(UserError, match=r"lacks 1 tensors of the network, first graph\.between\.bias"):
        load_upstream("agra", state, **THIN)
    with pytest.raises(UserError, match=r"has GCN\.IntraAdjMatrix and fc\.bias"):
        load_upstream("agra", {"fc.bias": torch.zeros(7)})
