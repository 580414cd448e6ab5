from __future__ import annotations

from pathlib import Path

import pytest
import torch

from ferda.backbones import create_backbone, list_backbones
from ferda.errors import UserError

SMALL = {"ir18": 64, "ir_small": 48, "mobilenet_aglrls": 64, "small_cnn": 48}


@pytest.mark.parametrize("name", SMALL)
def test_every_backbone_says_how_wide_it_is(name: str) -> None:
    backbone = create_backbone(name).eval()
    images = torch.randn(2, 3, SMALL[name], SMALL[name])
    with torch.no_grad():
        features, maps = backbone(images), backbone.stage_maps(images)
    assert features.shape == (2, backbone.width)
    torch.testing.assert_close(maps[-1].mean((2, 3)), features)
    sizes = [view.shape[-1] for view in maps]
    assert sizes == sorted(sizes, reverse=True)


def test_patterns_find_names() -> None:
    assert {"ir18", "ir50", "ir_small", "mobilenet_aglrls", "small_cnn"} <= set(list_backbones())
    assert list_backbones("ir*") == ["ir18", "ir50", "ir_small"]
    assert "timm/resnet18" in list_backbones("timm/resnet*")


def test_a_misspelt_name_gets_the_nearest() -> None:
    with pytest.raises(UserError, match="did you mean 'small_cnn'"):
        create_backbone("smal_cnn")
    with pytest.raises(UserError, match="did you mean 'resnet18'"):
        create_backbone("timm/resnt18")


def test_an_option_of_nobody_is_named() -> None:
    with pytest.raises(UserError, match="depth"):
        create_backbone("small_cnn", depth=3)


def test_small_cnn_is_small_and_works_without_batch_statistics() -> None:
    assert sum(p.numel() for p in create_backbone("small_cnn").parameters()) == 867_488
    backbone = create_backbone("small_cnn", norm="group").train()
    images = torch.randn(4, 3, 48, 48)
    torch.testing.assert_close(backbone(images)[:1], backbone(images[:1]), rtol=1e-4, atol=1e-5)


def test_timm_networks_start_fresh_and_have_a_width() -> None:
    backbone = create_backbone("timm/resnet10t")
    assert backbone(torch.randn(1, 3, 64, 64)).shape == (1, backbone.width)


def test_weights_come_from_a_file(tmp_path: Path) -> None:
    trained = create_backbone("small_cnn")
    torch.save({"state_dict": {f"module.{k}": v for k, v in trained.state_dict().items()}}, tmp_path / "w.pt")
    loaded = create_backbone("small_cnn", weights=tmp_path / "w.pt")
    for name, value in trained.state_dict().items():
        assert torch.equal(value, loaded.state_dict()[name])


def test_weights_of_a_face_recogniser_are_understood(tmp_path: Path) -> None:
    """Units counted through all stages under `body`, and an output layer that is of no use here."""
    trained = create_backbone("ir_small", units=(1, 2, 1, 1))
    counts = {"0.0": 0, "1.0": 1, "1.1": 2, "2.0": 3, "3.0": 4}
    face = {"output_layer.4.weight": torch.zeros(3)}
    for name, value in trained.state_dict().items():
        parts = name.split(".")
        if parts[0] == "stem":
            face[name.replace("stem", "input_layer")] = value
        else:
            inner = ".".join(parts[3:]).replace("residual", "res_layer").replace("shortcut", "shortcut_layer")
            face[f"body.{counts['.'.join(parts[1:3])]}.{inner}"] = value
    torch.save(face, tmp_path / "face.pth")
    loaded = create_backbone("ir_small", weights=tmp_path / "face.pth", units=(1, 2, 1, 1))
    for name, value in trained.state_dict().items():
        assert torch.equal(value, loaded.state_dict()[name])
    with pytest.raises(UserError, match="more than the network's 4 units"):
        create_backbone("ir_small", weights=tmp_path / "face.pth")
