"""LA-CMFER's network, one training step and one step of its optimisers give the numbers of its authors."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional
from torch.testing import assert_close

from ferda.backbones.upstream_la_cmfer import method_state
from ferda.batch import DomainBatch, Labelled, Progress, Unlabelled
from ferda.engine.optimisers import build_optimiser, set_rates
from ferda.engine.recipe import load_recipe
from ferda.losses.hardness import is_confident
from ferda.methods.la_cmfer import LACMFER
from ferda.upstream import load_upstream

SYSTEM = "la-cmfer"
#: What the fixture's step was taken with, besides the recipe: its random network is sure of nothing.
CONFIDENCES = {"confidence": 0.2, "voting_confidence": 0.25}

#: Which test asserts which arrays. Completeness is a test of its own.
ACCOUNT = {
    "shared_first8ch": "test_network",
    "feat_?": "test_network",
    "logits_*": "test_network",
    "cbam_out_first4ch": "test_attention",
    "train_labels_*": "test_losses_of_a_step",
    "train_cls_?": "test_losses_of_a_step",
    "train_align_?": "test_losses_of_a_step",
    "train_intra": "test_losses_of_a_step",
    "train_tgt_l": "test_losses_of_a_step",
    "train_total": "test_losses_of_a_step",
    "train_float64": "test_losses_of_a_step",
    "train_ps_acc_?": "test_accuracies_of_a_step",
    "train_grad_norm": "test_gradients_of_a_step",
    "train_*_after*": "test_weights_after_a_step",
    "train_*bn*": "test_batch_norm_after_a_step",
}


@dataclass
class Step:
    """One evaluation, one training step, and what they left behind."""

    case: Any
    method: LACMFER
    evaluated: dict[str, Tensor] = field(default_factory=dict)
    losses: dict[str, Tensor] = field(default_factory=dict)
    #: Logits of the heads, global and local: of the source, then of the target.
    logits: dict[str, list[Tensor]] = field(default_factory=lambda: {"g": [], "l": []})
    gradients: dict[str, float] = field(default_factory=dict)

    @property
    def given(self) -> dict[str, Tensor]:
        return self.case.outputs


@pytest.fixture(scope="module")
def step(case: Any) -> Step:
    torch.set_num_threads(1)
    recipe = load_recipe("la_cmfer_paper")
    state = case.weights(case.manifest["state_dict"], special={r"weight$": case.narrow_norms})
    method = load_upstream("la_cmfer", {"net": state, "epoch": 1}, **(recipe.method.settings | CONFIDENCES))
    assert isinstance(method, LACMFER)
    found = Step(case, method)
    with torch.no_grad():
        pictures = case.pictures(1, 4, 224)
        output = method(pictures)
        found.evaluated = {
            "shared_first8ch": method.shared.stage_maps(pictures)[-1][:, :8],
            "feat_g": output.features[:, :1024],
            "feat_l": output.features[:, 1024:],
            "logits_g": output.views["global"],
            "logits_l": output.views["local"],
            "logits_avg": output.logits,
        }
    hooks = [
        head.register_forward_hook(lambda _, __, logits, key=key: found.logits[key].append(logits.detach()))
        for key, head in (("g", method.global_head), ("l", method.local_head))
    ]
    batch = DomainBatch(
        (Labelled(case.pictures(11, 6, 224), found.given["train_labels_src"]),),
        Unlabelled(case.pictures(21, 6, 224)),
    )
    settings = recipe.training.stage("adapt")
    progress = Progress(steps=20_000)
    optimiser = build_optimiser(method, settings, "adapt")
    set_rates(optimiser, progress)
    losses = method.train().losses(batch, progress)
    torch.stack(list(losses.values())).sum().backward()
    found.losses = {name: loss.detach() for name, loss in losses.items()}
    found.gradients = {
        name: float(weight.grad.norm())
        for name, weight in method.named_parameters()
        if weight.grad is not None
    }
    optimiser.step()
    for hook in hooks:
        hook.remove()
    return found


@pytest.mark.slow
def test_network(step: Step) -> None:
    for key, found in step.evaluated.items():
        assert_close(found, step.given[key], rtol=1e-4, atol=1e-4)


def test_parameters_are_those_that_the_authors_use(step: Step) -> None:
    assert sum(weight.numel() for weight in step.method.parameters()) == 62_078_517
    assert len(step.gradients) == len(list(step.method.parameters()))


def test_attention(step: Step) -> None:
    maps = torch.from_numpy(step.case.generator(7).normal(0, 1, (2, 256, 14, 14)).astype(np.float32))
    # the step has moved the weights since: take them from the rule again
    attention = step.method.global_branch.stages[0].get_submodule("0.attention")
    entries = [entry for entry in step.case.manifest["state_dict"] if ".layer3.0.cbam." in entry[0]]
    state = step.case.weights(
        [*entries, ["cls_g.weight", (7, 1024), "float32"]], special={r"weight$": step.case.narrow_norms}
    )
    prefix = "global_branch.stages.0.0.attention."
    own = {name.removeprefix(prefix): value for name, value in method_state(state).items() if prefix in name}
    attention.load_state_dict(own)
    with torch.no_grad():
        assert_close(attention(maps)[:, :4], step.given["cbam_out_first4ch"], rtol=1e-4, atol=1e-4)


def test_losses_of_a_step(step: Step) -> None:
    labels = step.given["train_labels_src"]
    assert step.given["train_labels_tgt"].shape == labels.shape
    found = {
        f"cls_{key}": functional.cross_entropy(step.logits[key][0], labels, label_smoothing=0.1)
        for key in ("g", "l")
    }
    assert_close(step.losses["task"], found["cls_g"] + found["cls_l"])
    found |= {
        "align_g": step.losses["align_global"] / 0.4,
        "align_l": step.losses["align_local"] / 0.4,
        "intra": step.losses["clustering"] / 0.5,
        "tgt_l": step.losses["voting"] / 0.1,
        "total": torch.stack(list(step.losses.values())).sum(),
    }
    assert len(found) == 7
    for name, value in found.items():
        assert_close(value, step.given[f"train_{name}"], rtol=1e-4, atol=1e-5)
    exact = torch.stack(list(found.values()))[:6].double()
    assert_close(exact, step.given["train_float64"], rtol=1e-4, atol=1e-5)


def test_accuracies_of_a_step(step: Step) -> None:
    labels = step.given["train_labels_tgt"]
    views = [step.logits[key][1] for key in ("g", "l")]
    common, kept = step.method.voting.vote(*views)
    guesses = {
        "g": (views[0].argmax(1), is_confident(views[0], 0.2)),
        "l": (views[1].argmax(1), is_confident(views[1], 0.2)),
        "t": (common, kept),
    }
    for key, (classes, counted) in guesses.items():
        share = ((classes == labels) * counted).sum() / counted.sum()
        assert_close(share, step.given[f"train_ps_acc_{key}"])


def test_gradients_of_a_step(step: Step) -> None:
    order = step.case.manifest["parameter_order"]
    places = method_state({name: torch.tensor(float(at)) for at, name in enumerate(order)})
    expected = {name: float(step.given["train_grad_norm"][int(at)]) for name, at in places.items()}
    used = {name: norm for name, norm in expected.items() if norm >= 0}
    assert used.keys() == step.gradients.keys()
    for name, norm in used.items():
        assert step.gradients[name] == pytest.approx(norm, rel=1e-2, abs=1e-4), name


def test_weights_after_a_step(step: Step) -> None:
    method = step.method
    for key, weight in (
        ("cls_g_weight_after", method.global_head.weight),
        ("cls_l_weight_after", method.local_head.weight),
        ("conv1_after_first4", method.shared.get_parameter("conv1.weight")[:4]),
    ):
        assert_close(weight.detach(), step.given[f"train_{key}"], rtol=1e-4, atol=1e-5)


def test_batch_norm_after_a_step(step: Step) -> None:
    method = step.method
    first = method.shared.get_submodule("bn1")
    tower = method.local_branch.towers[0].get_submodule("stages.0.0.residual.1")
    whole = method.global_branch.stages[0].get_submodule("0.residual.1")
    assert_close(first.running_mean, step.given["train_bn1_running_mean"], rtol=1e-4, atol=1e-4)
    assert_close(first.running_var, step.given["train_bn1_running_var"], rtol=1e-4, atol=1e-4)
    assert_close(tower.running_mean, step.given["train_l_layer5_1_bn_mean"], rtol=1e-4, atol=1e-4)
    # their fourth count is of a tower that they make and never use
    counts = [int(norm.num_batches_tracked) for norm in (first, tower, whole)]
    assert [*counts, 0] == step.given["train_bn_batches"].tolist()


def test_every_array_is_accounted_for(case: Any, unaccounted: Callable[..., list[str]]) -> None:
    assert not unaccounted(case.outputs, ACCOUNT)
    assert {word for word in ACCOUNT.values() if word.startswith("test_")} <= set(globals())
