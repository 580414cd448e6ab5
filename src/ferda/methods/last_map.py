"""What OSA and DDAMFN share: a backbone whose last map of places is attended to, and its settings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import Field

from ferda.backbones.last_map import LastMap
from ferda.methods.base import Method, MethodConfig, ParameterGroup


class LastMapConfig(MethodConfig):
    """Settings of the backbone.

    Attributes:
        backbone: `mixed_feature_net`, or any other with a last map of places.
        backbone_options: What the backbone's family takes.
        weights: File with weights of the backbone to start from (authors: faces of MS-Celeb-1M).
        backbone_rate: Factor on the learning rate of the backbone.
        size: Side of the pictures in pixels; the pooling has a weight for every place of the last map.
    """

    backbone: str = "mixed_feature_net"
    backbone_options: dict[str, Any] = Field(default_factory=dict)
    weights: str | None = None
    backbone_rate: float = Field(default=1.0, ge=0)
    size: int = Field(default=112, ge=16, le=1024)


class LastMapMethod(Method):
    """A method that starts from the last map of a backbone, `trunk`; subclasses say what they make of it.

    Args:
        config: Settings.
        classes: Number of classes `C`.
        sources: Number of source domains.
    """

    def __init__(self, config: LastMapConfig, classes: int, sources: int = 1) -> None:
        super().__init__(config, classes, sources)
        self.backbone_rate = config.backbone_rate
        self.trunk = LastMap(
            config.backbone, options=config.backbone_options, weights=config.weights, size=config.size
        )

    def parameter_groups(self, stage: str) -> Sequence[ParameterGroup]:
        """The backbone at its own rate.

        Args:
            stage: Any.
        """
        return (ParameterGroup("backbone", ("trunk",), rate=self.backbone_rate),)
