"""MA-Net: settings, weights of the authors, what it answers."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy
from torch.testing import assert_close

from ferda.backbones.manet_units import MultiScaleUnit
from ferda.backbones.weights import reports_to
from ferda.batch import DomainBatch, Labelled, Progress
from ferda.errors import UserError
from ferda.methods.manet import MANet, MANetConfig
from ferda.upstream import load_upstream

TINY: dict[str, Any] = {"widths": (4, 8, 8, 16), "units": (1, 1, 2, 2)}
#: Units as upstream's, of which a name is made below.
UPSTREAM: dict[str, Any] = {"widths": (4, 8, 8, 16), "units": (2, 2, 2, 2)}


def tiny(**settings: Any) -> MANet:
    return MANet(MANetConfig(**{**TINY, **settings}), classes=3)


def upstream_name(name: str) -> str:
    """Our name of a tensor in the words of the authors' program."""
    head, _, rest = name.partition(".")
    if head.endswith("_head"):
        return f"module.{'fc_1' if head.startswith('local') else 'fc_2'}.{rest}"
    parts = rest.split(".")
    start: list[str]
    if parts[0] == "stem":
        start, parts = [("conv1", "bn1")[int(parts[1])]], parts[2:]
    elif parts[0] == "shared":
        start, parts = [f"layer{int(parts[1]) + 1}"], parts[2:]
    elif parts[0] == "multi_scale":
        start, parts = [f"layer{int(parts[1]) + 3}_2"], parts[2:]
    else:
        start, parts = [f"layer{int(parts[3]) + 3}_1_p{int(parts[1]) + 1}"], parts[4:]
    text = ".".join(parts)
    if "paths" in parts:
        at = parts.index("paths")
        path, group, kind = (int(part) for part in parts[at + 1 : at + 4])
        word = f"{('conv', 'bn')[kind]}{path + 1}_2_{group + 1}"
        text = ".".join([*parts[:at], word, *parts[at + 4 :]])
    for ours, theirs in {
        "attention.channel_mlp.0": "cbam.ChannelGate.mlp.1",
        "attention.channel_mlp.2": "cbam.ChannelGate.mlp.3",
        "attention.spatial_conv": "cbam.SpatialGate.spatial.conv",
        "attention.spatial_norm": "cbam.SpatialGate.spatial.bn",
        "shortcut": "downsample",
    }.items():
        text = text.replace(ours, theirs)
    return ".".join(["module", *start, text])


def upstream_state(method: MANet, identities: int | None = None) -> dict[str, Tensor]:
    """What the authors' program would have saved of a method, perhaps with the classifiers of persons."""
    state = {}
    for name, value in method.state_dict().items():
        flat = value.flatten(1) if "channel_mlp" in name and value.ndim == 4 else value
        if identities and "_head" in name:
            flat = flat.new_zeros(identities, *flat.shape[1:])
        state[upstream_name(name)] = flat
    return state


@pytest.fixture
def face_weights(tmp_path: Path) -> tuple[Path, MANet]:
    """A file like the authors' face recogniser, and the method whose network it holds."""
    method = MANet(MANetConfig(**UPSTREAM), classes=3)
    file = tmp_path / "Pretrained_on_MSCeleb.pth.tar"
    torch.save({"state_dict": upstream_state(method, identities=12_666)}, file)
    return file, method


def test_it_decides_by_both_branches_and_shows_where_it_looks() -> None:
    method = tiny(local_weight=0.7).eval()
    images = torch.randn(2, 3, 64, 96)
    output = method(images)
    local, multi_scale = output.views["local"], output.views["multi_scale"]
    assert_close(output.logits, 0.7 * local + 0.3 * multi_scale)
    assert output.features.shape == (2, 32)
    # a map of 8x12 is cut into quarters of 4x6, which the towers halve
    assert output.views["attention_local"].shape == (2, 4, 6)


