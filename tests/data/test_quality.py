"""Measures against a second implementation, and rows that a rule turns away: listed, never lost."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from ferda.data.pack import Pack
from ferda.data.prepare import prepare
from ferda.data.quality import LEAST, MEASURES, measure, turned_away
from ferda.errors import UserError
from ferda.faces.crops import CropRule
from ferda.faces.detect import Face

Maker = Callable[..., Path]
NAN = float("nan")
NOISE = np.random.default_rng(0).integers(0, 256, (64, 64), dtype=np.uint8)


def grey(pixels: np.ndarray) -> np.ndarray:
    return np.repeat(pixels[..., None], 3, axis=2).astype(np.uint8)


def face(box: tuple[float, float, float, float], score: float = 0.9) -> Face:
    return Face(box, score, np.full((5, 2), NAN, np.float32))


def test_measures_are_their_formulas() -> None:
    found = dict(zip(MEASURES, measure(grey(NOISE), face((0, 0, 64, 64))), strict=True))
    wide = np.pad(NOISE.astype(float), 1, mode="reflect")
    laplacian = wide[:-2, 1:-1] + wide[2:, 1:-1] + wide[1:-1, :-2] + wide[1:-1, 2:] - 4 * wide[1:-1, 1:-1]
    assert found == {
        "picture_w": 64,
        "picture_h": 64,
        "face_score": 0.9,
        "face_pixels": 64,
        "contrast": pytest.approx(NOISE.std(), abs=1e-4),
        "sharpness": pytest.approx(laplacian.std() / NOISE.std(), abs=1e-4),
    }


def test_blur_is_seen_and_size_and_light_are_not() -> None:
    sharp = cv2.GaussianBlur(cv2.resize(NOISE, (256, 256), interpolation=cv2.INTER_CUBIC), (0, 0), 3)
    sharpness = [
        measure(grey(pixels), None)[4]
        for pixels in (sharp, cv2.resize(sharp, (640, 640)), sharp // 3, cv2.GaussianBlur(sharp, (0, 0), 12))
    ]
    assert sharpness[1] == pytest.approx(sharpness[0], rel=0.05)
    assert sharpness[2] == pytest.approx(sharpness[0], rel=0.05)
    assert sharpness[3] < 0.5 * sharpness[0]


def test_the_face_is_measured_and_not_what_is_around_it() -> None:
    picture = np.zeros((100, 150), np.uint8)
    picture[20:84, 30:94] = NOISE
    measures = measure(grey(picture), face((30, 20, 64, 64), NAN))
    np.testing.assert_array_equal(measures[2:], [NAN, 64, *measure(grey(NOISE), None)[4:]])
    assert measures[:2].tolist() == [150, 100]
    assert measure(grey(picture), None)[4] != measures[4]


@pytest.mark.parametrize(
    "box", [(0.0, 0.0, 0.0, 0.0), (900.0, 900.0, 5.0, 5.0), (-50.0, -50.0, 500.0, 500.0)]
)
def test_no_picture_and_no_box_is_too_odd(box: tuple[float, float, float, float]) -> None:
    assert np.isfinite(measure(grey(NOISE), face(box))).all()
    flat = measure(np.full((1, 3000, 3), 7, np.uint8), None)
    assert flat[4:].tolist() == [0, 0] and np.isnan(flat[2:4]).all()


def test_each_limit_has_its_reason() -> None:
    good = {"face_score": NAN, "face_pixels": 90.0, "sharpness": 0.4, "contrast": 40.0}
    rows = [good, *(good | {name: least / 2} for name, least in LEAST.items()), good | {"face_pixels": NAN}]
    manifest = pd.DataFrame(rows)
    assert turned_away(manifest, "all") == [""] * 5
    assert turned_away(manifest, "faces") == ["", "", "", "", "no face is known"]
    reasons = turned_away(manifest, "good")
    assert (reasons[0], reasons[4]) == ("", "no face is known")
    assert reasons[2] == "not good: sharpness is 0.06, less than 0.12"
    assert [reason.split()[2] for reason in reasons[1:4]] == list(LEAST)


def test_what_is_not_kept_is_listed(
    tree: Maker, table: Maker, tmp_path: Path, picture: Callable[..., bytes]
) -> None:
    files = ["a.png", "blank.png", "faceless.png", "broken.png"]
    root = tree(files)
    Image.new("RGB", (30, 30), (90, 90, 90)).save(root / "blank.png")
    (root / "a.png").write_bytes(picture(0, (30, 30)))
    (root / "broken.png").write_bytes(b"no picture")
    boxes = {"box_x": [1, 1, None, 1], "box_y": [1, 1, None, 1], "box_w": [25, 25, None, 9]}
    boxes["box_h"] = boxes["box_w"]
    source = table("tree/t.csv", file=files, label=["sad", "fear", "sad", "sad"], **boxes)
    rule = CropRule("box", size=12, detect=False)
    for keep, kept in (("all", files[:3]), ("faces", files[:2]), ("good", files[:1])):
        summary = prepare(source, tmp_path / keep, rule, keep=keep)
        pack = Pack.open(summary.path)
        lost = pd.read_csv(summary.path / "unusable.csv").set_index("file")["reason"]
        assert pack.manifest["file"].tolist() == kept
        assert set(lost.index) == set(files) - set(kept)
        assert (summary.count, summary.unusable) == (len(kept), 4 - len(kept))
        assert summary.no_face == (keep == "all")
        assert pack.description["kept"] == keep
    assert "contrast is 0" in lost["blank.png"] or "sharpness is 0" in lost["blank.png"]
    assert lost["faceless.png"] == "no face is known"
    assert pack.manifest.loc[0, "face_pixels"] == 25 and pd.isna(pack.manifest.loc[0, "face_score"])
    with pytest.raises(UserError, match="other files or by another rule"):
        prepare(source, tmp_path / "good", rule)


def test_the_owners_columns_are_not_written_over(tree: Maker, table: Maker, tmp_path: Path) -> None:
    tree(["a.png", "b.png"])
    columns: dict[str, list[object]] = {"sharpness": [7, 8], "contrast": [1, 2], "owner_contrast": [3, 4]}
    source = table("tree/t.csv", file=["a.png", "b.png"], label=["sad", "fear"], **columns)
    summary = prepare(source, tmp_path / "out", CropRule("whole", size=12, detect=False))
    manifest = Pack.open(tmp_path / "out").manifest
    owners = ["owner_sharpness", "owner_owner_contrast", "owner_contrast"]
    assert manifest[owners].to_numpy().tolist() == [[7, 1, 3], [8, 2, 4]]
    assert (manifest["sharpness"] != manifest["owner_sharpness"]).all()
    assert any("sharpness is now owner_sharpness" in warning for warning in summary.warnings)


def test_a_rule_that_keeps_nothing_and_one_that_is_none(tree: Maker, tmp_path: Path) -> None:
    root, rule = tree(["happy/a.png", "sad/b.png"]), CropRule("whole", size=12, detect=False)
    with pytest.raises(UserError, match=r"None of the 2 pictures .* no face is known"):
        prepare(root, tmp_path / "out", rule, keep="faces")
    with pytest.raises(UserError, match="--keep is all or faces or good, not 'best'"):
        prepare(root, tmp_path / "out", rule, keep="best")  # type: ignore[arg-type]
    assert [path.name for path in tmp_path.iterdir()] == ["tree"]


def test_points_in_one_place_make_a_row_unusable_and_not_the_pack(
    tree: Maker, table: Maker, tmp_path: Path
) -> None:
    from ferda.data.manifest import LANDMARKS

    tree(["a.png", "b.png"])
    points = zip(LANDMARKS, (6, 6, 14, 6, 10, 10, 7, 15, 13, 15), strict=True)
    columns = {name: [value, 5] for name, value in points}
    source = table("tree/t.csv", file=["a.png", "b.png"], label=["sad", "fear"], **columns)
    summary = prepare(source, tmp_path / "out", CropRule("aligned", size=16))
    assert (summary.count, summary.unusable) == (1, 1)
    assert "landmarks" in pd.read_csv(tmp_path / "out" / "unusable.csv")["reason"][0]
