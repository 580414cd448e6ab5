import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from ferda.synthetic.raster import rasterise


def slow_picture(points, depth, triangles, width, height):
    """One pixel and one triangle at a time, in float64."""
    shown = np.full((height, width), -1)
    nearest = np.full((height, width), np.inf)
    for row, (a, b, c) in enumerate(triangles):
        (ax, ay), (bx, by), (cx, cy) = points[[a, b, c]].astype(np.float64)
        area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
        if area >= -1e-9:
            continue
        for y in range(height):
            for x in range(width):
                px, py = x + 0.5, y + 0.5
                second = ((px - ax) * (cy - ay) - (py - ay) * (cx - ax)) / area
                third = ((bx - ax) * (py - ay) - (by - ay) * (px - ax)) / area
                if min(second, third, 1 - second - third) < 0:
                    continue
                here = (1 - second - third) * depth[a] + second * depth[b] + third * depth[c]
                if here < nearest[y, x]:
                    nearest[y, x], shown[y, x] = here, row
    return shown, nearest


def picture(found, values, width, height, empty):
    flat = np.full(width * height, empty, dtype=np.float64)
    flat[found.pixel] = values
    return flat.reshape(height, width)


@settings(max_examples=settings.default.max_examples // 4)
@given(st.integers(0, 10_000))
def test_it_shows_what_the_slow_picture_shows(seed):
    generator = np.random.default_rng(seed)
    points = generator.uniform(-4, 20, (24, 2)).astype(np.float32)
    depth = generator.uniform(5, 9, 24).astype(np.float32)
    triangles = np.stack([generator.permutation(24)[:3] for _ in range(20)])
    found = rasterise(points, depth, triangles, width=17, height=13)
    shown, nearest = slow_picture(points, depth, triangles, 17, 13)
    # The surface counts, not the number of the triangle: the draw may give the same triangle twice.
    agree = np.isclose(picture(found, found.depth, 17, 13, np.inf), nearest, atol=1e-3)
    assert agree.mean() > 0.985  # a pixel exactly on an edge may go either way
    first = np.array([np.flatnonzero((np.sort(triangles, 1) == np.sort(row)).all(1))[0] for row in triangles])
    both = agree & (shown >= 0)
    same = first[picture(found, found.triangle, 17, 13, 0).astype(int)] == first[shown]
    assert same[both].mean() > 0.985


def test_neighbours_leave_no_gap():
    generator = np.random.default_rng(0)
    rows = columns = 9
    grid = np.stack(np.meshgrid(np.linspace(0, 40, columns), np.linspace(0, 40, rows)), -1)
    grid[1:-1, 1:-1] += generator.uniform(-2, 2, (rows - 2, columns - 2, 2))
    corner = np.arange(rows * columns).reshape(rows, columns)
    a, b, c, d = corner[:-1, :-1], corner[1:, :-1], corner[1:, 1:], corner[:-1, 1:]
    triangles = np.concatenate(
        [np.stack([a, b, c], -1).reshape(-1, 3), np.stack([a, c, d], -1).reshape(-1, 3)]
    )
    found = rasterise(
        grid.reshape(-1, 2).astype(np.float32), np.ones(81, dtype=np.float32), triangles, width=40, height=40
    )
    assert len(found.pixel) == 1600
    assert np.allclose(found.weights.sum(1), 1, atol=1e-5)


def test_blending_a_linear_function_gives_that_function():
    points = np.array([[0, 0], [0, 30], [30, 0]], dtype=np.float32)
    triangles = np.array([[0, 1, 2]])
    found = rasterise(points, np.array([1, 2, 3], dtype=np.float32), triangles, width=20, height=20)
    blended = found.blend(triangles, points)
    assert np.allclose(blended[:, 0], found.pixel % 20 + 0.5, atol=1e-4)
    assert np.allclose(blended[:, 1], found.pixel // 20 + 0.5, atol=1e-4)
    assert np.allclose(found.depth, 1 + blended[:, 1] / 30 + blended[:, 0] / 15, atol=1e-4)


def test_the_order_of_triangles_does_not_matter():
    generator = np.random.default_rng(3)
    points = generator.uniform(0, 30, (60, 2)).astype(np.float32)
    depth = generator.uniform(1, 9, 60).astype(np.float32)
    triangles = generator.integers(0, 60, (40, 3))
    order = generator.permutation(40)
    first = rasterise(points, depth, triangles, width=30, height=30)
    second = rasterise(points, depth, triangles[order], width=30, height=30)
    assert np.array_equal(first.pixel, second.pixel)
    assert np.array_equal(first.triangle, order[second.triangle])


def test_backs_are_hidden_unless_a_triangle_has_two_sides():
    points = np.array([[0, 0], [9, 0], [0, 9]], dtype=np.float32)
    depth, away = np.ones(3, dtype=np.float32), np.array([[0, 1, 2]])
    assert len(rasterise(points, depth, away, width=9, height=9).pixel) == 0
    shown = rasterise(points, depth, away, width=9, height=9, two_sided=np.array([True]))
    front = rasterise(points, depth, away[:, ::-1], width=9, height=9)
    assert np.array_equal(shown.pixel, front.pixel)


def test_nothing_outside_the_screen():
    points = np.array([[-50, -50], [-50, -40], [-40, -50]], dtype=np.float32)
    assert (
        len(rasterise(points, np.ones(3, dtype=np.float32), np.array([[0, 1, 2]]), width=8, height=8).pixel)
        == 0
    )