def test_attention_and_features_of_a_quarter_come_from_its_own_tower() -> None:
    method = tiny().eval()
    images = torch.randn(1, 3, 64, 64)
    before = method.network(images)
    torch.nn.init.zeros_(method.network.towers[1].stages[1][-1].attention.spatial_conv.weight)
    torch.nn.init.ones_(method.network.towers[1].stages[1][-1].attention.spatial_norm.bias)
    after = method.network(images)
    changed = (after.attention != before.attention)[0]
    # the top right
    assert changed[:2, 2:].all()
    assert not changed[2:].any() and not changed[:, :2].any()
    assert (after.quarters != before.quarters).flatten(1).any(1).tolist() == [False, True, False, False]


def test_features_are_means_of_the_maps() -> None:
    found = tiny().eval().network(torch.randn(2, 3, 64, 64))
    top, bottom = torch.cat([*found.quarters[:2]], 3), torch.cat([*found.quarters[2:]], 3)
    assert_close(found.local, torch.cat([top, bottom], 2).mean((2, 3)))


def test_loss_is_the_formula_for_classes_and_votes() -> None:
    method = tiny().eval()
    images, labels = torch.randn(4, 3, 48, 48), torch.tensor([0, 2, 1, 1])
    output = method(images)
    expected = 0.6 * cross_entropy(output.views["local"], labels)
    expected = expected + 0.4 * cross_entropy(output.views["multi_scale"], labels)
    votes = torch.nn.functional.one_hot(labels, 3).float()
    for given in (labels, votes):
        losses = method.losses(DomainBatch((Labelled(images, given),)), Progress())
        assert_close(losses, {"task": expected})


def second_path_by_hand(unit: MultiScaleUnit, x: Tensor) -> Tensor:
    """The formula of a multi-scale unit, term by term."""
    u = torch.relu(unit.bn1(unit.conv1(x))).chunk(4, 1)
    f, g = unit.paths
    a1 = f[0](u[0])
    a2 = f[1](torch.relu(a1) + u[1])
    a3 = f[2](torch.relu(a2) + u[2])
    a4 = f[3](torch.relu(a3) + u[3])
    if unit.second_path == "reverse":
        b4 = g[3](u[3])
        b3 = g[2](torch.relu(b4) + u[2])
        b2 = g[1](torch.relu(b3) + u[1])
        b1 = g[0](torch.relu(b2) + u[0])
    else:
        b1 = g[0](u[0])
        b2 = g[1](torch.relu(b1) + u[1])
        b3 = g[2](torch.relu(b2) + u[2])
        b4 = g[3](torch.relu(b3) + u[3])
    both = torch.cat([a1, a2, a3, a4], 1) + torch.cat([b1, b2, b3, b4], 1)
    return torch.relu(both + unit.shortcut(x))


@pytest.mark.parametrize("path", ["reverse", "legacy"])
@pytest.mark.parametrize(("c", "stride"), [(8, 1), (4, 2)])
def test_multi_scale_unit_equals_the_formula(path: Any, c: int, stride: int) -> None:
    unit = MultiScaleUnit(c, 8, stride, path).double().eval()
    x = torch.randn(2, c, 6, 6, dtype=torch.float64)
    assert_close(unit(x), second_path_by_hand(unit, x))


def test_first_path_looks_further_group_by_group() -> None:
    unit = MultiScaleUnit(8, 8, 1, "legacy").double().eval()
    for module in unit.modules():
        if isinstance(module, torch.nn.Conv2d):
            torch.nn.init.constant_(module.weight, 0.1)
    x = torch.rand(1, 8, 15, 15, dtype=torch.float64, requires_grad=True)
    seen = []
    for group in range(4):
        (gradient,) = torch.autograd.grad(unit(x)[0, 2 * group, 7, 7], x, retain_graph=True)
        seen.append(int((gradient[0].abs().sum(0) > 0).sum(0).count_nonzero()))
    assert seen == [5, 7, 9, 11]


