from __future__ import annotations

import pytest
import torch
from torch import nn

from ferda.backbones import create_backbone
from ferda.backbones.global_local import HEADS, GlobalLocalFeatures, PartCritics, PartHeads
from ferda.landmarks import FIVE_POINTS


def small(**options: object) -> GlobalLocalFeatures:
    torch.manual_seed(0)
    return GlobalLocalFeatures(create_backbone("ir_small", **options), part_width=16)  # type: ignore[arg-type]


def count(module: nn.Module) -> int:
    return sum(weight.numel() for weight in module.parameters())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "all_of_it", "local"),
    [
        ("ir50", 84_971_861, 53_945_920),
        ("ir18", 65_414_421, 53_945_920),
        ("mobilenet_aglrls", 28_582_774, None),
    ],
)
def test_sizes_of_the_authors_networks(name: str, all_of_it: int, local: int | None) -> None:
    with torch.device("meta"):
        features, heads = GlobalLocalFeatures(create_backbone(name)), PartHeads(7)
    assert count(features) + count(heads) == all_of_it
    assert count(heads) == 3_605
    if local:
        assert count(features.local_trunks) + count(features.local_outputs) == local


@pytest.mark.parametrize("size", [48, 64, 112])
def test_six_parts_at_any_size(size: int) -> None:
    features = small().eval()
    with torch.no_grad():
        parts = features(torch.randn(2, 3, size, size))
    assert parts.shape == (2, 6, 16)
    assert features.width == 96


def test_one_part_looks_at_one_landmark() -> None:
    features = small(shares_local_trunk=False).eval()
    images = torch.randn(1, 3, 48, 48)
    positions = torch.full((1, 5, 2), 4)
    other = positions.clone()
    other[0, 2] = 8
    with torch.no_grad():
        moved = (features(images, positions=positions) != features(images, positions=other)).any(2)
    assert moved.tolist() == [[False, False, False, True, False, False]]


@pytest.mark.parametrize("shared", [True, False])
def test_branches_start_equal_and_then_differ(shared: bool) -> None:
    features = small(shares_local_trunk=shared).eval()
    assert len(features.local_trunks) == (1 if shared else 5)
    images = torch.randn(1, 3, 48, 48)
    parts = features(images, positions=torch.full((1, 5, 2), 5))
    for point in range(2, 6):
        torch.testing.assert_close(parts[:, point], parts[:, 1])
    parts[:, 3].sum().backward()
    grown = [bool(output[0].weight.grad.any()) for output in features.local_outputs]
    assert grown == [False, False, True, False, False]


def test_a_shared_trunk_answers_alike_in_one_pass_and_one_by_one() -> None:
    """Evaluation passes all windows together; training one landmark after the other."""
    features = small().eval()
    images = torch.randn(3, 3, 48, 48)
    together = features(images)
    features.training = True  # only the switch between the two ways; batch norms stay in evaluation mode
    torch.testing.assert_close(features(images), together)


@pytest.mark.parametrize(("kind", "owners"), [("shared", 3), ("separate", 7)])
def test_heads_and_critics_are_shared_or_separate(kind: str, owners: int) -> None:
    heads, critics = PartHeads(4, 16, kind), PartCritics(4, 16, 8, kind)  # type: ignore[arg-type]
    parts = torch.randn(2, 6, 16)
    logits = heads(parts)
    assert logits.shape == (HEADS, 2, 4)
    torch.testing.assert_close(logits[0], heads.global_head(parts[:, 0]))
    torch.testing.assert_close(logits[3], heads.local_heads[2 if kind == "separate" else 0](parts[:, 3]))
    torch.testing.assert_close(logits[6], heads.fused_head(parts.flatten(1)))
    assert len({id(critics.of(head)) for head in range(HEADS)}) == len(critics) == owners
    widths = [critics.of(head).layers[0].in_features for head in range(HEADS)]  # type: ignore[union-attr,index]
    assert widths == [64] * 6 + [384]
    assert [critics.is_shared(head) for head in range(HEADS)] == [
        kind == "shared" and 1 <= head <= len(FIVE_POINTS) for head in range(HEADS)
    ]
