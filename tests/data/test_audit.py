from __future__ import annotations

import pandas as pd
import pytest

from ferda.data.audit import RARE, audit, count_table
from ferda.data.manifest import complete_manifest
from ferda.expressions import BASIC


def manifest(expressions: list[str | None], **columns: list[object]) -> pd.DataFrame:
    files = [f"{row}.png" for row in range(len(expressions))]
    return complete_manifest(pd.DataFrame({"file": files, "expression": expressions, **columns}))


def plenty() -> list[str | None]:
    return [name for name in BASIC for _ in range(RARE)]


def test_a_sound_data_set_has_no_warnings() -> None:
    assert audit(manifest(plenty())).warnings == ()


def test_counts_have_every_class_and_split() -> None:
    table = count_table(manifest(["fear", "fear", None, "contempt"], split=["train", "test", "train", None]))
    assert table.index.tolist() == [*BASIC, "contempt", "unlabelled"]
    assert table.columns.tolist() == ["train", "test", "no split", "all"]
    assert table.loc["fear"].tolist() == [1, 1, 0, 2]
    assert table.loc["unlabelled", "train"] == 1
    assert table.loc["contempt", "no split"] == 1
    assert int(table["all"].sum()) == 4


def test_one_class_only() -> None:
    assert "All labelled rows are 'fear'" in audit(manifest(["fear"] * 20)).warnings[0]


def test_empty_and_rare_classes() -> None:
    warnings = audit(manifest([*plenty()[RARE:], "surprise"])).warnings
    assert warnings == (f"Fewer than {RARE} rows: surprise (1); scores of these classes mean little.",)
    assert "No row is surprise." in audit(manifest(plenty()[RARE:])).warnings


def test_no_labels_at_all_is_no_fault() -> None:
    assert audit(manifest([None] * 5)).warnings == ()


def test_copies_are_found_within_and_across_splits_and_labels() -> None:
    count = len(plenty())
    shas: list[object] = [f"{row:064x}" for row in range(count)]
    shas[1] = shas[0]
    warnings = audit(manifest(plenty(), sha256=shas)).warnings
    assert warnings == ("1 pictures are exact copies of another (0.png, 1.png).",)
    splits: list[object] = ["train"] * count
    splits[1] = "test"
    assert any(
        "more than one split" in text
        for text in audit(manifest(plenty(), sha256=shas, split=splits)).warnings
    )
    shas[69] = shas[0]
    assert any("under different labels" in text for text in audit(manifest(plenty(), sha256=shas)).warnings)


def test_several_faces_of_one_photo_are_no_copies() -> None:
    frame = manifest(plenty(), sha256=["0" * 64] * 2 + [f"{row:064x}" for row in range(2, 70)])
    frame.loc[1, "file"] = frame.loc[0, "file"]
    assert audit(frame).warnings == ()


@pytest.mark.parametrize(("subject", "count"), [("a", 1), ("b", 0)])
def test_people_in_two_splits(subject: str, count: int) -> None:
    splits = ["train"] * 69 + ["test"]
    warnings = audit(manifest(plenty(), subject=["a"] * 69 + [subject], split=splits)).warnings
    assert len(warnings) == count
    assert all("1 subjects are in more than one split (a)" in text for text in warnings)
