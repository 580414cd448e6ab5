"""What holds for every official data set, shown on its miniature (tests/data/datasets/miniatures)."""

from __future__ import annotations

import importlib
import math
import shutil
from pathlib import Path
from types import ModuleType
from typing import Any

import pandas as pd
import pytest
from typer.testing import CliRunner

from ferda.cli.main import app
from ferda.data.datasets import dataset, known_name, list_datasets, read_dataset
from ferda.data.manifest import SPLITS, check_manifest
from ferda.data.pack import Pack
from ferda.errors import UserError
from ferda.expressions import EXPRESSIONS

from .miniatures.owner import junk, pack_up

NAMES = list_datasets()


def miniature(name: str) -> ModuleType:
    return importlib.import_module(f".miniatures.{name.replace('-', '_')}", __package__)


def laid(name: str, root: Path) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """The miniature's rows and the reader's options, the data set below `root`."""
    module = miniature(name)
    return module.make(root), getattr(module, "OPTIONS", {})


def assert_rows(manifest: pd.DataFrame, rows: list[dict[str, Any]]) -> None:
    manifest = manifest.sort_values("file", kind="stable", ignore_index=True)
    rows = sorted(rows, key=lambda row: str(row["file"]))
    assert manifest["file"].tolist() == [row["file"] for row in rows]
    for found, row in zip(manifest.to_dict("records"), rows, strict=True):
        for column, expected in row.items():
            value = found[column]
            if expected is None:
                assert value is None or pd.isna(value), (row["file"], column, value)
            elif isinstance(expected, float):
                assert math.isclose(value, expected, abs_tol=1e-4), (row["file"], column, value)
            else:
                assert value == expected, (row["file"], column, value)


@pytest.mark.parametrize("name", NAMES)
def test_every_row_comes_out_of_the_command_line(name: str, tmp_path: Path) -> None:
    root, out = tmp_path / "owner", tmp_path / "pack"
    rows, options = laid(name, root)
    reading = read_dataset(name, root, **options)
    assert_rows(reading.manifest, rows)
    assert reading.variant in (dataset(name).counts or [reading.variant]), "published counts are of variants"
    command = ["prepare", name, "--root", str(root), "--out", str(out), "--size", "16"]
    for option, value in options.items():
        command += ["--option", f"{option}={value}"]
    result = CliRunner().invoke(app, [*command, "--crop", "whole", "--no-detect"])
    assert result.exit_code == 0, result.output
    pack = Pack.open(out)
    assert pack.description["dataset"] == name
    read = ("file", "expression", "split", "subject", "source_label")  # boxes are filled in
    assert_rows(pack.manifest, [{name: row[name] for name in read if name in row} for row in rows])
    lost = getattr(miniature(name), "LOST", 0)
    assert len(pd.read_csv(out / "unusable.csv")) == lost
    assert not lost or f"{lost} pictures" in result.output


@pytest.mark.parametrize("name", NAMES)
def test_the_root_may_be_a_level_off_and_an_archive(name: str, tmp_path: Path) -> None:
    root = tmp_path / "above" / "owner"
    _, options = laid(name, root)
    junk(root)
    plain = read_dataset(name, root, **options)
    check_manifest(plain.manifest)
    assert len(read_dataset(name, root.parent, **options).manifest) == len(plain.manifest)
    if below := getattr(miniature(name), "BELOW", None):
        assert len(read_dataset(name, root / below, **options).manifest) == len(plain.manifest)
    if not any(root.rglob("*.zip")):
        shutil.rmtree(root / "__MACOSX")
        pack_up(root, tmp_path / "owner.zip")
        packed = read_dataset(name, tmp_path / "owner.zip", **options)
        assert packed.manifest["expression"].tolist() == plain.manifest["expression"].tolist()
        assert packed.images.read(packed.manifest["file"].iloc[0])


@pytest.mark.parametrize("name", NAMES)
def test_what_is_known_of_it_is_consistent(name: str) -> None:
    known = dataset(name)
    assert all((known.title, known.paper, known.access, known.terms, known.layout, known.protocol))
    assert set(known.codes.values()) <= set(EXPRESSIONS)
    assert known.codes or not known.counts
    for counts in known.counts.values():
        assert set(counts) <= {*SPLITS, ""}
        assert all(set(classes) <= set(EXPRESSIONS) for classes in counts.values())
    assert known.counts_note or not known.counts


@pytest.mark.parametrize("name", NAMES)
def test_another_folder_is_refused_with_the_layout(name: str, tmp_path: Path) -> None:
    (tmp_path / "holiday").mkdir()
    (tmp_path / "holiday" / "beach.jpg").write_bytes(b"")
    with pytest.raises(UserError, match="does not look like"):
        read_dataset(name, tmp_path)


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        *(("rafdb", "raf-db"), ("RAF_DB", "raf-db"), (" Raf Db", "raf-db"), ("CK+", "ck-plus")),
        *(("FER-2013", "fer2013"), ("AffWild2", "aff-wild2"), ("bu3dfe", "bu-3dfe"), ("FER+", "ferplus")),
    ],
)
def test_a_name_is_known_however_it_is_spelled(typed: str, name: str) -> None:
    assert dataset(typed) is dataset(name)
    assert known_name(typed) == name


def test_a_name_nearly_right_is_offered() -> None:
    assert known_name("raf-bd") is None and known_name("data/raf-db") is None
    with pytest.raises(UserError, match="did you mean 'raf-db'"):
        dataset("raf-bd")
