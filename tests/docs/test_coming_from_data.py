"""Every `ferda prepare` of the pages for users of other programs is run, on their layouts in miniature."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from ferda.cli.main import app
from ferda.data.pack import Pack
from ferda.expressions import BASIC, CLASS_ORDERS

FOLDER = Path(__file__).parents[2] / "docs" / "coming-from"
POINTS = "8 10\n16 10\n12 14\n9 18\n15 18\n"
Lay = Callable[[Path], None]


def draw(root: Path, names: Iterable[str]) -> list[str]:
    """Write pictures of noise; return their names."""
    names = list(names)
    for seed, name in enumerate(names):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        noise = np.random.default_rng(seed).integers(0, 256, (24, 24, 3))
        Image.fromarray(noise.astype(np.uint8)).save(root / name)
    return names


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def numbered(*folders: str) -> Lay:
    """Class folders 0 to 6, each with a picture of that name."""

    def lay(root: Path) -> None:
        draw(root, (f"{top}/{k}/{k}.png" for top in folders for k in range(7)))

    return lay


def named(top: str, *parts: str) -> Lay:
    """Class folders by name, with landmark and box files beside them."""

    def lay(root: Path) -> None:
        for part in parts:
            draw(root / top, (f"{part}/{word}/{part}{word}.png" for word in BASIC))
            for word in BASIC:
                write(root / top / f"landmarks/{part}/{word}/{part}{word}.txt", POINTS)
                write(root / top / f"boxes/{part}{word}.txt", "2 2 22 22\n")

    return lay


def lists_of_la_cmfer(root: Path) -> None:
    for name in ("CK", "JAFFE", "Oulu", "RAF", "FER2013_train", "FER2013_test", "Aff"):
        files = draw(root.parent / "datasets", (f"{name}/{k}.png" for k in range(7)))
        lines = [f"../datasets/{file} {k}" for k, file in enumerate(files)]
        write(root / f"data/{name}.txt", "\r\n".join([*lines, lines[0].replace("/", "\\")]))


def rafs_list(ending: str, place: str, table: str) -> Lay:
    def lay(root: Path) -> None:
        stems = [f"{part}_0000{k}" for part in ("train", "test") for k in range(1, 8)]
        draw(root / place, (f"{stem}{ending}.jpg" for stem in stems))
        write(root / table, "".join(f"{stem}.jpg {stem[-1]}\n" for stem in stems))
        for stem in stems:
            write(root / f"Landmarks_5/{stem}.txt", POINTS)
            write(root / f"boundingbox/{stem}_boundingbox.txt", "2 2 22 22\n")

    return lay


def afe_and_expw(root: Path) -> None:
    codes = (0, 1, 3, 4, 5, 6, 9, 2)
    draw(root / "AFE/images", (f"film/{code}.png" for code in codes))
    write(root / "AFE/list/train_list.txt", "".join(f"film/{code}.png 2 2 22 22 {code}\n" for code in codes))
    for code in codes:
        write(root / f"AFE/annos/landmark_5/film/{code}.txt", POINTS)
    draw(root / "ExpW/image/origin", (f"{k}.png" for k in range(7)))
    points = " ".join(POINTS.split())
    write(root / "ExpW/train.lst", "".join(f"{k}.png 0 2 2 22 22 {k} {points}\n" for k in range(7)))


def esrs_data(root: Path) -> None:
    for part in ("Training_Labeled", "Validation"):
        draw(root / "AffectNet", (f"{part}/0/000000{k}s{k}s100s-100.jpg" for k in range(8)))
    for part in ("FER2013Train", "FER2013Valid", "FER2013Test"):
        names = draw(root / "FER_2013/Dataset/Images", (f"{part}/fer000000{k}.png" for k in range(8)))
        votes = np.eye(10, dtype=int)[:8] * 10
        rows = (
            f'{Path(name).name},"(0, 0, 24, 24)",{",".join(map(str, row))}'
            for name, row in zip(names, votes, strict=True)
        )
        write(root / f"FER_2013/Dataset/Labels/{part}/label.csv", "\n".join(rows))


def ck_plus(root: Path) -> None:
    for code in range(1, 8):
        place = f"S01{code}/001/S01{code}_001_"
        draw(root / "CK+/cohn-kanade-images", (f"{place}{frame:08d}.png" for frame in range(1, 5)))
        write(root / f"CK+/Emotion/{place}00000004_emotion.txt", f"   {code:.7e}\n")


CD_FER = rafs_list("", "original", "list_patition_label.txt")
LAYOUTS: dict[str, tuple[Lay, ...]] = {
    "aglrls": (CD_FER, named("SFEW", "Train", "Val"), afe_and_expw),
    "agra": (CD_FER, named("CK", "Train", "Val")),
    "ddamfn": (numbered("rafdb/train", "rafdb/test", "rafdb-original/train", "rafdb-original/test"),),
    "diversified-fer": (
        esrs_data,
        rafs_list("_aligned", "Image/aligned", "EmoLabel/list_patition_label.txt"),
    ),
    "esr": (esrs_data, ck_plus),
    "la-cmfer": (lists_of_la_cmfer,),
    "ma-net": (numbered("RAF-DB/train", "RAF-DB/test"),),
    "osa": (numbered("RAF/train", "SFEW/train", "SFEW/valid"),),
}
#: Where a file is called 0, 1, 2 … what it must have become.
ORDERS = {"ddamfn": "ddamfn", "la-cmfer": "la-cmfer", "ma-net": "manet", "osa": "osa"}


@pytest.mark.slow
@pytest.mark.parametrize("page", LAYOUTS)
def test_data_of_the_original_programs_is_prepared(
    page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "program"
    place.mkdir()
    monkeypatch.chdir(place)
    for lay in LAYOUTS[page]:
        lay(place)
    text = (FOLDER / f"{page}.md").read_text(encoding="utf-8")
    commands = [shlex.split(line) for line in re.findall(r"^\$ ferda (prepare .*)$", text, re.M)]
    assert commands
    for words in commands:
        result = CliRunner().invoke(app, [*words, "--size", "16"])
        assert result.exit_code == 0, f"ferda {shlex.join(words)}\n{result.stderr}"
        manifest = Pack.open(words[words.index("--out") + 1]).manifest
        known = set(manifest["expression"].dropna())
        assert known >= set(BASIC), f"ferda {shlex.join(words)}: {known}"
        if page in ORDERS:
            order = CLASS_ORDERS[ORDERS[page]]
            expected = [order[int(Path(file).stem)] for file in manifest["file"]]
            assert manifest["expression"].tolist() == expected


def test_every_page_has_a_layout() -> None:
    assert sorted(LAYOUTS) == sorted(path.stem for path in FOLDER.glob("*.md"))
