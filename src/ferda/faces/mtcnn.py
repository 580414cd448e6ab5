"""The three small networks of MTCNN, and where their numbers come from.

MTCNN (Zhang et al. 2016) looks for faces three times: P-Net slides over a pyramid of the picture, R-Net
looks at each proposal again in 24 x 24 pixels, O-Net a last time in 48 x 48 and says where eyes, nose and
mouth are.
The layers below are written from the paper; the trained numbers lie in the installed package `mtcnn` (MIT).
That package itself is never imported, since it wants TensorFlow: only its three weight files are read.

Its weights were trained on WIDER FACE and CelebA, whose pictures are offered for research.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import joblib
import numpy as np
import torch
from torch import Tensor, nn

from ferda.errors import UserError
from ferda.faces.cascade import Network, Networks, in_pieces

#: What to type when the weights are missing.
INSTALL = "pip install 'mtcnn>=1.0,<2' joblib lz4"
#: Numbers that a network is given at a time: what a processor's cache and a GPU's memory like.
_ON_CPU, _ON_GPU = 2**18, 2**24


class ProposalNet(nn.Module):
    """P-Net: fully convolutional, one answer for each 12 x 12 window at a stride of 2."""

    def __init__(self) -> None:
        super().__init__()
        self.trunk = nn.Sequential(
            *(nn.Conv2d(3, 10, 3), nn.PReLU(10), nn.MaxPool2d(2, 2, ceil_mode=True)),
            *(nn.Conv2d(10, 16, 3), nn.PReLU(16)),
            *(nn.Conv2d(16, 32, 3), nn.PReLU(32)),
        )
        self.box = nn.Conv2d(32, 4, 1)
        self.face = nn.Conv2d(32, 2, 1)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return box corrections (B, 4, h, w) and face probabilities (B, h, w)."""
        maps = self.trunk(images)
        return self.box(maps), self.face(maps).softmax(1)[:, 1]


class RefineNet(nn.Module):
    """R-Net: is this 24 x 24 crop a face, and where exactly?"""

    def __init__(self) -> None:
        super().__init__()
        self.trunk = nn.Sequential(
            *(nn.Conv2d(3, 28, 3), nn.PReLU(28), nn.MaxPool2d(3, 2, ceil_mode=True)),
            *(nn.Conv2d(28, 48, 3), nn.PReLU(48), nn.MaxPool2d(3, 2, ceil_mode=True)),
            *(nn.Conv2d(48, 64, 2), nn.PReLU(64)),
        )
        self.dense = nn.Sequential(nn.Linear(576, 128), nn.PReLU(128))
        self.box = nn.Linear(128, 4)
        self.face = nn.Linear(128, 2)

    def forward(self, crops: Tensor) -> tuple[Tensor, Tensor]:
        """Return box corrections (K, 4) and face probabilities (K,)."""
        features = self.dense(flatten_columns_first(self.trunk(crops)))
        return self.box(features), self.face(features).softmax(1)[:, 1]


