"""Thumbnails: the right picture beside the right words, few of a kind, small."""

from __future__ import annotations

import base64
import io
from collections import Counter

import numpy as np
from PIL import Image

from ferda.evaluation.gallery import thumbnail, wrong_faces


def picture_of(uri):
    head, _, data = uri.partition(",")
    assert head == "data:image/jpeg;base64"
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(data))), np.int16)


def test_most_confident_first_and_few_of_a_kind(adapted, street):
    faces = wrong_faces(adapted, street.pack, count=20, per_pair=2)
    assert len(faces) == 20
    sure = [face.confidence for face in faces]
    assert sure == sorted(sure, reverse=True)
    assert max(Counter((face.label, face.predicted) for face in faces).values()) <= 2
    assert all(face.label != face.predicted for face in faces)


def test_the_picture_is_that_of_the_file(adapted, street):
    rows = adapted.predictions.set_index("file")["row"]
    for face in wrong_faces(adapted, street.pack, count=5):
        original = street.pack.gather(np.array([rows[face.file]]))[0].astype(np.int16)
        assert np.abs(picture_of(face.uri) - original).mean() < 6


def test_without_pictures_only_words_remain(adapted):
    faces = wrong_faces(adapted, None, count=5)
    assert len(faces) == 5 and not any(face.uri for face in faces)


def test_a_perfect_model_has_no_wrong_faces(street, world):
    assert wrong_faces(world.evaluation(street, 40, resamples=20), street.pack) == ()


def test_large_pictures_shrink_and_small_ones_stay():
    noise = np.random.default_rng(0).integers(0, 255, (700, 500, 3), np.uint8)
    assert picture_of(thumbnail(noise)).shape[:2] == (96, 69)
    assert picture_of(thumbnail(noise[:40, :40])).shape[:2] == (40, 40)
    assert len(thumbnail(noise)) < 12_000
