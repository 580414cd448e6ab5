"""What a teacher says of a row is its student's label, and counts as much as the teacher is sure of it.

Hoyer et al., "MIC: Masked image consistency for context-enhanced domain adaptation", CVPR 2023, for images,
take the most probable class. Sharpened shares of all classes are the labels of Xie et al., "Unsupervised data
augmentation for consistency training", NeurIPS 2020, section 2.3.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

from ferda.checks import check_shape
from ferda.layers.precision import at_least_float32


class PseudoLabelLoss(nn.Module):
    """`L = 1/B sum_i q_i CE(z_i ; c_i)` with `c_i = argmax_c p_ic` and `q_i = max_c p_ic`.

    p is the softmax of the teacher's logits t, and has no gradient. With a temperature T, c_i are the shares
    `softmax(t_i / T)` of all classes. The mean runs over all rows, so a batch of which the teacher is not
    sure moves little. A mean over rows needs no other process's rows (local).

    Args:
        is_weighted: Without, q is 1.
        temperature: T, below 1 it sharpens; None takes the most probable class alone.
    """

    def __init__(self, is_weighted: bool = True, temperature: float | None = None) -> None:
        super().__init__()
        self.is_weighted = is_weighted
        self.temperature = temperature

    def forward(self, logits: Tensor, teacher_logits: Tensor) -> Tensor:
        """Return the scalar loss.

        Args:
            logits: (B, C) z, learn.
            teacher_logits: (B, C).
        """
        check_shape(logits, "B C", "logits")
        check_shape(teacher_logits, "B C", "teacher_logits", B=len(logits), C=logits.shape[1])
        taught = at_least_float32(teacher_logits.detach())
        quality, labels = taught.softmax(1).max(1)
        if self.temperature is not None:
            labels = (taught / self.temperature).softmax(1)
        errors = functional.cross_entropy(at_least_float32(logits), labels, reduction="none")
        return (quality * errors).mean() if self.is_weighted else errors.mean()
