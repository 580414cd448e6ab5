from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from ferda.data.cropping import NO_FACE, NO_FACE_KNOWN
from ferda.data.manifest import BOX, LANDMARKS
from ferda.data.pack import Pack
from ferda.data.prepare import prepare
from ferda.faces import detect
from ferda.faces.crops import CropRule

Maker = Callable[..., Path]
WHOLE = CropRule(kind="whole", size=12, detect=False)
CLASSES = ("happy", "sad", "fear")


def names(count: int) -> list[str]:
    return [f"{CLASSES[row % 3]}/{row:03d}.png" for row in range(count)]


@pytest.fixture
def one_face(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Puts in place a detector that finds faces in pictures wider than high; returns how many it saw."""
    looked: list[int] = []

    class Detector:
        def __init__(self, device: str = "cpu") -> None:
            self.device = device

        def __call__(self, images: list[np.ndarray]) -> list[list[detect.Face]]:
            looked.append(len(images))
            points = np.array([[8, 8], [16, 8], [12, 12], [9, 16], [15, 16]], dtype=np.float32)
            small = detect.Face((0.0, 0.0, 4.0, 4.0), 0.8, points / 4)
            face = detect.Face((4.0, 4.0, 16.0, 14.0), 0.9, points)
            return [[face, small] if image.shape[1] > image.shape[0] else [] for image in images]

    monkeypatch.setattr(detect, "FaceDetector", Detector)
    return looked


def save(image: Image.Image, kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def test_odd_pictures_are_read_or_named(tree: Maker, tmp_path: Path, picture: Callable[..., bytes]) -> None:
    root = tree(["happy/a.png"])
    exif = Image.Exif()
    exif[0x0112] = 6
    red = Image.new("RGB", (30, 20), (250, 10, 10))
    good = {
        "grey.png": save(Image.new("L", (9, 9), 200), "png"),
        "rgba.png": save(Image.new("RGBA", (9, 9), (200, 100, 50, 255)), "png"),
        "palette.gif": save(red.convert("P"), "gif"),
        "sixteen.png": save(Image.fromarray(np.full((9, 9), 40_000, dtype=np.uint16)), "png"),
        "rotated.jpg": save(red, "jpeg", exif=exif.tobytes()),
        "tiny.bmp": save(red.resize((1, 1)), "bmp"),
        "huge.png": save(Image.new("RGB", (5000, 3000), (1, 2, 3)), "png"),
        "stripe.png": save(Image.new("RGB", (3000, 1), (1, 2, 3)), "png"),
    }
    bad = {"empty.jpg": b"", "text.png": b"this is no picture", "cut.png": picture(3)[:200]}
    for name, data in {**good, **bad}.items():
        (root / "happy" / name).write_bytes(data)
    summary = prepare(root, tmp_path / "out", WHOLE, one_class=True)
    lost = pd.read_csv(tmp_path / "out" / "unusable.csv")
    assert set(lost["file"]) == {f"happy/{name}" for name in bad}
    assert lost["reason"].str.len().min() > 3
    assert (summary.count, summary.unusable) == (len(good) + 1, len(bad))
    assert any("unusable.csv" in text for text in summary.warnings)
    pack = Pack.open(tmp_path / "out")
    means = dict(zip(pack.manifest["file"].str.removeprefix("happy/"), pack.images.mean((1, 2)), strict=True))
    np.testing.assert_allclose(means["grey.png"], 200)
    assert means["rotated.jpg"][0] > 200 > 60 > means["rotated.jpg"][2]
    assert (means["sixteen.png"] > 100).all()  # not clipped, not wrapped
    assert not any("no face" in str(note) for note in pack.manifest["note"])


def test_faces_are_sought_and_their_absence_noted(
    tree: Maker, tmp_path: Path, one_face: list[int], picture: Callable[..., bytes]
) -> None:
    root = tree(names(6))
    (root / names(6)[1]).write_bytes(picture(1, (20, 30)))
    summary = prepare(root, tmp_path / "out", CropRule(kind="box", size=16))
    pack = Pack.open(tmp_path / "out")
    assert summary.no_face == 1
    assert any("1 of 6 pictures have no face" in text for text in summary.warnings)
    rows = pack.manifest.set_index("file")
    assert rows["note"].dropna().to_dict() == {names(6)[1]: NO_FACE}
    assert rows.loc[names(6)[0], list(BOX)].tolist() == [4, 4, 16, 14]
    assert rows.loc[names(6)[0], "nose_x"] == 12
    assert rows.loc[names(6)[1], list(LANDMARKS)].isna().all()
    assert np.isfinite(pack.landmarks).all((1, 2)).sum() == 5
    assert prepare(root, tmp_path / "out", CropRule(kind="box", size=16)).no_face == 1
    assert sum(one_face) == 6


def test_the_owners_landmarks_are_used_instead_of_detection(
    tree: Maker, table: Maker, tmp_path: Path, one_face: list[int]
) -> None:
    tree(["a.png", "b.png"])
    points = dict(
        zip(LANDMARKS, ([value, value] for value in (6, 6, 14, 6, 10, 10, 7, 15, 13, 15)), strict=True)
    )
    columns: dict[str, Any] = {"file": ["a.png", "b.png"], "label": ["sad", "fear"], **points}
    prepare(table("tree/t.csv", **columns), tmp_path / "out", CropRule(kind="whole", size=40))
    pack = Pack.open(tmp_path / "out")
    assert not one_face
    np.testing.assert_allclose(pack.landmarks[0, 0], [6 * 40 / 24, 6 * 40 / 20], atol=1)
    assert pack.manifest.loc[0, list(BOX)].tolist() == [6, 6, 8, 9]


def test_the_owners_box_chooses_among_faces(
    tree: Maker, table: Maker, tmp_path: Path, one_face: list[int]
) -> None:
    tree(["a.png", "b.png"])
    boxes = {"box_x": [0, 15], "box_y": [0, 12], "box_w": [4, 5], "box_h": [5, 6]}
    path = table("tree/t.csv", file=["a.png", "b.png"], label=["sad", "fear"], **boxes)
    prepare(path, tmp_path / "out", CropRule(kind="box", size=16))
    manifest = Pack.open(tmp_path / "out").manifest
    assert manifest.loc[0, list(BOX)].tolist() == [0, 0, 4, 5]  # the owner's box
    assert manifest.loc[0, "nose_x"] == 3  # of the small face that lies in it
    assert manifest.loc[1, list(BOX)].tolist() == [15, 12, 5, 6]
    assert np.isnan(manifest.loc[1, "nose_x"])  # no face of the detector's lies there


def test_without_detection_a_missing_face_is_noted_where_one_was_needed(tree: Maker, tmp_path: Path) -> None:
    summary = prepare(tree(names(3)), tmp_path / "out", CropRule(kind="aligned", size=16, detect=False))
    assert summary.no_face == 3
    assert set(Pack.open(tmp_path / "out").manifest["note"]) == {NO_FACE_KNOWN}
