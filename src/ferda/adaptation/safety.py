"""The safety rule: old or new model, decided without labels and by nothing that adapting could train.

Self-training raises whatever measures sureness or balance, right or wrong, so neither is asked. Four
questions are put to faces that adapting did not see; the new model is kept if no answer speaks against it.

1. Is an expression lost? One that the old model answered may become rare, not vanish.
2. Are enough classes in use? (`ferda.selection.collapse`)
3. Is it steady beyond chance? A face that is mirrored, turned a little or lit otherwise keeps its expression.
   The share of equal answers is corrected for what the mix alone would give (Cohen's kappa, 1960), so a model
   that always says the same is steady at 0, not at 1.
4. Would the old model think it possible? With q the mean of its answers to all views of a face and y the new
   answer, `mean log q_y + mean H(q)` is about 0 if new answers come as often as the old model's own doubt
   lets expect. Far below, the new model contradicts what the old one was sure of.

Passing proves no gain. Letters: n faces, C classes, V views.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ferda.adaptation.evidence import Evidence
from ferda.selection.collapse import LEAST, classes_in_use, has_collapsed
from ferda.selection.outputs import row_entropies

#: An expression counts as found by the old model from this share, and this number, of answers on.
_FOUND_SHARE, _FOUND_FACES = 0.05, 4
#: What must remain of its answers.
_REMAINS = 0.25
#: Allowed loss of kappa, to which half of 1 / sqrt(n), a standard error, is added.
_LESS_STEADY = 0.05
#: Least plausibility, in nats.
_POSSIBLE = -0.4


@dataclass(frozen=True)
class Check:
    """One question and its answer.

    Attributes:
        name: The question in a few words.
        passed: Whether nothing speaks against the new model.
        found: What was measured.
        asked: What would have passed.
        reason: Half a sentence for the user if it did not pass.
    """

    name: str
    passed: bool
    found: str
    asked: str
    reason: str


@dataclass(frozen=True)
class Verdict:
    """Which model is kept.

    Attributes:
        checks: All questions.
    """

    checks: tuple[Check, ...]

    @property
    def kept_old(self) -> bool:
        """Whether anything speaks against the new model."""
        return not all(check.passed for check in self.checks)

    @property
    def sentence(self) -> str:
        """The verdict for somebody who reads nothing else."""
        if not self.kept_old:
            return "The model was adapted; no check speaks against it."
        reasons = " and ".join(check.reason for check in self.checks if not check.passed)
        return f"The old model was kept, since the adapted one {reasons}."


def judge(before: Evidence, after: Evidence, classes: Sequence[str]) -> Verdict:
    """Compare two models on faces that adapting did not see.

    Args:
        before: Of the old model.
        after: Of the adapted one, on the same faces and views.
        classes: Names of the C columns.

    Raises:
        ValueError: If the two are not of the same faces.
    """
    if before.views.shape != after.views.shape or before.views.shape[2] != len(classes):
        raise ValueError("two models are compared on the same views of the same faces, and by class names")
    return Verdict(
        (
            _lost(before, after, classes),
            _in_use(before, after),
            _steady(before, after),
            _possible(before, after),
        )
    )


def plausibility(before: Evidence, after: Evidence) -> float:
    """Return how possible the new answers seem to the old model, in nats; 0 is as its own doubt expects.

    Args:
        before: Of the old model.
        after: Of the adapted one.
    """
    believed = before.views.mean(0)
    said = believed[np.arange(len(believed)), after.answers]
    logarithms = np.log(np.maximum(said, np.finfo(np.float32).tiny))
    return float(logarithms.mean() + row_entropies(believed).mean())


def _lost(before: Evidence, after: Evidence, classes: Sequence[str]) -> Check:
    old, new = before.shares(), after.shares()
    found = (old >= _FOUND_SHARE) & (old * len(before.answers) >= _FOUND_FACES)
    lost = [name for name, is_lost in zip(classes, found & (new < _REMAINS * old), strict=True) if is_lost]
    names = ", ".join(lost)
    return Check(
        "expressions that vanished",
        not lost,
        names or "none",
        "none of those that the old model answered",
        f"hardly answers {names} any more",
    )


def _in_use(before: Evidence, after: Evidence) -> Check:
    old, new = (classes_in_use(said.probabilities) for said in (before, after))
    return Check(
        "expressions in use",
        not has_collapsed(new, old),
        f"{new:.1f}, before {old:.1f}",
        f"at least {LEAST * old:.1f}",
        f"uses {new:.1f} expressions where the old one used {old:.1f}",
    )


def _steady(before: Evidence, after: Evidence) -> Check:
    least = before.steadiness - _LESS_STEADY - 0.5 * len(before.answers) ** -0.5
    return Check(
        "steady when the picture is mirrored, turned or lit otherwise",
        after.steadiness >= least,
        f"{after.steadiness:.2f}, before {before.steadiness:.2f} (1 always, 0 by chance)",
        f"at least {least:.2f}",
        "answers otherwise as soon as a picture is mirrored, turned a little or lit otherwise",
    )


def _possible(before: Evidence, after: Evidence) -> Check:
    found = plausibility(before, after)
    return Check(
        "new answers that the old model thinks possible",
        found >= _POSSIBLE,
        f"{found:+.2f} (0 is as its own doubt expects)",
        f"at least {_POSSIBLE:+.2f}",
        "contradicts what the old one was sure of",
    )
