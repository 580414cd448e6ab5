import json

import numpy as np
import pytest

from ferda.errors import UserError
from ferda.synthetic.geometry import load_geometry
from ferda.synthetic.wavefront import read_checkout


def write_obj(path, vertices, polygons=(), materials=()):
    lines = ["# a comment", "mtllib head.mtl"]
    lines += [f"v {x:.6f} {y:.6f} {z:.6f}" for x, y, z in vertices]
    lines += ["vt 0.5 0.5", "vn 0 0 1"]
    current = None
    for corners, material in zip(polygons, materials, strict=True):
        if material != current:
            lines.append(f"usemtl {material}")
            current = material
        lines.append("f " + " ".join(f"{corner + 1}/1/1" for corner in corners))
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


@pytest.fixture(scope="module")
def checkout(head, quads, tmp_path_factory):
    folder = tmp_path_factory.mktemp("ICT-FaceKit") / "FaceXModel"
    folder.mkdir()
    vertices, polygons, materials = quads
    write_obj(folder / "generic_neutral_mesh.obj", vertices, polygons.tolist(), materials)
    for mode, delta in enumerate(head.identity_delta):
        write_obj(folder / f"identity{mode:03d}.obj", vertices + delta)
    for name in ("jawOpen", "mouthSmile_L", "mouthSmile_R"):
        write_obj(folder / f"{name}.obj", head.deform(np.zeros(0), {name: 1.0}))
    (folder / "vertex_indices.json").write_text(
        json.dumps({"idx_to_landmark_verts": head.landmark68.tolist()})
    )
    return folder


def test_a_checkout_gives_the_same_head(head, checkout):
    read = load_geometry(checkout)
    assert np.allclose(read.neutral, head.neutral, atol=1e-5)
    assert read.expression_names == ("jawOpen", "mouthSmile_L", "mouthSmile_R")
    assert np.array_equal(read.landmark68, head.landmark68)
    identity, weights = np.array([0.4, -0.8, 0.2, 1.0]), {"jawOpen": 0.5, "mouthSmile_L": 0.9}
    assert np.allclose(read.deform(identity, weights), head.deform(identity, weights), atol=1e-3)


def test_polygons_become_triangles_that_keep_side_and_material(head, checkout):
    read = load_geometry(checkout)
    assert len(read.triangles) == len(head.triangles)

    def area(geometry, name):
        a, b, c = (geometry.neutral[geometry.triangles[geometry.of_material(name), k]] for k in range(3))
        return np.cross(b - a, c - a).sum(0), np.linalg.norm(np.cross(b - a, c - a), axis=1).sum()

    for name in head.material_names:
        for mine, theirs in zip(area(read, name), area(head, name), strict=True):
            assert np.allclose(mine, theirs, rtol=1e-3, atol=1e-2)


def test_the_folder_above_works_too_and_modes_can_be_limited(checkout):
    assert load_geometry(checkout.parent).identity_delta.shape[0] == 4
    assert read_checkout(checkout, identities=2).identity_delta.shape[0] == 2


def test_shapes_are_stored_sparsely(head, checkout):
    read = load_geometry(checkout)
    assert len(read.expression_vertex) < 0.2 * len(read.neutral) * len(read.expression_names)


def test_a_folder_without_the_mesh_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"generic_neutral_mesh\.obj"):
        load_geometry(tmp_path)


def test_a_shape_of_another_mesh_is_refused(checkout, tmp_path):
    for source in ("generic_neutral_mesh.obj", "vertex_indices.json"):
        (tmp_path / source).write_bytes((checkout / source).read_bytes())
    write_obj(tmp_path / "jawOpen.obj", np.zeros((3, 3)))
    with pytest.raises(UserError, match=r"jawOpen\.obj has 3 vertices"):
        load_geometry(tmp_path)


@pytest.mark.parametrize("content", ["{}", "[1, 2]", "not json"])
def test_indices_that_cannot_be_read_are_refused(checkout, tmp_path, content):
    (tmp_path / "generic_neutral_mesh.obj").write_bytes((checkout / "generic_neutral_mesh.obj").read_bytes())
    (tmp_path / "vertex_indices.json").write_text(content)
    with pytest.raises(UserError, match="idx_to_landmark_verts"):
        load_geometry(tmp_path)
