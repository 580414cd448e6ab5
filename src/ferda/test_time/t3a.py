"""T3A: templates of the classes, refined by the sure answers. No gradient, no weight moves.

The rows of the linear head are templates: a face is of the class whose template its features point at. Each
face joins the supports of the class it is taken for; of every class the surest are kept, and the new
template is the mean direction of its supports, the head's own row among them as long as it is sure enough:

    w_c = normalised sum_{f in S_c} f / ||f||,   z_c = w_c . features,   S_c the `kept` of least entropy.

Iwasawa and Matsuo, "Test-time classifier adjustment module for model-agnostic domain generalization", NeurIPS
2021. The authors choose `kept` among 1, 5, 20, 50, 100 and all on the sources; 100 is the default of their
code. A face joins before it is answered, so it counts for itself, and the head's bias counts for the choice
of supports only: both as theirs.
"""

from __future__ import annotations

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn.functional import normalize

from ferda.batch import Output
from ferda.errors import UserError
from ferda.test_time.base import Adaptation, AdaptationConfig
from ferda.test_time.entropy_step import row_entropy


class T3AConfig(AdaptationConfig):
    """Settings.

    Attributes:
        kept: Supports of each class, the surest; None keeps all.
    """

    kept: int | None = Field(default=100, ge=1)


class T3A(Adaptation):
    """Answers with templates made of the head and of the stream."""

    Config = T3AConfig
    _head: nn.Linear | None = None

    def reset(self) -> None:
        """Forget all supports."""
        super().reset()
        self._supports: tuple[Tensor, Tensor, Tensor] | None = None

    def adapt(self, images: Tensor, landmarks: Tensor | None) -> Output:
        """Let the batch join the supports, and answer by the templates.

        Args:
            images: (B, 3, H, W).
            landmarks: (B, 5, 2), or None.

        Raises:
            UserError: If the logits are not a linear layer of the features.
        """
        output = self.method(images, landmarks)
        if self._head is None:
            self._head = _head_of(self.method, output)
        if self._supports is None:
            rows = self._head.weight
            self._supports = rows[:0], rows.new_zeros(0), torch.zeros(0, dtype=torch.long, device=rows.device)
            self._join(rows, self._head(rows))
        self._join(output.features, output.logits)
        features, _, classes = self._supports
        sums = features.new_zeros(output.logits.shape[1], features.shape[1])
        sums.index_add_(0, classes, normalize(features, dim=1))
        return Output(output.features @ normalize(sums, dim=1).T, output.features, output.views)

    def _join(self, features: Tensor, logits: Tensor) -> None:
        """Add rows to the supports and keep the surest; `_supports` are features, entropies and classes."""
        assert self._supports is not None
        joined = (features, row_entropy(logits), logits.argmax(1))
        features, entropies, classes = (
            torch.cat(parts) for parts in zip(self._supports, joined, strict=True)
        )
        order = entropies.argsort(stable=True)
        order = order[classes[order].argsort(stable=True)]
        counts = classes.bincount(minlength=logits.shape[1])
        firsts = counts.cumsum(0) - counts
        place = torch.arange(len(order), device=order.device) - firsts[classes[order]]
        if self.config.kept is not None:
            order = order[place < self.config.kept]
        self._supports = features[order], entropies[order], classes[order]


def _head_of(method: nn.Module, output: Output) -> nn.Linear:
    """Return the layer that makes the logits from the features."""
    wanted = (output.logits.shape[1], output.features.shape[1])
    for layer in method.modules():
        if isinstance(layer, nn.Linear) and tuple(layer.weight.shape) == wanted:
            made = layer(output.features)
            if torch.allclose(made, output.logits, rtol=1e-3, atol=1e-4):
                return layer
    raise UserError(
        "t3a needs logits that are one linear layer of the features, as those of source_only, dann or mcc; "
        "this network decides otherwise, by several heads for instance, so use another adaptation."
    )
