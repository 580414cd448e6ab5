"""The pack in the package: what readers, tutorials and the demo rely on."""

import csv
import io
import zipfile
from collections import Counter

import numpy as np
import pytest
from PIL import Image

from ferda.errors import UserError
from ferda.expressions import BASIC
from ferda.synthetic.domains import DOMAINS
from ferda.synthetic.embedded import embedded_domains, embedded_files, embedded_points68
from ferda.synthetic.generate import COLUMNS
from ferda.synthetic.plan import plan_domain

NAMES = embedded_domains()


def rows_of(name):
    with embedded_files(name)[1].open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def tables():
    return {name: rows_of(name) for name in NAMES}


def test_the_source_comes_first():
    assert NAMES == ("studio", "street", "cctv")
    assert set(NAMES) == set(DOMAINS)


def test_the_whole_pack_is_small_enough_to_ship():
    folder = embedded_files("studio")[0].parent
    assert sum(path.stat().st_size for path in folder.iterdir()) <= 12 * 2**20
    assert {path.suffix for path in folder.iterdir()} <= {".zip", ".csv", ".npy", ".md", ".txt"}


def test_the_licence_of_the_geometry_travels_along():
    folder = embedded_files("studio")[0].parent
    licence = (folder / "LICENSE-ICT-FaceKit.txt").read_text(encoding="utf-8")
    assert "Copyright (c) 2020 USC Institute for Creative Technologies" in licence
    assert "MIT License" in licence
    assert (folder / "DATA_CARD.md").is_file()


@pytest.mark.parametrize("name", NAMES)
def test_every_row_has_its_picture_and_every_picture_its_row(name, tables):
    with zipfile.ZipFile(embedded_files(name)[0]) as archive:
        assert archive.namelist() == [row["file"] for row in tables[name]]
        for row in tables[name][::97]:
            image = Image.open(io.BytesIO(archive.read(row["file"])))
            assert image.size == (112, 112)
            assert image.convert("RGB").getextrema() != ((0, 0),) * 3


@pytest.mark.parametrize("name", NAMES)
def test_there_are_enough_pictures_of_every_class_in_every_split(name, tables):
    assert len(tables[name]) >= 900
    assert tuple(tables[name][0]) == COLUMNS
    for split, share in (("train", 0.60), ("val", 0.15), ("test", 0.25)):
        labels = Counter(row["label"] for row in tables[name] if row["split"] == split)
        assert set(labels) == set(BASIC)
        assert labels.total() / len(tables[name]) == pytest.approx(share, abs=0.02)


def test_two_domains_are_balanced_and_one_has_a_long_tail(tables):
    counts = {name: Counter(row["label"] for row in rows) for name, rows in tables.items()}
    for name in ("studio", "street"):
        assert max(counts[name].values()) - min(counts[name].values()) <= 3
    assert counts["cctv"]["neutral"] > 5 * counts["cctv"]["disgust"]


def test_nobody_is_in_two_splits_or_two_domains(tables):
    seen = {}
    for name, rows in tables.items():
        for row in rows:
            place = (name, row["split"])
            assert seen.setdefault(row["subject"], place) == place


@pytest.mark.parametrize("name", NAMES)
def test_landmarks_lie_in_the_box_and_agree_with_the_68(name, tables):
    rows = tables[name]
    five = np.array([[float(row[column]) for column in COLUMNS[8:]] for row in rows]).reshape(-1, 5, 2)
    box = np.array([[float(row[column]) for column in COLUMNS[4:8]] for row in rows])
    points68 = np.load(embedded_points68(name)).astype(float)
    assert points68.shape == (len(rows), 68, 2)
    expected = np.stack(
        [points68[:, 36:42].mean(1), points68[:, 42:48].mean(1), *points68[:, [30, 48, 54]].swapaxes(0, 1)], 1
    )
    assert np.abs(five - expected).max() < 0.1
    assert (five >= box[:, None, :2] - 0.01).all()
    assert (five <= (box[:, :2] + box[:, 2:])[:, None] + 0.01).all()
    assert (box[:, 2:] > 25).all()
    assert (five[:, 1, 0] > five[:, 0, 0]).all()  # the subject's left eye is on the picture's right
    reach = {"studio": 0.0, "street": 0.0, "cctv": 12.0}[name]
    assert five.min() >= -reach
    assert five.max() <= 112 + reach


@pytest.mark.parametrize("name", NAMES)
def test_the_table_is_what_its_own_plan_says(name, tables):
    plan = plan_domain(DOMAINS[name], len(tables[name]), seed=0)
    assert [(row["label"], row["split"]) for row in tables[name]] == [(p.label, p.split) for p in plan]


def test_the_domains_look_as_they_are_called():
    def colourfulness(name):
        with zipfile.ZipFile(embedded_files(name)[0]) as archive:
            images = [Image.open(io.BytesIO(archive.read(f))).convert("RGB") for f in archive.namelist()[:40]]
        return np.mean([np.asarray(image, dtype=float).std(axis=2).mean() for image in images])

    assert colourfulness("cctv") < 2 < 6 < min(colourfulness("studio"), colourfulness("street"))


def test_an_unknown_domain_is_refused_with_the_nearest_name():
    with pytest.raises(UserError, match="did you mean 'cctv'"):
        embedded_files("cctvv")
