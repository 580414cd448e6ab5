"""MIC: who is asked, who learns, and what is kept of a training."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from ferda.batch import DomainBatch, Labelled, Progress, Unlabelled
from ferda.engine.checkpoint import Preprocessing, load_method, save_weights
from ferda.faces.crops import CropRule
from ferda.methods import create_method
from ferda.methods.base import Method

SMALL = {"backbone": "small_cnn", "backbone_options": {"stem": 8, "widths": [8, 16]}}
ALONE = {"adversarial_weight": 0.0, "confusion_weight": 0.0}


def mic(**settings: object) -> Method:
    torch.manual_seed(0)
    return create_method("mic", classes=3, **SMALL, **settings).train()


def batch() -> DomainBatch:
    torch.manual_seed(1)
    images = torch.rand(14, 3, 32, 32)
    return DomainBatch(
        (Labelled(images[:6], torch.tensor([0, 1, 2, 0, 1, 2])),),
        Unlabelled(images[6:10], strong_images=images[10:]),
    )


def test_the_student_learns_hidden_strong_views_from_the_teacher_of_whole_weak_ones() -> None:
    method, given = mic(masked_weight=0.5), batch()
    assert given.target is not None and given.target.strong_images is not None
    step = Progress(step=3, steps=9)
    torch.manual_seed(2)
    found = method.losses(given, step)["masked"]
    torch.manual_seed(2)
    fields = (torch.rand(4, 1, 4, 4) > 0.7).float()
    masked = given.target.strong_images * fields.repeat_interleave(8, 2).repeat_interleave(8, 3)
    logits = method.network(masked).logits.detach().double()
    quality, labels = method.teacher(given.target.images).logits.double().softmax(1).max(1)
    expected = -0.5 * sum(
        float(quality[row]) * float(logits[row].log_softmax(0)[labels[row]]) for row in range(4)
    )
    assert float(found) == pytest.approx(expected / 4, rel=1e-5)


def test_the_teacher_is_followed_before_the_step_and_never_learns() -> None:
    method, given = mic(), batch()
    optimiser = torch.optim.SGD([weight for weight in method.parameters() if weight.requires_grad], lr=0.1)
    expected = method.network.head.weight.detach().clone()
    for step in range(3):
        decay = min(0.9, step / (step + 1))
        expected = decay * expected + (1 - decay) * method.network.head.weight.detach()
        optimiser.zero_grad()
        torch.stack([*method.losses(given, Progress(step=step, steps=9)).values()]).sum().backward()
        torch.testing.assert_close(method.teacher.network.head.weight.data, expected)
        optimiser.step()
    assert all(weight.grad is None for weight in method.teacher.parameters())


def test_alone_it_is_the_task_and_the_masked_loss() -> None:
    losses = mic(**ALONE).losses(batch(), Progress(step=3, steps=9))
    assert {name for name, loss in losses.items() if loss.item()} == {"task", "masked"}
    beside = mic().losses(batch(), Progress(step=3, steps=9))
    assert {name for name, loss in beside.items() if loss.item()} == {"task", "domain", "confusion", "masked"}


def test_weights_files_have_no_teacher_and_a_saved_state_has(tmp_path: Path) -> None:
    method = mic()
    method.losses(batch(), Progress())
    shown = Preprocessing(CropRule("whole", size=32), 32, (0.5,) * 3, (0.5,) * 3)
    file = tmp_path / "best.safetensors"
    names = ("anger", "fear", "neutral")
    save_weights(file, method, name="mic", settings=dict(SMALL), classes=names, preprocessing=shown)
    assert not any("teacher" in name for name in load_file(file))
    assert any("teacher" in name for name in method.state_dict())
    loaded, images = load_method(file).method, batch().pooled.images
    assert torch.equal(loaded(images).logits, method.eval()(images).logits)
