"""From pictures of one size to faces: the three looks of MTCNN, whatever its networks run on.

A network is a function of arrays. `ferda.faces.mtcnn` has those that run in torch, on any device;
`ferda.inference.runtime` has those that run where no torch is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ferda.faces.candidates import Candidates
from ferda.faces.pyramid import Pyramid, cut_squares

#: Ratio of neighbouring pyramid levels.
PYRAMID_FACTOR = 0.709
#: Overlap above which the weaker of two boxes goes: within a pyramid level, and between levels.
LEVEL_OVERLAP, BETWEEN_OVERLAP = 0.5, 0.7
_WINDOW, _STRIDE = 12, 2  # P-Net's view and step

#: Takes (B, 3, H, W) float32 normalised; gives box corrections and face probabilities, O-Net also landmarks.
Network = Callable[[np.ndarray], tuple[np.ndarray, ...]]
#: P-Net, R-Net and O-Net.
Networks = tuple[Network, Network, Network]


def in_pieces(network: Network, values: int) -> Network:
    """Return a network that is asked about a few of its rows at a time, which bounds memory.

    On a processor it is also the quicker way: what a layer has answered is still in the cache when the next
    one wants it.

    Args:
        network: Is asked.
        values: Numbers in its input at a time, unless a single row has more.
    """

    def answer(images: np.ndarray) -> tuple[np.ndarray, ...]:
        rows = max(1, values // images[0].size)
        said = [network(images[start : start + rows]) for start in range(0, len(images), rows)]
        return tuple(np.concatenate(parts) for parts in zip(*said, strict=True))

    return answer


@dataclass(frozen=True)
class Group:
    """Pictures of one size, in which faces from one size on are sought.

    Attributes:
        images: (B, H, W, 3) uint8 RGB.
        min_face: Side of the smallest face looked for, in pixels.
    """

    images: np.ndarray
    min_face: float


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
    pyramids = [Pyramid(group.images) for group in groups]
    parts, first = [], 0
    for group, pyramid in zip(groups, pyramids, strict=True):
        parts.append(propose(networks[0], pyramid, group.min_face, thresholds[0]).counted_from(first))
        first += pyramid.count
    found = Candidates.joined(parts)
    if len(found):
        copies = [pyramid.halved() for pyramid in pyramids]
        found = refine(networks[1], cut_squares(copies, found.picture, found.boxes, 24), found, thresholds[1])
    if len(found):
        return finish(networks[2], cut_squares(copies, found.picture, found.boxes, 48), found, thresholds[2])
    return replace(found, points=np.zeros((0, 5, 2), np.float32))


def propose(network: Network, pyramid: Pyramid, min_face: float, threshold: float) -> Candidates:
    """Slide P-Net over a pyramid that all pictures of the batch share.

    Args:
        network: P-Net.
        pyramid: Of pictures.
        min_face: Side of the smallest face looked for, in pixels.
        threshold: Least face probability.
    """
    height, width = pyramid.height, pyramid.width
    scale = _WINDOW / min_face
    levels: list[Candidates] = []
    while not levels or min(height, width) * scale >= _WINDOW:
        size = (max(_WINDOW, round(height * scale)), max(_WINDOW, round(width * scale)))
        corrections, probabilities = network(pyramid.level(*size))
        found = _windows(corrections, probabilities, (width / size[1], height / size[0]), threshold)
        levels.append(found.suppressed(LEVEL_OVERLAP))
        scale *= PYRAMID_FACTOR
    # Here as in R-Net the strongest of overlapping boxes is chosen before the boxes move: the other way round
    # finds the same faces, but in boxes that are a few percent off.
    return Candidates.joined(levels).suppressed(BETWEEN_OVERLAP).corrected().squared()


def refine(network: Network, squares: np.ndarray, candidates: Candidates, threshold: float) -> Candidates:
    """Look again with R-Net: keep the faces, correct their boxes, square them.

    Args:
        network: R-Net.
        squares: (K, 3, 24, 24) of the candidates.
        candidates: Square boxes.
        threshold: Least face probability.
    """
    corrections, scores = network(squares)
    found = replace(candidates, scores=scores, corrections=corrections).take(scores >= threshold)
    return found.suppressed(BETWEEN_OVERLAP).corrected().squared()


def finish(network: Network, squares: np.ndarray, candidates: Candidates, threshold: float) -> Candidates:
    """Look a last time with O-Net: final boxes, scores and landmarks, one row a face.

    Args:
        network: O-Net.
        squares: (K, 3, 48, 48) of the candidates.
        candidates: Square boxes.
        threshold: Least face probability.
    """
    corrections, scores, points = network(squares)
    sides = (candidates.boxes[:, 2:] - candidates.boxes[:, :2])[:, None]
    points = candidates.boxes[:, None, :2] + points * sides
    found = replace(candidates, scores=scores, corrections=corrections, points=points)
    return found.take(scores >= threshold).corrected().without_nested(BETWEEN_OVERLAP)


def _windows(
    corrections: np.ndarray, probabilities: np.ndarray, pixel: tuple[float, float], threshold: float
) -> Candidates:
    """Turn P-Net's maps into windows of the picture; `pixel` is the width and height of one of theirs."""
    picture, row, column = (probabilities >= threshold).nonzero()
    corner = np.stack([column, row], axis=1).astype(np.float32) * _STRIDE
    boxes = np.concatenate([corner, corner + _WINDOW], axis=1) * np.array([*pixel, *pixel], np.float32)
    corrections = corrections[picture, :, row, column]
    points = np.zeros((len(boxes), 0, 2), np.float32)
    return Candidates(picture, boxes, probabilities[picture, row, column], corrections, points)
