"""Weak and strong views of a whole batch at once, on whatever device the batch is.

Chance is apart from work: `Views.draw` makes uniform numbers on the CPU, `Views.apply` turns pictures and
numbers into a view and draws nothing itself. So every process can draw for the global batch and keep its
part, and one process, two processes, a CPU and a GPU all see the same pictures. The first columns of a strong
view's draws are those of its weak base: giving both the same numbers gives both the same crop and mirror.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from ferda.checks import check_shape
from ferda.data.device import sent
from ferda.data.erasing import cutout_boxes, erase_boxes, paint
from ferda.data.geometric import (
    move_points,
    rotation,
    shearing,
    swap_sides,
    translation,
    warp,
    weak_map,
)
from ferda.data.photometric import PHOTOMETRIC, adjust_colour, soften, soften_shares, weak_colour
from ferda.data.view_options import StrongView, View, WeakView, preset

_GEOMETRY, _COLOUR, _ERASE = slice(0, 8), slice(8, 12), slice(12, 17)
_WEAK_COLUMNS = 17
#: Pixels worked on at once by a CPU, so that a block stays in its cache (twice as fast as a whole batch).
_BLOCK = 2**18


class Views:
    """Makes one kind of view.

    Args:
        options: A view's settings, or the name of a preset.
        size: Side of the result in pixels; None keeps the pictures' own.
        base: The weak view that a strong one starts from.

    Raises:
        ValueError: If the base is not weak.
    """

    def __init__(
        self, options: View | str = "weak", size: int | None = None, base: View | str = "weak"
    ) -> None:
        options = preset(options) if isinstance(options, str) else options
        base = preset(base) if isinstance(base, str) else base
        self.strong = options if isinstance(options, StrongView) else None
        weak = base if isinstance(options, StrongView) else options
        if not isinstance(weak, WeakView):
            raise ValueError("a strong view starts from a weak one")
        self.weak = weak
        self.size = size

    @property
    def columns(self) -> int:
        """Uniform numbers per picture: the same whatever is switched on, but for two more if it softens."""
        return self._soften.stop if self.weak.soften > 0 else self._soften.start

    @property
    def _soften(self) -> slice:
        start = _WEAK_COLUMNS + (2 * self.strong.draws + 3 if self.strong else 0)
        return slice(start, start + 2)

    def draw(self, count: int, generator: Generator) -> Tensor:
        """Draw the chance of a batch.

        Args:
            count: Number of pictures.
            generator: On the CPU; its state is all that the draws depend on.

        Returns:
            (count, columns) uniforms on the CPU.
        """
        return torch.rand(count, self.columns, generator=generator)

    def apply(self, images: Tensor, landmarks: Tensor | None, draws: Tensor) -> tuple[Tensor, Tensor | None]:
        """Make the view.

        Args:
            images: (B, S, S, 3) uint8 on any device.
            landmarks: (B, P, 2) pixels of `images`, NaN where unknown; None if there are none.
            draws: (B, at least `columns`) uniforms on the CPU.

        Returns:
            (B, 3, size, size) float32 from 0 to 1, and the landmarks in pixels of that.
        """
        side = images.shape[1]
        check_shape(images, "B S S 3", "images")
        check_shape(draws, "B K", "draws", B=len(images))
        size = self.size or side
        maps, mirrored = weak_map(self.weak, draws[:, _GEOMETRY])
        distortion = _strong_map(self.strong, draws) if self.strong else None
        pictures = self._pictures(images, draws, size, maps, distortion)
        if self.weak.erase > 0:
            boxes = erase_boxes(self.weak, draws[:, _ERASE], size)
            pictures = paint(pictures, sent(boxes, images.device), self.weak.erase_colour)
        if self.strong:
            pictures = _distort_values(self.strong, pictures.round_(), draws)
        if landmarks is not None and (size != side or self.weak.moves or distortion is not None):
            follow = distortion is not None and self.strong is not None and self.strong.landmarks_follow
            all_maps = maps @ distortion if follow and distortion is not None else maps
            landmarks = move_points(landmarks, sent(all_maps, landmarks.device), side, size)
            if self.weak.flip_swap:
                landmarks = swap_sides(landmarks, sent(mirrored, landmarks.device))
        return pictures.div_(255), landmarks

    def _pictures(
        self, images: Tensor, draws: Tensor, size: int, maps: Tensor, distortion: Tensor | None
    ) -> Tensor:
        """Resample once and change the light: (B, 3, size, size) float from 0 to 255."""
        device = images.device
        moves = self.weak.moves or distortion is not None
        all_maps = sent(maps if distortion is None else maps @ distortion, device)
        kept = None if distortion is None else sent(distortion, device)
        colours = sent(weak_colour(self.weak, draws[:, _COLOUR]), device)
        unsharp = None
        if self.weak.soften > 0:
            unsharp = sent(soften_shares(self.weak, draws[:, self._soften]), device)
        rows = len(images) if device.type != "cpu" else max(1, _BLOCK // (size * size))
        result = images.new_empty((len(images), 3, size, size), dtype=torch.float32)
        for start in range(0, len(images), rows):
            block = slice(start, start + rows)
            pictures = images[block].permute(0, 3, 1, 2).float()
            if size < images.shape[1] or (size > images.shape[1] and not moves):
                pictures = F.interpolate(pictures, (size, size), mode="bilinear", antialias=True)
            if moves:
                frame = None if kept is None else kept[block]
                pictures = warp(pictures, all_maps[block], size, self.weak.border, frame)
            if self.weak.colours:
                pictures = adjust_colour(pictures, colours[block])
            if unsharp is not None:
                pictures = soften(pictures, unsharp[block])
            result[block] = pictures
        return result


def _strong_draws(options: StrongView, draws: Tensor) -> tuple[Tensor, Tensor]:
    """Which operation each of a picture's draws chose, and the uniform of its amount: both (B, draws)."""
    chosen = draws[:, _WEAK_COLUMNS : _WEAK_COLUMNS + 2 * options.draws].unflatten(1, (options.draws, 2))
    return (chosen[:, :, 0] * len(options.operations)).long(), chosen[:, :, 1]


