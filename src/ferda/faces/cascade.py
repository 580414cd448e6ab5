"""From pictures of one size to faces: the three looks of MTCNN as batched tensor code.

Coordinates are continuous: the left edge of the first pixel is 0, the right edge of the last is the width.
Three choices decide how good the landmarks are. What a square crop shows beyond the picture is zero *after*
normalisation (grey 127.5), never a stretched rest of the picture. Crops are resized with averaging. And each
crop is taken from the halved copy of the picture that is closest to the size wanted, so that its cost does
not grow with the picture.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import torch
from torch import Tensor
from torch.nn import functional
from torchvision.ops import batched_nms, roi_align

from ferda.faces.mtcnn import OutputNet, ProposalNet, RefineNet

#: Ratio of neighbouring pyramid levels.
PYRAMID_FACTOR = 0.709
#: Overlap above which the weaker of two boxes goes: within a pyramid level, and between levels.
LEVEL_OVERLAP, BETWEEN_OVERLAP = 0.5, 0.7
_WINDOW, _STRIDE = 12, 2  # P-Net's view and step
_CHUNK = 1024  # crops in one pass, bounds memory

Networks = tuple[ProposalNet, RefineNet, OutputNet]


@dataclass(frozen=True)
class Candidates:
    """Boxes found so far, of all pictures together.

    Attributes:
        picture: (K,) int64, which picture of the batch.
        boxes: (K, 4) left, top, right, bottom in pixels.
        scores: (K,) probability of a face.
        corrections: (K, 4) how far each edge wants to move, in widths and heights of its box.
        points: (K, 5, 2) landmarks in pixels; only O-Net gives them, until then (K, 0, 2).
    """

    picture: Tensor
    boxes: Tensor
    scores: Tensor
    corrections: Tensor
    points: Tensor

    def __len__(self) -> int:
        return len(self.picture)

    def take(self, rows: Tensor) -> Candidates:
        """Some of the rows, by position or by mask."""
        return Candidates(*(getattr(self, column.name)[rows] for column in fields(self)))

    def counted_from(self, first: int) -> Candidates:
        """The same, as pictures `first`, `first + 1`, ... of a larger batch."""
        return replace(self, picture=self.picture + first)

    def suppressed(self, overlap: float) -> Candidates:
        """Without the boxes that overlap a stronger one of the same picture."""
        return self.take(batched_nms(self.boxes, self.scores, self.picture, overlap))

    def corrected(self) -> Candidates:
        """With each edge moved as the network asked."""
        sides = (self.boxes[:, 2:] - self.boxes[:, :2]).repeat(1, 2)
        return replace(self, boxes=self.boxes + self.corrections * sides)

    def squared(self) -> Candidates:
        """With each box grown about its centre to a square."""
        centre = (self.boxes[:, :2] + self.boxes[:, 2:]) / 2
        half = (self.boxes[:, 2:] - self.boxes[:, :2]).amax(1, keepdim=True).clamp(min=1) / 2
        return replace(self, boxes=torch.cat([centre - half, centre + half], dim=1))


@dataclass(frozen=True)
class Group:
    """Pictures of one size, in which faces from one size on are sought.

    Attributes:
        images: (B, H, W, 3) uint8 RGB.
        min_face: Side of the smallest face looked for, in pixels.
    """

    images: Tensor
    min_face: float


def normalise(images: Tensor) -> Tensor:
    """Turn (B, H, W, 3) uint8 RGB into the (B, 3, H, W) float that the networks were trained on."""
    return (images.permute(0, 3, 1, 2).float() - 127.5) / 128


def halved_copies(images: Tensor, smallest: int = 48) -> list[Tensor]:
    """Return the pictures (B, 3, H, W), then halves, quarters ... down to a short side of `smallest`."""
    copies = [images]
    while min(copies[-1].shape[-2:]) >= 2 * smallest:
        copies.append(functional.avg_pool2d(copies[-1], 2, ceil_mode=True, count_include_pad=False))
    return copies


def find_faces(
    networks: Networks, groups: Sequence[Group], thresholds: tuple[float, float, float]
) -> Candidates:
    """Pass pictures through the three networks; the last two see the candidates of all groups at once.

    Args:
        networks: P-Net, R-Net and O-Net.
        groups: Pictures, one group for each size.
        thresholds: Least face probability of each network.

    Returns:
        Faces with landmarks; `picture` counts through the groups.
    """
    copies = [halved_copies(normalise(group.images)) for group in groups]
    parts, first = [], 0
    for group, images in zip(groups, copies, strict=True):
        parts.append(propose(networks[0], images[0], group.min_face, thresholds[0]).counted_from(first))
        first += len(group.images)
    found = _joined(parts)
    if len(found):
        found = refine(networks[1], crop_squares(copies, found, 24), found, thresholds[1])
    if len(found):
        return finish(networks[2], crop_squares(copies, found, 48), found, thresholds[2])
    return replace(found, points=found.boxes.new_zeros(0, 5, 2))


def propose(network: ProposalNet, images: Tensor, min_face: float, threshold: float) -> Candidates:
    """Slide P-Net over a pyramid that all pictures of the batch share.

    Args:
        network: P-Net.
        images: (B, 3, H, W) normalised.
        min_face: Side of the smallest face looked for, in pixels.
        threshold: Least face probability.
    """
    height, width = images.shape[-2:]
    scale = _WINDOW / min_face
    levels: list[Candidates] = []
    while not levels or min(height, width) * scale >= _WINDOW:
        size = (max(_WINDOW, round(height * scale)), max(_WINDOW, round(width * scale)))
        resized = functional.interpolate(images, size=size, mode="area")
        corrections, probabilities = network(resized)
        found = _windows(corrections, probabilities, (width / size[1], height / size[0]), threshold)
        levels.append(found.suppressed(LEVEL_OVERLAP))
        scale *= PYRAMID_FACTOR
    # Here as in R-Net the strongest of overlapping boxes is chosen before the boxes move: the other way round
    # finds the same faces, but in boxes that are a few percent off.
    return _joined(levels).suppressed(BETWEEN_OVERLAP).corrected().squared()


def refine(network: RefineNet, crops: Tensor, candidates: Candidates, threshold: float) -> Candidates:
    """Look again with R-Net: keep the faces, correct their boxes, square them.

    Args:
        network: R-Net.
        crops: (K, 3, 24, 24) of the candidates.
        candidates: Square boxes.
        threshold: Least face probability.
    """
    answers = [network(chunk) for chunk in crops.split(_CHUNK)]
    corrections, scores = (torch.cat(parts) for parts in zip(*answers, strict=True))
    found = replace(candidates, scores=scores, corrections=corrections).take(scores >= threshold)
    return found.suppressed(BETWEEN_OVERLAP).corrected().squared()


def finish(network: OutputNet, crops: Tensor, candidates: Candidates, threshold: float) -> Candidates:
    """Look a last time with O-Net: final boxes, scores and landmarks, one row a face.

    Args:
        network: O-Net.
        crops: (K, 3, 48, 48) of the candidates.
        candidates: Square boxes.
        threshold: Least face probability.
    """
    answers = [network(chunk) for chunk in crops.split(_CHUNK)]
    corrections, scores, points = (torch.cat(parts) for parts in zip(*answers, strict=True))
    sides = (candidates.boxes[:, 2:] - candidates.boxes[:, :2])[:, None]
    points = candidates.boxes[:, None, :2] + points * sides
    found = replace(candidates, scores=scores, corrections=corrections, points=points)
    return _without_nested(found.take(scores >= threshold).corrected())


def crop_squares(copies: Sequence[Sequence[Tensor]], candidates: Candidates, size: int) -> Tensor:
    """Cut square boxes out of pictures and resize them; beyond the border there is zero.

    Args:
        copies: What `halved_copies` gave, for each group of pictures.
        candidates: K square boxes, pictures counted through the groups.
        size: Side of the crops in pixels.

    Returns:
        (K, 3, size, size).
    """
    sides = candidates.boxes[:, 2] - candidates.boxes[:, 0]
    halvings = (sides / size).clamp(min=1).log2().floor().long()
    crops = copies[0][0].new_zeros(len(candidates), 3, size, size)
    first = 0
    for group in copies:
        in_group = (candidates.picture >= first) & (candidates.picture < first + len(group[0]))
        level = halvings.clamp(max=len(group) - 1)
        for k, images in enumerate(group):
            rows = (in_group & (level == k)).nonzero().flatten()
            if len(rows):
                picture = (candidates.picture[rows] - first).to(images)
                rois = torch.cat([picture[:, None], candidates.boxes[rows]], dim=1)
                crops[rows] = roi_align(images, rois, size, 0.5**k, sampling_ratio=2, aligned=True)
        first += len(group[0])
    return crops


def _joined(parts: Sequence[Candidates]) -> Candidates:
    columns = [column.name for column in fields(Candidates)]
    return Candidates(*(torch.cat([getattr(part, name) for part in parts]) for name in columns))


def _windows(
    corrections: Tensor, probabilities: Tensor, pixel: tuple[float, float], threshold: float
) -> Candidates:
    """Turn P-Net's maps into windows of the picture; `pixel` is the width and height of one of theirs."""
    picture, row, column = (probabilities >= threshold).nonzero(as_tuple=True)
    corner = torch.stack([column, row], dim=1).float() * _STRIDE
    boxes = torch.cat([corner, corner + _WINDOW], dim=1) * corner.new_tensor([*pixel, *pixel])
    corrections = corrections.permute(0, 2, 3, 1)[picture, row, column]
    points = boxes.new_zeros(len(boxes), 0, 2)
    return Candidates(picture, boxes, probabilities[picture, row, column], corrections, points)


def _without_nested(candidates: Candidates) -> Candidates:
    """Drop a box that lies mostly inside a stronger one: intersection over the *smaller* area above 0.7."""
    found = candidates.take(candidates.scores.argsort(descending=True, stable=True))
    corner = torch.maximum(found.boxes[:, None, :2], found.boxes[None, :, :2])
    opposite = torch.minimum(found.boxes[:, None, 2:], found.boxes[None, :, 2:])
    shared = (opposite - corner).clamp(min=0).prod(2)
    area = (found.boxes[:, 2:] - found.boxes[:, :2]).clamp(min=1e-6).prod(1)
    inside = shared / torch.minimum(area[:, None], area[None]) > BETWEEN_OVERLAP
    inside &= found.picture[:, None] == found.picture[None]
    kept: list[int] = []
    for row, hidden_by in enumerate(inside.tolist()):
        if not any(hidden_by[stronger] for stronger in kept):
            kept.append(row)
    return found.take(torch.tensor(kept, dtype=torch.long, device=found.boxes.device))
