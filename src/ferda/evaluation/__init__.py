"""How good is it, for whom, and can the number be believed?

`evaluate` runs a model over a labelled domain; `ferda.evaluation.report` lays the results out as a page;
`ferda.evaluation.oracle` says, after the run, what one could have had with the target's labels.
"""

from __future__ import annotations

from ferda.evaluation.evaluation import Evaluation
from ferda.evaluation.metrics import Scores, score
from ferda.evaluation.scoring import evaluate, evaluation_of

__all__ = ["Evaluation", "Scores", "evaluate", "evaluation_of", "score"]
