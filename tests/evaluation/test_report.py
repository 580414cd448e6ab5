"""The page: whole in itself, safe, small, and with everything that was promised in it."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest

from ferda.errors import UserError
from ferda.evaluation.affect import AffectScores
from ferda.evaluation.embedding import Embedding, fit_embedding
from ferda.evaluation.gallery import ExplainedFace, thumbnail
from ferda.evaluation.oracle import OracleChoice
from ferda.evaluation.regret import Choice
from ferda.evaluation.remarks import counted_section
from ferda.evaluation.report import RunSection, write_evaluation_report, write_report
from ferda.evaluation.sections import classes_section

SECTIONS = ["models", "classes", "confusion", "pairs", "faces", "reasons", "map", "calibration", "groups"]
SECTIONS += ["training", "choice", "counted", "again"]
VOID = {"meta", "img", "br", "link", "input"}


class Page(HTMLParser):
    """Collects tags, text and ids, and fails on tags that are not closed."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.ids, self.links, self.words = [], [], [], [], []
        self.feed(text)
        assert not self.open, f"not closed: {self.open}"

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        for name, value in attrs:
            if name == "id":
                self.ids.append(value)
            if name in ("src", "href", "xlink:href"):
                self.links.append(value)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if not self.open or self.open[-1] != "style":
            self.words.append(data)

    @property
    def text(self):
        return re.sub(r"\s+", " ", " ".join(self.words))


@pytest.fixture(scope="module")
def runs(world, street, studio, adapted, baseline, at_home):
    scores = world.scores()
    scores["oracle_macro_recall"] = 0.6
    embedding, sides = (
        fit_embedding(
            {"studio": world.features(studio, 1, 0)[:60], "street": world.features(street, 1, 0.1)[:60]},
            {"studio": studio.labels()[:60], "street": street.labels()[:60]},
            studio.classes,
            dimensions=dimensions,
        )
        for dimensions in (2, 3)
    )
    believed = scores[["stage", "epoch"]].assign(
        believed=0.3, oracle_believed_accuracy=0.8, oracle_accuracy=0.6
    )
    uri = thumbnail(street.pack.gather([0])[0])
    explained = (
        ExplainedFace(((uri, ""), (uri, "fear")), "a.jpg", "fear", "fear", 0.97),
        ExplainedFace(((uri, ""), (uri, "anger"), (uri, "fear")), "b.jpg", "fear", "anger", 0.61),
    )
    return [
        RunSection("source only", baseline, at_home, is_baseline=True, recipe="method: {name: source_only}"),
        RunSection(
            "aglrls",
            adapted,
            oracle=OracleChoice("adapt", 5, 0.7, 0.654, 0.6),
            journal=world.journal(),
            scores=scores,
            embedding=embedding,
            sides=sides,
            pseudo_labels=believed,
            choices=(Choice("im", 7, 0.7, 0.65, 0.004, True), Choice("oracle", 5, 0.7, 0.654, 0.0)),
            explained=explained,
            recipe="method: {name: aglrls}\ntraining: {rate: 0.01}",
            facts={"seed": "0"},
        ),
    ]


@pytest.fixture(scope="module")
def page(runs, street, tmp_path_factory):
    path = tmp_path_factory.mktemp("report") / "deep" / "report.html"
    assert write_report(path, title="studio to street", runs=runs, pictures=street.pack) == path
    assert [file.name for file in path.parent.iterdir()] == ["report.html"]
    return path


def test_everything_promised_is_there(page, adapted, baseline):
    read = Page(page.read_text())
    assert [name for name in read.ids if name.isalpha()] == SECTIONS
    assert read.tags.count("svg") == 1 + 2 + 2 + 2 + 2 + 3
    assert read.tags.count("img") == 24 + 2 + 3
    for words in (
        "of what the new domain cost",
        "oracle, macro recall",
        "65.4 %",
        "im, epoch 7",
        "without labels of the target",
        "0.4 points",
        "4 without a label",
        "no face found",
        "rate: 0.01",
        "mixed up, source only",
        "Where aglrls looks",
        "fear taken for anger , 61 % sure",
        "aglrls, from three sides",
        "Sure answers by epoch",
        "torch",
        "A facial expression is not an emotion",
        f"{100 * adapted.scores.macro_recall:.1f} %",
        f"{100 * baseline.scores.accuracy:.1f} %",
    ):
        assert words in read.text, words


def test_nothing_is_fetched_and_nothing_runs(page):
    text = page.read_text()
    read = Page(text)
    assert "script" not in read.tags and "link" not in read.tags
    assert all(link.startswith(("#", "data:image/jpeg;base64,")) for link in read.links)
    assert not re.findall(r"url\((?!#)|@import|\son\w+=", text)
    addresses = set(re.findall(r"https?://[^\s\"'<>]+", text))
    assert {address.split("/")[2] for address in addresses} <= {"www.w3.org"}


def test_ids_and_links_of_the_sections_agree(page):
    read = Page(page.read_text())
    assert [link[1:] for link in read.links if link[1:] in SECTIONS] == SECTIONS
    assert len(read.ids) == len(set(read.ids))
    assert {link[1:] for link in read.links if link.startswith("#")} <= set(read.ids)


def test_it_can_be_read_on_a_phone_and_in_the_dark(page):
    text = page.read_text()
    assert 'name="viewport" content="width=device-width' in text
    assert "prefers-color-scheme: dark" in text and "@media (max-width" in text


