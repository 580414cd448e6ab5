from __future__ import annotations

from pathlib import Path

import pytest
import torch
import torchvision

from ferda.backbones import create_backbone
from ferda.errors import UserError


@pytest.mark.parametrize(
    ("name", "width", "sides"), [("resnet18", 512, [16, 8, 4, 2]), ("resnet34_front", 128, [16, 8])]
)
def test_the_stages_that_are_there(name: str, width: int, sides: list[int]) -> None:
    backbone = create_backbone(name).eval()
    images = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        maps, features = backbone.stage_maps(images), backbone(images)
    assert [view.shape[-1] for view in maps] == sides
    assert backbone.width == width and features.shape == (2, width)
    torch.testing.assert_close(maps[-1].mean((2, 3)), features)


def test_a_file_of_the_whole_network_fills_it_and_its_front(tmp_path: Path) -> None:
    whole = torchvision.models.resnet18().eval()
    torch.save(whole.state_dict(), tmp_path / "resnet18.pth")
    images = torch.randn(2, 3, 64, 64)
    loaded = create_backbone("resnet18", tmp_path / "resnet18.pth").eval()
    front = create_backbone("resnet18_front", tmp_path / "resnet18.pth").eval()
    with torch.no_grad():
        torch.testing.assert_close(whole.fc(loaded(images)), whole(images))
        torch.testing.assert_close(front.stage_maps(images)[-1], loaded.stage_maps(images)[1])
    with pytest.raises(UserError, match="do not fit"):
        create_backbone("resnet34_front", tmp_path / "resnet18.pth")
