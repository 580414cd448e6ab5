"""Sure answers by epoch: counted on rows without a label, too; right or wrong only where one is known."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from ferda.errors import UserError
from ferda.evaluation.pseudo_labels import draw_pseudo_labels, pseudo_label_quality

EPOCHS = [("source", 1), ("source", 2), ("adapt", 1), ("adapt", 2), ("adapt", 10)]


def sure(classes, position, height):
    rest = (1 - height) / (classes - 1)
    return np.where(np.arange(classes) == position, height, rest)


@pytest.fixture
def run(tmp_path, street):
    """Epochs in which a known share of the rows is sure, and a known share of these right."""
    (tmp_path / "outputs").mkdir()
    order = np.random.default_rng(0).permutation(len(street.rows))[:200]
    truth = street.labels()[order]
    for number, (stage, epoch) in enumerate(EPOCHS):
        rows = []
        for place, label in enumerate(truth):
            height = 0.96 if place < 40 * number else 0.9
            answer = max(label, 0) if place % 4 else (label + 1) % 7
            rows.append(sure(7, answer, height))
        np.savez(
            tmp_path / "outputs" / f"{stage}_{epoch:03d}.npz",
            rows=street.rows[order],
            probabilities=np.array(rows, np.float32),
        )
    scores = pd.DataFrame(EPOCHS, columns=["stage", "epoch"])
    scores.to_csv(tmp_path / "scores.csv", index=False)
    return tmp_path


def test_each_epoch_is_counted_in_the_order_of_training(run, street):
    table = pseudo_label_quality(run, street)
    assert list(zip(table["stage"], table["epoch"], strict=True)) == EPOCHS
    assert table["believed"].tolist() == pytest.approx([0, 0.2, 0.4, 0.6, 0.8])
    stored = np.load(run / "outputs" / "adapt_002.npz")
    position = {row: place for place, row in enumerate(street.rows)}
    truth = street.labels()[[position[row] for row in stored["rows"]]]
    believed, right = stored["probabilities"].max(1) >= 0.95, stored["probabilities"].argmax(1) == truth
    assert believed.sum() == 120, "a row without a label is believed like any other"
    found = table.iloc[3]
    assert found["oracle_believed_accuracy"] == pytest.approx(right[believed & (truth >= 0)].mean())
    assert found["oracle_accuracy"] == pytest.approx(right[truth >= 0].mean())
    assert np.isnan(table["oracle_believed_accuracy"].iloc[0]), "nobody was believed"


def test_the_threshold_can_be_another(run, street):
    assert pseudo_label_quality(run, street, threshold=0.9)["believed"].tolist() == [1] * 5
    assert pseudo_label_quality(run, street, threshold=0.99)["believed"].tolist() == [0] * 5


def test_without_scores_stages_come_by_name(run, street):
    (run / "scores.csv").unlink()
    assert list(pseudo_label_quality(run, street)["stage"]) == ["adapt"] * 3 + ["source"] * 2


def test_another_domain_is_refused(run, street):
    part = type(street)(street.name, street.pack, street.rows[:0], street.classes)
    with pytest.raises(UserError, match="the domain that the run watched"):
        pseudo_label_quality(run, part)


def test_the_drawing_has_a_line_a_stage_and_leaves_gaps(run, street):
    upper, lower = draw_pseudo_labels(pseudo_label_quality(run, street)).axes
    drawn = [line for line in upper.lines if len(line.get_xdata()) > 2 or line.get_marker() == "o"]
    assert [len(line.get_xdata()) for line in drawn] == [2, 3]
    assert drawn[1].get_xdata().tolist() == [3, 4, 12], "the second stage goes on where the first ended"
    values = np.concatenate([line.get_ydata() for line in lower.lines if line.get_marker() == "o"])
    assert np.isnan(values).sum() == 1 and np.nanmax(values) <= 1
