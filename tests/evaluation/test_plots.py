"""Figures: what stands in them, that they are well-formed SVG, and that they leave matplotlib alone."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import matplotlib
import numpy as np
import pandas as pd
import pytest

from ferda.evaluation.curves import is_selected, learning_curves, validators
from ferda.evaluation.groups import score_groups
from ferda.evaluation.plots import class_bars, confusion, group_intervals, reliability
from ferda.evaluation.style import VARIABLES, class_colours, percent, svg
from ferda.expressions import BASIC


def words_of(figure):
    return [text.get_text() for axes in figure.axes for text in axes.texts]


def titles_of(figure):
    return [axes.get_title(loc="left") for axes in figure.axes if axes.get_visible()]


def test_confusion_shows_counts_and_per_cent_of_rows(adapted):
    words = words_of(confusion(adapted.scores))
    matrix = adapted.scores.matrix
    for row, column in np.argwhere(matrix):
        share = 100 * matrix[row, column] / matrix[row].sum()
        assert f"{share:.0f}" in words and str(matrix[row, column]) in words
    assert len(words) == 2 * np.count_nonzero(matrix)


def test_bars_show_the_recall_of_each_model(adapted, baseline):
    words = words_of(class_bars([baseline, adapted], ["before", "after"]))
    expected = [f"{100 * row.recall:.0f} %" for one in (baseline, adapted) for row in one.scores.per_class]
    assert words == expected


def test_reliability_says_the_calibration_error(adapted):
    assert titles_of(reliability(adapted.scores))[0] == f"calibration error {percent(adapted.scores.ece, 1)}"


def test_every_named_loss_has_its_own_axes(world):
    assert titles_of(learning_curves(world.journal())) == ["sum of all", "task", "domain", "pseudo"]
    assert titles_of(learning_curves(world.journal(stages=("source",)))) == ["task"]


def test_a_long_journal_is_thinned(world):
    short, long = world.journal(steps=300), world.journal(steps=60_000)
    size = {name: len(svg(learning_curves(table), "x")) for name, table in (("short", short), ("long", long))}
    assert size["long"] < 12 * size["short"]


def test_a_stage_starts_where_the_last_one_ended(world):
    axes = learning_curves(world.journal(steps=300)).axes[0]
    ends = [(line.get_xdata()[0], line.get_xdata()[-1]) for line in axes.lines[:4]]
    assert ends[0] == (10, 300) and ends[2] == (310, 600)


def test_validators_mark_the_oracle_and_the_chosen_epochs(world):
    scores = world.scores()
    scores["oracle_macro_recall"] = 0.5
    figure = validators(scores)
    assert titles_of(figure)[-1] == "oracle: macro recall"
    rings = figure.axes[0].lines[2]
    assert rings.get_xdata().tolist() == [7, 15]


@pytest.mark.parametrize("empty", [None, "", float("nan")])
def test_an_empty_cell_is_not_selected(empty):
    scores = pd.DataFrame({"selected": ["im", empty, "last"]})
    assert is_selected(scores).tolist() == [True, False, True]


def test_truth_values_as_cells_are_understood():
    assert is_selected(pd.DataFrame({"selected": [True, False]})).tolist() == [True, False]
    assert is_selected(pd.DataFrame({"epoch": [1]})).tolist() == [False]


def test_many_groups_are_cut_to_the_worst_and_the_best():
    labels = np.arange(3000) % 2
    table = np.eye(2)[labels] * 0.8 + 0.1
    names = pd.Series(np.arange(3000) // 30, name="site")
    figure = group_intervals(score_groups(labels, table, ("anger", "fear"), names), most=9)
    assert len(figure.axes[0].get_yticklabels()) == 9


def test_svg_is_well_formed_and_its_colours_follow_the_page(adapted, baseline):
    text = svg(class_bars([baseline, adapted], ["a < b", '"c"']), 'says "so" & more')
    root = ElementTree.fromstring(text)
    assert root.get("role") == "img" and root.get("aria-label") == 'says "so" & more'
    assert "a < b" in "".join(root.itertext())
    for colour in ("ink", "muted", "line", "after", "before"):
        assert f"var(--{colour}, #" in text
    assert not any(re.search(rf": {colour}\b(?!\))", text, re.I) for colour in VARIABLES)
    assert "<image" not in text and "DejaVu" not in text


def test_ids_are_used_and_no_two_figures_share_one(adapted, at_home):
    seen = set()
    for draw in (confusion, reliability):
        for one in (adapted, at_home):
            text = svg(draw(one.scores), "x")
            own = re.findall(r' id="([^"]+)"', text)
            used = set(re.findall(r"[\"(]#([^\")]+)[\")]", text))
            assert set(own) == used and len(own) == len(used)
            assert not seen & used
            seen |= used
    assert seen


def test_the_same_numbers_give_the_same_bytes(adapted):
    assert svg(confusion(adapted.scores), "x") == svg(confusion(adapted.scores), "x")


def test_drawing_leaves_the_settings_of_others_alone(adapted):
    before = dict(matplotlib.rcParams)
    svg(confusion(adapted.scores), "x")
    assert dict(matplotlib.rcParams) == before


def test_an_expression_has_its_colour_wherever_it_stands():
    assert class_colours(BASIC[::-1]) == class_colours(BASIC)[::-1]
    assert len(set(class_colours(BASIC))) == 7
