"""The page of data sets holds every one of them, and its commands work."""

from __future__ import annotations

import importlib
import re
import runpy
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ferda.cli.describe import options_of
from ferda.cli.main import app
from ferda.data.datasets import dataset, list_datasets
from ferda.data.pack import Pack

DOCS = Path(__file__).parents[3] / "docs"
PAGE = (DOCS / "datasets.md").read_text(encoding="utf-8")
HOOK = runpy.run_path(str(DOCS / "_hooks" / "datasets_page.py"))


def test_the_site_has_every_data_set_on_the_page() -> None:
    site = (DOCS.parent / "mkdocs.yml").read_text()
    assert "datasets.md" in site and "_hooks/datasets_page.py" in site
    page = HOOK["on_page_markdown"](PAGE)
    assert "<!--" not in page and HOOK["on_page_markdown"]("another page") == "another page"
    for name in list_datasets():
        assert f"| [`{name}`](#{name}) |" in page and f"{{ #{name} }}" in page


@pytest.mark.parametrize("name", list_datasets())
def test_the_section_leaves_nothing_out(name: str) -> None:
    one, text = dataset(name), HOOK["section"](name)
    facts = (one.paper, one.access, one.terms, one.protocol, one.counts_note, one.layout.strip(), *one.traps)
    assert all(fact.replace("|", "\\|") in text or fact in text for fact in facts)
    assert all(f"`{option.name}={option.default}`" in text for option in options_of(one.read))
    numbers = {
        number for counts in one.counts.values() for split in counts.values() for number in split.values()
    }
    assert all(f"| {number:,} |" in text for number in numbers)
    assert "None" not in text


COMMANDS = [shlex.split(line) for line in re.findall(r"^\$ ferda (prepare .*)$", PAGE, re.M)]


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_the_commands_of_the_page_make_packs(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    miniature = importlib.import_module(f".miniatures.{words[1].replace('-', '_')}", __package__)
    rows = miniature.make(Path(words[words.index("--root") + 1]))
    result = CliRunner().invoke(app, [*words, "--size", "16", "--no-detect"])
    assert result.exit_code == 0, result.output
    pack = Pack.open(words[words.index("--out") + 1])
    assert len(pack) == len(rows) and pack.description["dataset"] == words[1]
    assert pack.crop["kind"] == ("aligned" if "images=original" in words else "whole")
