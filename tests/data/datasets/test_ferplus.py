from __future__ import annotations

from pathlib import Path

import pytest

from ferda.data.datasets import dataset, read_dataset
from ferda.errors import UserError

from .miniatures.ferplus import ORDER, UNDECIDED, make, votes_of
from .miniatures.owner import text

HEADER = "Usage,Image name,neutral,happiness,surprise,sadness,anger,disgust,fear,contempt,unknown,NF"
UNKNOWN = "FER+ by majority: unknown"
#: Usage, whether FER+ kept it, votes.
ROWS = [
    ("Training", True, votes_of(1)),
    ("Training", False, votes_of(9)),
    ("Training", True, votes_of(3)),
    ("PublicTest", True, UNDECIDED),
    ("PrivateTest", True, votes_of(7)),
    ("PrivateTest", True, (2, 0, 0, 0, 3, 3, 2, 0, 0, 0)),
]


def lay(root: Path, rows: list[tuple[str, bool, tuple[int, ...]]]) -> list[str]:
    """Write both tables; return the lines of FER+'s."""
    pixels = "\n".join(f"0,{row} 2 3 4,{usage}" for row, (usage, _, _) in enumerate(rows))
    text(root / "fer2013.csv", f"emotion,pixels,Usage\n{pixels}\n")
    lines = [HEADER]
    for row, (usage, kept, votes) in enumerate(rows):
        name = f"fer{row:07d}.png" if kept else ""
        lines.append(f"{usage},{name},{','.join(map(str, votes))}")
    text(root / "FERPlus" / "fer2013new.csv", "\n".join(lines), newline="\r\n")
    return lines


def test_votes_are_joined_by_the_number_of_the_row(tmp_path: Path) -> None:
    lay(tmp_path, ROWS)
    text(tmp_path / "FERPlus" / "data" / "FER2013Train" / "label.csv", "as the repository has it")
    reading = read_dataset("ferplus", tmp_path)
    assert reading.manifest["file"].tolist() == [f"row{row:07d}.pgm" for row in (0, 2, 3, 4, 5)]
    assert reading.manifest["expression"].tolist() == ["happiness", "sadness", None, "contempt", None]
    assert reading.manifest["split"].tolist() == ["train", "train", "val", "test", "test"]
    assert reading.manifest["note"].tolist() == [None, None, UNKNOWN, None, UNKNOWN]
    assert reading.images.read("row0000002.pgm")[-4:] == bytes([2, 2, 3, 4])
    assert reading.unusable.to_dict("list") == {
        "file": ["row0000001.pgm"],
        "reason": ["FER+ removed it from FER2013"],
    }


@pytest.mark.parametrize(
    ("rule", "shared", "scattered"),
    [("majority", None, None), ("multi_target", "anger", "anger"), ("probability", "anger", None)],
)
def test_each_rule(tmp_path: Path, rule: str, shared: str | None, scattered: str | None) -> None:
    make(tmp_path / "folders")
    lay(tmp_path / "tables", ROWS)
    folders, tables = (read_dataset("ferplus", tmp_path / name, rule=rule) for name in ("folders", "tables"))
    assert folders.manifest["expression"].tolist() == [*ORDER, shared] * 3
    assert tables.manifest["expression"].tolist()[2:] == [shared, "contempt", scattered]
    for manifest, row in ((folders.manifest, 8), (tables.manifest, 2)):
        assert manifest.loc[row, ["votes_anger", "votes_disgust"]].tolist() == [0.5 if shared else 0] * 2
    assert folders.variant == rule


def test_an_unknown_rule_is_refused(tmp_path: Path) -> None:
    make(tmp_path)
    with pytest.raises(UserError, match="majority, probability, multi_target, got 'mayority'"):
        read_dataset("ferplus", tmp_path, rule="mayority")


def test_tables_that_do_not_belong_together_are_refused(tmp_path: Path) -> None:
    lines = lay(tmp_path, ROWS)
    path = tmp_path / "FERPlus" / "fer2013new.csv"
    for bad in (lines[:-1], [lines[0], *lines[:0:-1]]):  # thinned out, sorted
        text(path, "\n".join(bad))
        with pytest.raises(UserError, match="do not belong together"):
            read_dataset("ferplus", tmp_path)
    swapped = [lines[0], lines[3], lines[2], lines[1], *lines[4:]]  # within one part
    text(path, "\n".join(swapped))
    with pytest.raises(UserError, match=r"Row 0 .* is not fer0000000\.png"):
        read_dataset("ferplus", tmp_path)
    text(path, "\n".join(lines).replace("9,0,0", "nine,0,0"))
    with pytest.raises(UserError, match="with ten votes"):
        read_dataset("ferplus", tmp_path)
    text(path, "\n".join(lines).replace("contempt,unknown", "contempt,others"))
    with pytest.raises(UserError, match="no column 'unknown'"):
        read_dataset("ferplus", tmp_path)


def test_votes_without_pictures_are_told_what_to_put_beside(tmp_path: Path) -> None:
    lay(tmp_path, ROWS)
    (tmp_path / "fer2013.csv").unlink()
    with pytest.raises(UserError, match=r"put FER2013's own fer2013\.csv beside"):
        read_dataset("ferplus", tmp_path)


def test_the_published_numbers_add_up() -> None:
    totals = {
        rule: {split: sum(numbers.values()) for split, numbers in counts.items()}
        for rule, counts in dataset("ferplus").counts.items()
    }
    assert totals["majority"] == {"train": 25_045, "val": 3_191, "test": 3_137}
    assert totals["probability"] == {"train": 27_947, "val": 3_508, "test": 3_507}
    assert totals["multi_target"] == {"train": 27_667, "val": 3_472, "test": 3_466}
