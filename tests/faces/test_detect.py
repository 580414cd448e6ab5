"""The detector against known points of a known photo, and against the traps that make it silently worse."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ferda.errors import UserError
from ferda.faces import mtcnn
from ferda.faces.detect import Face, FaceDetector, _by_prominence

astronaut_module = pytest.importorskip("skimage.data", reason="scikit-image carries the test photo")

#: The astronaut's points by another implementation of MTCNN, in pixels.
POINTS = np.array([[204, 101], [247, 103], [224.5, 128], [203, 141], [245, 142]])
EYE_DISTANCE = 43.0


@pytest.fixture(scope="module")
def photo() -> np.ndarray:
    return astronaut_module.astronaut()


@pytest.fixture(scope="module")
def detector() -> FaceDetector:
    return FaceDetector()


def error(face: Face, points: np.ndarray) -> float:
    """Mean distance of landmarks, in eye distances."""
    return float(np.linalg.norm(face.landmarks - points, axis=1).mean() / EYE_DISTANCE)


def test_the_astronaut_is_found_where_she_is(detector: FaceDetector, photo: np.ndarray) -> None:
    (face,) = detector([photo])[0]
    assert face.score > 0.999
    left, top, width, height = face.box
    np.testing.assert_allclose([left, top, left + width, top + height], [181, 59, 268, 175], atol=4)
    np.testing.assert_allclose(face.landmarks, POINTS, atol=1.5)
    assert face.landmarks.dtype == np.float32


def test_a_tight_crop_keeps_its_landmarks(photo: np.ndarray) -> None:
    """Zero beyond the border: where a box is clipped and stretched instead, the error doubles."""
    left, top, right, bottom = 183, 66, 263, 170
    tight = photo[top:bottom, left:right]
    (face,) = FaceDetector(pad=0.0, min_face=40)([tight])[0]
    assert error(face, POINTS - (left, top)) < 0.06
    (face,) = FaceDetector()([tight])[0]
    assert error(face, POINTS - (left, top)) < 0.06


def test_any_other_order_of_flattening_misplaces_the_landmarks(
    monkeypatch: pytest.MonkeyPatch, photo: np.ndarray
) -> None:
    monkeypatch.setattr(mtcnn, "flatten_columns_first", lambda maps: maps.permute(0, 2, 3, 1).flatten(1))
    found = FaceDetector(thresholds=(0.6, 0.0, 0.0))([photo])[0]
    assert min(error(face, POINTS) for face in found) > 0.15


def test_flattening_goes_through_width_then_height_then_channel() -> None:
    maps = torch.arange(24.0).view(1, 2, 3, 4)  # C 2, H 3, W 4
    flat = mtcnn.flatten_columns_first(maps)[0].view(4, 3, 2)
    for column, row, channel in np.ndindex(4, 3, 2):
        assert flat[column, row, channel] == maps[0, channel, row, column]


def test_a_batch_of_mixed_sizes_equals_one_by_one(detector: FaceDetector, photo: np.ndarray) -> None:
    pictures = [
        photo,
        photo[:300, 60:400],
        np.zeros((64, 64, 3), np.uint8),
        photo[:300, 60:400, 0],
        photo[66:170, 183:263],
        photo[::-1],
        photo,
    ]
    together = detector(pictures)
    assert [len(faces) for faces in together[:2]] == [1, 1]
    assert not together[2]
    for faces, picture in zip(together, pictures, strict=True):
        alone = detector([picture])[0]
        assert len(alone) == len(faces)
        for one, other in zip(faces, alone, strict=True):
            np.testing.assert_allclose(one.box, other.box, atol=0.02)
            np.testing.assert_allclose(one.landmarks, other.landmarks, atol=0.02)
            assert abs(one.score - other.score) < 1e-4


def test_pixels_in_one_pass_are_bounded(
    monkeypatch: pytest.MonkeyPatch, detector: FaceDetector, photo: np.ndarray
) -> None:
    whole = detector([photo] * 3)
    monkeypatch.setattr("ferda.faces.detect._VALUES_AT_ONCE", photo.size + 1)
    for faces, once in zip(detector([photo] * 3), whole, strict=True):
        np.testing.assert_allclose(faces[0].landmarks, once[0].landmarks, atol=0.02)


def test_nothing_in_nothing_out(detector: FaceDetector) -> None:
    assert detector([]) == []
    assert detector([np.zeros((0, 5, 3), np.uint8)]) == [[]]


@settings(max_examples=settings.default.max_examples // 8)
@given(
    height=st.sampled_from([1, 2, 11, 13, 57]),
    width=st.sampled_from([1, 3, 12, 60, 900]),
    grey=st.booleans(),
    value=st.integers(0, 255),
)
def test_no_size_is_too_odd(height: int, width: int, grey: bool, value: int) -> None:
    picture = np.full((height, width) if grey else (height, width, 3), value, np.uint8)
    assert FaceDetector()([picture]) == [[]]


def test_large_pictures_give_the_same_points(detector: FaceDetector, photo: np.ndarray) -> None:
    large = photo.repeat(4, 0).repeat(4, 1)
    (face,) = detector([large])[0]
    assert error(Face(face.box, face.score, face.landmarks / 4), POINTS) < 0.03


def test_small_pictures_are_enlarged(detector: FaceDetector, photo: np.ndarray) -> None:
    import cv2

    small = cv2.resize(photo[50:180, 160:290], (48, 48), interpolation=cv2.INTER_AREA)
    (face,) = detector([small])[0]
    there = face.landmarks * 130 / 48 + (160, 50)
    assert error(Face(face.box, face.score, there), POINTS) < 0.08


def test_the_smallest_face_can_be_chosen(photo: np.ndarray) -> None:
    assert len(FaceDetector(min_face=60)([photo])[0]) == 1
    assert not FaceDetector(min_face=250)([photo])[0]


def test_two_faces_are_two_and_the_larger_comes_first(detector: FaceDetector, photo: np.ndarray) -> None:
    import cv2

    part = photo[20:220, 120:320]
    scene = np.zeros((300, 500, 3), np.uint8)
    scene[60:160, 30:130] = cv2.resize(part, (100, 100), interpolation=cv2.INTER_AREA)
    scene[50:250, 250:450] = part
    faces = detector([scene])[0]
    assert len(faces) == 2
    assert faces[0].area > faces[1].area
    assert faces[0].box[0] > 250


def test_of_equal_faces_the_middle_one_comes_first() -> None:
    points = np.zeros((5, 2), np.float32)
    corner, middle = Face((0, 0, 20, 20), 0.9, points), Face((40, 40, 20, 20), 0.9, points)
    assert _by_prominence([corner, middle], (100, 100, 3)) == [middle, corner]


def test_what_is_no_picture_is_refused(detector: FaceDetector) -> None:
    with pytest.raises(ValueError, match="uint8"):
        detector([np.zeros((9, 9, 3))])
    with pytest.raises(ValueError, match="share"):
        FaceDetector(pad=3)


def test_a_missing_package_is_said_with_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    mtcnn.weight_folder.cache_clear()
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UserError, match="pip install 'mtcnn"):
        FaceDetector()
    mtcnn.weight_folder.cache_clear()


def test_weights_of_another_layout_are_refused(tmp_path: Path) -> None:
    import joblib

    for name in ("pnet", "rnet", "onet"):
        joblib.dump([np.zeros((3, 3, 3, 10), np.float32)], tmp_path / f"{name}.lz4")
    with pytest.raises(UserError, match="layout"):
        mtcnn.load_networks(tmp_path)


def test_the_package_itself_is_never_imported(detector: FaceDetector) -> None:
    assert detector is not None
    assert "mtcnn" not in sys.modules, "it wants TensorFlow"


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_the_gpu_finds_the_same(detector: FaceDetector, photo: np.ndarray) -> None:
    (there,), (here,) = FaceDetector("cuda")([photo])[0], detector([photo])[0]
    np.testing.assert_allclose(there.landmarks, here.landmarks, atol=0.2)
