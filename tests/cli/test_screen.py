import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ferda.cli.screen import counting_each, plain, show_json, show_table


def test_everything_becomes_json(capsys: pytest.CaptureFixture[str]) -> None:
    document = {
        "path": Path("a/b"),
        "array": np.array([[1.0, np.nan]], dtype=np.float32),
        "scalar": np.int64(3),
        "table": pd.DataFrame({"name": ["x"], "share": [0.5]}),
        "odd": (float("inf"), None, True, "é"),
    }
    show_json(document)
    assert json.loads(capsys.readouterr().out) == {
        "path": "a/b",
        "array": [[1.0, None]],
        "scalar": 3,
        "table": [{"name": "x", "share": 0.5}],
        "odd": [None, None, True, "é"],
    }


def test_numpy_numbers_that_are_none_become_null() -> None:
    assert plain(np.float64("nan")) is None


def test_a_table_shows_every_cell(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    show_table(("name", "share"), [("a [bold]", 0.12345), ("b", float("nan"))], title="rows")
    out = capsys.readouterr().out
    assert "rows" in out and "0.123" in out and "a [bold]" in out and "nan" not in out


def test_a_table_without_rows_shows_its_headings(capsys: pytest.CaptureFixture[str]) -> None:
    show_table(("name",), [])
    assert "name" in capsys.readouterr().out


@pytest.mark.parametrize("parts", [1, 2])
def test_a_bar_appears_when_its_part_begins(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, parts: int
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    with counting_each("pictures", "sheets") as counts:
        for count in counts[:parts]:
            count(3, 7)
    drawn = capsys.readouterr().err
    assert "pictures" in drawn and "3/7" in drawn and ("sheets" in drawn) == (parts == 2)