@pytest.mark.parametrize(("settings", "size", "fits"), [({}, 56, False), ({"stem_pool": False}, 56, True)])
def test_pictures_that_have_no_quarters_are_refused(settings: Any, size: int, fits: bool) -> None:
    method, images = tiny(**settings).eval(), torch.randn(1, 3, size, size)
    if fits:
        assert method(images).views["attention_local"].shape == (1, 8, 8)
    else:
        with pytest.raises(UserError, match="multiples of 16 pixels, these are 56x56"):
            method(images)


def test_widths_that_make_no_groups_are_refused() -> None:
    with pytest.raises(UserError, match="multiples of 4"):
        tiny(widths=(4, 8, 8, 18))


def test_a_face_recogniser_is_a_start_and_its_persons_are_dropped_and_reported(
    face_weights: tuple[Path, MANet], caplog: pytest.LogCaptureFixture
) -> None:
    file, saved = face_weights
    reports: list[Any] = []
    with reports_to(reports.append), caplog.at_level(logging.INFO, logger="ferda"):
        method = MANet(MANetConfig(**UPSTREAM, weights=str(file)), classes=3)
    assert {*reports[0].unused} == {
        f"{head}.{kind}" for head in ("local_head", "multi_scale_head") for kind in ("weight", "bias")
    }
    assert "local_head.weight" in caplog.text
    for name, value in saved.network.state_dict().items():
        assert torch.equal(method.network.state_dict()[name], value), name


def test_weights_of_2021_take_the_path_of_2021(face_weights: tuple[Path, MANet]) -> None:
    file, _ = face_weights
    assert MANetConfig(**UPSTREAM).second_path == "reverse"
    config = MANetConfig(**UPSTREAM, weights=str(file))
    assert config.second_path == "legacy"
    # a checkpoint forgets where its weights came from, not how its units are wired
    again = MANetConfig(**{**config.model_dump(mode="json"), "weights": None})
    assert again.second_path == "legacy"
    assert MANetConfig(**UPSTREAM, weights=str(file), second_path="reverse").second_path == "reverse"


@pytest.mark.parametrize("path", [None, "reverse"])
def test_checkpoints_of_the_authors_are_read(path: Any) -> None:
    saved = MANet(MANetConfig(**UPSTREAM, second_path=path or "legacy"), classes=3).eval()
    file = {"epoch": 3, "state_dict": upstream_state(saved), "best_acc": torch.tensor(88.0), "recorder": None}
    options = {} if path is None else {"second_path": path}
    method = load_upstream("manet", file, **UPSTREAM, **options)
    images = torch.randn(1, 3, 48, 48)
    assert torch.equal(method(images).logits, saved(images).logits)


def test_what_is_no_expression_network_is_refused() -> None:
    persons = upstream_state(MANet(MANetConfig(**UPSTREAM), classes=3), identities=12_666)
    with pytest.raises(UserError, match="12666 persons"):
        load_upstream("manet", persons, **UPSTREAM)
    with pytest.raises(UserError, match=r"fc_1\.bias"):
        load_upstream("manet", {"conv1.weight": torch.zeros(1)})


@pytest.fixture
def convolutions() -> Callable[[MANet], dict[str, Tensor]]:
    return lambda method: {n: p for n, p in method.network.named_parameters() if p.ndim == 4}


def test_initial_weights_have_the_authors_spread(convolutions: Callable[[MANet], dict[str, Tensor]]) -> None:
    method = tiny(widths=(16, 32, 32, 64))
    for name, weight in convolutions(method).items():
        if "channel_mlp" in name or weight.numel() < 500:
            continue
        fan_out = weight.shape[0] * weight.shape[2] * weight.shape[3]
        assert weight.std().item() == pytest.approx((2 / fan_out) ** 0.5, rel=0.2), name
