"""A checkpoint of the authors of AGLRLS comes in whole, whatever wrapper it was saved in."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from ferda.errors import UserError
from ferda.methods.aglrls import AGLRLS, AGLRLSConfig
from ferda.upstream import load_upstream

WIDTHS, CLASSES = [8, 16, 16, 24], 4


def small() -> AGLRLS:
    """AGLRLS on a thin IR-18."""
    config = AGLRLSConfig(
        backbone="ir18", backbone_options={"widths": WIDTHS}, part_width=8, critic_hidden=16
    )
    return AGLRLS(config, CLASSES)


def upstream_file(method: AGLRLS, theirs: Callable[[str], str]) -> dict[str, Any]:
    state = method.state_dict()
    critics = [
        {
            f"ad_layer{number}.{kind}": state[f"critics.{at}.layers.{layer}.{kind}"]
            for number, layer in ((1, 0), (2, 3), (3, 6))
            for kind in ("weight", "bias")
        }
        for at in range(3)
    ]
    model = {
        f"module.{theirs(name)}": value
        for name, value in state.items()
        if name.startswith(("features", "heads"))
    }
    return {"epoch": 3, "model": model, "ad_nets": critics, "classwise": list(state["status.status"])}


def test_a_training_file_of_the_authors_comes_back_whole(
    tmp_path: Path, cd_fer_name: Callable[[str], str]
) -> None:
    method = small()
    method.status.status.uniform_()
    torch.save(upstream_file(method, cd_fer_name), tmp_path / "authors.pkl")
    options = {"backbone_options": {"widths": WIDTHS}, "part_width": 8, "critic_hidden": 16}
    loaded = load_upstream("aglrls", tmp_path / "authors.pkl", **options)
    assert isinstance(loaded, AGLRLS)
    assert (loaded.config.backbone, loaded.config.inference, loaded.classes) == ("ir18", "glpc", CLASSES)
    ours, theirs = method.state_dict(), loaded.state_dict()
    for name in ours:
        if name != "status.table":
            assert torch.equal(ours[name], theirs[name]), name


def test_a_network_without_critics_and_status_is_enough(cd_fer_name: Callable[[str], str]) -> None:
    file = upstream_file(small(), cd_fer_name)
    options = {"backbone_options": {"widths": WIDTHS}, "part_width": 8}
    assert not load_upstream("aglrls", file["model"], **options).training
    del file["model"]["module.layer3.1.res_layer.1.weight"]
    with pytest.raises(UserError, match="lacks 1 tensors"):
        load_upstream("aglrls", file["model"], **options)


def test_other_files_are_refused() -> None:
    with pytest.raises(UserError, match="classifiers"):
        load_upstream("aglrls", {"fc.weight": torch.zeros(1)})
    with pytest.raises(UserError, match="no upstream format of 'dann'"):
        load_upstream("dann", {})


def test_a_wrong_setting_is_named(cd_fer_name: Callable[[str], str]) -> None:
    with pytest.raises(UserError, match=r"part_width.*'ferda show aglrls' lists them"):
        load_upstream("aglrls", upstream_file(small(), cd_fer_name), part_width="wide")
