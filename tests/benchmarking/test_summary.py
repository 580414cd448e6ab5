from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ferda.benchmarking import measuring
from ferda.benchmarking.measuring import measure
from ferda.benchmarking.places import Place
from ferda.benchmarking.summary import Summary, summarise
from ferda.benchmarking.table import Cell, Table
from ferda.data.domain import open_domain
from ferda.errors import UserError

Written = tuple[Table, Path]


@pytest.fixture(scope="module")
def summary(written: Written) -> Summary:
    return summarise(*written)


def recalls_by_hand(out: Path, row: str, seed: int) -> list[float]:
    test = open_domain("synthetic:cctv@test", labelled=False)
    truth, found = np.asarray(test.labels()), []
    for file in sorted((out / "studio-cctv" / row / str(seed) / "outputs").glob("*.npz")):
        said = np.load(file)["probabilities"].argmax(1)
        found.append(float(np.mean([(said[truth == c] == c).mean() for c in range(7)])))
    return found


def test_each_training_has_its_chosen_last_and_best_epoch(written: Written, summary: Summary) -> None:
    table = summary.trainings.set_index(["row", "seed", "choice"]).sort_index()
    for row, seed in (("source_only", 0), ("source_only", 1), ("dann", 0), ("mcc", 0)):
        recalls = recalls_by_hand(written[1], row, seed)
        for choice, place in {"chosen": 1, "last": 2, "oracle": int(np.argmax(recalls))}.items():
            line = table.loc[(row, seed, choice)]
            assert line["macro_recall"] == pytest.approx(recalls[place], abs=1e-12)
            assert line["epoch"] == place + 1
    assert set(table.loc[("dann", 0)].index) == {"chosen", "last", "oracle"}
    assert table.loc[("dann", 0, "chosen"), "rule"] == "im"


def test_methods_have_means_over_seeds_and_the_price_of_no_labels(written: Written, summary: Summary) -> None:
    line = summary.methods.set_index("row").loc["source_only"]
    both = [recalls_by_hand(written[1], "source_only", seed) for seed in (0, 1)]
    assert line["macro_recall"] == pytest.approx(np.mean([one[1] for one in both]))
    assert line["macro_recall_sd"] == pytest.approx(np.std([one[1] for one in both], ddof=1))
    assert line["regret"] == pytest.approx(np.mean([max(one) - one[1] for one in both]))
    assert line["parameters"] == 70, "running statistics are not learned"
    assert line["seconds"] == 100.5
    assert pd.isna(line["gain"])
    assert not line["sure"]


def test_gains_are_over_common_seeds_and_one_seed_is_never_sure(summary: Summary) -> None:
    lines = summary.methods.set_index("row")
    mcc = lines.loc["mcc"]
    chosen = summary.trainings.query("choice == 'chosen' and seed == 0").set_index("row")["macro_recall"]
    assert mcc["gain"] == pytest.approx(chosen["mcc"] - chosen["source_only"])
    assert mcc["gain_low"] > 0
    assert mcc["p_corrected"] < 0.05
    assert mcc["gain_seeds"] == 1
    assert not mcc["sure"]


def test_only_whole_rows_are_ranked_and_what_is_missing_is_named(summary: Summary) -> None:
    assert summary.ranks is None, "source_only alone has both seeds"
    assert {(cell.row, cell.seed): error for cell, error in summary.missing.items()} == {
        ("dann", 1): "",
        ("mcc", 1): "The disk was full.",
    }


def test_groups_of_the_manifest_are_compared(written: Written, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measuring, "GROUPS", ("source_label", "no such column"))
    (pair,) = measure(*written)
    one = pair.trainings[Cell("studio-cctv", "mcc", 0)]
    each = [(one.answers == pair.labels)[pair.labels == c] for c in range(7)]
    shares = [right.mean() for right in each if len(right) >= 20]
    assert one.gaps.keys() == {"source_label"}
    assert one.gaps["source_label"][0] == pytest.approx(max(shares) - min(shares))


def test_faces_that_the_test_domain_no_longer_has_are_refused(written: Written, tmp_path: Path) -> None:
    table, out = written
    shutil.copytree(out, tmp_path / "table")
    place = Place(tmp_path / "table", Cell("studio-cctv", "dann", 0))
    for file in (place.folder / "outputs").glob("*.npz"):
        stored = dict(np.load(file))
        np.savez(file, rows=stored["rows"][:-5], probabilities=stored["probabilities"][:-5])
    with pytest.raises(UserError, match="recorded other faces"):
        measure(table, tmp_path / "table")
