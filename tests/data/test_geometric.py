"""Maps against Pillow's affine transform, and landmarks against the pixels they mark."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from torch import Tensor

from ferda.data import geometric
from ferda.data.view_options import PRESETS, STILL, StrongView, WeakView
from ferda.data.views import Views

SIDE = 64


def smooth_pictures(count: int) -> Tensor:
    """(count, SIDE, SIDE, 3) uint8 without sharp edges, so that resampling filters agree."""
    random = torch.Generator().manual_seed(0)
    coarse = torch.rand(count, 3, 6, 6, generator=random) * 255
    fine = torch.nn.functional.interpolate(coarse, (SIDE, SIDE), mode="bicubic").clamp(0, 255)
    return fine.round().byte().permute(0, 2, 3, 1).contiguous()


def dotted(points: Tensor, side: int) -> Tensor:
    """(B, side, side, 3) uint8: a blob around each of at most three points, one channel each."""
    places = torch.arange(side)
    x, y = ((places - points[..., None]) ** 2).unbind(2)
    near = x[:, :, None, :] + y[..., None]
    return (255 * torch.exp(-near / 8)).round().byte().permute(0, 2, 3, 1).contiguous()


def centres(pictures: Tensor) -> Tensor:
    """(B, 3, 2) centre of mass of each channel."""
    mass = pictures.sum((2, 3))
    places = torch.arange(pictures.shape[3], dtype=torch.float32)
    x = (pictures.sum(2) * places).sum(2) / mass
    y = (pictures.sum(3) * places).sum(2) / mass
    return torch.stack((x, y), -1)


@pytest.mark.parametrize(
    ("operation", "pillow"),
    [
        ("shear_x", lambda v: (1, v, 0, 0, 1, 0)),
        ("shear_y", lambda v: (1, 0, 0, v, 1, 0)),
        ("translate_x", lambda v: (1, 0, v * SIDE, 0, 1, 0)),
        ("translate_y", lambda v: (1, 0, 0, 0, 1, v * SIDE)),
    ],
)
def test_moves_equal_pillows_affine_transform(operation: str, pillow: object) -> None:
    images = smooth_pictures(8)
    options = StrongView(operations=(operation,), draws=1, cutout=0, shear=0.3, translate=0.3)
    views = Views(options, base=STILL)
    draws = views.draw(8, torch.Generator().manual_seed(1))
    ours, _ = views.apply(images, None, draws)
    for row, value in enumerate(((2 * draws[:, 18] - 1) * 0.3).tolist()):
        image = Image.fromarray(images[row].numpy())
        moved = image.transform(image.size, Image.Transform.AFFINE, pillow(value), Image.BILINEAR)
        theirs = np.asarray(moved)
        difference = np.abs(ours[row].permute(1, 2, 0).numpy() * 255 - theirs)
        inside = (theirs.sum(2) > 0) & (ours[row].sum(0).numpy() > 0)
        assert difference[inside].max() <= 1.5
        assert inside.mean() > 0.6
        assert ((theirs.sum(2) > 0) != (ours[row].sum(0).numpy() > 0)).mean() < 0.03


def test_several_moves_in_one_resampling_equal_one_after_the_other() -> None:
    images, points = smooth_pictures(16), torch.full((16, 5, 2), 30.0)
    moves = {"operations": ("rotate", "shear_x", "translate_y"), "cutout": 0}
    draws = Views(StrongView(draws=3, **moves)).draw(16, torch.Generator().manual_seed(6))
    at_once, moved = Views(StrongView(draws=3, **moves), base=STILL).apply(images, points, draws)
    pictures, places = images, points
    for step in range(3):
        single = torch.cat((draws[:, :17], draws[:, 17 + 2 * step : 19 + 2 * step], draws[:, -3:]), 1)
        shown, places = Views(StrongView(draws=1, **moves), base=STILL).apply(pictures, places, single)
        pictures = (shown * 255).round().byte().permute(0, 2, 3, 1)
    assert torch.allclose(moved, places, atol=1e-3)
    inner = slice(20, 44)
    difference = (at_once * 255 - pictures.permute(0, 3, 1, 2))[:, :, inner, inner].abs()
    assert difference.max() < 6 and difference.mean() < 0.7


def test_rotation_equals_pillow() -> None:
    images = smooth_pictures(4)
    angles = torch.tensor([-20.0, 5.0, 12.5, 90.0])
    batch = images.permute(0, 3, 1, 2).float()
    ours = geometric.warp(batch, geometric.rotation(angles), SIDE, "black")
    for row, angle in enumerate(angles.tolist()):
        theirs = np.asarray(Image.fromarray(images[row].numpy()).rotate(-angle, Image.BILINEAR))
        inner = slice(12, 52)
        difference = np.abs(ours[row].permute(1, 2, 0).numpy() - theirs)[inner, inner]
        assert difference.max() <= 1.5


@pytest.mark.parametrize("size", [None, 40, 90])
@pytest.mark.parametrize("name", ["weak", "aglrls_weak", "la_cmfer", "osa", "strong"])
def test_landmarks_stay_on_the_pixels_they_mark(name: str, size: int | None) -> None:
    points = 24 + 16 * torch.rand(32, 3, 2, generator=torch.Generator().manual_seed(3))
    plain = {"brightness": 0.0, "contrast": 0.0, "saturation": 0.0, "grey": 0.0, "flip_swap": False}
    moves = {"operations": ("rotate", "shear_x", "shear_y", "translate_x", "translate_y"), "cutout": 0}
    options = PRESETS[name]
    options = options.model_copy(update=moves if isinstance(options, StrongView) else plain)
    views = Views(options, size, PRESETS["weak"].model_copy(update=plain))
    pictures, moved = views.apply(
        dotted(points, SIDE), points, views.draw(32, torch.Generator().manual_seed(4))
    )
    side = size or SIDE
    assert moved is not None and pictures.shape == (32, 3, side, side)
    visible = ((moved > 8) & (moved < side - 8)).all(-1)
    assert visible.float().mean() > 0.4
    assert (centres(pictures) - moved)[visible].abs().max() < 0.35


def test_mirrored_landmarks_swap_sides_unless_told_not_to() -> None:
    images = smooth_pictures(2)
    points = torch.tensor([[10.0, 20], [50, 21], [30, 35], [15, 50], [45, 51]]).repeat(2, 1, 1)
    points[1, 0] = float("nan")
    for swap, eye in ((True, 1), (False, 0)):
        views = Views(STILL.model_copy(update={"mirror": 1.0, "flip_swap": swap}))
        pictures, moved = views.apply(images, points, views.draw(2, torch.Generator().manual_seed(0)))
        assert torch.allclose(pictures, images.flip(2).permute(0, 3, 1, 2) / 255, atol=1e-5)
        assert moved is not None
        assert torch.allclose(moved[0, eye], torch.tensor([SIDE - 1 - 10.0, 20]), atol=1e-4)
        assert moved[1].isnan().any(1).tolist() == [row == eye for row in range(5)]


def test_still_view_changes_nothing() -> None:
    images, points = smooth_pictures(3), torch.rand(3, 5, 2) * SIDE
    views = Views("none")
    pictures, same = views.apply(images, points, views.draw(3, torch.Generator()))
    assert torch.equal(pictures, images.permute(0, 3, 1, 2).float() / 255)
    assert same is points


def test_resizing_alone_equals_pillows_bilinear() -> None:
    images = smooth_pictures(3)
    pictures, _ = Views("none", 24).apply(images, None, torch.rand(3, 17))
    for row in range(3):
        theirs = np.asarray(Image.fromarray(images[row].numpy()).resize((24, 24), Image.BILINEAR))
        assert np.abs(pictures[row].permute(1, 2, 0).numpy() * 255 - theirs).max() <= 1


def test_windows_placed_inside_never_show_the_border() -> None:
    white = torch.full((64, SIDE, SIDE, 3), 255, dtype=torch.uint8)
    options = PRESETS["manet"].model_copy(update={"border": "black"})
    pictures, _ = Views(options).apply(white, None, torch.rand(64, 17))
    assert (pictures > 0.999).float().mean() > 0.999


@settings(max_examples=settings.default.max_examples // 4)
@given(st.integers(0, 2**31), st.sampled_from([v for v in PRESETS.values() if isinstance(v, WeakView)]))
def test_maps_and_points_are_inverse(seed: int, weak: WeakView) -> None:
    generator = torch.Generator().manual_seed(seed)
    maps, _ = geometric.weak_map(weak, torch.rand(5, 8, generator=generator))
    points = torch.rand(5, 7, 2, generator=generator) * SIDE
    moved = geometric.move_points(points, maps, SIDE, SIDE)
    back = geometric.move_points(moved, torch.linalg.inv(maps), SIDE, SIDE)
    assert torch.allclose(back, points, atol=1e-2)
