import numpy as np

from ferda.synthetic.background import draw_background
from ferda.synthetic.shot import Background


def test_a_wall_is_plain_and_a_street_is_not():
    def roughness(clutter):
        pictures = [draw_background(Background(clutter, 0.01, 1.0, seed), 64) for seed in range(8)]
        return np.mean([np.abs(np.diff(picture, axis=1)).mean() for picture in pictures])

    assert roughness(1.0) > 4 * roughness(0.0)


def test_backgrounds_are_repeatable_positive_and_of_the_asked_size():
    first = draw_background(Background(0.8, 0.01, 1.0, 5), 50)
    assert first.shape == (50, 50, 3)
    assert first.dtype == np.float32
    assert first.min() >= 0
    assert np.array_equal(first, draw_background(Background(0.8, 0.01, 1.0, 5), 50))
    assert not np.array_equal(first, draw_background(Background(0.8, 0.01, 1.0, 6), 50))
