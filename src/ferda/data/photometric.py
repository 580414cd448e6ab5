"""What happens to the values of a picture: a colour map for weak views, Pillow's operations for strong ones.

Pictures are (B, 3, H, W) float with values from 0 to 255. The operations of strong views take and give whole
numbers and follow Pillow's rounding, so that a view means the same as the augmentation lists of the papers.
Amounts are (B,); each operation treats its rows apart.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from ferda.data.device import sent
from ferda.data.view_options import WeakView

_GREY = (0.299, 0.587, 0.114)


def weak_colour(options: WeakView, draws: Tensor) -> Tensor:
    """Turn uniform draws into gain, shift towards the mean grey, and share of colour.

    Args:
        options: What may happen.
        draws: (B, 4) uniforms: brightness, contrast, saturation, grey.

    Returns:
        (B, 3) for `adjust_colour`.
    """
    brightness, contrast, saturation, grey = draws.unbind(1)
    light = 1 + (2 * brightness - 1) * options.brightness
    distance = 1 + (2 * contrast - 1) * options.contrast
    colour = 1 + (2 * saturation - 1) * options.saturation
    colour = torch.where(grey < options.grey, 0.0, colour)
    return torch.stack((light * distance, light * (1 - distance), colour), 1)


def adjust_colour(pictures: Tensor, amounts: Tensor) -> Tensor:
    """Apply brightness, then contrast, then saturation as one 3x3 colour matrix per picture.

    Between the three nothing is clipped, so strong changes differ a little from three separate operations.

    Args:
        pictures: (B, 3, H, W) float.
        amounts: (B, 3) from `weak_colour`, on the pictures' device.
    """
    gain, to_mean, colour = (amount[:, None, None] for amount in amounts.unbind(1))
    grey = sent(torch.tensor(_GREY, dtype=pictures.dtype), pictures.device)
    mean = (pictures.mean((2, 3)) @ grey)[:, None, None]
    matrix = gain * (colour * torch.eye(3, device=pictures.device) + (1 - colour) * grey)
    flat = torch.baddbmm((to_mean * mean).expand(-1, 3, 1), matrix, pictures.flatten(2))
    return flat.view_as(pictures).clamp_(0, 255)


def soften_shares(options: WeakView, draws: Tensor) -> Tensor:
    """Turn uniform draws into the share of the unsharp picture.

    Args:
        options: What may happen.
        draws: (B, 2) uniforms: chance, share.

    Returns:
        (B,) for `soften`.
    """
    chance, share = draws.unbind(1)
    return torch.where(chance < options.soften, share, 0.0)


def soften(pictures: Tensor, amounts: Tensor) -> Tensor:
    """Blend with the picture as a camera of half the resolution sees it; 0 keeps the picture.

    Args:
        pictures: (B, 3, H, W) float.
        amounts: (B,) from `soften_shares`, on the pictures' device.
    """
    low = functional.avg_pool2d(pictures, 2, ceil_mode=True)
    unsharp = functional.interpolate(low, pictures.shape[2:], mode="bilinear")
    return pictures.lerp_(unsharp, amounts[:, None, None, None])


def autocontrast(pictures: Tensor, amounts: Tensor) -> Tensor:
    """Stretch each channel to 0..255. The amount is unused.

    Pillow multiplies by a rounded factor and may end one grey level lower.
    """
    low, high = pictures.amin((2, 3), keepdim=True), pictures.amax((2, 3), keepdim=True)
    stretched = ((pictures - low) * 255 / (high - low).clamp(min=1)).floor_()
    return torch.where(high > low, stretched, pictures)


def brightness(pictures: Tensor, amounts: Tensor) -> Tensor:
    """Blend with black; 1 keeps the picture."""
    return _blend(torch.zeros_like(pictures[:, :1]), pictures, amounts)


def colour(pictures: Tensor, amounts: Tensor) -> Tensor:
    """Blend with the grey picture; 1 keeps the picture."""
    return _blend(_grey(pictures), pictures, amounts)


def contrast(pictures: Tensor, amounts: Tensor) -> Tensor:
    """Blend with the mean grey; 1 keeps the picture."""
    return _blend((_grey(pictures).mean((2, 3), keepdim=True) + 0.5).floor(), pictures, amounts)


def equalise(pictures: Tensor, amounts: Tensor) -> Tensor:
    """Spread each channel's values so that all become equally frequent. The amount is unused."""
    values = pictures.flatten(0, 1).flatten(1).long()  # (B*3, HW)
    counts = values.new_zeros(len(values), 256).scatter_add_(1, values, torch.ones_like(values))
    brightest = counts.gather(1, values.amax(1, keepdim=True))
    step = (values.shape[1] - brightest) // 255
    before = counts.cumsum(1) - counts
    levels = (step // 2 + before) // step.clamp(min=1)
    levels = torch.where(step > 0, levels, torch.arange(256, device=levels.device)).clamp_(max=255)
    return levels.to(pictures.dtype).gather(1, values).view_as(pictures)


def posterise(pictures: Tensor, amounts: Tensor) -> Tensor:
    """Keep only the highest bits of each value; the amount is how many."""
    step = torch.exp2(8 - amounts)[:, None, None, None]
    return (pictures / step).floor_() * step


def sharpness(pictures: Tensor, amounts: Tensor) -> Tensor:
    """Blend with a smoothed picture whose outermost pixels are the picture's own; 1 keeps the picture."""
    inner = pictures[:, :, 1:-1, 1:-1]
    total = pictures[:, :, :-2] + pictures[:, :, 1:-1] + pictures[:, :, 2:]
    total = total[:, :, :, :-2] + total[:, :, :, 1:-1] + total[:, :, :, 2:]  # of 3x3 pixels
    smooth = pictures.clone()
    smooth[:, :, 1:-1, 1:-1] = total.add_(inner, alpha=4).div_(13).add_(0.5).floor_()
    return _blend(smooth, pictures, amounts)


def solarise(pictures: Tensor, amounts: Tensor) -> Tensor:
    """Invert the values from a threshold upwards; the amount is the threshold."""
    inverted = (pictures >= amounts[:, None, None, None]).to(pictures.dtype)
    return pictures.addcmul(inverted, 255 - 2 * pictures)


#: Operations on values by name; the other names of `view_options.Operation` move pixels.
PHOTOMETRIC: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    operation.__name__: operation
    for operation in (autocontrast, brightness, colour, contrast, equalise, posterise, sharpness, solarise)
}


def _grey(pictures: Tensor) -> Tensor:
    """(B, 1, H, W) grey with Pillow's integer weights; the sums stay below 2^24, so float32 is exact."""
    red, green, blue = pictures.split(1, 1)
    return ((red * 19595 + green * 38470 + blue * 7471 + 32768) / 65536).floor_()


def _blend(other: Tensor, pictures: Tensor, amounts: Tensor) -> Tensor:
    return (other + amounts[:, None, None, None] * (pictures - other)).clamp_(0, 255).floor_()
