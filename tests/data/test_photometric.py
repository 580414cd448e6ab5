"""Every operation against Pillow, picture by picture."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw, ImageEnhance, ImageOps
from torch import Tensor

from ferda.data.erasing import cutout_boxes, erase_boxes, paint
from ferda.data.photometric import PHOTOMETRIC, adjust_colour, soften, soften_shares, weak_colour
from ferda.data.view_options import StrongView, WeakView

PILLOW = {
    "autocontrast": lambda image, amount: ImageOps.autocontrast(image),
    "brightness": lambda image, amount: ImageEnhance.Brightness(image).enhance(amount),
    "colour": lambda image, amount: ImageEnhance.Color(image).enhance(amount),
    "contrast": lambda image, amount: ImageEnhance.Contrast(image).enhance(amount),
    "equalise": lambda image, amount: ImageOps.equalize(image),
    "posterise": lambda image, amount: ImageOps.posterize(image, int(amount)),
    "sharpness": lambda image, amount: ImageEnhance.Sharpness(image).enhance(amount),
    "solarise": ImageOps.solarize,
}


def pictures(count: int = 24) -> np.ndarray:
    """Noise, ramps, dark, flat and single-valued pictures: (count, 37, 37, 3) uint8."""
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (count, 37, 37, 3))
    for row, image in enumerate(images):
        low, span = random.integers(0, 200), random.integers(1, 56)
        if row % 4 == 1:
            image[:] = low + image % span
        if row % 4 == 2:
            image[:] = np.clip(np.arange(37)[:, None, None] * 7 + random.integers(-9, 9, image.shape), 0, 255)
    images[3] = 77
    images[7, :, :, 1] = 0
    images[11, :, :, :] = images[11, :, :, :1]
    return images.astype(np.uint8)


def as_batch(images: np.ndarray) -> Tensor:
    return torch.from_numpy(images).permute(0, 3, 1, 2).float()


def amounts_of(name: str, count: int) -> Tensor:
    spans = {"posterise": (4, 8), "solarise": (0, 256)}
    low, high = spans.get(name, (0.05, 0.95))
    amounts = torch.rand(count, generator=torch.Generator().manual_seed(1)) * (high - low) + low
    # whole thresholds meet values exactly, which must then be inverted
    return amounts.floor() if name in ("posterise", "solarise") else amounts


@pytest.mark.parametrize("name", sorted(PHOTOMETRIC))
def test_operation_equals_pillow(name: str) -> None:
    images = pictures()
    amounts = amounts_of(name, len(images))
    ours = PHOTOMETRIC[name](as_batch(images), amounts).permute(0, 2, 3, 1).numpy()
    theirs = np.stack(
        [
            np.asarray(PILLOW[name](Image.fromarray(image), amount))
            for image, amount in zip(images, amounts.tolist(), strict=True)
        ]
    ).astype(np.float32)
    difference = np.abs(ours - theirs)
    if name in ("equalise", "posterise", "solarise"):
        assert difference.max() == 0
    assert difference.max() <= 1
    assert difference.mean() < 0.02


@pytest.mark.parametrize("name", sorted(PHOTOMETRIC))
def test_rows_do_not_touch_each_other(name: str) -> None:
    batch, amounts = as_batch(pictures()), amounts_of(name, 24)
    whole = PHOTOMETRIC[name](batch, amounts)
    alone = torch.cat([PHOTOMETRIC[name](batch[row : row + 1], amounts[row : row + 1]) for row in range(24)])
    assert torch.equal(whole, alone)


def test_autocontrast_is_the_integer_stretch() -> None:
    images = pictures()
    ours = PHOTOMETRIC["autocontrast"](as_batch(images), torch.zeros(24)).permute(0, 2, 3, 1).numpy()
    wide = images.astype(np.int64)
    low, high = wide.min((1, 2), keepdims=True), wide.max((1, 2), keepdims=True)
    expected = np.where(high > low, (wide - low) * 255 // np.maximum(high - low, 1), wide)
    assert np.array_equal(ours, expected)


def test_weak_colour_is_brightness_then_contrast_then_saturation() -> None:
    batch = 100 + as_batch(pictures()) / 10  # far from 0 and 255, so nothing is clipped
    amounts = weak_colour(WeakView(brightness=0.2, contrast=0.3, saturation=0.4, grey=0.3), torch.rand(24, 4))
    light = (amounts[:, 0] + amounts[:, 1]).double().view(-1, 1, 1, 1)
    distance = amounts[:, 0].double().view(-1, 1, 1, 1) / light
    weights = torch.tensor([0.299, 0.587, 0.114], dtype=torch.float64).view(3, 1, 1)
    expected = batch.double() * light
    mean = (expected * weights).sum(1, keepdim=True).mean((2, 3), keepdim=True)
    expected = mean + distance * (expected - mean)
    grey = (expected * weights).sum(1, keepdim=True)
    expected = grey + amounts[:, 2].double().view(-1, 1, 1, 1) * (expected - grey)
    assert torch.allclose(adjust_colour(batch, amounts).double(), expected, atol=1e-3)


def test_grey_pictures_have_equal_channels() -> None:
    amounts = weak_colour(WeakView(grey=1.0), torch.rand(24, 4))
    batch = adjust_colour(as_batch(pictures()), amounts)
    assert torch.allclose(batch[:, 0], batch[:, 2], atol=1e-3)


def test_cutout_equals_pillows_rectangle() -> None:
    size, colour = 37, (125, 123, 114)
    draws = torch.rand(60, 3, generator=torch.Generator().manual_seed(2))
    ours = paint(torch.zeros(60, 3, size, size), cutout_boxes(StrongView(), draws, size), colour)
    for row, (share, x, y) in enumerate(draws.double().tolist()):
        side = 0.5 * share * size
        left, top = int(max(0, x * size - side / 2)), int(max(0, y * size - side / 2))
        image = Image.new("RGB", (size, size))
        corner = (int(min(size, left + side)), int(min(size, top + side)))
        ImageDraw.Draw(image).rectangle((left, top, *corner), colour)
        assert np.array_equal(ours[row].permute(1, 2, 0).numpy(), np.asarray(image)), row


def test_erased_boxes_lie_inside_and_keep_area_and_chance() -> None:
    options = WeakView(erase=0.4)
    boxes = erase_boxes(options, torch.rand(4000, 5, generator=torch.Generator().manual_seed(3)), 112)
    width, height = boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]
    assert boxes.min() >= 0 and boxes.max() <= 112
    erased = width > 0
    assert 0.36 < erased.float().mean() < 0.44
    area = (width * height)[erased] / 112**2
    assert 0.01 < area.min() < 0.03 and 0.22 < area.max() < 0.27


def test_paint_leaves_the_rest_alone() -> None:
    batch = as_batch(pictures())
    boxes = torch.tensor([[3.0, 5.0, 10.0, 9.0]]).repeat(24, 1)
    boxes[1] = 0
    painted = paint(batch.clone(), boxes, (1, 2, 3))
    assert torch.equal(painted[1], batch[1])
    assert torch.equal(painted[0, :, 5:9, 3:10], torch.tensor([1.0, 2, 3]).view(3, 1, 1).expand(3, 4, 7))
    painted[:, :, 5:9, 3:10] = batch[:, :, 5:9, 3:10]
    assert torch.equal(painted, batch)


def test_softening_mixes_in_a_picture_of_half_the_resolution() -> None:
    torch.manual_seed(0)
    pictures = torch.rand(3, 3, 7, 7) * 255
    amounts = soften_shares(WeakView(soften=0.5), torch.tensor([[0.6, 0.9], [0.4, 0.3], [0.1, 1.0]]))
    assert amounts.tolist() == pytest.approx([0, 0.3, 1])
    low = np.zeros((3, 3, 4, 4))
    for row in range(4):
        for column in range(4):
            window = pictures[:, :, 2 * row : 2 * row + 2, 2 * column : 2 * column + 2]
            low[:, :, row, column] = window.mean((2, 3)).numpy()
    unsharp = torch.nn.functional.interpolate(torch.from_numpy(low), (7, 7), mode="bilinear").float()
    expected = torch.stack([pictures[0], 0.7 * pictures[1] + 0.3 * unsharp[1], unsharp[2]])
    torch.testing.assert_close(soften(pictures.clone(), amounts), expected)
