from __future__ import annotations

import torch

from ferda.layers.view_fusion import fuse_views

#: Classes 0 and 0; 0 and 1, the mean on the side of the first; 0 and 1, the mean with neither.
GLOBAL = torch.tensor([[4.0, 0, 0], [9.0, 0, 0], [5.0, 0, 4.9]])
LOCAL = torch.tensor([[1.0, 0, 0], [0, 2.0, 0], [0, 6.0, 5.9]])


def test_the_rules() -> None:
    mean = (GLOBAL + LOCAL) / 2
    assert torch.equal(fuse_views(GLOBAL, LOCAL), mean)
    assert torch.equal(fuse_views(GLOBAL, LOCAL, "global"), GLOBAL)
    assert torch.equal(fuse_views(GLOBAL, LOCAL, "local"), LOCAL)
    probabilities = fuse_views(GLOBAL, LOCAL, "mean_prob").softmax(1)
    torch.testing.assert_close(probabilities, (GLOBAL.softmax(1) + LOCAL.softmax(1)) / 2)
    assert torch.equal(fuse_views(GLOBAL, LOCAL, "max_logit"), torch.stack([GLOBAL[0], GLOBAL[1], LOCAL[2]]))
    assert mean[2].argmax() == 2
    assert torch.equal(fuse_views(GLOBAL, LOCAL, "vote"), torch.stack([mean[0], mean[1], LOCAL[2]]))


def test_negative_logits_are_compared_like_any_others() -> None:
    first, second = torch.tensor([[-9.0, -1.0]]), torch.tensor([[-3.0, -2.0]])
    assert torch.equal(fuse_views(first, second, "max_logit"), first)
