"""ESR-9 gives the numbers of the authors' program: network, votes, affect, saliency and losses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn.functional import one_hot
from torch.testing import assert_close

from ferda.backbones.esr import Answer
from ferda.layers.voting import count_votes
from ferda.losses.affect import AffectLoss
from ferda.losses.heads import head_cross_entropy
from ferda.methods.esr import ESR
from ferda.upstream import load_upstream

SYSTEM = "esr"
BRANCHES = 9

#: Which test asserts which arrays. Completeness is a test of its own.
ACCOUNT = {
    "base_feat_*": "test_base",
    "last_conv_*": "test_branches",
    "emotion_logits": "test_branches",
    "affect_raw": "test_branches",
    "votes": "test_ensemble",
    "ensemble_emotion": "test_ensemble",
    "affect_normalised": "test_ensemble",
    "ensemble_affect": "test_ensemble",
    "gradcam*": "test_saliency",
    "shipped_*": "test_batch_norm_as_shipped",
}
LOSSES = {
    "ce_*": "test_cross_entropy",
    "va_*": "test_affect_loss",
    "ferplus_*": "labels of FER+ by three rules: a matter of its reader, no part of the method",
}


@pytest.fixture(scope="module")
def files(case: Any) -> dict[str, dict[str, Tensor]]:
    """The authors' ten files, as a folder of them is read."""
    folder: dict[str, dict[str, Tensor]] = {}
    for name, value in case.weights(case.manifest["state_dict"]).items():
        stem, entry = name.split("/")
        folder.setdefault(stem, {})[entry] = value
    return folder


@pytest.fixture(scope="module")
def method(files: dict[str, dict[str, Tensor]]) -> ESR:
    loaded = load_upstream("esr", files, clip_valence=False)
    assert isinstance(loaded, ESR)
    return loaded


def pictures(case: Any) -> Tensor:
    return torch.from_numpy(case.generator(1).normal(0, 1, (2, 3, 96, 96))).float()


@pytest.fixture(scope="module")
def answers(case: Any, method: ESR) -> list[Answer]:
    with torch.no_grad():
        return method.network.answers(pictures(case), range(BRANCHES))


def close(actual: Tensor, expected: Tensor) -> None:
    assert_close(actual, expected, rtol=1e-4, atol=1e-4)


def test_sizes(method: ESR) -> None:
    assert sum(weight.numel() for weight in method.parameters()) == 20_349_546
    assert sum(weight.numel() for weight in method.network.base.parameters()) == 374_784
    assert sum(weight.numel() for weight in method.network.branches[0].parameters()) == 2_219_418


@torch.no_grad()
def test_base(case: Any, method: ESR) -> None:
    found = method.network.base(pictures(case))
    close(found[:, :8], case.outputs["base_feat_slice"])
    close(found.mean((2, 3)), case.outputs["base_feat_mean"])
    close(found.std((2, 3), correction=0), case.outputs["base_feat_std"])


def test_branches(case: Any, method: ESR, answers: list[Answer]) -> None:
    close(torch.stack([answer.features for answer in answers]), case.outputs["last_conv_gap"])
    close(torch.stack([answer.maps[:, :4] for answer in answers]), case.outputs["last_conv_slice"])
    logits = [answer.logits for answer in answers]
    close(torch.stack(logits), case.outputs["emotion_logits"])
    close(method.network.affect_of(logits).detach(), case.outputs["affect_raw"])


def test_ensemble(case: Any, method: ESR) -> None:
    with torch.no_grad():
        output = method(pictures(case))
    logits = torch.stack([output.views[f"branch_{k}"] for k in range(1, BRANCHES + 1)])
    assert torch.equal(count_votes(logits).double(), case.outputs["votes"])
    assert torch.equal(output.logits.argmax(1), case.outputs["ensemble_emotion"])
    # theirs has arousal between 0 and 1
    valence, arousal = output.views["affect"].unbind(1)
    close(torch.stack([valence, (arousal + 1) / 2], 1), case.outputs["ensemble_affect"])
    close(case.outputs["affect_normalised"].mean(0), case.outputs["ensemble_affect"])


def test_saliency(case: Any, method: ESR, answers: list[Answer]) -> None:
    chosen = torch.stack([answer.logits[0].argmax() for answer in answers])
    assert torch.equal(chosen, case.outputs["gradcam_class"])
    found = [method.network.looked_at(number, answer)[0] for number, answer in enumerate(answers)]
    close(torch.stack(found).detach(), case.outputs["gradcam"])


def test_batch_norm_as_shipped(case: Any, files: dict[str, dict[str, Tensor]]) -> None:
    shipped = load_upstream("esr", files, bn_compat="shipped")
    assert isinstance(shipped, ESR)
    before = {name: value.clone() for name, value in shipped.state_dict().items()}
    with torch.no_grad():
        answers = shipped.network.answers(pictures(case)[:1], range(BRANCHES))
    logits = [answer.logits for answer in answers]
    close(torch.cat(logits), case.outputs["shipped_emotion_logits"])
    close(shipped.network.affect_of(logits)[:, 0].detach(), case.outputs["shipped_affect_raw"])
    # theirs goes on learning the statistics of whatever it is shown
    assert all(torch.equal(value, before[name]) for name, value in shipped.state_dict().items())


@pytest.mark.parametrize("count", [1, 3, 9])
@pytest.mark.parametrize("form", ["classes", "shares"])
def test_cross_entropy(case: Any, count: int, form: str) -> None:
    given = case.losses
    labels = given["ce_labels"] if form == "classes" else one_hot(given["ce_labels"], 8).float()
    logits = given["ce_logits"].clone().requires_grad_()
    loss = head_cross_entropy(logits[:count], labels).sum()
    loss.backward()
    assert_close(loss.detach(), given[f"ce_sum_k{count}"])
    assert_close(logits.grad, given[f"ce_sum_k{count}_grad"])


@pytest.mark.parametrize("count", [1, 3, 9])
def test_affect_loss(case: Any, count: int) -> None:
    said = case.losses["va_pred"].clone().requires_grad_()
    loss = AffectLoss()(said[:count], case.losses["va_target"])
    loss.backward()
    assert_close(loss.detach(), case.losses[f"va_rmse_sum_k{count}"])
    assert_close(said.grad, case.losses[f"va_rmse_sum_k{count}_grad"])


def test_every_array_is_accounted_for(case: Any, unaccounted: Callable[..., list[str]]) -> None:
    assert not unaccounted(case.outputs, ACCOUNT)
    assert not unaccounted(case.losses, LOSSES)
    told = {*ACCOUNT.values(), *LOSSES.values()}
    assert {word for word in told if word.startswith("test_")} <= set(globals())
