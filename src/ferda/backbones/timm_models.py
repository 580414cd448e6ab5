"""Any network of the timm library, as `timm/<its name>`. Nothing is downloaded unless you say so."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from ferda.backbones.base import Backbone
from ferda.errors import UserError, nearest

PREFIX = "timm/"


class TimmBackbone(Backbone):
    """A timm network without its classifier.

    Args:
        model: timm's name, for instance `resnet18`.
        download: Fetch timm's pretrained weights from the internet. Without it the network starts fresh.
        **options: Anything `timm.create_model` takes (`drop_path_rate`, `img_size`).

    Raises:
        UserError: If timm knows no such network, or its weights cannot be fetched.
    """

    def __init__(self, model: str, *, download: bool = False, **options: Any) -> None:
        super().__init__()
        import timm

        if model.split(".", maxsplit=1)[0] not in timm.list_models():
            raise UserError(f"timm has no network '{model}'{nearest(model, timm.list_models())}.")
        try:
            network: Any = timm.create_model(model, pretrained=download, num_classes=0, **options)
        except (OSError, RuntimeError) as error:
            if not download:
                raise
            raise UserError(
                f"The weights of timm's {model} could not be fetched ({error}); "
                "give a file of them with --weights, or start without."
            ) from error
        self.network = network
        self.width = int(network.num_features)

    def stage_maps(self, images: Tensor) -> list[Tensor]:
        """Return the last map alone: timm's networks have no common word for the earlier ones."""
        forward_features: Any = self.network.forward_features
        return [forward_features(images)]

    def forward(self, images: Tensor) -> Tensor:
        """Return (B, D) features of (B, 3, H, W) normalised images."""
        features: Tensor = self.network(images)
        return features


def list_timm() -> list[str]:
    """Names of all timm networks, with the prefix."""
    import timm

    return [PREFIX + name for name in timm.list_models()]
