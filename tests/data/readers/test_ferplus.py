from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from ferda.data.readers import read_any
from ferda.data.readers.ferplus import apply_rule, read
from ferda.errors import UserError
from ferda.expressions import CLASS_ORDERS

Maker = Callable[..., Path]
FIXTURE = Path(__file__).parents[2] / "parity" / "fixtures" / "esr" / "losses_1.npz"
RULES = ("majority", "probability", "multi_target")
ROWS = {
    "FER2013Train": ["fer0000000.png,4,0,0,1,3,2,0,0,0,0", "fer0000001.png,0,10,0,0,0,0,0,0,0,0"],
    "FER2013Valid": ["fer0000002.png,0,0,0,0,0,0,0,1,8,1"],
    "FER2013Test": ["fer0000003.png,0,1,0,0,9,0,0,0,0,0"],
}


def lay(tree: Maker, labels: str, pictures: str) -> Path:
    root = tree([f"{pictures}{part}/{row[:14]}" for part, rows in ROWS.items() for row in rows])
    for part, rows in ROWS.items():
        (root / labels / part).mkdir(parents=True, exist_ok=True)
        text = "".join(row.replace(",", ',"(0, 0, 48, 48)",', 1) + "\r\n" for row in rows)
        (root / labels / part / "label.csv").write_text(text)
    return root


@pytest.mark.parametrize("rule", RULES)
def test_the_rules_of_the_authors_programs(rule: str) -> None:
    with np.load(FIXTURE) as fixture:
        shares = apply_rule(fixture["ferplus_votes"], rule)  # type: ignore[arg-type]
        np.testing.assert_allclose(shares, fixture[f"ferplus_{rule}_dist10"], atol=1e-12)
        keep = shares.argmax(1) < 8
        np.testing.assert_array_equal(keep, fixture[f"ferplus_{rule}_keep"])
        eight = np.where(
            keep[:, None], shares[:, :8] / np.maximum(shares[:, :8].sum(1, keepdims=True), 1e-9), 0
        )
        np.testing.assert_allclose(eight, fixture[f"ferplus_{rule}_target8"], atol=1e-12)


def test_esrs_labels() -> None:
    with np.load(FIXTURE) as fixture:
        winner = apply_rule(fixture["ferplus_votes"], "majority").argmax(1)
        theirs = [CLASS_ORDERS["affectnet"].index(name) for name in CLASS_ORDERS["ferplus"]] + [-1, -1]
        np.testing.assert_array_equal(np.array(theirs)[winner], fixture["ferplus_esr_label_affectnet_order"])


@pytest.mark.parametrize(
    ("labels", "pictures"), [("", ""), ("Labels", "Images/"), ("Dataset/Labels", "Dataset/Images/")]
)
def test_both_layouts(tree: Maker, labels: str, pictures: str) -> None:
    reading = read_any(lay(tree, labels, pictures))
    rows = reading.manifest.set_index("split")
    assert rows.loc["test", "expression"] == "anger"
    assert rows.loc["train", "expression"].tolist() == [None, "happiness"]
    assert rows.loc["val", "expression"] is None
    assert rows.loc["val", "note"] == "FER+ by majority: unknown"
    assert rows.loc["test", "source_label"] == "0 1 0 0 9 0 0 0 0 0"
    assert "happiness 1" in reading.told and "2 without a label" in reading.told
    assert all(reading.images.read(file) for file in reading.manifest["file"])


def test_shares_of_a_rule(tree: Maker) -> None:
    manifest = read(lay(tree, "", ""), rule="multi_target").manifest.set_index("split")
    row = manifest.loc["train"].iloc[0]
    assert row["votes_neutral"] == pytest.approx(4 / 7) and row["votes_anger"] == pytest.approx(3 / 7)
    assert row["votes_disgust"] == 0  # 2 of 9 are less than 30 %
    with pytest.raises(UserError, match="did you mean 'majority'"):
        read(lay(tree, "", ""), rule="majorty")  # type: ignore[arg-type]


def test_what_is_missing_or_broken(tree: Maker) -> None:
    root = lay(tree, "", "")
    (root / "FER2013Train/fer0000001.png").unlink()
    with pytest.raises(UserError, match=r"1 of 4 pictures.*FER2013Train/fer0000001\.png"):
        read(root)
    assert len(read(root, missing="skip").unusable) == 1
    (root / "FER2013Test/label.csv").write_text("fer0000003.png,1,2\n")
    with pytest.raises(UserError, match="ten votes in each row"):
        read(root)
    (root / "FER2013Test/label.csv").write_text("")
    with pytest.raises(UserError, match="cannot be read"):
        read(root)
    with pytest.raises(UserError, match=r"holds no FER2013Train/label\.csv"):
        read(tree(["a.png"], "other"))
