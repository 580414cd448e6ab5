"""Grad-CAM: the places of a face that speak for a class, for every method and each of its heads.

Selvaraju et al., "Grad-CAM", ICCV 2017. With A the last map of D channels and z_y the logit of the class,

    w_d = mean over places of dz_y / dA_d,   S = max(sum_d w_d A_d, 0),   (S - min S) / max (S - min S).

Methods here have more than one last map (a branch for each source, a window for each landmark), so

- the mean runs over the places that the gradient reaches, and S is 0 where none does: a head that is shown
  the mouth is not credited with the eyes;
- the sums of several maps are added before the maximum, each divided by the number of its places, as shares
  of the same logit.

Where logits are logarithms of probabilities (heads averaged as such), z_y is the class's log-odds. Its
gradient has the same direction, and does not vanish where the answer is certain. A map that is the same
everywhere says nothing about places and is 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from ferda.batch import Output
from ferda.errors import UserError
from ferda.inference.feature_maps import direct_gradients, last_maps, noted_maps
from ferda.methods.base import Method

#: What the names of attention maps among an output's views begin with.
ATTENTION = "attention_"
#: Rises over the places below this share of the map's height are rounding, not evidence.
_FLAT = 1e-5
#: A logarithm of summed probabilities this close to 0 says that logits are logarithms of probabilities.
_NORMALISED = 1e-3
#: Values this close are the same map.
_SAME = 1e-3


@dataclass(frozen=True)
class Evidence:
    """What one who decides says of a batch of faces, and where in them it found that.

    Attributes:
        logits: (B, C).
        chosen: (B,) int64, the class whose evidence this is.
        places: (B, h, w) float32 from 0 to 1, on a grid that covers the picture.
    """

    logits: Tensor
    chosen: Tensor
    places: Tensor


@dataclass(frozen=True)
class Explained:
    """An answer with its reasons.

    Attributes:
        decision: Of the method.
        heads: Of each of its heads or branches, by name.
        attention: (B, h, w) maps of the method's own, by name without `attention_`.
    """

    decision: Evidence
    heads: dict[str, Evidence]
    attention: dict[str, Tensor]


def explain_batch(
    method: Method, images: Tensor, landmarks: Tensor | None = None, chosen: int | Tensor | None = None
) -> Explained:
    """Answer for a batch of faces and say where the answers come from.

    Weights are left as they are, and get no gradients.

    Args:
        method: Is left in evaluation mode.
        images: (B, 3, H, W) normalised.
        landmarks: (B, 5, 2) pixels of `images`, for methods that need them.
        chosen: Class to look for, or (B,) int64 one for each face; None takes the one that each head, and the
            method, answers.

    Raises:
        UserError: If the method's decision depends on no map of places.
    """
    method.eval()
    # gradients, whoever calls: neither a context without them nor shortened products may reach in here
    with (
        torch.inference_mode(False),
        torch.enable_grad(),
        torch.autocast(images.device.type, enabled=False),
        noted_maps(method, images, method.explained) as maps,
    ):
        # a copy, which a first operation in place may change; it needs gradients where weights are frozen
        seen = images.detach().float().clone().requires_grad_().clone()
        output: Output = method(seen, None if landmarks is None else landmarks.clone())
        decision = _evidence(output.logits, maps, chosen)
        if decision is None:
            raise UserError(
                f"The decision of {type(method).__name__} depends on no map of places, so there is nothing "
                "to show; name the module that gives one in the method's attribute 'explained'."
            )
        asked = {name: _evidence(logits, maps, chosen) for name, logits in heads_of(output).items()}
    heads = {name: found for name, found in asked.items() if found is not None}
    attention = {
        name.removeprefix(ATTENTION): view.detach().float()
        for name, view in output.views.items()
        if name.startswith(ATTENTION) and view.ndim == 3
    }
    return Explained(
        decision,
        heads,
        {name: view for name, view in attention.items() if not _is_evidence(view, heads.get(name))},
    )


def _is_evidence(attention: Tensor, head: Evidence | None) -> bool:
    """Whether a method calls attention what is Grad-CAM of the head of that name, as ESR does."""
    if head is None or attention.shape != head.places.shape:
        return False
    return torch.allclose(attention, head.places, atol=_SAME)


def heads_of(output: Output) -> dict[str, Tensor]:
    """Return the logits (B, C) of each head or branch among an answer's views, by name.

    Args:
        output: Of a method.
    """
    return {
        name: view
        for name, view in output.views.items()
        if view.shape == output.logits.shape and name != "affect" and not name.startswith(ATTENTION)
    }


def _evidence(logits: Tensor, maps: Sequence[Tensor], chosen: int | Tensor | None) -> Evidence | None:
    """None if the logits depend on no map."""
    logits = logits.float()
    asked = logits.argmax(1)
    if chosen is not None:
        asked = torch.as_tensor(chosen).to(asked).expand_as(asked)
    score = _score(logits, asked)
    found = last_maps(score, maps)
    if not found:
        return None
    gradients = direct_gradients(score.sum(), found)
    grid = max(one.shape[2] for one in found), max(one.shape[3] for one in found)
    with torch.no_grad():
        speaks = [_speaks(one, gradient, grid) for one, gradient in zip(found, gradients, strict=True)]
        places = _scaled(torch.stack(speaks).sum(0))
    return Evidence(logits.detach(), asked, places)


def _score(logits: Tensor, chosen: Tensor) -> Tensor:
    """(B,) the logit of the chosen class, or its log-odds where logits are logarithms of probabilities."""
    place = chosen.unsqueeze(1)
    own = logits.gather(1, place).squeeze(1)
    others = logits.scatter(1, place, -torch.inf).logsumexp(1)
    return torch.where(logits.logsumexp(1).abs() < _NORMALISED, own - others, own)


def _speaks(maps: Tensor, gradient: Tensor, grid: tuple[int, int]) -> Tensor:
    """(B, *grid) how much each place adds to the score, to first order."""
    reached = (gradient != 0).any(1)  # (B, h, w)
    weight = gradient.sum((2, 3)) / reached.sum((1, 2)).clamp_min(1).unsqueeze(1)  # (B, D)
    speaks = torch.einsum("bdhw,bd->bhw", maps.float(), weight) * reached
    share = speaks * speaks[0].numel() / (grid[0] * grid[1])
    return interpolate(share.unsqueeze(1), grid, mode="bilinear", align_corners=False).squeeze(1)


def _scaled(speaks: Tensor) -> Tensor:
    """(B, h, w) from 0 to 1, of what speaks for the class; 0 in pictures where nothing does."""
    positive = speaks.clamp_min(0)
    rise = positive - positive.amin((1, 2), keepdim=True)
    top = rise.amax((1, 2), keepdim=True)
    is_flat = top <= _FLAT * positive.amax((1, 2), keepdim=True)
    return torch.where(is_flat, 0, rise / torch.where(is_flat, 1, top))
