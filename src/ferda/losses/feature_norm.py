"""Feature norms: features of a domain that a network does not know are short; let them grow.

Xu et al., "Larger norm more transferable", ICCV 2019. Both losses act on rows of any domain, without labels.
"""

from __future__ import annotations

from torch import Tensor, nn

from ferda.checks import check_shape
from ferda.distributed import gathered
from ferda.layers.precision import at_least_float32


class HardFeatureNormLoss(nn.Module):
    """HAFN: `(mean_i ||f_i|| - R)^2`, one radius for all. The mean is over all processes (gathered).

    Args:
        radius: R (paper: 25).
    """

    def __init__(self, radius: float = 25.0) -> None:
        super().__init__()
        self.radius = radius

    def forward(self, features: Tensor) -> Tensor:
        """Return the scalar loss of (B, D) features."""
        check_shape(features, "B D", "features")
        norms = gathered(at_least_float32(features).norm(dim=1))
        return (norms.mean() - self.radius).square()


class StepwiseFeatureNormLoss(nn.Module):
    """SAFN: `mean_i (||f_i|| - (stopgrad ||f_i|| + d))^2`, every row a little longer than it is (local).

    Its value is always d^2; only its gradient, -2d along each feature, says anything.

    Args:
        step: d (paper: 1).
    """

    def __init__(self, step: float = 1.0) -> None:
        super().__init__()
        self.step = step

    def forward(self, features: Tensor) -> Tensor:
        """Return the scalar loss of (B, D) features."""
        check_shape(features, "B D", "features")
        norms = at_least_float32(features).norm(dim=1)
        return (norms - (norms.detach() + self.step)).square().mean()
