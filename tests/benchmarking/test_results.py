from __future__ import annotations

import re
from pathlib import Path

import pandas as pd
import pytest

from ferda.benchmarking.latex import escaped, latex_table
from ferda.benchmarking.page import headline
from ferda.benchmarking.reading import parse_table
from ferda.benchmarking.results import write_results
from ferda.benchmarking.summary import Summary
from ferda.benchmarking.table import Cell, Table
from ferda.errors import UserError

GOLDEN = Path(__file__).parent / "golden_table.tex"


def line(pair: str, row: str, recall: float, **more: object) -> dict[str, object]:
    measures = {"macro_recall": recall, "macro_f1": recall - 0.02, "accuracy": recall + 0.03}
    spread = {f"{name}_sd": 0.01 for name in measures}
    oracle = {"oracle_macro_recall": recall + 0.01, "oracle_macro_recall_sd": float("nan")}
    return {"pair": pair, "row": row, "sure": False, **measures, **spread, **oracle, **more}


def fixed(*lines: dict[str, object]) -> Summary:
    pairs = {str(one["pair"]): {"sources": "synthetic:studio", "target": "synthetic:cctv"} for one in lines}
    table = parse_table({"title": "100 % & more", "pairs": pairs, "methods": ["source_only", "mcc", "dann"]})
    missing = {Cell("a_b", "dann", 2): "The disk was full."}
    return Summary(table, pd.DataFrame(), pd.DataFrame(lines), None, missing)


SURE = {"gain": 0.1, "gain_low": 0.05, "gain_high": 0.15, "p_corrected": 0.01, "sure": True}
LUCK = {"gain": 0.02, "gain_low": -0.05, "gain_high": 0.15, "p_corrected": 0.4, "sure": False}
WORSE = {"gain": -0.1, "gain_low": -0.15, "gain_high": -0.05, "p_corrected": 0.01, "sure": True}
TABLE = fixed(
    line("a_b", "source_only", 0.5),
    line("a_b", "mcc", 0.6, **SURE),
    line("a_b", "dann", 0.52, **LUCK),
    line("b-a", "source_only", 0.4),
    line("b-a", "mcc", 0.3, **WORSE),
)


def test_the_table_for_a_paper_is_the_golden_one() -> None:
    assert latex_table(TABLE) == GOLDEN.read_text(encoding="utf-8")


def test_latex_prints_words_as_they_are() -> None:
    assert escaped(r"50 % of a_b & c\d") == r"50 \% of a\_b \& c\textbackslash{}d"


@pytest.mark.parametrize(
    ("lines", "words", "tone"),
    [
        ([line("a_b", "source_only", 0.5)], "nothing to compare", "plain"),
        ([line("a_b", "source_only", 0.5), line("a_b", "mcc", 0.52, **LUCK)], "No method beats", "same"),
        ([line("a_b", "source_only", 0.5), line("a_b", "mcc", 0.4, **WORSE)], "No method beats", "same"),
        (
            [line("a_b", "source_only", 0.5), line("a_b", "mcc", 0.6, **SURE)],
            r"mcc gains most: \+10\.0",
            "better",
        ),
    ],
)
def test_the_headline_claims_no_more_than_it_can(
    lines: list[dict[str, object]], words: str, tone: str
) -> None:
    said = headline(fixed(*lines))
    assert re.search(words, said.sentence)
    assert said.tone == tone


def test_the_headline_counts_the_pairs_that_are_sure() -> None:
    assert (
        "on average over 2 pairs, more than luck explains on 1 of them"
        in headline(
            fixed(
                line("a_b", "source_only", 0.5),
                line("a_b", "mcc", 0.6, **SURE),
                line("b-a", "source_only", 0.4),
                line("b-a", "mcc", 0.42, **LUCK),
            )
        ).sentence
    )


def test_report_and_tables_are_written(written: tuple[Table, Path]) -> None:
    table, out = written
    write_results(table, out, "seeds: [0, 1]")
    page = (out / "report.html").read_text(encoding="utf-8")
    assert "Known &amp; answers" in page
    assert "The disk was full." in page
    assert "not trained yet" in page
    assert "seeds: [0, 1]" in page
    assert page.count("<svg") == 1, "gains; there is nothing to rank"
    assert "56.4 %" in page, "AGRA's published number"
    assert "http" not in re.sub(r"http://www.w3.org\S*", "", page), "nothing is loaded from elsewhere"
    trainings, methods = pd.read_csv(out / "trainings.csv"), pd.read_csv(out / "table.csv")
    assert len(trainings) == 4 * 3
    assert list(methods["row"]) == ["source_only", "dann", "mcc"]
    assert (out / "table.tex").read_text(encoding="utf-8").count(r"\midrule") == 1


def test_a_table_without_a_finished_training_has_no_report(
    tmp_path: Path, written: tuple[Table, Path]
) -> None:
    with pytest.raises(UserError, match="No training"):
        write_results(written[0], tmp_path)
    assert not any(tmp_path.iterdir())
