from __future__ import annotations

from pathlib import Path

import pytest
import torch

from ferda.backbones import create_backbone
from ferda.backbones.last_map import LastMap
from ferda.backbones.mixed_feature_net import MixedFeatureNet
from ferda.errors import UserError

SMALL = {"widths": [8, 12, 16, 20], "units": [1, 0, 1]}


def count(network: torch.nn.Module) -> int:
    return sum(weight.numel() for weight in network.parameters())


def test_sizes_of_the_authors_network() -> None:
    """The authors' 4,193,448 weights less the 29,184 that are never used."""
    assert count(create_backbone("mixed_feature_net", embedding=256)) == 4_193_448 - 29_184
    embedding = 512 * 7 * 7 + 2 * 512 + 512 * 256 + 2 * 256
    assert count(create_backbone("mixed_feature_net")) == 4_193_448 - 29_184 - embedding
    assert count(create_backbone("mixed_feature_small")) < 400_000


def test_maps_halve_and_features_are_their_mean() -> None:
    network = create_backbone("mixed_feature_small").eval()
    images = torch.randn(2, 3, 48, 48)
    with torch.no_grad():
        maps, features = network.stage_maps(images), network(images)
    assert [view.shape[-1] for view in maps] == [24, 12, 6, 3]
    torch.testing.assert_close(maps[-1].mean((2, 3)), features)
    assert features.shape == (2, network.width)


def test_a_face_recogniser_ends_in_rows_of_length_one() -> None:
    network = MixedFeatureNet(**SMALL, embedding=6, size=40)
    embedded = network(torch.randn(4, 3, 40, 40))
    assert embedded.shape == (4, 6) and network.width == 6
    torch.testing.assert_close(embedded.norm(dim=1), torch.ones(4))


def test_only_units_that_keep_their_map_have_a_shortcut() -> None:
    network = MixedFeatureNet(**SMALL)
    assert [[unit.has_shortcut for unit in stage] for stage in network.stages] == [
        [False, True],
        [False],
        [False, True],
    ]


def test_an_impossible_shape_is_refused() -> None:
    with pytest.raises(ValueError, match="four widths"):
        MixedFeatureNet(widths=(8, 8, 8))


def upstream_name(name: str) -> str:
    """The authors' name of a tensor of the face recogniser, rule by rule the other way round."""
    parts = name.split(".")
    places = {"top": ["conv_6_sep"], "stem": [["conv1"], ["conv2_dw"]]}
    if parts[0] == "embedding":
        if parts[1] == "0":
            return f"conv_6_dw.{'conv' if parts[2] == 'weights' else 'bn'}.{parts[3]}"
        return f"{'linear' if parts[1] == '1' else 'bn'}.{parts[2]}"
    layers = {"0": "conv", "1": "bn", "2": "prelu"}
    if parts[0] in places:
        head = places[parts[0]] if parts[0] == "top" else places["stem"][int(parts.pop(1))]
        return ".".join([*head, layers[parts[1]], parts[2]])
    stage, unit, kind, *rest = parts[1:]
    halving, residual = ("conv_23", "conv_34", "conv_45")[int(stage)], f"conv_{int(stage) + 3}"
    place = halving if unit == "0" else f"{residual}.model.{int(unit) - 1}"
    if kind == "depthwise":
        return f"{place}.conv_dw.mixed_depthwise_conv.{rest[1]}.{rest[2]}"
    if kind == "attention":
        gate = {"squeeze": {"0": "conv1", "1": "bn1"}, "rows": "conv2", "columns": "conv3"}[rest[1]]
        return f"{place}.CA.{gate if isinstance(gate, str) else gate[rest[2]]}.{rest[-1]}"
    return f"{place}.{'conv' if kind == 'expand' else 'project'}.{layers[rest[0]]}.{rest[1]}"


def test_weights_of_the_authors_recogniser_are_understood(tmp_path: Path) -> None:
    trained = MixedFeatureNet(**SMALL, embedding=6)
    theirs = {upstream_name(name): value for name, value in trained.state_dict().items()}
    theirs |= {"conv_23.conv_dw.bn.weight": torch.ones(16), "conv_23.conv_dw.prelu.weight": torch.ones(16)}
    torch.save({"state_dict": theirs}, tmp_path / "recogniser.pth")
    for embedding in (6, None):
        loaded = create_backbone(
            "mixed_feature_net", weights=tmp_path / "recogniser.pth", embedding=embedding, **SMALL
        )
        for name, value in loaded.state_dict().items():
            assert torch.equal(value, trained.state_dict()[name]), name


def test_the_last_map_is_of_one_size() -> None:
    trunk = LastMap("mixed_feature_net", options=SMALL, size=48)
    assert (trunk.channels, trunk.side) == (20, 3)
    assert trunk.training and trunk(torch.randn(2, 3, 48, 48)).shape == (2, 20, 3, 3)
    with pytest.raises(UserError, match="48 pixels and got 64"):
        trunk(torch.randn(2, 3, 64, 64))


def test_a_network_without_places_is_refused() -> None:
    with pytest.raises(UserError, match="no map of places"):
        LastMap("timm/vit_tiny_patch16_224", options={"depth": 1, "img_size": 32}, size=32)
