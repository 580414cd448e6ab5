from dataclasses import replace

import numpy as np
import pytest

from ferda.synthetic.domains import CCTV, STREET, STUDIO
from ferda.synthetic.draws import draw_person, draw_shot
from ferda.synthetic.renderer import FaceRenderer, vertex_normals
from ferda.synthetic.shot import Degradation


@pytest.fixture(scope="module")
def renderer(head):
    return FaceRenderer(head, size=96, supersample=2)


def person(number=0, style=STUDIO):
    return draw_person(style, number, seed=0, modes=4)


def plain(shot, **changes):
    return replace(shot, occluders=(), degradation=Degradation(), gaze=(0.0, 0.0), **changes)


def test_equal_descriptions_give_equal_pixels(head, renderer):
    shot = draw_shot(STREET, "fear", 1, seed=0)
    first = renderer.render(person(1, STREET), shot)
    again = FaceRenderer(head, size=96, supersample=2).render(person(1, STREET), shot)
    assert np.array_equal(first.image, again.image)
    assert np.array_equal(first.points68, again.points68)


def test_pictures_are_rgb_bytes_of_the_asked_size(renderer):
    drawn = renderer.render(person(), draw_shot(STUDIO, "neutral", 0, seed=0))
    assert drawn.image.shape == (96, 96, 3)
    assert drawn.image.dtype == np.uint8
    assert drawn.points68.shape == (68, 2)
    assert drawn.points.shape == (5, 2)


def test_the_irises_lie_on_the_eye_points(renderer):
    """Dark irises on white eyeballs: their middle is found in the picture and compared with the truth."""
    quiet = plain(draw_shot(STUDIO, "neutral", 2, seed=0), weights={})
    dark = replace(
        person(2), eyes=np.full(3, 0.01, dtype=np.float32), liner=0.0, identity=np.zeros(4, np.float32)
    )
    light = replace(dark, eyes=np.full(3, 0.9, dtype=np.float32))
    images = [renderer.render(who, quiet).image.astype(float) for who in (dark, light)]
    truth = renderer.render(dark, quiet)
    changed = np.abs(images[0] - images[1]).sum(-1)
    apart = np.linalg.norm(truth.points[1] - truth.points[0])
    y, x = np.mgrid[0:96, 0:96] + 0.5
    for eye in truth.points[:2]:
        near = changed * (np.hypot(x - eye[0], y - eye[1]) < 0.4 * apart)
        found = np.array([(near * x).sum(), (near * y).sum()]) / near.sum()
        assert np.linalg.norm(found - eye) < 0.10 * apart


def test_the_lips_lie_between_the_mouth_points(renderer):
    quiet = plain(draw_shot(STUDIO, "neutral", 3, seed=0), weights={})
    grey, red = (
        replace(person(3), lips=np.array(colour, dtype=np.float32), beard=0.0)
        for colour in ((0.2, 0.2, 0.2), (0.9, 0.0, 0.0))
    )
    truth = renderer.render(grey, quiet)
    changed = np.abs(renderer.render(red, quiet).image.astype(float) - truth.image).sum(-1)
    changed *= changed > 0.4 * changed.max()  # the exposure answers to red lips all over the face, a little
    y, x = np.mgrid[0:96, 0:96] + 0.5
    found = np.array([(changed * x).sum(), (changed * y).sum()]) / changed.sum()
    apart = np.linalg.norm(truth.points[1] - truth.points[0])
    assert np.linalg.norm(found - truth.points68[48:60].mean(0)) < 0.12 * apart


def test_turning_the_head_moves_points_and_picture(renderer):
    shot = plain(draw_shot(STUDIO, "neutral", 4, seed=0))
    left, right = (
        renderer.render(person(4), replace(shot, camera=replace(shot.camera, yaw=yaw))) for yaw in (-0.4, 0.4)
    )
    assert right.points[2, 0] > left.points[2, 0] + 5
    assert np.abs(left.image.astype(int) - right.image).mean() > 3


def test_an_expression_changes_the_face_and_not_the_wall(renderer):
    shot = plain(draw_shot(STUDIO, "neutral", 5, seed=0), weights={})
    strong = replace(shot, weights={"mouthSmile_L": 2.0, "mouthSmile_R": 2.0})
    still, smiling = (renderer.render(person(5), given) for given in (shot, strong))
    changed = np.abs(still.image.astype(int) - smiling.image).sum(-1)
    assert changed[:4].max() <= 6
    assert changed[40:].max() > 40


def test_people_differ(renderer):
    shot = plain(draw_shot(STUDIO, "neutral", 6, seed=0))
    assert (
        np.abs(
            renderer.render(person(1), shot).image.astype(int) - renderer.render(person(2), shot).image
        ).mean()
        > 3
    )


def test_a_darker_light_is_not_a_darker_camera(renderer):
    """Exposure is measured on the face: the strength of all lights together does not matter."""
    shot = plain(draw_shot(STUDIO, "neutral", 7, seed=0))
    half = replace(
        shot.light, **{name: 0.5 * getattr(shot.light, name) for name in ("key", "fill", "sky", "ground")}
    )
    bright, dim = (
        renderer.render(person(7), replace(shot, light=given)).image for given in (shot.light, half)
    )
    assert np.abs(bright.astype(int) - dim).max() <= 1


def test_cctv_pictures_are_grey(renderer):
    image = renderer.render(person(0, CCTV), draw_shot(CCTV, "neutral", 0, seed=0)).image
    assert np.array_equal(image[..., 0], image[..., 2])


def test_normals_of_a_ball_point_outwards(head):
    eye = np.unique(head.triangles[head.of_material("M_ScleraLeft")])
    normals = vertex_normals(head.neutral, head.triangles)[eye]
    out = head.neutral[eye] - (head.neutral[eye].min(0) + head.neutral[eye].max(0)) / 2
    out /= np.linalg.norm(out, axis=1, keepdims=True)
    assert (normals * out).sum(1).min() > 0.95
