import csv
import io
import zipfile
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from ferda.errors import UserError
from ferda.synthetic import generate
from ferda.synthetic.domains import STUDIO
from ferda.synthetic.generate import COLUMNS, generate_domain

SMALL = {"count": 21, "size": 40}


@pytest.fixture(scope="module")
def made(head, tmp_path_factory):
    folder = tmp_path_factory.mktemp("made")
    calls = []
    made = generate_domain(head, STUDIO, folder, **SMALL, progress=lambda done, of: calls.append((done, of)))
    return made, calls


def bytes_of(domain):
    return [path.read_bytes() for path in vars(domain).values()]


def test_table_zip_and_points_agree(made):
    domain, _ = made
    with domain.table.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        rows = list(reader)
    assert tuple(reader.fieldnames) == COLUMNS
    points = np.load(domain.points68)
    assert points.shape == (21, 68, 2)
    assert points.dtype == np.float16
    with zipfile.ZipFile(domain.images) as archive:
        assert sorted(archive.namelist()) == [row["file"] for row in rows]
        assert rows[0]["file"] == "images/studio_00001.webp"
        image = Image.open(io.BytesIO(archive.read(rows[0]["file"])))
        assert image.size == (40, 40)
    for row, truth in zip(rows, points.astype(float), strict=True):
        assert float(row["nose_x"]) == pytest.approx(truth[30, 0], abs=0.06)
        assert float(row["right_eye_y"]) == pytest.approx(truth[36:42, 1].mean(), abs=0.06)
        assert float(row["left_mouth_x"]) == pytest.approx(truth[54, 0], abs=0.06)


def test_progress_ends_at_the_whole(made):
    _, calls = made
    assert calls[0] == (0, 21)
    assert calls[-1] == (21, 21)


def test_only_the_three_files_remain(made):
    domain, _ = made
    assert sorted(path.name for path in domain.table.parent.iterdir()) == [
        "studio.csv",
        "studio.zip",
        "studio_points68.npy",
    ]


def test_stopping_and_going_on_gives_the_same_bytes(head, made, tmp_path, monkeypatch):
    monkeypatch.setattr(generate, "_PART", 8)
    real, drawn = generate._draw_part, []

    def stops(piece):
        if len(drawn) == 2:
            raise KeyboardInterrupt
        drawn.append(piece[0].name)
        return real(piece)

    monkeypatch.setattr(generate, "_draw_part", stops)
    with pytest.raises(KeyboardInterrupt):
        generate_domain(head, STUDIO, tmp_path, **SMALL)
    assert not (tmp_path / "studio.zip").exists()
    rest = []
    monkeypatch.setattr(generate, "_draw_part", lambda piece: rest.append(piece[0].name) or real(piece))
    again = generate_domain(head, STUDIO, tmp_path, **SMALL)
    assert not set(drawn) & set(rest)
    assert bytes_of(again) == bytes_of(made[0])


def test_another_request_does_not_reuse_parts(head, tmp_path, monkeypatch):
    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(generate, "_assemble", stop)
    for changes in ({}, {"seed": 1}, {"size": 36}):
        with pytest.raises(KeyboardInterrupt):
            generate_domain(head, STUDIO, tmp_path, **{**SMALL, **changes})
    assert len(list(tmp_path.glob(".studio-*"))) == 3


@pytest.mark.slow
def test_two_processes_draw_the_same_bytes(head, made, tmp_path, monkeypatch):
    monkeypatch.setattr(generate, "_PART", 11)
    assert bytes_of(generate_domain(head, STUDIO, tmp_path, **SMALL, workers=2)) == bytes_of(made[0])


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"count": 3}, "count must lie between"),
        ({"size": 8}, "size must lie between"),
        ({"workers": 0}, "workers must lie between"),
        ({"class_mix": "balancd"}, "did you mean 'balanced'"),
    ],
)
def test_mistakes_are_answered_in_words(head, tmp_path, changes, said):
    with pytest.raises(UserError, match=said):
        generate_domain(head, STUDIO, tmp_path, **{**SMALL, **changes})


def test_the_class_mix_can_be_set(head, tmp_path):
    domain = generate_domain(head, replace(STUDIO, name="tail"), tmp_path, **SMALL, class_mix="long_tailed")
    labels = [line.split(",")[1] for line in domain.table.read_text().splitlines()[1:]]
    assert labels.count("neutral") > labels.count("disgust")
    assert domain.table.name == "tail.csv"