class OutputNet(nn.Module):
    """O-Net: the last word on a 48 x 48 crop, with five landmarks."""

    def __init__(self) -> None:
        super().__init__()
        self.trunk = nn.Sequential(
            *(nn.Conv2d(3, 32, 3), nn.PReLU(32), nn.MaxPool2d(3, 2, ceil_mode=True)),
            *(nn.Conv2d(32, 64, 3), nn.PReLU(64), nn.MaxPool2d(3, 2, ceil_mode=True)),
            *(nn.Conv2d(64, 64, 3), nn.PReLU(64), nn.MaxPool2d(2, 2, ceil_mode=True)),
            *(nn.Conv2d(64, 128, 2), nn.PReLU(128)),
        )
        self.dense = nn.Sequential(nn.Linear(1152, 256), nn.PReLU(256))
        self.box = nn.Linear(256, 4)
        self.points = nn.Linear(256, 10)
        self.face = nn.Linear(256, 2)

    def forward(self, crops: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return box corrections (K, 4), face probabilities (K,) and landmarks (K, 5, 2) in crop widths."""
        features = self.dense(flatten_columns_first(self.trunk(crops)))
        points = self.points(features).view(-1, 2, 5).transpose(1, 2)  # five x, then five y
        return self.box(features), self.face(features).softmax(1)[:, 1], points


def flatten_columns_first(maps: Tensor) -> Tensor:
    """Flatten (K, C, H, W) in the order width, height, channel in which the dense layers were trained.

    Any other order still finds most faces, but puts the landmarks a quarter of the eye distance off.
    """
    return maps.permute(0, 3, 2, 1).flatten(1)


@cache
def weight_folder() -> Path:
    """Return the folder of the installed package `mtcnn` that holds the weights.

    Raises:
        UserError: If the package is not installed, or another version without these files.
    """
    spec = importlib.util.find_spec("mtcnn")
    for root in (spec.submodule_search_locations or []) if spec else []:
        folder = Path(root) / "assets" / "weights"
        if all((folder / f"{name}.lz4").is_file() for name in ("pnet", "rnet", "onet")):
            return folder
    raise UserError(
        "Face detection reads its weights from the package 'mtcnn' (version 1), which is not installed here; "
        f"run: {INSTALL}"
    )


def load_networks(folder: Path | None = None) -> tuple[ProposalNet, RefineNet, OutputNet]:
    """Build the three networks with their trained weights, ready for inference.

    Args:
        folder: Where `pnet.lz4`, `rnet.lz4` and `onet.lz4` lie; None for the installed package.

    Raises:
        UserError: If the files are missing, or do not fit the networks.
    """
    folder = folder or weight_folder()
    networks = ProposalNet(), RefineNet(), OutputNet()
    for network, name in zip(networks, ("pnet", "rnet", "onet"), strict=True):
        # joblib unpickles. These files are part of an installed package, so they are trusted as its code is.
        _fill(network, joblib.load(folder / f"{name}.lz4"), folder / f"{name}.lz4")
        network.eval().requires_grad_(False)
    return networks


def torch_networks(device: str | torch.device = "cpu") -> Networks:
    """Load the networks as functions of arrays, computed by torch.

    Args:
        device: Where.

    Raises:
        UserError: If the files are missing.
    """
    first, second, third = (_asked(network, torch.device(device)) for network in load_networks())
    return first, second, third


def _asked(network: nn.Module, device: torch.device) -> Network:
    # with channels last, convolutions this small take a processor less than half the time
    network = network.to(device).to(memory_format=torch.channels_last)

    @torch.inference_mode()
    def answer(images: np.ndarray) -> tuple[np.ndarray, ...]:
        given = torch.from_numpy(images).to(device, memory_format=torch.channels_last)
        return tuple(said.cpu().numpy() for said in network(given))

    return in_pieces(answer, _ON_CPU if device.type == "cpu" else _ON_GPU)


def _fill(network: nn.Module, arrays: Sequence[np.ndarray], origin: Path) -> None:
    """Copy arrays in layer order (trunk, dense, heads as they were declared) into a network."""
    parameters = list(network.parameters())
    tensors = [_torch_layout(array) for array in arrays]
    if [tuple(tensor.shape) for tensor in tensors] != [tuple(one.shape) for one in parameters]:
        raise UserError(
            f"{origin} does not hold the weights of MTCNN in the layout of version 1; run: {INSTALL}"
        )
    with torch.no_grad():
        for parameter, tensor in zip(parameters, tensors, strict=True):
            parameter.copy_(tensor)


def _torch_layout(array: np.ndarray) -> Tensor:
    """Kernels HWIO -> OIHW, dense (in, out) -> (out, in), slopes and biases to one axis."""
    if array.ndim == 4:
        array = array.transpose(3, 2, 0, 1)
    elif array.ndim == 2:
        array = array.T
    elif array.ndim == 3:
        array = array.reshape(-1)
    return torch.from_numpy(np.ascontiguousarray(array, dtype=np.float32))
