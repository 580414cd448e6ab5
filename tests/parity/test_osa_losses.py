"""OSA's attention, pairing, bound, entropies and total give the numbers of its authors' program."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.testing import assert_close

from ferda.batch import Output, Progress
from ferda.engine.schedules import Schedule
from ferda.layers.dynamic_coordinate_attention import DynamicCoordinateAttention, turned_grid
from ferda.losses.entropy import EntropyLoss
from ferda.losses.joint_information import JointCritic, JointInformationLoss, class_pairs
from ferda.losses.marginal_entropy import MarginalEntropyLoss
from ferda.methods.osa import OSA, OSAConfig

SYSTEM = "osa"
CLASSES = 7

#: Which test asserts which arrays. Completeness is a test of its own.
ACCOUNT = {
    "dca[ABC]_*": "test_dynamic_coordinate_attention",
    "grid_*": "test_grid",
    "estall_*": "test_scores",
    "estabs_*": "test_scores",
    "al_*": "test_pairs",
    "miabs_*": "test_joint_information",
    "miall_*": "test_joint_information",
    "je1_*": "test_marginal_entropy",
    "je05_*": "test_marginal_entropy",
    "cond_*": "test_conditional_entropy",
    "ent_*": "test_conditional_entropy",
    "tot*": "test_total",
    "lr_*": "test_rates",
}


def loss_close(actual: Tensor | None, expected: Tensor) -> None:
    assert actual is not None
    assert_close(actual.double(), expected.double(), rtol=1e-4, atol=1e-5)


def leaf(values: Tensor) -> Tensor:
    return values.clone().requires_grad_()


def filled_attention(case: Any, name: str, layout: Any) -> DynamicCoordinateAttention:
    module = case.manifest["modules"][name]
    state = {key.removeprefix(f"{name}."): value for key, value in case.weights(module["state_dict"]).items()}
    arguments = module["args"]
    attention = DynamicCoordinateAttention(
        arguments["in_channels"], arguments["n_directions"], arguments["reduction"], layout
    )
    ours = {"fusion": state["fusion"]}
    for key, value in state.items():
        for old, new in (("dir_generator.", "aim."), ("conv.0.", "squeeze."), ("conv.1.", "norm.")):
            if key.startswith(old):
                ours[new + key.removeprefix(old)] = value
    for kind in ("weight", "bias"):
        each = [state[f"att_convs.{d}.{kind}"] for d in range(arguments["n_directions"])]
        ours[f"expand.{kind}"] = torch.cat(each)
    attention.load_state_dict(ours)
    return attention.eval()


@pytest.mark.parametrize("name", ["dcaA", "dcaB", "dcaC"])
@pytest.mark.parametrize(("layout", "prefix"), [("upstream_mixed", "up"), ("per_sample", "one")])
def test_dynamic_coordinate_attention(case: Any, name: str, layout: str, prefix: str) -> None:
    given = case.losses
    x = leaf(given[f"{name}_x"])
    found = filled_attention(case, name, layout)(x)
    (found * given[f"{name}_cot"]).sum().backward()
    loss_close(found, given[f"{name}_{prefix}_out"])
    loss_close(x.grad, given[f"{name}_{prefix}_gx"])


def test_grid(case: Any) -> None:
    given = case.losses
    grid = turned_grid(torch.pi * given["grid_theta_unit"], given["grid_scale"], 7, 7, "row_first")
    loss_close(grid, given["grid_out"])


def filled_critic(case: Any) -> JointCritic:
    module = case.manifest["modules"]["mi"]
    arguments = module["args"]
    critic = JointCritic(arguments["f_dim"], arguments["y_dim"], arguments["hidden_dim"])
    state = case.weights(module["state_dict"])
    critic.load_state_dict(
        {key.removeprefix("mi.").replace("_net", ""): value for key, value in state.items()}
    )
    return critic


@pytest.mark.parametrize("name", ["estall", "estabs"])
def test_scores(case: Any, name: str) -> None:
    given = case.losses
    source, target = leaf(given[f"{name}_fs"]), leaf(given[f"{name}_ft"])
    labels = F.one_hot(given[f"{name}_y"], CLASSES).float()
    log_prior = labels.mean(0).clamp(1e-6, 1).log()
    pairs = torch.cat([source, target], 1)
    scores = JointInformationLoss("broadcast").scores(filled_critic(case), pairs, labels, log_prior)
    scores.mean().backward()
    loss_close(scores, given[f"{name}_out"])
    loss_close(source.grad, given[f"{name}_gfs"])
    loss_close(target.grad, given[f"{name}_gft"])


def test_pairs(case: Any) -> None:
    given = case.losses
    found = class_pairs(given["al_ys"], given["al_yt"], CLASSES)
    n = int(found.valid.sum())
    assert found.valid[:n].all()
    assert torch.equal(found.labels[:n], given["al_out_y"])
    assert torch.equal(given["al_fs"][found.source[:n]], given["al_out_fs"])
    assert torch.equal(given["al_ft"][found.target[:n]], given["al_out_ft"])


def shuffled_as(loss: JointInformationLoss, order: Tensor) -> None:
    """Let a loss shuffle as the authors' program did."""

    def permutation(valid: Tensor) -> Tensor:
        assert int(valid.sum()) == len(order)
        return torch.cat([order, torch.arange(len(order), len(valid))])

    loss.permutation = permutation  # type: ignore[method-assign]


