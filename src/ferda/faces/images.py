"""Read a picture of any common kind as plain RGB pixels, or say why it cannot be read.

Every photo library has its odd ones: turned by a camera's EXIF flag, grey, transparent, 16 bit, CMYK from a
print shop, animated, cut off by a broken download, or a bomb of a few bytes that unfolds to gigabytes. All of
them end here either as uint8 RGB, upright, or as an `UnreadableImage` with a reason that a table can show.
"""

from __future__ import annotations

import contextlib
import io
import os
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from ferda.errors import UserError

#: Pictures with more pixels are refused; 16 bytes a pixel are needed at times while reading.
MOST_PIXELS = 80_000_000
#: Files with more bytes are refused.
MOST_BYTES = 256 * 2**20
#: Formats that Pillow decodes by itself. EPS is missing on purpose: it would start another program.
FORMATS = ("JPEG", "MPO", "PNG", "WEBP", "BMP", "GIF", "TIFF", "PPM", "JPEG2000", "AVIF", "ICO", "TGA")


class UnreadableImage(UserError):  # noqa: N818, it names the picture's state
    """A picture that cannot be read.

    Args:
        reason: Why, in a few words.
        name: Which picture.
    """

    def __init__(self, reason: str, name: str = "the picture") -> None:
        super().__init__(f"Cannot read {name}: {reason}.")
        self.reason = reason
        self.name = name


def read_image(source: str | os.PathLike[str] | bytes) -> np.ndarray:
    """Read the first frame of a picture.

    Args:
        source: A path, or the bytes of a file.

    Returns:
        (H, W, 3) uint8 RGB, upright, transparent parts on white.

    Raises:
        UnreadableImage: With the reason: no such file, empty, cut off, no picture, too large.
    """
    name = "the picture" if isinstance(source, bytes) else str(source)
    try:
        data = source if isinstance(source, bytes) else _read_bytes(Path(source))
        return _decode(data)
    except UnreadableImage as problem:
        raise UnreadableImage(problem.reason, name) from None


def _read_bytes(path: Path) -> bytes:
    # A folder or a pipe is refused before it is opened: reading from a pipe would never end.
    if not path.is_file():
        raise UnreadableImage("it is not a file" if path.exists() else "there is no such file")
    if path.stat().st_size > MOST_BYTES:
        raise UnreadableImage(f"the file is larger than {MOST_BYTES // 2**20} MB")
    try:
        return path.read_bytes()
    except OSError as problem:
        raise UnreadableImage(problem.strerror or "the file cannot be opened") from None


def count_pixels(data: bytes) -> int:
    """Return how many pixels a picture has, as its header says, without unpacking it.

    Args:
        data: The bytes of a file.

    Raises:
        UnreadableImage: If it is no picture, or larger than any that is read.
    """
    with _reasons(), _opened(data) as image:
        return image.width * image.height


def _decode(data: bytes) -> np.ndarray:
    with _reasons(), _opened(data) as image:
        image.load()
        return _to_rgb(_upright(image))


def _opened(data: bytes) -> Image.Image:
    """Read the header alone."""
    if not data:
        raise UnreadableImage("the file is empty")
    if len(data) > MOST_BYTES:
        raise UnreadableImage(f"the file is larger than {MOST_BYTES // 2**20} MB")
    Image.init()
    image = Image.open(io.BytesIO(data), formats=[kind for kind in FORMATS if kind in Image.OPEN])
    if image.width * image.height > MOST_PIXELS:
        raise UnreadableImage(f"it has {image.width} x {image.height} pixels, too many to be a photo")
    return image


@contextlib.contextmanager
def _reasons() -> Iterator[None]:
    """Say in a few words why a picture cannot be read, whatever the decoder raises."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # our own limit is stricter than Pillow's warning
            yield
    except UnreadableImage:
        raise
    except Image.UnidentifiedImageError:
        raise UnreadableImage("it is no picture in a known format (JPEG, PNG, WebP, TIFF, ...)") from None
    except Image.DecompressionBombError:
        raise UnreadableImage("it has too many pixels to be a photo") from None
    # Decoders raise nearly anything on damaged bytes: OSError, SyntaxError, struct.error, IndexError, ...
    except Exception as problem:
        raise UnreadableImage(f"the file is damaged ({_first_line(problem)})") from None


def _upright(image: Image.Image) -> Image.Image:
    with contextlib.suppress(Exception):  # a damaged EXIF block only means that the orientation is unknown
        return ImageOps.exif_transpose(image)
    return image


def _to_rgb(image: Image.Image) -> np.ndarray:
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        image = Image.fromarray(_to_eight_bits(np.asarray(image)))
    if "transparency" in image.info or image.mode in ("RGBA", "LA", "PA", "RGBa", "La"):
        layer = image.convert("RGBA")
        white = Image.new("RGBA", layer.size, (255, 255, 255, 255))
        image = Image.alpha_composite(white, layer)
    return np.array(image.convert("RGB"))


def _to_eight_bits(values: np.ndarray) -> np.ndarray:
    """Scale grey values by what their range tells: 0..1, 8, 16 or more bits."""
    values = np.nan_to_num(values.astype(np.float64), posinf=0, neginf=0).clip(min=0)
    largest = values.max()
    if largest <= 1 and (values % 1).any():
        top = 1.0
    else:
        top = next((limit for limit in (255.0, 65535.0) if largest <= limit), largest)
    return (values * (255 / top)).round().astype(np.uint8)


def _first_line(problem: Exception) -> str:
    return (str(problem).strip().splitlines() or [type(problem).__name__])[0][:120]
