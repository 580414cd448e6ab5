import numpy as np
import pytest

from ferda.synthetic.camera import CENTRE, DISTANCE, FACE_HEIGHT, Camera, face_box, five_points


def camera(**changes):
    return Camera(**{"yaw": 0.0, "pitch": 0.0, "roll": 0.0, "fill": 0.7, "shift": (0.0, 0.0), **changes})


def test_the_middle_of_the_head_is_the_middle_of_the_picture():
    at = camera(yaw=0.4, pitch=-0.2, roll=0.1)
    assert np.allclose(at.project(at.place(CENTRE[None]), 112), 56)


def test_projection_by_hand():
    at = camera(shift=(0.1, -0.05))
    point = CENTRE + np.array([2.0, 3.0, 7.0], dtype=np.float32)
    scale = 112 * 0.7 * DISTANCE / FACE_HEIGHT / (DISTANCE - 7.0)
    expected = [112 * 0.6 + 2 * scale, 112 * 0.45 - 3 * scale]
    assert np.allclose(at.project(at.place(point[None]), 112)[0], expected, atol=1e-3)


@pytest.mark.parametrize(
    ("turn", "axis", "sign"), [({"yaw": 0.3}, 0, 1), ({"pitch": 0.3}, 1, -1), ({"yaw": -0.3}, 0, -1)]
)
def test_signs_of_yaw_and_pitch(turn, axis, sign):
    nose = CENTRE[None] + np.array([[0, 0, 9.0]], dtype=np.float32)
    at = camera(**turn)
    assert sign * (at.project(at.place(nose), 112)[0, axis] - 56) > 5


def test_a_positive_roll_tilts_clockwise():
    at = camera(roll=0.3)
    crown = at.project(at.place(CENTRE[None] + np.array([[0, 9.0, 0]], dtype=np.float32)), 112)[0]
    assert crown[0] > 60


def test_rotations_keep_lengths():
    rotation = camera(yaw=0.7, pitch=0.3, roll=-0.4).rotation().astype(np.float64)
    assert np.allclose(rotation @ rotation.T, np.eye(3), atol=1e-6)
    assert np.linalg.det(rotation) == pytest.approx(1, abs=1e-6)


def test_five_points_come_in_the_order_of_the_picture(head):
    at = camera()
    points68 = at.project(at.place(head.neutral[head.landmark68]), 112)
    right_eye, left_eye, nose, right_mouth, left_mouth = five_points(points68)
    assert right_eye[0] < nose[0] < left_eye[0]
    assert right_mouth[0] < nose[0] < left_mouth[0]
    assert right_eye[1] < nose[1] < right_mouth[1]
    assert np.allclose(right_eye, points68[36:42].mean(0), atol=1e-4)


def test_the_box_holds_the_points_and_some_forehead(head):
    at = camera(roll=0.2)
    points68 = at.project(at.place(head.neutral[head.landmark68]), 112)
    x, y, width, height = face_box(points68)
    assert (points68 >= [x - 1e-3, y - 1e-3]).all()
    assert (points68 <= [x + width + 1e-3, y + height + 1e-3]).all()
    assert y < points68[17:27, 1].min() - 5
