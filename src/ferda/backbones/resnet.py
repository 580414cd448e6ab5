"""ResNets in torchvision's form, whole or their first half, under torchvision's names.

He et al., "Deep residual learning for image recognition", CVPR 2016; the 50 layers have their stride in the
3x3 convolution, as every copy of the ImageNet weights expects. Weights come from a file, never by themselves.
The `front` of a network is stem, `layer1` and `layer2`: 128 maps at an eighth of the picture, which LA-CMFER
and DUML share between their branches; it takes the file of the whole network.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from torch import Tensor
from torchvision.models.resnet import BasicBlock, Bottleneck, ResNet

from ferda.backbones.base import Backbone


class TorchvisionResNet(Backbone):
    """Stem and stages of a ResNet; features are the mean over the last map.

    Args:
        block: torchvision's `BasicBlock` or `Bottleneck`.
        units: Blocks of each of the four stages.
        stages: How many stages there are; the rest is not made.
    """

    def __init__(self, block: type[BasicBlock | Bottleneck], units: Sequence[int], stages: int = 4) -> None:
        super().__init__()
        network = ResNet(block, list(units))
        self.conv1, self.bn1, self.relu, self.maxpool = (
            network.conv1,
            network.bn1,
            network.relu,
            network.maxpool,
        )
        self.stages = stages
        for number in range(1, stages + 1):
            self.add_module(f"layer{number}", network.get_submodule(f"layer{number}"))
        self.width = (64 << (stages - 1)) * block.expansion

    def stage_maps(self, images: Tensor) -> list[Tensor]:
        """Return the map after each stage; at 224 pixels 56, 28, 14 and 7 wide."""
        maps, x = [], self.maxpool(self.relu(self.bn1(self.conv1(images))))
        for number in range(1, self.stages + 1):
            x = self.get_submodule(f"layer{number}")(x)
            maps.append(x)
        return maps

    def forward(self, images: Tensor) -> Tensor:
        """Return (B, D) features, the mean over the last map, of (B, 3, H, W) normalised images."""
        return self.stage_maps(images)[-1].mean((2, 3))


BACKBONES: dict[str, Callable[..., Backbone]] = {
    "resnet18": partial(TorchvisionResNet, BasicBlock, (2, 2, 2, 2)),
    "resnet34": partial(TorchvisionResNet, BasicBlock, (3, 4, 6, 3)),
    "resnet50": partial(TorchvisionResNet, Bottleneck, (3, 4, 6, 3)),
    "resnet18_front": partial(TorchvisionResNet, BasicBlock, (2, 2, 2, 2), stages=2),
    "resnet34_front": partial(TorchvisionResNet, BasicBlock, (3, 4, 6, 3), stages=2),
}
