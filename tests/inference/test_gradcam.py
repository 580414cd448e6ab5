"""Grad-CAM against its formula, on one map and on several, and for every method there is."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from ferda.batch import Output
from ferda.errors import UserError
from ferda.inference.feature_maps import last_maps, noted_maps
from ferda.inference.gradcam import explain_batch, heads_of
from ferda.methods import list_methods
from ferda.methods.base import Method, MethodConfig

SIZE, CLASSES = 24, 3


def faces(count: int = 4, size: int = SIZE, seed: int = 0) -> Tensor:
    return torch.randn(count, 3, size, size, generator=torch.Generator().manual_seed(seed))


class Plain(Method):
    """Two convolutions and a linear layer on the mean over the places."""

    def __init__(self, kind: str = "logits") -> None:
        super().__init__(MethodConfig(), CLASSES)
        self.kind = kind
        self.first = nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1), nn.BatchNorm2d(8), nn.ReLU(inplace=True))
        self.second = nn.Sequential(nn.Conv2d(8, 6, 3, 2, 1), nn.ReLU(inplace=True))
        self.head = nn.Linear(6, CLASSES)

    def forward(self, images: Tensor, landmarks: Tensor | None = None) -> Output:
        features = self.second(self.first(images)).mean((2, 3))
        logits = self.head(features)
        if self.kind == "sure":
            logits = 400 * logits
        return Output(logits if self.kind == "logits" else logits.log_softmax(1), features)


def by_hand(maps: Tensor, weight: Tensor, chosen: Tensor) -> Tensor:
    """Grad-CAM of a linear layer on means, pixel by pixel; the gradient is the weight over the places."""
    weight = weight.detach()
    made = torch.zeros(len(maps), *maps.shape[2:])
    for row in range(len(maps)):
        for y in range(maps.shape[2]):
            for x in range(maps.shape[3]):
                total = float(sum(weight[chosen[row], d] * maps[row, d, y, x] for d in range(maps.shape[1])))
                made[row, y, x] = max(total, 0.0)
        made[row] -= made[row].min()
        if made[row].max() > 0:
            made[row] /= made[row].max()
    return made


def test_it_is_the_formula() -> None:
    torch.manual_seed(1)
    method, images = Plain().eval(), faces()
    with torch.no_grad():
        maps, logits = method.second(method.first(images)), method(images).logits
    found = explain_batch(method, images)
    assert found.decision.chosen.equal(logits.argmax(1))
    torch.testing.assert_close(found.decision.logits, logits)
    expected = by_hand(maps, method.head.weight, logits.argmax(1))
    torch.testing.assert_close(found.decision.places, expected, rtol=1e-4, atol=1e-5)
    assert found.decision.places.dtype == torch.float32
    assert found.decision.places.amax((1, 2)).tolist() == [1, 1, 1, 1]
    assert found.heads == {} and found.attention == {}


@pytest.mark.parametrize("kind", ["log", "sure"])
def test_logarithms_of_probabilities_light_up_alike(kind: str) -> None:
    """The log-odds of y weigh the channels by w_y less what the other classes expect of them."""
    torch.manual_seed(1)
    method, images = Plain(kind).eval(), faces()
    with torch.no_grad():
        maps, logits = method.second(method.first(images)), method(images).logits
    chosen = logits.argmax(1)
    others = logits.scatter(1, chosen.unsqueeze(1), -torch.inf).softmax(1)
    weight = method.head.weight[chosen] - others @ method.head.weight
    expected = by_hand(maps, weight, torch.arange(len(maps)))
    if kind == "sure":
        assert logits.exp().max() == 1, "so certain that the gradient of the logarithm itself is zero"
    torch.testing.assert_close(explain_batch(method, images).decision.places, expected, rtol=1e-3, atol=1e-4)


def test_every_face_can_have_a_class_of_its_own() -> None:
    torch.manual_seed(1)
    method, images = Plain().eval(), faces()
    each = torch.tensor([2, 0, 1, 2])
    found = explain_batch(method, images, chosen=each)
    for row, name in enumerate(each.tolist()):
        alone = explain_batch(method, images[row : row + 1], chosen=name)
        torch.testing.assert_close(found.decision.places[row], alone.decision.places[0], rtol=1e-4, atol=1e-5)


def test_a_class_can_be_named() -> None:
    torch.manual_seed(1)
    method, images = Plain().eval(), faces()
    with torch.no_grad():
        maps = method.second(method.first(images))
    found = explain_batch(method, images, chosen=2)
    assert found.decision.chosen.tolist() == [2] * 4
    expected = by_hand(maps, method.head.weight, found.decision.chosen)
    torch.testing.assert_close(found.decision.places, expected, rtol=1e-4, atol=1e-5)


def test_where_nothing_speaks_for_the_class_it_is_dark() -> None:
    method = Plain().eval()
    with torch.no_grad():
        method.head.weight.copy_(-method.head.weight.abs())
    assert explain_batch(method, faces()).decision.places.eq(0).all()
    with torch.no_grad():
        method.head.weight.zero_()
    assert explain_batch(method, faces()).decision.places.eq(0).all()


def test_a_map_that_is_the_same_everywhere_is_dark() -> None:
    method = Plain().eval()
    with torch.no_grad():
        method.second[0].weight.zero_()
        method.second[0].bias.fill_(1.0)
        method.head.weight.fill_(1.0)
    assert explain_batch(method, faces()).decision.places.eq(0).all()


def test_it_works_whoever_calls_and_leaves_the_weights_alone() -> None:
    torch.manual_seed(1)
    method, images = Plain(), faces()
    expected = explain_batch(method, images).decision.places
    assert not method.training
    before = {name: value.clone() for name, value in method.state_dict().items()}
    method.requires_grad_(False)
    with torch.inference_mode():
        given = images.clone()
        assert explain_batch(method, given).decision.places.equal(expected)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert explain_batch(method, images).decision.places.equal(expected)
    assert all(weight.grad is None for weight in method.parameters())
    assert all(value.equal(before[name]) for name, value in method.state_dict().items())
    assert not method.second._forward_hooks


class Ensemble(Plain):
    """Two branches on a shared map, one of which is shown the lower half of it alone."""

    def __init__(self) -> None:
        super().__init__()
        self.other = nn.Sequential(nn.Conv2d(8, 6, 3, 1, 1), nn.ReLU())
        self.other_head = nn.Linear(6, CLASSES)
        self.gate = nn.Conv2d(6, 6, 1)

    def forward(self, images: Tensor, landmarks: Tensor | None = None) -> Output:
        shared = self.first(images)
        whole = self.second(shared)
        whole = self.head((whole * self.gate(whole).sigmoid()).mean((2, 3)))
        fine = self.other(shared)
        lower = self.other_head(fine[:, :, fine.shape[2] // 2 :].mean((2, 3)))
        views = {"whole": whole, "lower": lower, "affect": whole[:, :2], "stage": whole.argmax(1)}
        views["attention_fine"] = fine.mean(1)
        return Output(whole + lower, shared.mean((2, 3)), views)


def test_a_head_is_not_credited_with_places_it_does_not_see() -> None:
    torch.manual_seed(3)
    found = explain_batch(Ensemble(), faces())
    lower = found.heads["lower"].places
    assert lower.shape == (4, 12, 12)
    assert lower[:, :6].eq(0).all() and lower[:, 6:].amax((1, 2)).eq(1).all()
    assert found.heads["whole"].places.shape == (4, 6, 6)
    assert [*found.heads] == ["whole", "lower"]
    assert [*found.attention] == ["fine"] and found.attention["fine"].shape == (4, 12, 12)
    for name, one in found.heads.items():
        assert one.chosen.equal(one.logits.argmax(1)), name


def test_a_decision_of_several_branches_adds_what_each_sees() -> None:
    """A second implementation: shares of the logit on the fine grid, added up, then cut and scaled."""
    torch.manual_seed(3)
    method, images = Ensemble().eval(), faces()
    found = explain_batch(method, images)
    shared = method.first(images)
    whole, fine = method.second(shared), method.other(shared)
    whole.retain_grad(), fine.retain_grad()
    logits = method.head((whole * method.gate(whole).sigmoid()).mean((2, 3)))
    logits = logits + method.other_head(fine[:, :, 6:].mean((2, 3)))
    logits.max(1).values.sum().backward()
    coarse = torch.einsum("bdhw,bd->bhw", whole, whole.grad.mean((2, 3))) / 4
    coarse = interpolate(coarse.unsqueeze(1), (12, 12), mode="bilinear").squeeze(1)
    half = torch.einsum("bdhw,bd->bhw", fine, fine.grad[:, :, 6:].mean((2, 3)))
    half[:, :6] = 0
    total = (coarse + half).clamp_min(0)
    total -= total.amin((1, 2), keepdim=True)
    torch.testing.assert_close(found.decision.places, total / total.amax((1, 2), keepdim=True))


class Windows(Plain):
    """Answers from its last map, and from a window cut out of the first one."""

    def __init__(self) -> None:
        super().__init__()
        self.eye = nn.Linear(8, CLASSES)

    def forward(self, images: Tensor, landmarks: Tensor | None = None) -> Output:
        first = self.first(images)
        whole = self.head(self.second(first).mean((2, 3)))
        window = self.eye(first[:, :, 2:6, 1:5].mean((2, 3)))
        parts = torch.stack([whole, window])
        views = dict(zip(("whole", "window"), parts.unbind(0), strict=True))
        return Output(parts.sum(0), first.mean((2, 3)), views)


def shares(maps: Tensor, weight: Tensor) -> Tensor:
    """What each place of a map adds to a linear layer on its means, on a grid twice as fine."""
    coarse = torch.einsum("bdhw,bd->bhw", maps, weight / maps[0, 0].numel()) / 4
    return interpolate(coarse.unsqueeze(1), scale_factor=2, mode="bilinear").squeeze(1)


def scaled(total: Tensor) -> Tensor:
    total = total.clamp_min(0) - total.clamp_min(0).amin((1, 2), keepdim=True)
    return total / total.amax((1, 2), keepdim=True)


def test_a_window_of_an_early_map_counts_beside_the_last_map() -> None:
    torch.manual_seed(4)
    method, images = Windows().eval(), faces()
    found = explain_batch(method, images)
    with torch.no_grad():
        first = method.first(images)
        second, chosen = method.second(first), method(images).logits.argmax(1)
    early = torch.zeros_like(first[:, 0])
    early[:, 2:6, 1:5] = torch.einsum("bdhw,bd->bhw", first, method.eye.weight[chosen] / 16)[:, 2:6, 1:5]
    total = shares(second, method.head.weight[chosen]) + early
    torch.testing.assert_close(found.decision.places, scaled(total), rtol=1e-3, atol=1e-4)


def test_heads_that_were_stacked_are_taken_apart_again() -> None:
    torch.manual_seed(4)
    method, images = Windows().eval(), faces()
    found = explain_batch(method, images).heads
    with torch.no_grad():
        second = method.second(method.first(images))
        expected = scaled(shares(second, method.head.weight[found["whole"].chosen]))
    torch.testing.assert_close(found["whole"].places, expected, rtol=1e-3, atol=1e-3)
    outside = torch.ones(12, 12, dtype=torch.bool)
    outside[2:6, 1:5] = False
    assert found["window"].places[:, outside].eq(0).all() and found["window"].places.amax() == 1


def test_the_last_maps_are_one_of_each_branch_and_no_gate() -> None:
    method, images = Ensemble().eval(), faces().requires_grad_()
    with noted_maps(method, images) as maps:
        output = method(images)
    assert {tuple(one.shape[1:]) for one in last_maps(output.logits, maps)} == {(6, 6, 6), (6, 12, 12)}
    (only,) = last_maps(output.views["whole"], maps)
    assert only.shape == (4, 6, 6, 6) and only.min() >= 0, "the map itself, not what its gate is made of"
    with noted_maps(method, images, "first") as maps:
        output = method(images)
    (only,) = last_maps(output.logits, maps)
    assert only.shape == (4, 8, 12, 12)


def test_a_method_names_the_map(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(3)
    method = Ensemble()
    assert explain_batch(method, faces()).heads["whole"].places.shape == (4, 6, 6)
    monkeypatch.setattr(Ensemble, "explained", "first")
    assert explain_batch(method, faces()).heads["whole"].places.shape == (4, 12, 12)


class Pixels(Method):
    """Has no map at all."""

    def forward(self, images: Tensor, landmarks: Tensor | None = None) -> Output:
        return Output(images.mean((2, 3)), images.mean((2, 3)))


def test_a_network_without_maps_is_said() -> None:
    with pytest.raises(UserError, match="explained"):
        explain_batch(Pixels(MethodConfig(), CLASSES), faces())


def test_heads_are_told_from_other_views() -> None:
    logits = torch.zeros(5, 2)
    views = {"branch": logits, "affect": logits, "attention_rows": logits, "stage": logits[:, 0]}
    assert [*heads_of(Output(logits, logits, views))] == ["branch"]


@pytest.fixture(scope="module", params=list_methods())
def method(request: pytest.FixtureRequest, tiny_method: Callable[[str], Method]) -> Method:
    return tiny_method(request.param).eval()


def test_every_method_says_where_it_looked(method: Method) -> None:
    images, points = faces(3, 48), torch.tensor([[16.0, 18], [32, 18], [24, 26], [18, 34], [30, 34]])
    found = explain_batch(method, images, points.expand(3, 5, 2))
    with torch.no_grad():
        output = method(images, points.expand(3, 5, 2))
    torch.testing.assert_close(found.decision.logits, output.logits, rtol=1e-4, atol=1e-4)
    assert found.heads.keys() == heads_of(output).keys()
    for name, one in {"decision": found.decision, **found.heads}.items():
        assert one.places.ndim == 3 and len(one.places) == 3 and min(one.places.shape[1:]) > 1, name
        assert one.places.isfinite().all() and one.places.min() >= 0 and one.places.max() <= 1, name
    lit = torch.stack(
        [explain_batch(method, images, points.expand(3, 5, 2), y).decision.places for y in range(3)]
    )
    assert lit.amax((2, 3)).amax(0).eq(1).all(), "no class has a place that speaks for it"
    alone = explain_batch(method, images[:1], points.expand(1, 5, 2)).decision.places
    torch.testing.assert_close(alone, found.decision.places[:1], rtol=1e-2, atol=1e-2)
    for name, view in output.views.items():
        if name.startswith("attention_") and (of := name.removeprefix("attention_")) not in found.attention:
            torch.testing.assert_close(view, found.heads[of].places, atol=1e-3, rtol=0)


def test_the_map_of_every_method_lies_on_the_picture(method: Method) -> None:
    """A cell in the corner looks at its own corner of the picture; the map of a cut-out would not."""
    images = faces(1, 48).requires_grad_()
    with noted_maps(method, images, method.explained) as maps:
        output = method(images)
    answers = (output.logits, *heads_of(output).values())
    found = [one for logits in answers for one in last_maps(logits, maps)]
    for one in {id(one): one for one in found}.values():
        sees = []
        for cell in (one[..., 0, 0], one[..., -1, -1]):
            (seen,) = torch.autograd.grad(cell.square().sum(), images, retain_graph=True)
            share = seen.abs().sum((0, 1)) / seen.abs().sum()
            steps = torch.arange(48.0)
            sees.append((float((share.sum(0) * steps).sum()), float((share.sum(1) * steps).sum())))
        (left, top), (right, bottom) = sees
        assert left < 23.5 < right and top < 23.5 < bottom, (
            f"{one.shape} sees {sees}: name what is cut in `explained`"
        )
