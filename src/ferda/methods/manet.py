"""MA-Net: a face at many scales at once, and its four quarters one by one.

Zhao et al., "Learning deep global multi-scale and local attention features for facial expression recognition
in the wild", IEEE TIP 2021. A supervised network for faces in the wild: hands and hair hide parts of a face
and heads turn, so one branch looks at all of it at many scales, the other at each quarter with attention of
its own (`ferda.backbones.manet`). Both are taught, and decide together:

    L = beta CE(z_local, y) + (1 - beta) CE(z_multi_scale, y),   z = beta z_local + (1 - beta) z_multi_scale.

It learns from labelled sources alone. The authors start from a face recogniser trained on MS-Celeb-1M
(`weights`). Their code changed the multi-scale units in April 2023, without a word on why and without new
weights; both forms are here (`second_path`). We do otherwise: held-out source faces choose the
checkpoint, where theirs is the best on the test labels.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, ClassVar, Self

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from ferda.backbones.manet import ManetFeatures, MANetwork
from ferda.backbones.manet_units import SecondPath
from ferda.backbones.upstream_manet import method_names, network_names
from ferda.backbones.weights import load_weights, read_state
from ferda.batch import DomainBatch, Output, Progress
from ferda.errors import UserError
from ferda.layers.precision import at_least_float32
from ferda.methods.base import Method, MethodConfig, Needs

#: Weights with more classes than this are of a recogniser of persons.
_MOST_EXPRESSIONS = 100


class MANetConfig(MethodConfig):
    """Settings; the defaults are the paper's.

    Attributes:
        local_weight: beta, of the local branch in the loss and in the decision; the other has the rest.
        second_path: Order of the multi-scale units' second path: `reverse`, or `legacy` as it was before
            April 2023. The default turns to `legacy` with `weights`, because the authors' date from 2021.
        weights: File to start from: the authors' face recogniser, whose classifiers are left out, or one of
            their expression networks.
        widths: Channels of the four stages, the last two multiples of 4.
        units: Units of the four stages.
        stem_pool: Halve the map behind the first convolution; False suits pictures of 48 to 64 pixels.
    """

    local_weight: float = Field(default=0.6, ge=0, le=1)
    second_path: SecondPath = "reverse"
    weights: str | None = None
    widths: tuple[int, int, int, int] = (64, 128, 256, 512)
    units: tuple[int, int, int, int] = (2, 2, 2, 2)
    stem_pool: bool = True

    @model_validator(mode="before")
    @classmethod
    def _path_of_the_weights(cls, given: Any) -> Any:
        # settled here, so that a checkpoint remembers it when it forgets where its weights came from
        if isinstance(given, dict) and given.get("weights") is not None:
            return {"second_path": "legacy", **given}
        return given


class MANet(Method):
    """A network of two branches with a classifier each.

    Args:
        config: Settings.
        classes: Number of classes `C`.
        sources: Number of source domains; all count as one.
    """

    Config: ClassVar[type[MANetConfig]] = MANetConfig
    needs = Needs(target=False)
    sampling = "pooled"
    explained = "network.shared"

    def __init__(self, config: MANetConfig, classes: int, sources: int = 1) -> None:
        super().__init__(config, classes, sources)
        self.local_weight = config.local_weight
        self.network = MANetwork(config.widths, config.units, config.second_path, config.stem_pool)
        self.local_head = nn.Linear(self.network.width, classes)
        self.multi_scale_head = nn.Linear(self.network.width, classes)
        if config.weights is not None:
            state = network_names(read_state(config.weights))
            report = load_weights(self.network, state, source=config.weights)
            logging.getLogger("ferda").info("manet from %s: %s", config.weights, report)

    def forward(self, images: Tensor, landmarks: Tensor | None = None) -> Output:
        """Answer for a batch of faces.

        `views` has the logits of both branches, `local` and `multi_scale`, and `attention_local`: where the
        quarters' towers look, (B, h, w).

        Args:
            images: (B, 3, H, W) normalised; the sides are multiples of 16.
            landmarks: Not used.
        """
        found = self.network(images)
        local, multi_scale = self.local_head(found.local), self.multi_scale_head(found.multi_scale)
        return Output(
            self.local_weight * local + (1 - self.local_weight) * multi_scale,
            torch.cat([found.local, found.multi_scale], 1),
            {"local": local, "multi_scale": multi_scale, "attention_local": found.attention},
        )

    def losses(self, batch: DomainBatch, progress: Progress) -> dict[str, Tensor]:
        """Return the weighted cross-entropies of the two branches as `task`.

        Args:
            batch: Sources.
            progress: Not used.
        """
        source = batch.pooled
        return {"task": self.task_loss(self.network(source.images), source.labels)}

    def task_loss(self, found: ManetFeatures, labels: Tensor) -> Tensor:
        """Return beta CE(z_local, y) + (1 - beta) CE(z_multi_scale, y), in float32.

        Args:
            found: Of B faces.
            labels: (B,) classes or (B, C) shares.
        """
        logits = self.local_head(found.local), self.multi_scale_head(found.multi_scale)
        local, multi_scale = (cross_entropy(at_least_float32(each), labels) for each in logits)
        return self.local_weight * local + (1 - self.local_weight) * multi_scale

    @classmethod
    def from_upstream(cls, state: Mapping[str, Any], **options: Any) -> Self:
        """Return the method with the weights of a file of the authors' program.

        The path is `legacy` unless `second_path` says otherwise: a file does not tell, and the authors'
        expression networks of 2021 are older than the other order.

        Args:
            state: The network's state dict, or a training file with `state_dict`.
            **options: Settings that differ from the authors' code.

        Raises:
            UserError: If names or shapes do not fit, or the weights tell persons apart, not expressions.
        """
        names = method_names(state)
        if "local_head.bias" not in names:
            raise UserError("A checkpoint of MA-Net has fc_1.bias, this one has not.")
        classes = len(names["local_head.bias"])
        if classes > _MOST_EXPRESSIONS:
            raise UserError(
                f"These weights tell {classes} persons apart, not expressions; train from them with "
                "--set method.weights=FILE."
            )
        method = cls(cls.Config(**{"second_path": "legacy", **options}), classes)
        load_weights(method, names, source="the checkpoint")
        return method
