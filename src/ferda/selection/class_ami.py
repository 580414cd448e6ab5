"""Do the answers follow the shape of the features? Musgrave et al., arXiv 2208.07360, call it ClassAMI.

The target's features are cut into as many clusters as there are classes (k-means), and the score is the
mutual information of cluster and answer, adjusted for chance (AMI: Vinh et al., JMLR 2010, with the
arithmetic mean of both entropies): 1 if each cluster is one class, about 0 if they have nothing to do with
each other.

Traps: clusters may be people, cameras or head poses, and a model that answers by these scores high. Rare
expressions get no cluster of their own, so unbalanced faces lower it. A model whose answers are wrong but
follow its own features, which is what training on wrong pseudo-labels ends in, scores as well as a right
one.
"""

from __future__ import annotations

import warnings

from ferda.selection.outputs import EpochOutputs

_STARTS = 4  # one start's local optimum would be noise between epochs


def score(outputs: EpochOutputs) -> float:
    """Return the adjusted mutual information of k-means clusters and answers, about 0 to 1.

    Args:
        outputs: Of one checkpoint; one that answers a single class, or has fewer rows than classes, scores 0.
    """
    from sklearn.cluster import KMeans
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.metrics import adjusted_mutual_info_score
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    answers = outputs.target_probabilities.argmax(1)
    classes = outputs.target_probabilities.shape[1]
    if len(answers) < classes or (answers == answers[0]).all():
        return 0.0
    # several threads add up in any order, and a run that is resumed must find the same clusters
    with threadpool_limits(1, user_api="openmp"), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # features that collapsed have fewer clusters
        clusters = KMeans(classes, n_init=_STARTS, random_state=0).fit_predict(outputs.target_features)
    return float(adjusted_mutual_info_score(answers, clusters))