@pytest.mark.parametrize("name", ["miabs", "miall"])
def test_joint_information(case: Any, name: str) -> None:
    given = {key.removeprefix(f"{name}_"): value for key, value in case.losses.items()}
    source, target, critic = leaf(given["fs"]), leaf(given["ft"]), filled_critic(case)
    loss = JointInformationLoss("broadcast")
    shuffled_as(loss, given["perm"])
    value = loss(critic, (source, given["ys"]), (target, given["yt"]))
    value.backward()
    loss_close(value, given["value"])
    loss_close(source.grad, given["gfs"])
    loss_close(target.grad, given["gft"])
    loss_close(critic.joint[0].weight.grad, given["gW_joint0"])
    loss_close(critic.marginal[3].weight.grad, given["gW_marg3"])


@pytest.mark.parametrize("name", ["je1", "je05"])
def test_marginal_entropy(case: Any, name: str) -> None:
    logits = leaf(case.losses[f"{name}_logits"])
    value = case.losses[f"{name}_lambda2"] * MarginalEntropyLoss()(logits)
    value.backward()
    loss_close(value, case.losses[f"{name}_value"])
    loss_close(logits.grad, case.losses[f"{name}_grad"])


@pytest.mark.parametrize(("name", "epsilon"), [("cond", 1e-5), ("ent", 0.0)])
def test_conditional_entropy(case: Any, name: str, epsilon: float) -> None:
    logits = leaf(case.losses[f"{name}_logits"])
    value = EntropyLoss(epsilon)(logits)
    value.backward()
    loss_close(value, case.losses[f"{name}_value"])
    loss_close(logits.grad, case.losses[f"{name}_grad"])


@pytest.mark.parametrize("name", ["tot29", "tot30", "tot30w"])
def test_total(case: Any, name: str) -> None:
    given = {
        key.removeprefix(f"{name}_"): value
        for key, value in case.losses.items()
        if key.startswith(f"{name}_")
    }
    method = OSA(
        OSAConfig(
            backbone="small_cnn",
            backbone_options={"stem": 8, "widths": [given["fs"].shape[1]]},
            size=32,
            prior="broadcast",
            lam1=float(given["lambda1"]),
            lam2=float(given["lambda2"]),
            lam2_squared=True,
        ),
        CLASSES,
    )
    method.critic = filled_critic(case)
    shuffled_as(method.information, given["perm"])
    zs, zt, fs, ft = (leaf(given[key]) for key in ("zs", "zt", "fs", "ft"))
    # the authors count epochs from 1
    progress = Progress(epoch=int(given["epoch"]) - 1, epochs=60)
    joined = method.alignment(Output(zs, fs), Output(zt, ft), given["ys"], progress)
    task = F.cross_entropy(zs, given["ys"])
    total = task + sum(joined.values())
    total.backward()
    loss_close(task, given["ce"])
    loss_close(joined["information"], given["lambda1"] * given["mi"])
    if given["epoch"] < 30:
        assert "entropy" not in joined and given["je"] == 0
    else:
        loss_close(joined["entropy"], given["lambda2"] * given["je"])
    loss_close(total, given["value"])
    loss_close(zs.grad, given["gzs"])
    loss_close(zt.grad if zt.grad is not None else torch.zeros_like(zt), given["gzt"])
    loss_close(fs.grad, given["gfs"])
    loss_close(ft.grad, given["gft"])


def test_rates(case: Any) -> None:
    schedule = Schedule(kind="decay", every=30, by=0.1)
    for epoch, rate in zip(case.losses["lr_epoch"].tolist(), case.losses["lr_value"].tolist(), strict=True):
        found = 1e-4 * schedule.factor(Progress(epoch=epoch - 1, epochs=60))
        assert found == pytest.approx(rate, rel=1e-12)


def test_every_array_is_accounted_for(case: Any, unaccounted: Callable[..., list[str]]) -> None:
    assert not unaccounted(case.losses, ACCOUNT)
    assert {word for word in ACCOUNT.values() if word.startswith("test_")} <= set(globals())
