"""The oracle: after the run, from records without labels, in columns that nobody can mistake."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import balanced_accuracy_score, f1_score

from ferda.errors import UserError
from ferda.evaluation.oracle import fill_oracle, oracle_choice, oracle_scores

SKILLS = {("source", 1): 0.2, ("adapt", 1): 0.4, ("adapt", 2): 0.9, ("adapt", 10): 0.6}


@pytest.fixture
def run(tmp_path, street, world):
    """A run folder whose epochs have known skill; the watched rows come in another order."""
    (tmp_path / "outputs").mkdir()
    order = np.random.default_rng(0).permutation(len(street.rows))[:350]
    rows = []
    for (stage, epoch), skill in SKILLS.items():
        np.savez(
            tmp_path / "outputs" / f"{stage}_{epoch:03d}.npz",
            rows=street.rows[order],
            probabilities=world.answers(street, skill)[order],
        )
        rows.append(
            {"stage": stage, "epoch": epoch, "step": 9, "im": 0.5, "selected": "im" if epoch == 2 else ""}
        )
    pd.DataFrame(rows).to_csv(tmp_path / "scores.csv", index=False)
    return tmp_path


def test_each_epoch_is_scored_on_its_own_rows(run, street, world):
    table = oracle_scores(run, street).set_index(["stage", "epoch"])
    assert set(table.index) == set(SKILLS)
    stored = np.load(run / "outputs" / "adapt_002.npz")
    position = {row: place for place, row in enumerate(street.rows)}
    truth = street.labels()[[position[row] for row in stored["rows"]]]
    answers, known = stored["probabilities"].argmax(1), truth >= 0
    found = table.loc[("adapt", 2)]
    assert found["oracle_accuracy"] == pytest.approx((truth == answers)[known].mean())
    assert found["oracle_macro_recall"] == pytest.approx(
        balanced_accuracy_score(truth[known], answers[known])
    )
    assert found["oracle_macro_f1"] == pytest.approx(f1_score(truth[known], answers[known], average="macro"))
    assert found["faces"] == known.sum()


def test_the_choice_is_the_best_macro_recall(run, street):
    table = fill_oracle(run, street)
    choice = oracle_choice(table)
    assert (choice.stage, choice.epoch) == ("adapt", 2)
    assert choice.macro_recall == table["oracle_macro_recall"].max()
    assert oracle_choice(table, stage="source").epoch == 1
    with pytest.raises(ValueError):
        oracle_choice(table, stage="elsewhere")


def test_columns_are_filled_marked_and_filled_again_alike(run, street):
    before = pd.read_csv(run / "scores.csv")
    filled = fill_oracle(run, street)
    on_disk = pd.read_csv(run / "scores.csv")
    new = [column for column in on_disk.columns if column not in before.columns]
    assert new == ["oracle_accuracy", "oracle_macro_recall", "oracle_macro_f1"]
    pd.testing.assert_frame_equal(on_disk[before.columns], before)
    assert on_disk["oracle_accuracy"].tolist() == pytest.approx(filled["oracle_accuracy"].tolist())
    fill_oracle(run, street)
    assert list(pd.read_csv(run / "scores.csv").columns) == list(on_disk.columns)
    assert sorted(path.name for path in run.iterdir()) == ["outputs", "scores.csv"]


def test_watched_rows_that_the_domain_lacks_count_as_unlabelled(run, street, world):
    part = type(street)(street.name, street.pack, street.rows[:100], street.classes)
    assert oracle_scores(run, part)["faces"].max() <= 100


def test_another_domain_is_refused(run, street):
    part = type(street)(street.name, street.pack, street.rows[:0], street.classes)
    with pytest.raises(UserError, match="the domain that the run watched"):
        oracle_scores(run, part)


def test_other_classes_are_refused(run, street):
    other = type(street)(street.name, street.pack, street.rows, street.classes[:5])
    with pytest.raises(UserError, match="7 classes"):
        oracle_scores(run, other)


def test_a_run_that_recorded_nothing_is_told(tmp_path, street):
    with pytest.raises(UserError, match="recorded no predictions"):
        oracle_scores(tmp_path, street)


def test_a_damaged_record_is_told(run, street):
    (run / "outputs" / "adapt_002.npz").write_bytes(b"half a file")
    with pytest.raises(UserError, match="damaged"):
        oracle_scores(run, street)