def _strong_map(options: StrongView, draws: Tensor) -> Tensor:
    """The moves among a picture's operations as one map; a draw that moves nothing is the identity."""
    maps = torch.eye(3).expand(len(draws), 3, 3)
    operations, uniforms = _strong_draws(options, draws)
    for operation, uniform in zip(operations.unbind(1), uniforms.unbind(1), strict=True):
        move = {name: torch.zeros_like(uniform) for name in _REACH}
        for position, name in enumerate(options.operations):
            if name in _REACH:
                reach = getattr(options, _REACH[name])
                move[name] += (operation == position) * (2 * uniform - 1) * reach
        maps = maps @ translation(move["translate_x"], move["translate_y"])
        maps = maps @ shearing(move["shear_x"], move["shear_y"]) @ rotation(move["rotate"])
    return maps


#: The operations that move pixels, and the setting that bounds each.
_REACH = {
    "rotate": "rotate",
    "shear_x": "shear",
    "shear_y": "shear",
    "translate_x": "translate",
    "translate_y": "translate",
}


def _distort_values(options: StrongView, pictures: Tensor, draws: Tensor) -> Tensor:
    """Apply the drawn operations on values in their order, each to the rows that drew it, then cut out."""
    operations, uniforms = _strong_draws(options, draws)
    for step in range(options.draws):
        for position, name in enumerate(options.operations):
            rows = (operations[:, step] == position).nonzero()[:, 0]
            if name in PHOTOMETRIC and len(rows):
                amounts = sent(_amount(options, name, uniforms[rows, step]), pictures.device)
                rows = sent(rows, pictures.device)
                pictures.index_copy_(0, rows, PHOTOMETRIC[name](pictures.index_select(0, rows), amounts))
    if options.cutout > 0:
        first = _WEAK_COLUMNS + 2 * options.draws
        boxes = cutout_boxes(options, draws[:, first : first + 3], pictures.shape[2])
        pictures = paint(pictures, sent(boxes, pictures.device), options.cutout_colour)
    return pictures


def _amount(options: StrongView, name: str, uniforms: Tensor) -> Tensor:
    if name == "posterise":
        return (options.bits[0] + (options.bits[1] - options.bits[0]) * uniforms).floor()
    if name == "solarise":
        return 256 * uniforms
    return options.enhance[0] + (options.enhance[1] - options.enhance[0]) * uniforms
