"""MA-Net: a face at many scales at once, and its four quarters one by one.

Zhao et al., "Learning deep global multi-scale and local attention features for facial expression recognition
in the wild", IEEE TIP 2021. Two stages of residual units make a map that two branches share. The multi-scale
branch sees all of it, in units whose channels are four groups that see further and further. The local branch
cuts it at half its height and half its width; each quarter passes a tower of its own weights, whose units end
in attention (CBAM), and the quarters' maps are laid side by side again. Each branch gives the mean over its
last map.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn

from ferda.backbones.manet_units import AttentiveUnit, MultiScaleUnit, PlainUnit, SecondPath, stage
from ferda.backbones.quadrants import quadrants
from ferda.errors import UserError


@dataclass(frozen=True)
class ManetFeatures:
    """What MA-Net makes of faces.

    Attributes:
        local: (B, D) mean over the four quarters' maps.
        multi_scale: (B, D) of the whole face.
        quarters: (4, B, D, h, w) the towers' maps: top left, top right, bottom left, bottom right.
        attention: (B, 2 h, 2 w) where the towers' last units look.
    """

    local: Tensor
    multi_scale: Tensor
    quarters: Tensor
    attention: Tensor


class AttentionTower(nn.Module):
    """Two stages of attentive units, the first of which halves the map.

    Args:
        widths: Channels in, of the first and of the second stage.
        units: Units of the two stages.
    """

    def __init__(self, widths: Sequence[int], units: Sequence[int]) -> None:
        super().__init__()
        c, d, e = widths
        self.stages = nn.Sequential(
            stage(AttentiveUnit, c, d, units[0], 2), stage(AttentiveUnit, d, e, units[1])
        )

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the last map and the attention over its places, (B, h, w), of a quarter (B, C, H, W)."""
        *before, last = (unit for units in self.stages.children() for unit in units.children())
        for unit in before:
            x = unit(x)
        assert isinstance(last, AttentiveUnit)
        return last.attend(x)


class MANetwork(nn.Module):
    """MA-Net without its two classifiers.

    Args:
        widths: Channels of the four stages; the stem has those of the first.
        units: Units of the stages, the last two in either branch.
        second_path: See `MultiScaleUnit`.
        stem_pool: Halve the stem's map by pooling, as published. Without, every map is twice as wide, which
            suits pictures of 48 to 64 pixels.

    Attributes:
        width: D, features of either branch.
        multiple: What the sides of a picture must be multiples of.
    """

    def __init__(
        self,
        widths: Sequence[int] = (64, 128, 256, 512),
        units: Sequence[int] = (2, 2, 2, 2),
        second_path: SecondPath = "reverse",
        stem_pool: bool = True,
    ) -> None:
        super().__init__()
        a, b, c, d = widths
        self.width = d
        self.multiple = 16 if stem_pool else 8
        self.stem = nn.Sequential(
            nn.Conv2d(3, a, 7, 2, 3, bias=False), nn.BatchNorm2d(a), nn.ReLU(inplace=True)
        )
        if stem_pool:
            self.stem.append(nn.MaxPool2d(3, 2, 1))
        self.shared = nn.Sequential(stage(PlainUnit, a, a, units[0]), stage(PlainUnit, a, b, units[1], 2))
        self.towers = nn.ModuleList(AttentionTower((b, c, d), units[2:]) for _ in range(4))
        scales = partial(MultiScaleUnit, second_path=second_path)
        self.multi_scale = nn.Sequential(stage(scales, b, c, units[2], 2), stage(scales, c, d, units[3], 2))
        _initialise(self)

    def forward(self, images: Tensor) -> ManetFeatures:
        """Return both branches' features and maps of (B, 3, H, W) normalised images.

        Raises:
            UserError: If a side is no multiple of `multiple`.
        """
        h, w = images.shape[2:]
        if h % self.multiple or w % self.multiple:
            raise UserError(
                f"MA-Net cuts a face into quarters: its sides must be multiples of {self.multiple} pixels, "
                f"these are {w}x{h}."
            )
        shared = self.shared(self.stem(images))
        parts = [tower(part) for tower, part in zip(self.towers, quadrants(shared), strict=True)]
        quarters, attention = (torch.stack(maps) for maps in zip(*parts, strict=True))
        return ManetFeatures(
            local=quarters.mean((0, 3, 4)),
            multi_scale=self.multi_scale(shared).mean((2, 3)),
            quarters=quarters,
            # the quarters' maps are laid side by side: rows of the face, then rows of a quarter
            attention=attention.unflatten(0, (2, 2)).permute(2, 0, 3, 1, 4).flatten(3).flatten(1, 2),
        )


def _initialise(network: nn.Module) -> None:
    """He's initialisation by fan out, as the authors'; attention's linear layers keep torch's, as theirs."""
    for name, module in network.named_modules():
        if isinstance(module, nn.Conv2d) and "channel_mlp" not in name:
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
