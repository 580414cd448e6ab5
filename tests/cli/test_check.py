"""`ferda check` on packs with planted faults: what is said, what is written, and what it exits with."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from typer.testing import CliRunner

from ferda.cli.main import app
from ferda.data.datasets import dataset
from ferda.data.domain import open_domain
from ferda.data.pack import Pack, write_pack

ROWS = 40
CLASSES = ("happiness", "sadness")


def ferda(*words: Any, code: int) -> str:
    result = CliRunner().invoke(app, ["check", *map(str, words)])
    assert result.exit_code == code, f"{result.exit_code}: {result.stderr}{result.stdout}"
    assert "Traceback" not in result.stderr
    return result.stderr + result.stdout


def pictures(seed: int) -> np.ndarray:
    coarse = np.random.default_rng(seed).integers(30, 220, (ROWS, 12, 12), dtype=np.uint8)
    grown = [np.asarray(Image.fromarray(grid).resize((48, 48), Image.Resampling.BICUBIC)) for grid in coarse]
    return np.repeat(np.stack(grown)[..., None], 3, axis=3)


@pytest.fixture
def make(tmp_path: Path) -> Callable[..., Path]:
    def build(name: str, images: np.ndarray, **columns: Any) -> Path:
        table = {
            "file": [f"{name}-{row}.png" for row in range(ROWS)],
            "expression": [*CLASSES] * (ROWS // 2),
            "split": ["train"] * 30 + ["test"] * 10,
        }
        return write_pack(tmp_path / name, images, pd.DataFrame(table | columns)).path

    return build


def test_a_clean_pack(make: Callable[..., Path]) -> None:
    said = ferda(make("a", pictures(0)), make("b", pictures(1)), code=0)
    assert "Clean." in said and "happiness" in said and "shared" not in said


def test_found_written_excluded_and_taken_back(make: Callable[..., Path], tmp_path: Path) -> None:
    images, others = pictures(0), pictures(1)
    images[35] = images[2][:, ::-1]
    others[:3] = images[[7, 8, 39]]
    one, other = make("a", images), make("b", others)
    said = ferda(one, other, "--out", tmp_path / "pairs.csv", code=1)
    assert "a@train" in said and "--exclude would take 3 rows" in said and "Not clean." in said
    pairs = pd.read_csv(tmp_path / "pairs.csv")
    assert set(zip(pairs["file_a"], pairs["file_b"], strict=True)) == {
        ("a-2.png", "a-35.png"),
        ("a-7.png", "b-0.png"),
        ("a-8.png", "b-1.png"),
        ("b-2.png", "a-39.png"),
    }
    assert pairs["mirrored"].sum() == 1 and set(pairs["how"]) == {"picture"}
    said = ferda(one, other, "--exclude", code=0)
    assert "a: 3 rows are out of use now" in said and "b: 1 rows are out of use now" in said
    assert open_domain(f"{one}@train", CLASSES).rows.tolist() == [*{*range(30)} - {2, 7, 8}]
    assert len(open_domain(f"{one}@test", CLASSES)) == 10
    assert "3 of 40 rows are out of use" in ferda(one, other, code=0)
    assert len(open_domain(f"{one}@train", CLASSES)) == 27
    ferda(one, other, "--include-all", code=1)
    assert len(open_domain(f"{one}@train", CLASSES)) == 30


def test_two_test_rows_remain_a_leak(make: Callable[..., Path]) -> None:
    images, others = pictures(0), pictures(1)
    others[35] = images[34]
    packs = make("a", images), make("b", others)
    assert "Not clean." in ferda(*packs, "--exclude", code=1)
    assert not (packs[0] / "excluded.csv").exists() and not (packs[1] / "excluded.csv").exists()


def test_near_copies_can_be_left_aside_and_copies_within_a_split_asked_for(make: Callable[..., Path]) -> None:
    images = pictures(0)
    images[35], images[4] = images[2], images[3]
    pack = make("a", images)
    ferda(pack, "--no-pictures", code=0)
    document = json.loads(ferda(pack, "--within", "--json", code=1))
    assert [pair["row_a"] for pair in document["pairs"]] == [2, 4]
    assert [row["split_b"] for row in document["shared"]] == ["test", "train"]
    assert document["packs"][0]["to_exclude"] == 2 and document["packs"][0]["rows"] == ROWS
    assert document["is_clean"] is False


def test_one_class_is_not_clean(make: Callable[..., Path]) -> None:
    said = ferda(make("a", pictures(0), expression=["fear"] * ROWS), code=1)
    assert "All labelled rows are 'fear'" in said and "Not clean." in said


def test_counts_against_the_official_table(tmp_path: Path) -> None:
    official = dataset("sfew").counts["aligned"]
    codes = list(dict.fromkeys(dataset("sfew").codes.values()))
    rows = [
        {"split": split, "expression": codes[(codes.index(name) + 1) % len(codes)]}
        for split, table in official.items()
        for name, count in table.items()
        for _ in range(count)
    ]
    table = pd.DataFrame(rows).assign(file=[f"{row}.png" for row in range(len(rows))])
    pack = write_pack(tmp_path / "sfew", np.zeros((len(rows), 16, 16, 3), np.uint8), table).path
    words = (pack, "--no-pictures", "--dataset", "sfew")
    said = " ".join(ferda(*words, code=1).split())
    assert "each number was read one too high" in said and "difference" in said
    found = json.loads(ferda(*words, "--json", code=1))["packs"][0]
    train = {row["expression"]: row["difference"] for row in found["official"] if row["split"] == "train"}
    assert train[codes[1]] == official["train"][codes[0]] - official["train"][codes[1]] != 0
    right = table.assign(expression=[codes[codes.index(name) - 1] for name in table["expression"]])
    right.loc[0, "expression"] = None
    other = write_pack(tmp_path / "right", np.zeros((len(rows), 16, 16, 3), np.uint8), right).path
    assert "1 rows differ from the official counts of SFEW 2.0" in ferda(other, *words[1:], code=0)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["{pack}", "{pack}"], "named twice"),
        (["{pack}/nowhere"], "is not a pack"),
        (["{pack}", "--dataset", "raf-bd"], "did you mean 'raf-db'"),
        (["{pack}", "--out", "{pack}/no/pairs.csv"], "Cannot write"),
    ],
)
def test_bad_input(make: Callable[..., Path], words: list[str], sentence: str) -> None:
    pack = make("a", pictures(0))
    assert sentence in ferda(*(word.format(pack=pack) for word in words), code=2)


def test_a_pack_says_itself_what_it_is(make: Callable[..., Path]) -> None:
    path = make("a", pictures(0))
    about = json.loads((path / "pack.json").read_text())
    (path / "pack.json").write_text(json.dumps(about | {"dataset": "raf-db", "variant": "basic"}))
    assert Pack.open(path).description["dataset"] == "raf-db"
    assert "rows differ from the official counts of RAF-DB" in ferda(path, code=0)
