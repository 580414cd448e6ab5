"""The ways of adapting look at nothing but the seen faces, and an interrupted training goes on."""

from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from ferda.adaptation import ways
from ferda.adaptation.target import TargetFaces, open_target
from ferda.adaptation.ways import SOURCE_ROWS, by_statistics, by_training, check_way
from ferda.engine.checkpoint import LoadedMethod
from ferda.errors import UserError


@pytest.fixture
def faces(place: Path, model: LoadedMethod) -> TargetFaces:
    return open_target(str(place / "target"), model)


def test_only_statistics_move_and_only_seen_faces_count(faces: TargetFaces, model: LoadedMethod) -> None:
    adapted = by_statistics(model, faces)
    old, new = model.method.state_dict(), adapted.state_dict()
    moved = [name for name in old if not torch.equal(old[name], new[name])]
    assert moved and all("running_" in name or "num_batches" in name for name in moved)
    inputs: list[torch.Tensor] = []
    spy = copy.deepcopy(model.method).eval()
    first = next(part for part in spy.modules() if isinstance(part, nn.BatchNorm2d))
    first.register_forward_pre_hook(lambda part, given: inputs.append(given[0]))
    pictures = faces.domain.gather(faces.seen)
    with torch.no_grad():
        spy(torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 255)
    kept = SOURCE_ROWS / (SOURCE_ROWS + len(faces.seen))
    expected = kept * first.get_buffer("running_mean") + (1 - kept) * inputs[0].mean((0, 2, 3))
    place = next(name for name, part in spy.named_modules() if part is first)
    assert torch.allclose(new[f"{place}.running_mean"], expected, atol=1e-4)


def test_what_cannot_be_adapted_is_said_at_once(model: LoadedMethod) -> None:
    check_way(model, None)
    check_way(model, "shot")
    with pytest.raises(UserError, match=r"'dann' does not adapt .* aad, shot"):
        check_way(model, "dann")
    bare = copy.deepcopy(model.method)
    for part in list(bare.modules()):
        for name, child in list(part.named_children()):
            if isinstance(child, nn.BatchNorm2d):
                setattr(part, name, nn.Identity())
    with pytest.raises(UserError, match="has no batch norm"):
        check_way(replace(model, method=bare), None)


def test_a_training_that_was_interrupted_goes_on(
    faces: TargetFaces, model: LoadedMethod, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[dict[str, Any]] = []

    def stopped(name: str, folder: Path, **options: Any) -> None:
        asked.append(options)
        folder.mkdir(exist_ok=True)
        (folder / "recipe.yaml").touch()
        raise KeyboardInterrupt

    monkeypatch.setattr(ways, "fit", stopped)
    for chosen in (faces, faces, replace(faces, seen=faces.seen[:-1])):
        with pytest.raises(KeyboardInterrupt):
            by_training(model, chosen, "shot", tmp_path / "work")
    # the third is another task, and begins anew
    assert [options["resume"] for options in asked] == [False, True, False]
    assert asked[0]["target"].endswith("faces@all")
