"""One picture of every odd kind, and every way in which a file can be no picture."""

from __future__ import annotations

import io
import os
import struct
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from ferda.errors import UserError
from ferda.faces import images
from ferda.faces.images import UnreadableImage, read_image

#: Left half red, right half blue, four rows and six columns.
PICTURE = np.zeros((4, 6, 3), np.uint8)
PICTURE[:, :3, 0] = 255
PICTURE[:, 3:, 2] = 255


def encoded(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def reason(source: str | os.PathLike[str] | bytes) -> str:
    with pytest.raises(UnreadableImage) as caught:
        read_image(source)
    assert isinstance(caught.value, UserError)
    assert caught.value.reason in str(caught.value)
    return caught.value.reason


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF", "PPM", "GIF", "WEBP", "TGA"])
def test_lossless_formats_give_the_pixels(kind: str, tmp_path: Path) -> None:
    data = encoded(Image.fromarray(PICTURE), kind, **({"lossless": True} if kind == "WEBP" else {}))
    (tmp_path / "a").write_bytes(data)
    for source in (data, tmp_path / "a", str(tmp_path / "a")):
        pixels = read_image(source)
        np.testing.assert_array_equal(pixels, PICTURE)
        assert pixels.dtype == np.uint8
        assert pixels.flags.writeable and pixels.flags.c_contiguous


def test_the_camera_flag_is_obeyed() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by a quarter, clockwise
    turned = read_image(encoded(Image.fromarray(PICTURE), exif=exif))
    np.testing.assert_array_equal(turned, np.rot90(PICTURE, -1))


def test_a_damaged_camera_flag_is_no_reason_to_lose_a_picture() -> None:
    data = encoded(Image.fromarray(PICTURE), exif=b"Exif\0\0MM\0*\0\0\0\xff\xff\xff")
    np.testing.assert_array_equal(read_image(data), PICTURE)


@pytest.mark.parametrize("mode", ["L", "1", "P", "CMYK", "YCbCr"])
def test_other_colour_models(mode: str) -> None:
    grey = Image.fromarray(np.full((4, 6, 3), 255, np.uint8)).convert(mode)
    pixels = read_image(encoded(grey, "TIFF"))
    assert pixels.shape == (4, 6, 3)
    assert (pixels >= 253).all()


def test_a_palette_is_looked_up() -> None:
    data = encoded(Image.fromarray(PICTURE).quantize(4))
    np.testing.assert_allclose(read_image(data), PICTURE, atol=4)


def test_a_jpeg_in_cmyk_keeps_its_colours() -> None:
    large = PICTURE.repeat(8, 0).repeat(8, 1)
    pixels = read_image(encoded(Image.fromarray(large).convert("CMYK"), "JPEG", quality=98))
    assert np.abs(pixels[:, :16].mean((0, 1)) - (255, 0, 0)).max() < 12


@pytest.mark.parametrize("mode", ["RGBA", "LA", "PA"])
def test_transparent_parts_are_white(mode: str) -> None:
    black = Image.new("RGBA", (6, 4), (0, 0, 0, 255))
    black.paste((0, 0, 0, 0), (0, 0, 3, 4))
    kind = "TIFF" if mode == "LA" else "PNG"
    data = encoded(black.quantize(4) if mode == "PA" else black.convert(mode), kind)
    pixels = read_image(data)
    assert (pixels[:, :3] == 255).all()
    assert (pixels[:, 3:] == 0).all()


def test_half_transparent_is_half_white() -> None:
    pixels = read_image(encoded(Image.new("RGBA", (3, 3), (0, 0, 0, 128))))
    assert (np.abs(pixels.astype(int) - 127) <= 1).all()


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_sixteen_bits_are_scaled(kind: str) -> None:
    ramp = np.linspace(0, 65535, 24).reshape(4, 6).astype(np.uint16)
    pixels = read_image(encoded(Image.fromarray(ramp), kind))
    np.testing.assert_allclose(pixels[..., 0], ramp / 257, atol=1)


@pytest.mark.parametrize("top", [1.0, 255.0, 40000.0, 1e9])
def test_float_pixels_are_scaled_by_their_range(top: float) -> None:
    ramp = np.linspace(0, top, 24, dtype=np.float32).reshape(4, 6)
    pixels = read_image(encoded(Image.fromarray(ramp), "TIFF"))
    limit = 65535 if top == 40000 else top
    np.testing.assert_allclose(pixels[..., 0], ramp / limit * 255, atol=1)


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP"])
def test_of_an_animation_the_first_frame(kind: str) -> None:
    frames = [Image.new("RGB", (5, 5), colour) for colour in ("white", "black")]
    data = encoded(frames[0], kind, save_all=True, append_images=frames[1:])
    assert (read_image(data) >= 250).all()


def test_files_that_are_no_pictures(tmp_path: Path) -> None:
    (tmp_path / "empty.png").touch()
    assert reason(tmp_path / "empty.png") == "the file is empty"
    assert reason(b"") == "the file is empty"
    assert reason(tmp_path / "gone.png") == "there is no such file"
    assert reason(tmp_path) == "it is not a file"
    assert "no picture" in reason(b"label,file\nhappy,a.png\n")
    with pytest.raises(UnreadableImage, match=r"gone\.png: there is no such file\.$"):
        read_image(tmp_path / "gone.png")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    assert reason(tmp_path / "pipe.png") == "it is not a file"


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "TIFF", "GIF", "BMP"])
def test_cut_off_files(kind: str) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    data = encoded(Image.fromarray(noise), kind)
    assert reason(data[: len(data) // 2])


def test_postscript_is_not_run() -> None:
    assert "no picture" in reason(encoded(Image.fromarray(PICTURE), "EPS"))


def bomb(width: int, height: int) -> bytes:
    """A few bytes of PNG that claim to be a huge picture."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 1000)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


@pytest.mark.parametrize("side", [9_000, 11_000, 30_000])
def test_bombs_are_refused_without_a_warning(side: int) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert "too many" in reason(bomb(side, side))


def test_huge_files_are_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(images, "MOST_BYTES", 10)
    (tmp_path / "large.png").write_bytes(bytes(11))
    assert "larger than" in reason(tmp_path / "large.png")
    assert "larger than" in reason(bytes(11))


@given(kind=st.sampled_from(["PNG", "JPEG", "GIF", "TIFF", "WEBP", "BMP"]), data=st.data())
def test_any_damage_is_a_picture_or_a_reason(kind: str, data: st.DataObject) -> None:
    good = bytearray(encoded(Image.fromarray(PICTURE.repeat(4, 0)), kind))
    for _ in range(data.draw(st.integers(1, 4))):
        good[data.draw(st.integers(0, len(good) - 1))] = data.draw(st.integers(0, 255))
    try:
        pixels = read_image(bytes(good[: data.draw(st.integers(0, len(good)))]))
    except UnreadableImage as problem:
        assert problem.reason
    else:
        assert pixels.dtype == np.uint8 and pixels.ndim == 3 and pixels.shape[2] == 3
