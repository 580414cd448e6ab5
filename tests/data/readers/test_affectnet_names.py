from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from ferda.data.readers import read_any
from ferda.data.readers.affectnet_names import has_affectnet_names, read
from ferda.errors import UserError

Maker = Callable[..., Path]
FILES = {
    "Training_Labeled/0/0000000s7s-653s653.png": ("contempt", "train", -0.653, 0.653),
    "Training_Labeled/0/0000012s10s-2000s-2000.png": (None, "train", np.nan, np.nan),
    "Training_Labeled/1/0000501_1_785_0.png": ("happiness", "train", 0.785, 0.0),
    "Training_Unlabeled/0/0000003s0s1000s-1000.png": ("neutral", None, 1.0, -1.0),
    "Validation/0/0000002s6s-1s12.png": ("anger", "val", -0.001, 0.012),
}


@pytest.fixture(params=["tree", "archive"])
def make(request: pytest.FixtureRequest) -> Maker:
    maker: Maker = request.getfixturevalue(request.param)
    return maker


def test_names_hold_the_labels(make: Maker) -> None:
    manifest = read_any(make(FILES)).manifest.set_index("file")
    for file, (expression, split, valence, arousal) in FILES.items():
        row = manifest.loc[file]
        assert (row["expression"], row["split"]) == (expression, split)
        np.testing.assert_equal((row["valence"], row["arousal"]), (valence, arousal))
    odd = manifest.loc["Training_Labeled/0/0000012s10s-2000s-2000.png"]
    assert (odd["source_label"], odd["note"]) == ("10", "AffectNet: no face")
    assert manifest["note"].notna().sum() == 1


def test_a_mark_must_be_the_same_throughout() -> None:
    assert has_affectnet_names(["a/0000001s1s2s3.png"])
    assert not has_affectnet_names(["a/0000001s1_2s3.png"]) and not has_affectnet_names([])
    assert not has_affectnet_names(["0000001s1s2s3.png", "b.png"])


def test_other_names_are_listed(make: Maker) -> None:
    reading = read(make([*FILES, "Validation/0/other.png"]))
    assert reading.unusable["file"].tolist() == ["Validation/0/other.png"]
    with pytest.raises(UserError, match="no picture with a name like"):
        read(make(["a.png"], "b.zip"))


def test_a_class_that_affectnet_does_not_have(make: Maker) -> None:
    with pytest.raises(UserError, match=r"classes 11 in their names; AffectNet's are 0 to 10"):
        read(make(["0000001s11s2s3.png"]))
