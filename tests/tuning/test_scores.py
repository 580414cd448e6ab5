from __future__ import annotations

import pytest

from ferda.engine.recipe import load_recipe
from ferda.errors import UserError
from ferda.methods import list_methods, method_class
from ferda.tuning import scores
from ferda.tuning.scores import check_score, list_scores, trained_on


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("oracle", "needs the target's labels, which a search never reads; choose one of"),
        ("ensv", "compares the epochs of one run"),
        ("mixval", "compares the epochs of one run"),
        ("last", "cannot go by 'last'"),
        ("entorpy", r"did you mean 'entropy'"),
    ],
)
def test_what_cannot_rank_trials_is_refused(name: str, words: str) -> None:
    with pytest.raises(UserError, match=words):
        check_score(name)


def test_every_other_validator_can() -> None:
    assert {"im", "bnm", "snd", "source_accuracy", "dev"} <= set(list_scores())
    for name in list_scores():
        check_score(name)


def test_methods_that_train_on_the_score_are_named() -> None:
    assert "so do the losses of 'shot'" in trained_on(load_recipe("shot"), "im")
    assert trained_on(load_recipe("shot"), "snd") == ""
    assert trained_on(load_recipe("dann"), "im") == ""
    weighed = load_recipe("dann", ["method.confusion_weight=0.5"])
    assert "'dann'" in trained_on(weighed, "entropy")
    assert trained_on(load_recipe("mcc", ["method.confusion_weight=0"]), "im") == ""


def test_the_named_settings_exist() -> None:
    for name, setting in scores._TRAINED.items():
        assert name in list_methods()
        assert setting is None or setting in method_class(name).Config.model_fields
