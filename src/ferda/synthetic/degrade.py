"""From a clean picture to what the camera stores: blur, low resolution, grey, noise, JPEG."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from ferda.synthetic.shot import Degradation

_LUMINANCE = np.array([0.299, 0.587, 0.114], dtype=np.float32)


def degrade(picture: NDArray[np.uint8], degradation: Degradation) -> NDArray[np.uint8]:
    """Return the degraded picture (H, W, 3); its landmarks stay where they are.

    Args:
        picture: (H, W, 3) RGB.
        degradation: What to do; the order is that of a camera.
    """
    height, width = picture.shape[:2]
    generator = np.random.default_rng([degradation.seed, 23])
    seen = picture.astype(np.float32)
    if degradation.blur > 0.2:
        seen = np.asarray(cv2.GaussianBlur(seen, (0, 0), degradation.blur), dtype=np.float32)
    if degradation.motion >= 1.5:
        kernel = _streak(degradation.motion, generator.uniform(0, np.pi))
        seen = np.asarray(cv2.filter2D(seen, -1, kernel), dtype=np.float32)
    seen = seen * np.array(degradation.tint, dtype=np.float32)
    if degradation.grey:
        seen = np.repeat((seen @ _LUMINANCE)[..., None], 3, axis=2)
    seen = 127.5 + (seen - 127.5) * degradation.contrast
    if 0 < degradation.resolution < width:
        small = (degradation.resolution, max(1, round(height * degradation.resolution / width)))
        seen = np.asarray(cv2.resize(seen, small, interpolation=cv2.INTER_AREA), dtype=np.float32)
    if degradation.noise > 0:
        channels = 1 if degradation.grey else 3
        seen = seen + generator.normal(0, degradation.noise, (*seen.shape[:2], channels)).astype(np.float32)
    stored = np.clip(np.round(seen), 0, 255).astype(np.uint8)
    if degradation.jpeg:
        stored = _through_jpeg(stored, degradation.jpeg)
    if stored.shape[:2] != (height, width):
        stored = np.asarray(
            cv2.resize(stored, (width, height), interpolation=cv2.INTER_CUBIC), dtype=np.uint8
        )
    return np.ascontiguousarray(stored)


def _streak(length: float, angle: float) -> NDArray[np.float32]:
    size = 2 * int(np.ceil(length / 2)) + 1
    kernel = np.zeros((size, size), dtype=np.float32)
    reach = np.array([np.cos(angle), np.sin(angle)]) * length / 2
    start, end = size // 2 - reach, size // 2 + reach
    cv2.line(kernel, np.round(start).astype(int).tolist(), np.round(end).astype(int).tolist(), 1.0)
    return kernel / kernel.sum()


def _through_jpeg(picture: NDArray[np.uint8], quality: int) -> NDArray[np.uint8]:
    done, code = cv2.imencode(".jpg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not done:
        raise ValueError(f"a picture of shape {picture.shape} could not be coded as JPEG")
    decoded = np.asarray(cv2.imdecode(code, cv2.IMREAD_COLOR), dtype=np.uint8)
    return np.ascontiguousarray(decoded[..., ::-1])
