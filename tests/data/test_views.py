"""Views of a batch: the same chance gives the same pictures, however the batch is cut."""

from __future__ import annotations

import pytest
import torch
from pydantic import ValidationError

from ferda.data.normalise import Normalise
from ferda.data.view_options import OPERATIONS, PRESETS, STILL, StrongView, WeakView, preset
from ferda.data.views import Views
from ferda.errors import UserError

IMAGES = torch.randint(0, 256, (48, 40, 40, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
POINTS = 40 * torch.rand(48, 5, 2, generator=torch.Generator().manual_seed(1))


def generator(seed: int = 5) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_every_preset_gives_finite_pictures_between_zero_and_one(name: str) -> None:
    views = Views(name, 32)
    pictures, points = views.apply(IMAGES, POINTS, views.draw(48, generator()))
    assert pictures.shape == (48, 3, 32, 32) and pictures.dtype == torch.float32
    assert pictures.min() >= 0 and pictures.max() <= 1 + 1e-6
    assert points is not None and points.isfinite().all()
    assert PRESETS[name].__class__.model_validate_json(PRESETS[name].model_dump_json()) == PRESETS[name]


@pytest.mark.parametrize("name", ["weak", "strong", "ddamfn"])
def test_a_part_of_the_batch_looks_the_same_alone(name: str) -> None:
    views = Views(name)
    draws = views.draw(48, generator())
    whole, points = views.apply(IMAGES, POINTS, draws)
    part, part_points = views.apply(IMAGES[24:], POINTS[24:], draws[24:])
    assert torch.allclose(whole[24:], part, atol=1e-6)
    assert points is not None and part_points is not None and torch.equal(points[24:], part_points)


def test_large_batches_are_cut_into_blocks_without_a_seam(monkeypatch: pytest.MonkeyPatch) -> None:
    views = Views("strong")
    draws = views.draw(48, generator())
    whole, _ = views.apply(IMAGES, None, draws)
    monkeypatch.setattr("ferda.data.views._BLOCK", 5 * 40 * 40)
    blocks, _ = views.apply(IMAGES, None, draws)
    assert torch.allclose(whole, blocks, atol=1.01 / 255)
    assert (whole - blocks).abs().mean() < 1e-4


def test_strong_view_starts_from_the_weak_views_crop_and_mirror() -> None:
    base = WeakView(brightness=0, contrast=0, grey=0)
    weak, strong = Views(base), Views(StrongView(operations=("identity",), cutout=0), base=base)
    draws = strong.draw(48, generator())
    weak_pictures, weak_points = weak.apply(IMAGES, POINTS, draws)
    strong_pictures, strong_points = strong.apply(IMAGES, POINTS, draws)
    assert (weak_pictures - strong_pictures).abs().max() <= 0.5 / 255 + 1e-4
    assert weak_points is not None and strong_points is not None
    assert torch.allclose(weak_points, strong_points, atol=1e-3)


def test_landmarks_of_a_strong_view_follow_only_if_asked() -> None:
    moving = StrongView(operations=("translate_x",), draws=1, cutout=0)
    staying = moving.model_copy(update={"landmarks_follow": False})
    draws = Views(moving, base=STILL).draw(48, generator())
    _, followed = Views(moving, base=STILL).apply(IMAGES, POINTS, draws)
    _, stayed = Views(staying, base=STILL).apply(IMAGES, POINTS, draws)
    assert followed is not None and stayed is not None
    assert torch.allclose(stayed, POINTS, atol=1e-3)
    moved = 40 * 0.15 * (2 * draws[:, 18] - 1)
    assert torch.allclose(followed[:, :, 0], POINTS[:, :, 0] - moved[:, None], atol=1e-3)


def test_operations_are_drawn_equally_often_with_replacement() -> None:
    from ferda.data.views import _strong_draws

    options = StrongView()
    chosen, amounts = _strong_draws(options, Views(options).draw(7000, generator()))
    share = torch.bincount(chosen.flatten(), minlength=14) / chosen.numel()
    assert len(OPERATIONS) == 14 and (share - 1 / 14).abs().max() < 0.01
    assert (chosen[:, 0] == chosen[:, 1]).float().mean() == pytest.approx(1 / 14, abs=0.01)
    assert torch.corrcoef(torch.stack((chosen[:, 0].double(), amounts[:, 0].double())))[0, 1].abs() < 0.05


def test_switching_one_chance_on_does_not_move_the_others() -> None:
    quiet = Views(WeakView(grey=0.0, erase=0.0))
    loud = Views(WeakView(grey=0.0, erase=1.0, erase_area=(0.02, 0.03)))
    draws = quiet.draw(48, generator())
    assert quiet.columns == loud.columns
    plain, _ = quiet.apply(IMAGES, None, draws)
    erased, _ = loud.apply(IMAGES, None, draws)
    assert 0.9 < (plain == erased).float().mean() < 0.99


def test_only_the_softened_lose_their_detail_and_the_strong_view_has_its_own_cut_out() -> None:
    sharp, blurred = (
        WeakView(brightness=0, contrast=0, grey=0),
        WeakView(brightness=0, contrast=0, grey=0, soften=0.5),
    )
    draws = Views(blurred).draw(48, generator())
    plain, _ = Views(sharp).apply(IMAGES, None, draws)
    soft, _ = Views(blurred).apply(IMAGES, None, draws)
    changed = (plain - soft).abs().amax((1, 2, 3)) > 1e-6
    assert torch.equal(changed, draws[:, 17] < 0.5) and 10 < changed.sum() < 38
    strong = [Views(StrongView(operations=("identity",)), base=base) for base in (sharp, blurred)]
    assert strong[1].columns == strong[0].columns + 2
    draws = strong[1].draw(48, generator())
    (plain, _), (soft, _) = (view.apply(IMAGES, None, draws) for view in strong)
    kept = draws[:, strong[0].columns] >= 0.5
    assert torch.equal(plain[kept], soft[kept]) and not torch.equal(plain, soft)


def test_wrong_settings_and_names_are_told() -> None:
    with pytest.raises(ValidationError):
        WeakView(mirorr=0.5)  # type: ignore[call-arg]
    with pytest.raises(ValidationError):
        WeakView(zoom=(1.1, 0.9))
    with pytest.raises(UserError, match="did you mean 'strong'"):
        preset("stong")
    with pytest.raises(UserError, match="did you mean 'imagenet'"):
        Normalise.named("imagnet")
    with pytest.raises(ValueError, match="above 0"):
        Normalise((0, 0, 0), (1, 1, 0))


def test_a_network_may_want_blue_first() -> None:
    images = torch.rand(2, 3, 4, 4)
    normalise = Normalise.named("imagenet", "bgr")
    assert torch.allclose(normalise(images), Normalise.named("imagenet")(images).flip(1))
    assert torch.allclose(normalise.undo(normalise(images)), images, atol=1e-6)


def test_normalise_undoes_itself() -> None:
    pictures = torch.rand(4, 3, 8, 8)
    for name in ("imagenet", "half", "none"):
        normalise = Normalise.named(name)
        assert torch.allclose(normalise.undo(normalise(pictures)), pictures, atol=1e-6)
    white = Normalise.named("half")(torch.ones(1, 3, 2, 2))
    assert torch.equal(white, torch.ones(1, 3, 2, 2))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["weak", "strong", "ddamfn"])
def test_all_work_on_pixels_happens_on_their_device(name: str) -> None:
    # the meta device computes nothing, but refuses to mix with tensors of the CPU
    views = Views(name, 32)
    pictures, points = views.apply(IMAGES.to("meta"), POINTS.to("meta"), views.draw(48, generator()))
    assert pictures.device.type == "meta" and points is not None and points.device.type == "meta"
    assert Normalise.named("imagenet")(pictures).device.type == "meta"
