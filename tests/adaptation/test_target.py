"""Which faces are adapted to, which are held back, and which are left out; and that labels decide nothing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from ferda.adaptation import target
from ferda.adaptation.target import open_target
from ferda.data.cropping import NO_FACE
from ferda.data.pack import write_pack
from ferda.engine.checkpoint import LoadedMethod
from ferda.errors import UserError
from ferda.faces.crops import CropRule

SIZE = 32


def write(path: Path, count: int, crop: dict[str, Any] | None = None, **columns: Any) -> str:
    images = np.random.default_rng(0).integers(0, 255, (count, SIZE, SIZE, 3), np.uint8)
    table = pd.DataFrame({"file": [f"{row}.png" for row in range(count)], **columns})
    write_pack(path, images, table, crop=crop)
    return str(path)


def test_a_quarter_is_held_back(place: Path, model: LoadedMethod) -> None:
    faces = open_target(str(place / "target"), model)
    assert sorted([*faces.seen, *faces.held]) == list(range(80))
    assert len(faces.held) == 20 == len(set(faces.held))
    assert len(faces.seen_domain()) == 60
    assert np.array_equal(
        faces.seen_domain().gather(np.arange(60)), faces.domain.gather(np.arange(80))[faces.seen]
    )
    assert faces.files[7] == "7.png"


def test_at_least_ten_judge(tmp_path: Path, model: LoadedMethod) -> None:
    faces = open_target(write(tmp_path / "a", 20), model)
    assert len(faces.held) == 10 == len(faces.seen)


def test_labels_do_not_even_divide_the_faces(tmp_path: Path, model: LoadedMethod) -> None:
    without = open_target(write(tmp_path / "a", 60), model)
    expression = ["anger"] * 30 + ["happiness"] * 30
    known = open_target(write(tmp_path / "b", 60, expression=expression), model)
    assert known.held.tolist() == without.held.tolist()


def test_a_person_is_on_one_side(tmp_path: Path, model: LoadedMethod) -> None:
    subject = np.array([f"p{row // 5}" for row in range(80)])
    faces = open_target(write(tmp_path / "a", 80, subject=subject), model)
    assert not set(subject[faces.seen]) & set(subject[faces.held])
    one = open_target(write(tmp_path / "b", 40, subject=["p"] * 40), model)
    assert len(one.held) == 10 and any("too few people" in remark for remark in one.remarks)


def test_copies_alone_cannot_be_judged(tmp_path: Path, model: LoadedMethod) -> None:
    with pytest.raises(UserError, match="copies of a few"):
        open_target(write(tmp_path / "a", 40, sha256=["a" * 64] * 40), model)


@pytest.mark.parametrize(("count", "words"), [(1, "one face"), (19, "19 faces")])
def test_too_few_faces(tmp_path: Path, model: LoadedMethod, count: int, words: str) -> None:
    with pytest.raises(UserError, match=f"gives {words}, and adapting takes at least 20"):
        open_target(write(tmp_path / "a", count), model)


def test_a_split_may_be_named(tmp_path: Path, model: LoadedMethod) -> None:
    spec = write(tmp_path / "a", 60, split=["train"] * 40 + ["test"] * 20)
    assert len(open_target(spec, model).files) == 60
    assert len(open_target(f"{spec}@train", model).files) == 40


def test_pictures_without_a_face_are_left_out(tmp_path: Path, model: LoadedMethod) -> None:
    rule = CropRule("box", size=SIZE)
    seeking = replace(model, preprocessing=replace(model.preprocessing, crop=rule))
    notes = [NO_FACE if row % 3 == 0 else None for row in range(45)]
    spec = write(tmp_path / "a", 45, crop=rule.to_dict(), note=notes)
    faces = open_target(spec, seeking)
    assert [int(file.split(".")[0]) % 3 for file in faces.files].count(0) == 0 and len(faces.files) == 30
    assert "Pictures that gave no face: 15 (named in left_out.csv)." in faces.remarks
    assert faces.left_out == {f"{row}.png": "no face found" for row in range(0, 45, 3)}
    with pytest.raises(UserError, match="gives no face"):
        open_target(write(tmp_path / "b", 30, crop=rule.to_dict(), note=[NO_FACE] * 30), seeking)


def test_another_crop_is_told(tmp_path: Path, model: LoadedMethod) -> None:
    spec = write(tmp_path / "a", 30, crop=CropRule("box", size=SIZE).to_dict())
    assert any("by another rule" in remark for remark in open_target(spec, model).remarks)


def test_photos_are_cut_by_the_models_rule(
    tmp_path: Path, model: LoadedMethod, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FERDA_CACHE", str(tmp_path / "cache"))
    (tmp_path / "photos").mkdir()
    for row in range(24):
        picture = np.random.default_rng(row).integers(0, 255, (40, 50, 3), np.uint8)
        Image.fromarray(picture).save(tmp_path / "photos" / f"{row:02d}.png")
    (tmp_path / "photos" / "broken.png").write_bytes(b"no picture")
    counted: list[tuple[int, int]] = []
    faces = open_target(str(tmp_path / "photos"), model, lambda done, total: counted.append((done, total)))
    assert faces.domain.crop == model.preprocessing.crop.to_dict() and faces.domain.size == SIZE
    assert len(faces.files) == 24 and counted[-1] == (25, 25)
    assert list(faces.left_out) == ["broken.png"] and faces.left_out["broken.png"]


def test_very_many_faces_are_drawn_from(
    tmp_path: Path, model: LoadedMethod, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(target, "MOST", 40)
    faces = open_target(write(tmp_path / "a", 60), model)
    assert len(faces.files) == 40 == len(set(faces.files)) and len(faces.held) == 10
    assert "Of 60 faces 40 were drawn at random." in faces.remarks
