"""One global and five local views of a face: the feature extractor of the CD-FER benchmark, AGRA and AGLRLS.

The whole face passes a backbone of four stages; windows around the five landmarks are cut from the second
stage's map and go their own way. Each of the six parts ends as 64 numbers; together they are the 384 numbers
that every baseline of the benchmark learns from. `PartHeads` then makes seven predictions: global, five
local, fused.
"""

from __future__ import annotations

import copy
from typing import Literal

import torch
from torch import Tensor, nn

from ferda.backbones.base import StagedBackbone
from ferda.landmarks import FIVE_POINTS
from ferda.layers.landmark_windows import default_window, landmark_windows, window_positions
from ferda.losses.adversarial import DomainCritic

POINTS = len(FIVE_POINTS)
PARTS = 1 + POINTS
#: The seven predictions in their order.
HEAD_NAMES = ("global", *FIVE_POINTS, "fused")
HEADS = len(HEAD_NAMES)

HeadKind = Literal["shared", "separate"]


class GlobalLocalFeatures(nn.Module):
    """A backbone with local branches.

    The branches start as equal copies. A backbone that says `shares_local_trunk` (MobileNet) has one trunk
    for all of them, and only the last convolution differs; the landmarks still pass it one after the other
    in training, so that batch norm normalises eyes with eyes and mouths with mouths, as the authors' does.

    Args:
        backbone: Gives the maps and the shape of a branch.
        part_width: Features of each part.
        window: Odd side of the windows in cells; None takes a quarter of the map, 7 at 112 pixels.

    Attributes:
        width: Features of all parts together.
    """

    def __init__(self, backbone: StagedBackbone, part_width: int = 64, window: int | None = None) -> None:
        super().__init__()
        self.part_width = part_width
        self.width = PARTS * part_width
        self.window = window
        self.backbone = backbone
        self.global_output = _output(backbone.widths[-1], part_width)
        trunk = backbone.local_trunk()
        trunks = 1 if backbone.shares_local_trunk else POINTS
        self.local_trunks = nn.ModuleList(copy.deepcopy(trunk) for _ in range(trunks))
        output = _output(backbone.widths[-1], part_width)
        self.local_outputs = nn.ModuleList(copy.deepcopy(output) for _ in range(POINTS))

    def forward(
        self, images: Tensor, landmarks: Tensor | None = None, positions: Tensor | None = None
    ) -> Tensor:
        """Return (B, 6, part_width): the global part, then the landmarks in order; `flatten(1)` fuses them.

        Args:
            images: (B, 3, H, W) normalised.
            landmarks: (B, 5, 2) pixels of `images`; see `window_positions` for unknown ones.
            positions: (B, 5, 2) int64 x and y of the windows' centres in cells, instead of landmarks.
        """
        maps = self.backbone.stage_maps(images)
        window = self.window or default_window(maps[1].shape[-1])
        if positions is None:
            positions = window_positions(landmarks, images, maps[1], window)
        windows = landmark_windows(maps[1], positions, window)
        return torch.cat([self.global_output(maps[-1]).unsqueeze(1), self._local_parts(windows)], 1)

    def _local_parts(self, windows: Tensor) -> Tensor:
        if len(self.local_trunks) == 1 and not self.training:
            trunk = self.local_trunks[0]
            maps = trunk(windows.flatten(0, 1)).unflatten(0, windows.shape[:2]).unbind(1)
        else:
            trunks = [self.local_trunks[point % len(self.local_trunks)] for point in range(POINTS)]
            maps = [trunk(view) for trunk, view in zip(trunks, windows.unbind(1), strict=True)]
        parts = [output(view) for output, view in zip(self.local_outputs, maps, strict=True)]
        return torch.stack(parts, 1)


class PartHeads(nn.Module):
    """Seven linear predictions: from the global part, from each local part, from all parts together.

    Args:
        classes: Number of classes `C`.
        part_width: Features of each part.
        kind: `"shared"`: the five local parts have one classifier (the authors' code). `"separate"`: each
            has its own (the paper's figure).
    """

    def __init__(self, classes: int, part_width: int = 64, kind: HeadKind = "shared") -> None:
        super().__init__()
        self.global_head = nn.Linear(part_width, classes)
        self.local_heads = nn.ModuleList(
            nn.Linear(part_width, classes) for _ in range(POINTS if kind == "separate" else 1)
        )
        self.fused_head = nn.Linear(PARTS * part_width, classes)
        for head in (self.global_head, *self.local_heads, self.fused_head):
            nn.init.xavier_normal_(head.weight)
            nn.init.zeros_(head.bias)

    def forward(self, parts: Tensor) -> Tensor:
        """Return (7, B, C) logits of (B, 6, part_width) parts."""
        views = parts.unbind(1)
        heads = [self.local_heads[point % len(self.local_heads)] for point in range(POINTS)]
        local = [head(view) for head, view in zip(heads, views[1:], strict=True)]
        return torch.stack([self.global_head(views[0]), *local, self.fused_head(parts.flatten(1))])


class PartCritics(nn.ModuleList):
    """A critic of domains for each head.

    Args:
        conditions: Numbers that each feature is multiplied with: `C` for the conditional losses, else 1.
        part_width: Features of each part.
        hidden: Width of the critics.
        kind: `"shared"`: the five local heads have one critic. `"separate"`: each has its own.
    """

    def __init__(
        self, conditions: int, part_width: int = 64, hidden: int = 512, kind: HeadKind = "shared"
    ) -> None:
        local = POINTS if kind == "separate" else 1
        widths = [part_width] * (1 + local) + [PARTS * part_width]
        super().__init__(DomainCritic(conditions * width, hidden) for width in widths)

    def of(self, head: int) -> nn.Module:
        """Return the critic of the head at a position of `HEAD_NAMES`."""
        last = len(self) - 1
        return self[last if head == HEADS - 1 else min(head, last - 1)]

    def is_shared(self, head: int) -> bool:
        """Say whether other heads have the same critic."""
        return len(self) < HEADS and 0 < head < HEADS - 1


def _output(c: int, d: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(c, d, 3, 1, 1), nn.ReLU(inplace=True), nn.AdaptiveAvgPool2d(1), nn.Flatten()
    )
