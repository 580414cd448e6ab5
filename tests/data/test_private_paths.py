from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from ferda.data.prepare import prepare
from ferda.data.private_paths import command_without_folders, without_folders
from ferda.data.readers import read_any
from ferda.faces.crops import CropRule

Maker = Callable[..., Path]


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("/home/ann/data/raf: 12 rows in /mnt/x/a.zip.", "data/raf: 12 rows in a.zip."),
        ("[Errno 2] No such file: '/home/ann/my photos/a.png'", "[Errno 2] No such file: 'a.png'"),
        ("/home/ann/my photos/a/t.csv and /home/bob/u.csv", "a/t.csv and u.csv"),
        (r"C:\Users\ann\raf\a.png, \\host\share\b.png", "a.png, b.png"),
        ("data/raf/a.png, ../raf, and/or, 1/2, https://x.org/a/b, ~/raf/x", None),
    ],
)
def test_what_stays_of_a_path_in_a_sentence(text: str, left: str | None) -> None:
    assert without_folders(text, Path("/home/ann/my photos/a")) == (left or text)


def test_what_stays_of_a_path_in_a_command() -> None:
    typed = "ferda prepare '/home/ann/my data/R=F' --out ../packs/raf --option images=/mnt/a/b x=1"
    assert command_without_folders(typed) == "ferda prepare R=F --out ../packs/raf --option images=b x=1"


def test_a_pack_tells_no_folder_of_its_maker(tree: Maker, table: Maker, tmp_path: Path) -> None:
    root = tree(["a.png", "b.png"], name="anns faces")
    source = table("anns faces/t.csv", file=["a.png", "b.png", "c.png"], label=["sad", "fear", "odd"])
    reading = read_any(source, missing="skip", unknown="unlabelled")
    (root / "b.png").unlink()
    rule = CropRule("whole", size=12, detect=False)
    summary = prepare(reading, tmp_path / "out", rule, command=f"ferda prepare '{source}'")
    assert str(tmp_path) in "".join(summary.warnings), "the user is told where"
    said = json.loads((tmp_path / "out" / "pack.json").read_text())
    assert said["command"] == "ferda prepare t.csv"
    assert said["read_as"].startswith("anns faces/t.csv: 2 rows, pictures in anns faces")
    assert said["remarks"] == ["anns faces/t.csv: kept without a label: 'odd' (1 row)."]
    lost = pd.read_csv(tmp_path / "out" / "unusable.csv").set_index("file")["reason"]
    assert "No such file" in lost["b.png"] and set(lost.index) == {"b.png", "c.png"}
    for file in (tmp_path / "out").iterdir():
        assert str(tmp_path).encode() not in file.read_bytes(), file.name
