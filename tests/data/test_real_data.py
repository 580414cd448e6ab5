"""Three real domains, where they are: `FERDA_DATA` names the folder. Skipped elsewhere."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from ferda.data.domain import open_domain
from ferda.data.labels import LabelRule
from ferda.data.pack import Pack
from ferda.data.prepare import prepare
from ferda.data.readers import read_any
from ferda.faces.crops import CropRule

pytestmark = [
    pytest.mark.skipif("FERDA_DATA" not in os.environ, reason="FERDA_DATA names no folder with real data."),
    pytest.mark.slow,
]


@pytest.fixture(scope="module")
def data() -> Path:
    return Path(os.environ["FERDA_DATA"])


@pytest.mark.parametrize(
    ("name", "rows", "happiness"),
    [("fer2013_dev", 27_967, 7828), ("mux_lfw_dev", 1984, 743), ("mux_movie_dev", 642, 300)],
)
def test_counts_are_those_of_the_owners_table(data: Path, name: str, rows: int, happiness: int) -> None:
    manifest = read_any(data / f"{name}.csv").manifest
    assert len(manifest) == rows
    assert int((manifest["expression"] == "happiness").sum()) == happiness


def test_another_opinion_can_be_the_label(data: Path) -> None:
    manifest = read_any(data / "fer2013_dev.csv", label="ferplus_label").manifest
    counts = manifest["expression"].value_counts()
    assert (counts["contempt"], counts["disgust"]) == (64, 34)
    assert int(manifest["expression"].isna().sum()) == 6195
    assert manifest["split"].value_counts().to_dict() == {"train": 24_670, "val": 3297}


def test_votes_of_a_prepared_domain(data: Path) -> None:
    crop = CropRule(kind="whole", size=24, detect=False)
    rule = LabelRule("votes", min_votes=6)
    domain = open_domain(f"{data / 'fer2013_dev.csv'}@train", rule=rule, crop=crop)
    soft = domain.soft_labels()
    assert soft is not None
    np.testing.assert_allclose(soft.sum(1), 1, rtol=1e-5)
    assert len(domain) == 24_443
    assert domain.left_out == {"too few votes": 227}


def test_film_crops_of_odd_sizes_keep_every_row(data: Path, tmp_path: Path) -> None:
    reading = read_any(data / "mux_movie_dev.csv")
    few = type(reading)(reading.manifest.iloc[:40].reset_index(drop=True), reading.images, reading.told)
    summary = prepare(few, tmp_path / "movie", CropRule(kind="aligned", size=112))
    pack = Pack.open(tmp_path / "movie")
    assert (summary.count, summary.unusable) == (40, 0)
    assert summary.no_face <= 4
    found = np.isfinite(pack.landmarks).all((1, 2))
    assert int((~found).sum()) == summary.no_face
    eyes = pack.landmarks[found][:, :2].mean(0)
    assert eyes[0, 0] < eyes[1, 0]  # the subject's right eye is on the picture's left
