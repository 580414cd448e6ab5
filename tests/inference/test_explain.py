"""Explanations are of what `predict` answers, lie on the crop, and come out as sheets and a page."""

from __future__ import annotations

import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from ferda.batch import Output
from ferda.errors import UserError
from ferda.faces.crops import CropRule
from ferda.inference import inputs
from ferda.inference.explain import Explanation, explain, explain_files, known_class
from ferda.inference.explain_page import ExplanationFolder
from ferda.inference.overlay import heat_colours, overlay, stretched
from ferda.inference.predictor import Predictor
from ferda.inference.sheet import explanation_sheet, free_attention, reason, spread
from ferda.methods.base import Method, MethodConfig

CLASSES = ("sadness", "neutral", "happiness")


class Corners(Method):
    """Happiness is a bright left half, sadness a bright right one; its head `rows` sees top and bottom."""

    def __init__(self) -> None:
        super().__init__(MethodConfig(), len(CLASSES))
        self.cells = torch.nn.AvgPool2d(4)

    def forward(self, images: Tensor, landmarks: Tensor | None = None) -> Output:
        maps = self.cells(images)
        half = maps.shape[2] // 2
        left, right = maps[..., :half].mean((1, 2, 3)), maps[..., half:].mean((1, 2, 3))
        top, bottom = maps[..., :half, :].mean((1, 2, 3)), maps[..., half:, :].mean((1, 2, 3))
        rows = torch.stack([top, 0 * top, bottom], 1)
        views = {"rows": 5 * rows, "attention_rows": maps.mean(1), "attention_all": maps.mean(1) / 2 + 0.2}
        return Output(5 * torch.stack([right, 0 * left, left], 1), maps.mean((2, 3)), views)


