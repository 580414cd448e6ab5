"""A data card tells what is in the pack, says so where something is unknown, and shows nobody unasked."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from ferda.cli.main import app
from ferda.data.exclusions import exclude
from ferda.data.pack import Pack, write_pack
from ferda.data.quality import MEASURES
from ferda.errors import UserError
from ferda.evaluation.card import card_markdown, headline, write_card
from ferda.evaluation.card_facts import card_facts, preparation_words
from ferda.faces.crop_names import CROPS

Maker = Callable[..., Pack]
BAD = "<img src=x onerror=alert(1)>"


@pytest.fixture
def make(tmp_path: Path) -> Maker:
    """Makes a pack of 20 faces: 12 happy, 6 sad, 2 without a label; two without a face, one blurred."""

    def pack(description: dict[str, Any] | None = None, unusable: str = "", **columns: Any) -> Pack:
        count = 20
        frame = pd.DataFrame(
            {
                "file": [f"{row}.png" for row in range(count)],
                "expression": ["happiness"] * 12 + ["sadness"] * 6 + [None] * 2,
                "split": ["train"] * 15 + ["test"] * 5,
                "subject": ["ann", "bob"] * 9 + [None] * 2,
                **dict.fromkeys(MEASURES, np.linspace(30, 50, count)),
                **columns,
            }
        )
        if "sharpness" in frame and not columns:
            frame["sharpness"] = [0.1, *[0.4] * 19]
            frame.loc[[1, 13], ["face_pixels", "face_score"]] = np.nan
        noise = np.random.default_rng(0).integers(0, 256, (count, 12, 12, 3), dtype=np.uint8)
        crop = {**CROPS["ddamfn"][0], "size": 12}
        place = write_pack(tmp_path / "pack", noise, frame, crop=crop, name="hall").path
        said = json.loads((place / "pack.json").read_text())
        (place / "pack.json").write_text(json.dumps(said | (description or {})))
        if unusable:
            (place / "unusable.csv").write_text("file,reason\n" + unusable)
        return Pack.open(place)

    return pack


def test_the_numbers_are_those_of_the_pack(make: Maker) -> None:
    card = card_facts(make())
    assert headline(card) == ("20 pictures with 2 expressions, 2 of them without a label: train 15, test 5.")
    assert card.counts.loc["happiness"].to_dict() == {"train": 12, "test": 0, "all": 12}
    assert card.counts.loc["unlabelled", "all"] == 2 and card.counts.loc["fear", "all"] == 0
    assert (card.no_face, card.pictures, card.labelled) == (2, 20, 18)
    assert card.measures.loc["contrast", "median"] == 40 and card.measures.loc["picture_w", "max"] == 50
    assert dict(card.quality)["doubtful"].startswith("3 would not be kept")
    assert dict(card.quality)["without a face are"] == "happiness 1, sadness 1"
    assert dict(card.people)["people"] == "2" and dict(card.people)["unknown"].startswith("2 pictures")
    assert dict(card.preparation)["cut out as"] == "ddamfn, 12 x 12 pixels"
    assert any("split by subject" in said for said in card.warnings)


def test_what_an_old_pack_did_not_measure_is_said(make: Maker) -> None:
    pack = make()
    pack.manifest = pack.manifest.drop(columns=list(MEASURES))
    text = card_markdown(pack)
    assert "not measured; prepare it again" in text and "edition 1" in text
    assert "Every picture could be used" in text and "not recorded" in text


def test_an_official_data_set_brings_its_terms(make: Maker) -> None:
    pack = make({"dataset": "raf-db", "variant": "basic", "remarks": ["One eye is a guess."]})
    card = card_facts(pack)
    assert card.title == "RAF-DB" and card.warnings[0] == "One eye is a guess."
    facts = dict(card.origin)
    assert facts["data set"] == "RAF-DB, basic" and "non-commercial" in facts["use"]
    assert facts["how to get it"] and facts["published in"]
    line = preparation_words([pack])["data hall"]
    assert "20 pictures; cut out as ddamfn, 12 x 12" in line and "use: non-commercial" in line


def test_a_data_set_that_this_version_does_not_know(make: Maker) -> None:
    card = card_facts(make({"dataset": "faces-of-mars"}))
    assert card.title == "hall" and card.origin == (("data set", "faces-of-mars"),)


def test_rows_that_are_out_of_use_are_said(make: Maker) -> None:
    pack = make()
    exclude(pack, pd.Series(["a copy", "a copy"], index=[2, 7]))
    assert card_facts(pack).warnings[0].startswith("2 of these rows are excluded by 'ferda check'")


def test_reasons_that_differ_in_numbers_are_one(make: Maker) -> None:
    lost = (
        'a.png,"sharpness is 0.1, less than 0.12"\nb.png,no face\nc.png,"sharpness is 0.05, less than 0.12"\n'
    )
    table = card_facts(make(unusable=lost)).unusable
    assert table.to_dict("records") == [
        {"reason": "sharpness is …, less than …", "pictures": 2, "files": "a.png, c.png"},
        {"reason": "no face", "pictures": 1, "files": "b.png"},
    ]


def test_a_page_shows_everything_and_nobody_unasked(make: Maker, tmp_path: Path) -> None:
    pack = make({"command": "ferda prepare hall --out pack", "versions": {"numpy": "9.9"}})
    text = write_card(pack, tmp_path / "deep" / "card.html").read_text()
    assert "<img" not in text and "<script" not in text and text.count("<svg") == 2
    for words in ("ferda prepare hall --out pack", "numpy 9.9", "20 pictures with 2 expressions", "Origin"):
        assert words in text, words
    shown = write_card(pack, tmp_path / "card.html", examples=4).read_text()
    assert shown.count("<img") == 4 + 4 + 2 and shown.count("data:image/jpeg") == 10
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["card.html"]


def test_words_from_outside_cannot_become_markup(make: Maker, tmp_path: Path) -> None:
    pack = make({"command": BAD, "name": BAD}, unusable=f"{BAD},{BAD}\n", **{BAD: 1})
    text = write_card(pack, tmp_path / "card.html").read_text()
    assert "<img" not in text and text.count("&lt;img src=x") > 4
    assert "<img" not in card_markdown(pack).replace("\\<img", "")
    assert card_markdown(pack).splitlines()[0] == "# \\<img src=x onerror=alert(1)\\>"


def test_without_a_label_and_without_a_face(make: Maker, tmp_path: Path) -> None:
    pack = make(expression=None, subject=None, split=None, face_pixels=np.nan, face_score=np.nan)
    card = card_facts(pack)
    assert headline(card) == "20 pictures without labels." and card.no_face == 20
    assert "face_pixels" not in card.measures.index
    assert "not known" in write_card(pack, tmp_path / "card.html", examples=1).read_text()


def test_mistakes_are_said(make: Maker, tmp_path: Path) -> None:
    pack = make()
    with pytest.raises(UserError, match=r"an \.html or an \.md file, not 'card.pdf'"):
        write_card(pack, tmp_path / "card.pdf")
    with pytest.raises(UserError, match=r"in an \.html card alone"):
        write_card(pack, tmp_path / "card.md", examples=3)


def test_the_verb(make: Maker, tmp_path: Path) -> None:
    place = str(make().path)
    shown = CliRunner().invoke(app, ["describe", place])
    assert shown.exit_code == 0 and shown.stdout.startswith("# hall\n"), shown.stderr
    written = CliRunner().invoke(app, ["describe", place, "--out", str(tmp_path / "card.md"), "--json"])
    assert (tmp_path / "card.md").read_text() == shown.stdout.removesuffix("\n")
    found = json.loads(written.stdout)
    assert (found["pictures"], found["counts"][0]["expression"]) == (20, "surprise")
    assert found["preparation"]["cut out as"] == "ddamfn, 12 x 12 pixels"
