"""Labels that the target gives itself: each face joins the class whose centroid points its way.

Liang et al., ICML 2020 (SHOT). A classifier that was trained elsewhere is wrong about many faces of a new
camera, and sure of it; but faces of a class still lie together. So the classes are placed where the answers
say that they are, every face joins the nearest, and once more with the classes placed where their members
are.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from ferda.checks import check_shape

ROUNDS = 2


@torch.no_grad()
def centroid_labels(features: Tensor, probabilities: Tensor) -> Tensor:
    """Return (N,) int64 classes of a whole domain.

    With x_i the features, a one appended and scaled to length one (the one stands for the classifier's bias;
    it is in the authors' program, not in their paper), and p_i the answers:

        c_k = sum_i p_ik x_i,    y_i = argmax_k cos(x_i, c_k),    then once more with p_ik = [y_i = k].

    A class that no face was given in the round before (in the first: that is no face's largest probability)
    gets none.

    Args:
        features: (N, D).
        probabilities: (N, C).
    """
    check_shape(features, "N D", "features", N=len(probabilities))
    rows = functional.normalize(functional.pad(features, (0, 1), value=1.0))
    shares, labels = probabilities.to(rows), probabilities.argmax(1)
    classes = probabilities.shape[1]
    for _ in range(ROUNDS):
        # a cosine does not see how long a centroid is: sums do for means
        cosines = rows @ functional.normalize(shares.T @ rows).T  # (N, C)
        is_empty = torch.bincount(labels, minlength=classes) == 0
        labels = cosines.masked_fill(is_empty, -torch.inf).argmax(1)
        shares = functional.one_hot(labels, classes).to(rows)
    return labels
