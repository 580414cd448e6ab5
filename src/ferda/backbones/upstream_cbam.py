"""Names of attention blocks in the checkpoints of three systems, and what `ferda.layers.cbam` calls them.

MA-Net and the diversified networks have linear layers where we, like LA-CMFER, have convolutions of 1x1 maps;
their weights get the two axes that they lack.
"""

from __future__ import annotations

import re

from torch import Tensor

from ferda.backbones.weights import renamed

_NAMES = (
    # MA-Net, diversified ESR and diversified MA-Net
    (r"\bChannelGate\.mlp\.1\.", "channel_mlp.0."),
    (r"\bChannelGate\.mlp\.3\.", "channel_mlp.2."),
    (r"\bSpatialGate\.spatial\.conv\.", "spatial_conv."),
    (r"\bSpatialGate\.spatial\.bn\.", "spatial_norm."),
    # LA-CMFER
    (r"\bca\.se\.", "channel_mlp."),
    (r"\bsa\.conv\.", "spatial_conv."),
)


def cbam_names(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Rename the parts of attention blocks; other names stay, but for a prefix `module.`.

    Args:
        state: Keys such as `layer3_1_p1.0.cbam.ChannelGate.mlp.1.weight` or `0.cbam.sa.conv.bias`.

    Returns:
        The same under names such as `layer3_1_p1.0.cbam.channel_mlp.0.weight`, in shapes that `CBAM` takes.
    """
    return {name: _shaped(name, value) for name, value in renamed(state, _NAMES).items()}


def _shaped(name: str, value: Tensor) -> Tensor:
    is_linear = value.ndim == 2 and re.search(r"\bchannel_mlp\.[02]\.weight$", name)
    return value[:, :, None, None] if is_linear else value