def picture(side: str = "left", size: int = 40) -> np.ndarray:
    image = np.full((size, size, 3), 20, np.uint8)
    near, far = slice(size * 2 // 5), slice(size * 3 // 5, size)
    image[(near, near) if side == "left" else (far, far)] = 250
    return image


@pytest.fixture
def predictor() -> Predictor:
    return Predictor(Corners(), CLASSES, CropRule("whole", size=32, detect=False), size=16)


@pytest.fixture
def found(predictor: Predictor) -> Explanation:
    return explain(predictor, [picture()], ["a.png"])[0][0]


@pytest.mark.parametrize("temperature", [1.0, 2.5])
def test_what_is_explained_is_what_is_predicted(predictor: Predictor, temperature: float) -> None:
    predictor.temperature = temperature
    images = [picture("left"), picture("right"), picture("left", 70)]
    predicted = predictor.predict(images, ["a", "b", "c"])
    explained = explain(predictor, images, ["a", "b", "c"])
    assert [len(one) for one in explained] == [1, 1, 1]
    for (face,), (one,) in zip(predicted, explained, strict=True):
        assert one.face.input == face.input and one.face.box == face.box
        assert one.face.probabilities == pytest.approx(face.probabilities, abs=1e-6)
        assert one.decision.probabilities == pytest.approx(face.probabilities, abs=1e-6)
        assert one.decision.expression == face.expression == one.decision.about
    assert [one[0].face.expression for one in explained] == ["happiness", "sadness", "happiness"]


def test_evidence_lies_where_it_is_on_the_crop(found: Explanation) -> None:
    places = found.decision.places
    assert found.crop.shape == (32, 32, 3) and places.shape == (32, 32)
    assert places[:8, :8].mean() > 0.9 and places[:, 20:].max() < 0.1 and places[20:].max() < 0.1
    assert places.min() >= 0 and places.max() <= 1
    (rows,) = found.heads
    assert (rows.name, rows.expression, rows.about) == ("rows", "sadness", "sadness")
    assert rows.places[:8, :8].mean() > 0.9 and rows.places[20:].max() < 0.1


def test_attention_keeps_its_values_and_its_head(found: Explanation) -> None:
    assert [*found.attention] == ["rows", "all"]
    np.testing.assert_allclose(found.attention["all"], found.attention["rows"] / 2 + 0.2, atol=1e-6)
    assert found.attention["rows"].max() == pytest.approx(250 / 255, abs=0.02)
    assert [*free_attention(found)] == ["all"]
    assert spread(np.array([0.2, 0.71])) == "0.20 to 0.71"
    assert spread(np.array([0.4981, 0.5012])) == "0.4981 to 0.5012"


def test_a_class_can_be_asked_for_by_any_word(predictor: Predictor) -> None:
    ((one,),) = explain(predictor, [picture()], about="sad")
    assert one.face.expression == "happiness"
    assert one.decision.about == "sadness" == one.heads[0].about
    assert one.decision.places[:, :12].max() < 0.1 < one.decision.places[:, 20:].min(), "all it sees is alike"
    ((one,),) = explain(predictor, [picture()], about="neutral")
    assert one.decision.is_dark and reason(one.decision) == "no place speaks for neutral"
    with pytest.raises(UserError, match="not trained on fear; its classes are sadness, neutral, happiness"):
        explain(predictor, [picture()], about="fear")
    with pytest.raises(UserError, match="is not an expression"):
        known_class("hapiness!", CLASSES)


def test_batches_change_nothing(predictor: Predictor, monkeypatch: pytest.MonkeyPatch) -> None:
    images = [picture("left"), picture("right"), picture("left")]
    together = explain(predictor, images)
    monkeypatch.setattr("ferda.inference.explain._AT_ONCE", 2)
    for (one,), (other,) in zip(together, explain(predictor, images), strict=True):
        assert one.face.input == other.face.input
        np.testing.assert_allclose(one.decision.places, other.decision.places, atol=1e-5)


def test_no_face_is_no_explanation() -> None:
    rule = CropRule("box", size=32)
    blind = Predictor(Corners(), CLASSES, rule, size=16, detector=lambda images: [[] for _ in images])
    assert explain(blind, [picture(), picture()]) == [[], []]
    assert explain(blind, []) == []


def test_plain_values(found: Explanation) -> None:
    values = found.to_dict()
    assert values["input"] == "a.png" and values["expression"] == "happiness"
    assert values["heads"]["rows"]["expression"] == "sadness"
    assert values["confidence"] == values["probabilities"]["happiness"]


def test_colour_means_evidence() -> None:
    face = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    plain = overlay(face, np.zeros((32, 32), np.float32), 48)
    assert plain.shape == (48, 48, 3) and (np.ptp(plain.astype(int), axis=2) <= 1).all(), "grey without it"
    places = np.zeros((32, 32), np.float32)
    places[8:24, 8:24] = 1
    lit = overlay(face, places, 64).astype(int)
    assert (np.ptp(lit[24:40, 24:40], axis=2) > 40).all() and (np.ptp(lit[:10], axis=2) <= 1).all()
    lightness = heat_colours(np.linspace(0, 1, 20)) @ [0.299, 0.587, 0.114]
    assert (np.diff(lightness) > 0).all()


def test_stretched_runs_from_least_to_most() -> None:
    assert stretched(np.array([[0.4, 0.5], [0.45, 0.4]])).tolist() == pytest.approx(
        np.array([[0, 1], [0.5, 0]]), abs=1e-6
    )
    assert not stretched(np.full((3, 3), 0.7)).any()
    assert not stretched(np.array([[0.25, 0.25 + 1e-6]])).any(), "rounding is no preference"


def test_a_sheet_shows_face_evidence_and_a_row_a_head(found: Explanation) -> None:
    sheet = explanation_sheet(found)
    assert sheet.dtype == np.uint8 and sheet.ndim == 3
    assert 500 < sheet.shape[1] < 1000
    alone = Explanation(found.face, found.crop, found.decision)
    assert sheet.shape[0] > explanation_sheet(alone).shape[0] + 200, "a row for a head, one for attention"
    crop = np.asarray(Image.fromarray(found.crop).resize((208, 208), Image.Resampling.BICUBIC))
    np.testing.assert_array_equal(sheet[16 : 16 + 208, 16 : 16 + 208], crop)


class Page(HTMLParser):
    """Counts tags, collects text and links, and fails on tags that are not closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []
        self.open: list[str] = []
        self.words: list[str] = []
        self.feed(text)
        assert not self.open, f"not closed: {self.open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [value or "" for name, value in attrs if name in ("src", "href")]
        if tag not in ("meta", "img"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not self.open or self.open[-1] != "style":
            self.words.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self.words))


@pytest.fixture
def folder(predictor: Predictor, tmp_path: Path) -> Path:
    pictures = tmp_path / "in"
    for name, side in {"one/a.png": "left", "two/a.png": "right", "<b>&'.png": "left"}.items():
        (pictures / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture(side)).save(pictures / name)
    (pictures / "empty.jpg").touch()
    told: list[tuple[int, int]] = []
    write = ExplanationFolder(tmp_path / "deep" / "out")
    problems = explain_files(predictor, pictures, write, progress=lambda *count: told.append(count))
    assert told[-1] == (4, 4)
    assert [*problems.values()] == ["the file is empty"]
    write("nobody.png", [])
    assert write.finish("Why <i>", problems) == tmp_path / "deep" / "out" / "explain.html"
    assert len(write.unread) == 2
    return tmp_path / "deep" / "out"


def test_every_face_has_a_sheet_and_a_place_on_the_page(folder: Path) -> None:
    assert sorted(path.name for path in folder.iterdir()) == ["<b>&'.png", "a-2.png", "a.png", "explain.html"]
    assert Image.open(folder / "a.png").width > 500
    page = Page((folder / "explain.html").read_text())
    # crop, evidence, free attention, and of the head its evidence and its attention
    assert page.tags.count("img") == 3 * 5
    for words in ("what the model saw", "coloured: what speaks for happiness", "rows", "outvoted"):
        assert words in page.text, words
    assert "no face found" in page.text and "the file is empty" in page.text
    assert page.text.count("neutral") >= 6


def test_the_page_is_whole_and_safe(folder: Path) -> None:
    text = (folder / "explain.html").read_text()
    page = Page(text)
    assert not {"script", "link", "b"} & set(page.tags)
    local = [link for link in page.links if not link.startswith("data:image/jpeg;base64,")]
    assert sorted(local) == ["%3Cb%3E%26%27.png", "a-2.png", "a.png"]
    assert "Why &lt;i&gt;" in text and "<b>" not in text
    assert not re.findall(r"url\(|@import|\son\w+=|https?://", text)
    assert 'name="viewport"' in text and "prefers-color-scheme: dark" in text and "@media (min-width" in text


def test_a_file_in_the_way_is_said(found: Explanation, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("")
    with pytest.raises(UserError, match="explanations"):
        ExplanationFolder(tmp_path / "out")
    write = ExplanationFolder(tmp_path / "there")
    (tmp_path / "there" / "a.png").mkdir()
    with pytest.raises(UserError, match="sheet"):
        write("a.png", [found])


def test_many_pictures_are_not_held_at_once(
    predictor: Predictor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(5):
        Image.fromarray(picture()).save(tmp_path / f"{number}.png")
    monkeypatch.setattr(inputs, "_PICTURES_AT_ONCE", 2)
    told: list[tuple[int, int]] = []
    seen: list[str] = []
    explain_files(
        predictor,
        tmp_path,
        lambda name, found: seen.append(Path(name).name),
        progress=lambda *count: told.append(count),
    )
    assert seen == [f"{number}.png" for number in range(5)]
    assert told == [(2, 5), (4, 5), (5, 5)]


def test_attention_that_is_grad_cam_is_shown_once(tiny_method: Callable[[str], Method]) -> None:
    method = tiny_method("esr")
    classes = CLASSES
    ask = Predictor(method, classes, CropRule("whole", size=48, detect=False))
    noise = np.random.default_rng(0).integers(0, 256, (48, 48, 3), dtype=np.uint8)
    ((one,),) = explain(ask, [noise])
    assert [head.name for head in one.heads] == ["branch_1", "branch_2"]
    assert one.attention == {}
