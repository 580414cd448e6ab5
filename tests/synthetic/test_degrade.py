import numpy as np
import pytest

from ferda.synthetic.degrade import degrade
from ferda.synthetic.shot import Degradation


@pytest.fixture
def picture():
    y, x = np.mgrid[0:64, 0:64]
    waves = np.stack([128 + 90 * np.sin(x / 3.0), 128 + 60 * np.cos(y / 5.0), 40 + 2 * x], -1)
    return waves.astype(np.uint8)


def test_no_degradation_is_no_change(picture):
    assert np.array_equal(degrade(picture, Degradation()), picture)


def test_grey_has_equal_channels_whatever_the_tint(picture):
    grey = degrade(picture, Degradation(grey=True, tint=(1.2, 1.0, 0.8), noise=4.0))
    assert np.array_equal(grey[..., 0], grey[..., 1])
    assert np.array_equal(grey[..., 1], grey[..., 2])


def test_low_resolution_keeps_size_and_loses_detail(picture):
    coarse = degrade(picture, Degradation(resolution=8))
    assert coarse.shape == picture.shape
    assert coarse[..., 0].std() < 0.8 * picture[..., 0].std()


@pytest.mark.parametrize("change", [{"blur": 2.0}, {"motion": 9.0}])
def test_blur_lowers_contrast_of_fine_waves(picture, change):
    blurred = degrade(picture, Degradation(**change, seed=1))
    assert (
        np.abs(np.diff(blurred[..., 0].astype(int), axis=1)).mean()
        < np.abs(np.diff(picture[..., 0].astype(int), axis=1)).mean()
    )


def test_noise_has_the_asked_deviation_and_is_repeatable():
    flat = np.full((64, 64, 3), 128, dtype=np.uint8)
    noisy = degrade(flat, Degradation(noise=6.0, seed=4))
    assert noisy.astype(float).std() == pytest.approx(6.0, rel=0.06)
    assert np.array_equal(noisy, degrade(flat, Degradation(noise=6.0, seed=4)))
    assert not np.array_equal(noisy, degrade(flat, Degradation(noise=6.0, seed=5)))


def test_lower_jpeg_quality_is_farther_from_the_truth(picture):
    errors = [np.abs(degrade(picture, Degradation(jpeg=q)).astype(int) - picture).mean() for q in (95, 30)]
    assert 0 < errors[0] < errors[1]


def test_contrast_pulls_towards_mid_grey(picture):
    pale = degrade(picture, Degradation(contrast=0.5)).astype(float)
    assert np.allclose(pale - 127.5, 0.5 * (picture.astype(float) - 127.5), atol=0.51)
