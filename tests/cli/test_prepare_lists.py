"""`ferda prepare` takes lists and numbered folders of the original programs, or says why not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from ferda.cli.main import app
from ferda.data.pack import Pack


def ferda(*words: Any, code: int) -> str:
    result = CliRunner().invoke(app, [str(word) for word in words])
    assert result.exit_code == code, f"{result.exit_code}: {result.stderr}{result.stdout}"
    assert "Traceback" not in result.stderr
    return " ".join((result.stderr + result.stdout).split())


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    for number in range(7):
        path = tmp_path / "faces" / str(number) / "a.png"
        path.parent.mkdir(parents=True)
        noise = np.random.default_rng(number).integers(0, 256, (24, 24, 3))
        Image.fromarray(noise.astype(np.uint8)).save(path)
    return tmp_path / "faces"


@pytest.fixture
def listing(tmp_path: Path, pictures: Path) -> Path:
    path = tmp_path / "CK.txt"
    path.write_bytes(b"\r\n".join(b"%d/a.png %d" % (number, number) for number in (*range(7), 0)))
    return path


PACK = ("--crop", "whole", "--no-detect", "--size", "16")


def test_a_list_becomes_a_pack(tmp_path: Path, pictures: Path, listing: Path) -> None:
    said = ferda(
        *(
            "prepare",
            listing,
            "--root",
            pictures,
            "--class-order",
            "la-cmfer",
            "--out",
            tmp_path / "pack",
            *PACK,
        ),
        code=0,
    )
    assert "7 pictures" in said and "1 rows repeat another" in said
    manifest = Pack.open(tmp_path / "pack").manifest
    assert manifest["expression"].tolist()[:3] == ["surprise", "fear", "disgust"]
    assert manifest["listed"].tolist() == [2, 1, 1, 1, 1, 1, 1]


@pytest.mark.parametrize("order", [["manet"], ["neutral,happy,sad,surprise", "fear", "disgust,anger"]])
def test_numbered_folders_become_a_pack(tmp_path: Path, pictures: Path, order: list[str]) -> None:
    ferda("prepare", pictures, "--class-order", *order, "--out", tmp_path / "pack", *PACK, code=0)
    assert Pack.open(tmp_path / "pack").manifest["expression"].tolist()[:2] == ["neutral", "happiness"]


def test_numbered_folders_without_an_order_have_no_labels(tmp_path: Path, pictures: Path) -> None:
    said = ferda("prepare", pictures, "--out", tmp_path / "pack", *PACK, code=0)
    assert "unlabelled 7" in said and "folders called 0, 1, 2, 3, 4, 5, 6" in said and "--class-order" in said


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["{list}", "--root", "{root}", "--class-order", "lacmfer"], "did you mean 'la-cmfer'"),
        (["{list}", "--root", "{root}", "--class-order", "happy,sad,fear"], "'6' (1 row): it counts from 0"),
        (["{list}", "--root", "{root}"], "--class-order"),
        (["{list}", "--class-order", "osa"], "--root"),
        (["{list}", "--root", "{root}/nowhere", "--class-order", "osa"], "nowhere"),
        (["{root}", "--root", "{root}", "--class-order", "osa"], "has no option 'images'"),
    ],
)
def test_a_mistake_ends_in_a_sentence(
    tmp_path: Path, pictures: Path, listing: Path, words: list[str], sentence: str
) -> None:
    typed = [word.format(list=listing, root=pictures) for word in words]
    assert sentence in ferda("prepare", *typed, "--out", tmp_path / "pack", *PACK, code=2)
    assert not (tmp_path / "pack").exists()
