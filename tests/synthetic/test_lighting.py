import numpy as np
import pytest

from ferda.synthetic.lighting import Light, Surface, shade, shadow_share


def light(**changes):
    front = np.array([0, 0, 1], dtype=np.float32)
    dark = np.zeros(3, dtype=np.float32)
    values = {
        "key_direction": front,
        "key": np.ones(3, dtype=np.float32),
        "fill_direction": front,
        "fill": dark,
        "sky": dark,
        "ground": dark,
        "shadow": 1.0,
        "softness": 0.0,
    }
    return Light(**{**values, **changes})


def surface(normals, **changes):
    count = len(normals)
    values = {
        "position": np.zeros((count, 3)),
        "normal": np.array(normals),
        "albedo": np.full((count, 3), 0.5),
        "gloss": np.zeros(count),
        "sharpness": np.ones(count),
        "skin": np.zeros(count),
        "strand": np.zeros((count, 3)),
        "open": np.ones(count),
        **changes,
    }
    return Surface(**{name: np.asarray(value, dtype=np.float32) for name, value in values.items()})


def test_matte_light_by_hand():
    tilted = [0.0, 0.6, 0.8]
    colour = shade(surface([tilted]), light(), np.ones(1, dtype=np.float32))
    assert np.allclose(colour, 0.5 * (0.8 + 0.08) / 1.08, atol=1e-6)


def test_sky_lights_what_looks_up():
    lit = light(key=np.zeros(3, dtype=np.float32), sky=np.ones(3, dtype=np.float32))
    up, down = shade(surface([[0, 1, 0], [0, -1, 0]]), lit, np.ones(2, dtype=np.float32))
    assert np.allclose(up, 0.5)
    assert np.allclose(down, 0.0)


def test_the_edge_of_a_shadow_on_skin_is_red():
    beyond = [[np.sqrt(1 - 0.15**2), 0, -0.15]]
    red, green, blue = shade(surface(beyond, skin=[1]), light(), np.ones(1, dtype=np.float32))[0]
    assert red > green > blue


def test_shadow_takes_the_key_light_only():
    lit = light(fill=np.full(3, 0.25, dtype=np.float32))
    shaded, bright = shade(surface([[0, 0, 1], [0, 0, 1]]), lit, np.array([0, 1], dtype=np.float32))
    assert np.allclose(shaded, 0.125)
    assert np.allclose(bright, 0.625)


def test_a_screen_throws_a_shadow_on_what_lies_behind():
    square = np.array([[-1, -1, 0], [1, -1, 0], [1, 1, 0], [-1, 1, 0]], dtype=np.float32)
    vertices = np.concatenate([square * 4, square + np.array([0, 0, 5], dtype=np.float32)])
    triangles = np.array([[0, 1, 2], [0, 2, 3], [4, 5, 6], [4, 6, 7]])
    seen = np.array([[0, 0, 0], [0.5, 0.5, 0], [2.5, 0, 0], [0, -3, 0]], dtype=np.float32)
    two_sided = np.zeros(4, dtype=bool)
    assert np.allclose(shadow_share(vertices, triangles, two_sided, seen, light()), [0, 0, 1, 1])
    half = shadow_share(vertices, triangles, two_sided, seen, light(shadow=0.5))
    assert np.allclose(half, [0.5, 0.5, 1, 1])


def test_the_shadow_moves_with_the_light():
    square = np.array([[-1, -1, 0], [1, -1, 0], [1, 1, 0], [-1, 1, 0]], dtype=np.float32)
    vertices = np.concatenate([square * 8, square + np.array([0, 0, 5], dtype=np.float32)])
    triangles = np.array([[0, 1, 2], [0, 2, 3], [4, 5, 6], [4, 6, 7]])
    slanted = light(key_direction=np.array([np.sqrt(0.5), 0, np.sqrt(0.5)], dtype=np.float32))
    seen = np.array([[0, 0, 0], [-5, 0, 0]], dtype=np.float32)
    assert np.allclose(shadow_share(vertices, triangles, np.zeros(4, dtype=bool), seen, slanted), [1, 0])


def test_no_shadow_costs_nothing_and_changes_nothing():
    seen = np.zeros((3, 3), dtype=np.float32)
    nothing = np.zeros((0, 3), dtype=np.float32)
    share = shadow_share(
        nothing, np.zeros((0, 3), dtype=np.int64), np.zeros(0, dtype=bool), seen, light(shadow=0.0)
    )
    assert np.array_equal(share, np.ones(3))


def test_pieces_are_copies_until_put_back():
    whole = surface([[0, 0, 1]] * 4)
    piece = whole.take(np.array([1, 3]))
    piece.gloss[:] = 2
    assert whole.gloss.sum() == 0
    whole.put(np.array([1, 3]), piece)
    assert whole.gloss.tolist() == pytest.approx([0, 2, 0, 2])
