from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.fft import dctn

from ferda.data.pack import Pictures
from ferda.data.picture_hash import BITS, hash_pictures

Draw = Callable[..., np.ndarray]


def words(images: np.ndarray) -> np.ndarray:
    pictures = Pictures("p", {}, images, np.zeros((len(images), 5, 2)))
    return hash_pictures(pictures, np.arange(len(images))).words


def distances(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    return np.bitwise_count(one ^ other).sum(1)


def test_bits_are_signs_of_the_cosine_transform(blots: Draw) -> None:
    images = blots(5)
    whole = dctn(images[..., 0].astype(float), axes=(1, 2))
    signs = np.unpackbits(words(images).view(np.uint8), axis=1)
    odd, even = {}, {}
    for down in range(16):
        for across in range(16 - down):
            if down + across:
                (odd if across % 2 else even)[down, across] = whole[:, down, across] > 0
    assert len(odd) == BITS // 2
    # the odd half is all odd coefficients below the anti-diagonal, the even half the lowest, by diagonals
    for half, kept in ((signs[:, 64:], odd), (signs[:, :64], even)):
        order = sorted(kept, key=lambda place: (sum(place), place))[:64]
        np.testing.assert_array_equal(half.T, [kept[place] for place in order])


def test_a_mirrored_picture_inverts_one_word(blots: Draw) -> None:
    images = blots(20)
    plain, mirrored = words(images), words(images[:, :, ::-1])
    np.testing.assert_array_equal(plain[:, 0], mirrored[:, 0])
    np.testing.assert_array_equal(plain[:, 1], ~mirrored[:, 1])


def test_light_and_size_hardly_matter_and_content_does(blots: Draw) -> None:
    images = blots(20, 96)
    plain = words(images)
    darker = (images * 0.6 + 10).astype(np.uint8)
    smaller = images.reshape(20, 48, 2, 48, 2, 3).mean((2, 4)).astype(np.uint8)
    assert distances(plain, words(darker)).max() <= 2
    assert distances(plain, words(smaller)).max() <= 4
    assert distances(plain, words(blots(20, 96, seed=1))).min() > BITS // 4


def test_a_picture_of_one_colour_is_flat(blots: Draw) -> None:
    images = np.concatenate([blots(2), np.full((2, 48, 48, 3), 7, np.uint8)])
    images[3, 0, 0] = 9
    pictures = Pictures("p", {}, images, np.zeros((4, 5, 2)))
    found = hash_pictures(pictures, np.array([3, 0, 2, 1]))
    assert found.is_flat.tolist() == [True, False, True, False]
    np.testing.assert_array_equal(found.words[1], words(images[:1])[0])