def test_words_from_outside_cannot_become_markup(runs, adapted, tmp_path):
    bad = "<img src=x onerror=alert(1)>"
    table = adapted.predictions.assign(file=bad)
    target = replace(adapted, domain=bad, model=bad, notes={bad: 3}, predictions=table)
    run = replace(
        runs[1],
        name=bad,
        target=target,
        recipe=bad,
        facts={bad: bad},
        embedding=None,
        explained=(),
        journal=None,
        scores=None,
    )
    text = write_report(tmp_path / "report.html", title=bad, runs=[run]).read_text()
    assert "<img" not in text
    assert text.count("&lt;img src=x onerror=alert(1)&gt;") > 8


def test_explained_faces_cannot_become_markup_either(adapted, tmp_path):
    bad = '"><b>'
    faces = [ExplainedFace((("data:,", ""), ("data:,", bad)), bad, bad, "fear", 0.5)]
    text = write_evaluation_report(
        tmp_path / "r.html", title="t", evaluations=[adapted], explained=[faces]
    ).read_text()
    assert Page(text).tags.count("img") == 2 and "<b>" not in text


def test_pictures_can_be_left_out(runs, tmp_path):
    text = write_report(tmp_path / "report.html", title="t", runs=runs[:1]).read_text()
    assert "<img" not in text and "data:image" not in text and "Pictures were left out" in text


def test_one_run_alone_makes_a_report(runs, street, tmp_path):
    text = write_report(tmp_path / "report.html", title="t", runs=runs[:1], pictures=street.pack).read_text()
    assert "are read right" in text and "oracle" not in Page(text).text


def test_two_thousand_faces_stay_small(world, tmp_path):
    domain = world.domain(faces=2000, subjects=200)
    generator = np.random.default_rng(0)
    embedding = Embedding(
        generator.uniform(-1, 1, (1500, 2)),
        generator.integers(-1, 7, 1500),
        generator.integers(0, 2, 1500),
        ("a", "b"),
        domain.classes,
    )
    sides = Embedding(
        generator.uniform(-1, 1, (500, 3)),
        embedding.labels[:500],
        embedding.domain[:500],
        ("a", "b"),
        domain.classes,
    )
    runs = [
        RunSection(
            name,
            world.evaluation(domain, skill, resamples=100),
            is_baseline=first,
            embedding=embedding,
            sides=None if first else sides,
        )
        for name, skill, first in (("source only", 0.2, True), ("aglrls", 0.4, False))
    ]
    path = write_report(tmp_path / "report.html", title="t", runs=runs, pictures=domain.pack)
    assert path.stat().st_size < 2_000_000


def test_an_evaluation_of_one_domain(adapted, street, tmp_path):
    path = write_evaluation_report(
        tmp_path / "r.html",
        title="t",
        evaluations=[adapted],
        pictures=[street.pack],
        data={"data street": "400 pictures; <b>cut out"},
    )
    read = Page(path.read_text())
    assert read.tags.count("img") == 24
    assert "data street 400 pictures; <b>cut out" in read.text
    assert "of the faces of street are read right" in read.text


def test_affect_has_a_section_where_it_was_scored(adapted, tmp_path):
    affect = (AffectScores("valence", 350, 0.361, 0.5, 0.75), AffectScores("arousal", 2, 0.0, None, 1.0))
    felt = replace(adapted, affect=affect)
    read = Page(write_evaluation_report(tmp_path / "r.html", title="t", evaluations=[felt]).read_text())
    assert "affect" in read.ids
    assert "350 faces 0.36 0.50" in read.text
    plain = Page(write_evaluation_report(tmp_path / "p.html", title="t", evaluations=[adapted]).read_text())
    assert "affect" not in plain.ids
    compared = write_report(tmp_path / "c.html", title="t", runs=[RunSection("model", felt)])
    assert "affect" in Page(compared.read_text()).ids


def test_an_evaluation_of_several_domains_has_a_section_for_each(adapted, at_home, street, tmp_path):
    path = write_evaluation_report(
        tmp_path / "r.html", title="t", evaluations=[adapted, at_home], pictures=[street.pack]
    )
    read = Page(path.read_text())
    assert {"domains", "classes-1", "classes-2", "confusion-2"} <= set(read.ids)
    assert "studio: what it takes for what" in read.text


def test_a_bootstrap_that_cannot_vary_claims_no_interval(world):
    domain = world.domain(faces=120)
    perfect = classes_section([("model", world.evaluation(domain, 40, resamples=50))])
    assert all(cell.small == "" for row in perfect.tables[0].rows for cell in row)
    usual = classes_section([("model", world.evaluation(domain, 0.4, resamples=50))])
    assert any(cell.small for row in usual.tables[0].rows for cell in row)


def test_few_subjects_are_remarked(world):
    for subjects, remarked in ((6, True), (60, False)):
        one = world.evaluation(world.domain(faces=240, subjects=subjects), 0.5, resamples=50)
        words = dict(counted_section([("model", one)]).facts)["intervals"]
        assert ("rough guide" in words) == remarked


def test_a_place_that_cannot_be_written_is_a_users_mistake(adapted, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="Cannot write the report"):
        write_evaluation_report(tmp_path / "file" / "r.html", title="t", evaluations=[adapted])
