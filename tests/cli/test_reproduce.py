from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from ferda.cli.main import app

NAME = "agra/raf-db/ck-plus/ir50"
SMALL = (
    "method.backbone=ir_small",
    "method.backbone_options={widths: [8, 8, 8, 8]}",
    "method.part_width=8",
    "data.classes=[happiness, sadness]",
    "data.size=32",
    "training.batch=4",
    "training.precision=fp32",
    "training.stages={source: {epochs: 1, epoch_steps: 1}, adapt: {epochs: 2, epoch_steps: 1}}",
)


def ferda(*words: object) -> Result:
    return CliRunner().invoke(app, ["reproduce", *map(str, words)])


@pytest.mark.slow
def test_a_result_is_trained_again_and_compared(tiny_pack: Callable[..., Path], tmp_path: Path) -> None:
    data = (f"raf-db={tiny_pack(tmp_path / 'raf', 0)}", f"ck-plus={tiny_pack(tmp_path / 'ck', 1)}")
    words = (NAME, "--data", *data, "--set", *SMALL, "--out", tmp_path / "out")
    done = ferda(*words, "--json")
    assert done.exit_code == 0, done.stderr
    found = json.loads(done.stdout)
    assert (found["published"], found["compared"]) == (85.27, "oracle")
    (training,) = found["trainings"]
    assert training["faces"] == 6
    assert training["oracle"] >= max(training["chosen"], training["last"])
    assert found["difference"] == pytest.approx(training["oracle"] - 85.27)
    assert "you changed method.part_width=8" in found["differs"]
    kept = tmp_path / "out" / "cell" / "agra" / "0" / "best.safetensors"
    before = kept.stat().st_mtime_ns
    again = ferda(*words)
    assert again.exit_code == 0, again.stderr
    assert kept.stat().st_mtime_ns == before
    for said in (
        "published, chosen by target test labels",
        "ours, oracle",
        "Difference: ",
        "- 6 faces were tested",
    ):
        assert said in again.stdout, said


def test_what_there_is_is_listed_with_what_it_needs() -> None:
    listed = json.loads(ferda("agra/raf-db", "--json").stdout)["results"]
    assert len(listed) == 15
    first = next(one for one in listed if one["result"] == NAME)
    assert (first["accuracy"], first["recipe"]) == (85.27, "agra_paper")
    assert first["needs"] == "raf-db ck-plus"
    assert "arXiv 2008.00923" in first["place"]
    whole = ferda("manet")
    assert "88.40 " in whole.stdout and "not here: SAFN: theirs sees no target face" in whole.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("agra/raf-db", "--data", "raf-db=x"), "15 results are called so; name one: agra/raf-db/ck-plus"),
        ((NAME, "--data", "raf-db"), "--data takes NAME=PACK"),
        (
            (NAME, "--data", "raf-db=x"),
            "prepare it (ferda prepare ck-plus --root FOLDER --out packs/ck-plus)",
        ),
        (("argra",), "did you mean 'agra'"),
        ((NAME, "--data", "raf-db=x", "ck-plus=y", "--set", "training.lr=1"), "training.lr: unknown key"),
    ],
)
def test_what_cannot_work_is_one_sentence(tmp_path: Path, words: tuple[str, ...], said: str) -> None:
    done = ferda(*words, "--out", tmp_path / "out")
    assert done.exit_code == 2, done.stdout
    assert said in done.stderr
    assert not (tmp_path / "out").exists()
