"""Joint maximum mean discrepancy: how far apart two domains are in several layers at once.

Long et al., "Deep transfer learning with joint adaptation networks" (JAN), ICML 2017. Two rows are alike if
they are alike in every layer, so features are compared together with the predictions made from them.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from operator import mul

from torch import Tensor, nn

from ferda.distributed import gathered
from ferda.losses.mmd import KernelBlocks, kernel_blocks, weighted_mmd


class JointMMDLoss(nn.Module):
    """`L = mean K_ss + mean K_tt - 2 mean K_st` with `K_ij = prod_l k_l(x_il, x_jl)` over the layers l.

    The kernel of a layer is that of `MMDLoss`: several Gaussians around the mean squared distance of all its
    rows, or around a fixed b. This is the biased estimate, never negative; n and m may differ. Statistics of
    a batch, over all processes (gathered).

    Args:
        kernels: Number of Gaussians of each layer; the paper has one.
        widths: b of each layer; None for that of the rows.
        factor: From one Gaussian of a layer to its next.
    """

    def __init__(
        self,
        kernels: Sequence[int] = (1, 1),
        widths: Sequence[float | None] = (None, None),
        factor: float = 2.0,
    ) -> None:
        super().__init__()
        self.layers = tuple(zip(kernels, widths, strict=True))
        self.factor = factor

    def forward(self, source: Sequence[Tensor], target: Sequence[Tensor]) -> Tensor:
        """Return the scalar loss.

        Args:
            source: (n, D_l) of every layer.
            target: (m, D_l) of every layer.
        """
        parts = [
            kernel_blocks(gathered(s), gathered(t), kernels, self.factor, width)
            for s, t, (kernels, width) in zip(source, target, self.layers, strict=True)
        ]
        joint = KernelBlocks(*(reduce(mul, blocks) for blocks in zip(*parts, strict=True)))
        n, m = joint.between.shape
        return weighted_mmd(joint, joint.between.new_full((n,), 1 / n), joint.between.new_full((m,), 1 / m))
