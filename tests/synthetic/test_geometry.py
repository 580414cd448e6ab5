import os
from pathlib import Path

import numpy as np
import pytest

from ferda.errors import UserError
from ferda.synthetic.geometry import load_geometry


def write_compact(head, path, **changes):
    arrays = {
        "neutral": head.neutral,
        "faces": head.triangles.astype(np.uint16),
        "material": head.material,
        "material_names": np.array(head.material_names),
        "expression_names": np.array(head.expression_names),
        "expression_offset": head.expression_offset.astype(np.int32),
        "expression_vertex": head.expression_vertex.astype(np.uint16),
        "expression_delta": head.expression_delta.astype(np.float16),
        "identity_delta": head.identity_delta.astype(np.float16),
        "landmark68": head.landmark68.astype(np.uint16),
        **changes,
    }
    np.savez_compressed(path, **{name: value for name, value in arrays.items() if value is not None})
    return path


def test_the_compact_file_gives_the_head_back(head, tmp_path):
    read = load_geometry(write_compact(head, tmp_path / "head.npz"))
    assert np.array_equal(read.neutral, head.neutral)
    assert np.array_equal(read.triangles, head.triangles)
    assert read.material_names == head.material_names
    assert read.expression_names == head.expression_names
    assert np.allclose(read.identity_delta, head.identity_delta, atol=1e-3)
    assert np.array_equal(read.landmark68, head.landmark68)


def test_deforming_adds_modes_and_shapes(head):
    name = "mouthSmile_L"
    k = head.expression_names.index(name)
    expected = head.neutral.astype(np.float64) + 0.5 * head.identity_delta[0] - 2.0 * head.identity_delta[1]
    for entry in range(head.expression_offset[k], head.expression_offset[k + 1]):
        expected[head.expression_vertex[entry]] += 0.7 * head.expression_delta[entry]
    assert np.allclose(head.deform(np.array([0.5, -2.0]), {name: 0.7}), expected, atol=1e-5)
    assert np.array_equal(head.deform(np.zeros(0), {}), head.neutral)


def test_a_shape_that_is_missing_is_named(head):
    with pytest.raises(UserError, match="earWiggle"):
        head.deform(np.zeros(0), {"earWiggle": 1.0})


def test_nobody_can_change_the_shared_arrays(head):
    with pytest.raises(ValueError, match="read-only"):
        head.neutral[0] = 0


def test_material_masks_cover_every_triangle_once(head):
    masks = [head.of_material(name) for name in head.material_names]
    assert np.array_equal(np.sum(masks, axis=0), np.ones(len(head.triangles)))
    assert not head.of_material("M_Moustache").any()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"landmark68": None}, "landmark68"),
        ({"landmark68": np.zeros(5, dtype=np.uint16)}, "68 landmark"),
        ({"faces": np.full((4, 3), 60000, dtype=np.uint16)}, "existing vertices"),
    ],
)
def test_a_damaged_file_is_refused_in_words(head, tmp_path, changes, said):
    with pytest.raises(UserError, match=said):
        load_geometry(write_compact(head, tmp_path / "head.npz", **changes))


def test_a_file_that_is_no_geometry_is_refused(tmp_path):
    wrong = tmp_path / "head.npz"
    wrong.write_bytes(b"not a zip")
    with pytest.raises(UserError, match="not a readable face geometry"):
        load_geometry(wrong)
    with pytest.raises(UserError, match="no face geometry at"):
        load_geometry(tmp_path / "nowhere.npz")


def test_the_real_geometry_is_read_and_complete():
    root = os.environ.get("FERDA_DATA")
    path = Path(root or "") / "ict_compact.npz"
    if not root or not path.is_file():
        pytest.skip("set FERDA_DATA to a folder that holds ict_compact.npz to test the real face geometry")
    real = load_geometry(path)
    assert real.neutral.shape == (26719, 3)
    assert real.neutral[real.landmark68[45], 0] > 0 > real.neutral[real.landmark68[36], 0]
