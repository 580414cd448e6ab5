"""The quick start is done word for word, on few and small faces."""

import csv
import re
import shlex
import zipfile
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ferda.cli.main import app
from ferda.synthetic.embedded import embedded_files

PAGE = Path(__file__).parents[2] / "docs" / "quickstart.md"
#: Laid over every `ferda fit` of the page, so that it takes seconds.
SMALL = (
    "method.backbone=small_cnn data.size=32 training.batch=8 training.epochs=1 training.epoch_steps=2 "
    "training.precision=fp32 training.score_rows=32"
)


def unpack(domain: str, split: str, folder: Path, each: int, *, with_labels: bool) -> None:
    """Lay rendered pictures out as a user would: one folder per expression, or one heap."""
    images, table = embedded_files(domain)
    words = {"happiness": "Happy", "anger": "angry", "sadness": "sad"}
    taken: dict[str, int] = {}
    with zipfile.ZipFile(images) as archive, table.open(newline="") as rows:
        for row in csv.DictReader(rows):
            label = row["label"]
            taken[label] = taken.get(label, 0) + (row["split"] == split)
            if row["split"] == split and taken[label] <= each:
                place = folder / words.get(label, label) if with_labels else folder
                place.mkdir(parents=True, exist_ok=True)
                (place / Path(row["file"]).name).write_bytes(archive.read(row["file"]))


def commands() -> list[list[str]]:
    lines = re.findall(r"^\$ (ferda .*)$", PAGE.read_text(), re.M)
    return [shlex.split(line)[1:] for line in lines]


@pytest.mark.slow
def test_the_quick_start_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    photos = tmp_path / "photos"
    unpack("studio", "train", photos / "labelled", 5, with_labels=True)
    unpack("street", "train", photos / "hall", 4, with_labels=False)
    unpack("street", "test", photos / "hall-labelled", 3, with_labels=True)
    unpack("street", "val", photos / "new", 1, with_labels=False)
    for words in commands():
        small = ["--set", *SMALL.split()] if words[0] == "fit" else []
        result = CliRunner().invoke(app, [*words, *small])
        assert result.exit_code == 0, f"ferda {shlex.join(words)}\n{result.stderr}"
    faces = list(csv.DictReader((tmp_path / "faces.csv").open(newline="")))
    assert {row["expression"] for row in faces if row["expression"]} and "p_happiness" in faces[0]
    assert "</html>" in (tmp_path / "reports" / "hall" / "report.html").read_text()
    assert (tmp_path / "runs" / "hall" / "best.safetensors").is_file()
