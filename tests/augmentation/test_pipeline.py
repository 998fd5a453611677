"""Augmentation against plain re-computations of what each kind does, and how often."""

import math

import pytest
import torch
from torch import Tensor

from elegan.augmentation import KINDS, augment
from elegan.augmentation.kinds import GEOMETRY, recolour, warp
from elegan.common.errors import UsageError

CALM = tuple(kind for kind in KINDS if kind != "noise")


def _images(count: int = 6, channels: int = 3, side: int = 16) -> Tensor:
    random = torch.Generator().manual_seed(1)
    return torch.rand(count, channels, side, side, generator=random) * 2 - 1


def _random(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def _place(row: int, column: int, side: int, most: int) -> Tensor:
    """The draws that make the translation move by (row, column)."""
    return (torch.tensor([[column, row]]) + most + 0.5) / (2 * most + 1)


# --- switched off ---------------------------------------------------------------------------------


@pytest.mark.parametrize("off", [0.0, torch.tensor(0.0)])
def test_probability_0_is_the_identity_and_draws_nothing(off: float | Tensor) -> None:
    images, before = _images(), torch.get_rng_state()
    assert augment(images, tuple(KINDS), off) is images
    assert augment(images, (), 1.0) is images
    assert torch.equal(torch.get_rng_state(), before)


def test_unknown_kind() -> None:
    with pytest.raises(UsageError, match="Did you mean 'cutout'"):
        augment(_images(), ("cutuot",), 0.5)


# --- every kind -----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("side", [16, 17])
def test_shape_format_and_gradient(kind: str, channels: int, side: int) -> None:
    images = _images(channels=channels, side=side).requires_grad_()
    result = augment(images, (kind,), 1.0, _random())
    assert result.shape == images.shape
    assert result.dtype == torch.float32
    result.square().sum().backward()
    assert images.grad is not None
    assert torch.isfinite(images.grad).all()
    gray_only = channels == 1 and kind in ("saturation", "hue")
    assert torch.equal(result, images) == gray_only


@pytest.mark.parametrize("kind", CALM)
def test_what_happens_to_an_image_does_not_depend_on_the_others(kind: str) -> None:
    images = _images()
    changed = images.clone()
    changed[3] = -changed[3]
    before, after = (augment(one, (kind,), 1.0, _random(2)) for one in (images, changed))
    rest = [0, 1, 2, 4, 5]
    torch.testing.assert_close(before[rest], after[rest])
    assert not torch.equal(before[3], after[3])


def test_no_gradient_crosses_between_images() -> None:
    images = _images().requires_grad_()
    augment(images, tuple(KINDS), 1.0, _random())[2].sum().backward()
    assert images.grad is not None
    reached = images.grad.flatten(1).abs().sum(dim=1) > 0
    assert reached.tolist() == [False, False, True, False, False, False]


@pytest.mark.parametrize("kind", KINDS)
def test_first_and_second_derivatives(kind: str) -> None:
    images = _images(2, 3, 5).double().requires_grad_()

    def apply(one: Tensor) -> Tensor:
        # float32 inside; a linear map's difference quotient is exact at any step.
        return augment(one, (kind,), 1.0, _random(3)).double()

    tolerances = {"eps": 1e-1, "atol": 1e-4, "rtol": 1e-4}
    assert torch.autograd.gradcheck(apply, (images,), **tolerances)
    assert torch.autograd.gradgradcheck(apply, (images,), **tolerances)


def test_a_gradient_penalty_passes_through_geometry() -> None:
    # |d/dx 0.5 w (A x)^2|^2 = |A^T w A x|^2, with A the matrix of one augmentation.
    weight = torch.tensor(1.5, requires_grad=True)
    images = _images(1, 1, 4).requires_grad_()
    kinds = ("scale", "rotation")

    def apply(one: Tensor) -> Tensor:
        return augment(one, kinds, 1.0, _random(7))

    matrix = torch.stack([apply(one.view(1, 1, 4, 4)).flatten() for one in torch.eye(16)], dim=1)
    loss = 0.5 * weight * apply(images).square().sum()
    (gradient,) = torch.autograd.grad(loss, images, create_graph=True)
    penalty = gradient.square().sum()
    expected = weight.detach() * matrix.T @ matrix @ images.detach().flatten()
    torch.testing.assert_close(gradient.detach().flatten(), expected)
    (by_weight,) = torch.autograd.grad(penalty, weight, retain_graph=True)
    torch.testing.assert_close(by_weight, 2 * penalty.detach() / weight.detach())
    (by_images,) = torch.autograd.grad(penalty, images)
    twice = 2 * weight.detach() ** 2 * torch.linalg.matrix_power(matrix.T @ matrix, 2)
    torch.testing.assert_close(by_images.flatten(), twice @ images.detach().flatten())


def test_float32_under_autocast() -> None:
    with torch.autocast("cpu", torch.bfloat16):
        within = augment(_images(), tuple(KINDS), 1.0, _random())
        rounded = augment(_images().bfloat16(), tuple(KINDS), 1.0, _random())
    assert within.dtype == rounded.dtype == torch.float32
    torch.testing.assert_close(within, augment(_images(), tuple(KINDS), 1.0, _random()))


def test_the_default_generator_decides() -> None:
    results = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        results.append(augment(_images(), tuple(KINDS), 0.5))
    assert torch.equal(results[0], results[1])
    assert not torch.equal(results[0], results[2])


# --- how often ------------------------------------------------------------------------------------

# A flip applied is still none in half of the cases; quarter turns in a quarter; a translation of
# 16 pixels by up to 2 in one of 25.
SHOWS = {"flip": 1 / 2, "rotate": 3 / 4, "translation": 24 / 25}


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_is_applied_at_the_asked_rate(kind: str) -> None:
    images = _images(1).repeat(3000, 1, 1, 1)
    changed = (augment(images, (kind,), 0.3, _random()) != images).flatten(1).any(dim=1)
    rate = 0.3 * SHOWS.get(kind, 1)
    assert changed.float().mean().item() == pytest.approx(
        rate, abs=4 * math.sqrt(rate * (1 - rate) / 3000)
    )


def test_kinds_are_applied_independently() -> None:
    # Brightness moves the mean of a black image, cutout sets half-size squares of it to exactly 0.
    images = torch.full((4000, 1, 16, 16), -1.0)
    result = augment(images, ("brightness", "cutout"), 0.4, _random())
    cut = (result == 0).flatten(1).any(dim=1)
    corners = result[:, 0, [0, 0, -1, -1], [0, -1, 0, -1]].min(dim=1).values
    brighter = corners != -1
    assert cut.float().mean().item() == pytest.approx(0.4, abs=0.035)
    assert brighter.float().mean().item() == pytest.approx(0.4, abs=0.035)
    assert (cut & brighter).float().mean().item() == pytest.approx(0.16, abs=0.03)


# --- geometry -------------------------------------------------------------------------------------


@pytest.mark.parametrize("side", [16, 17])
@pytest.mark.parametrize(("row", "column"), [(0, 1), (2, 0), (-1, 2), (-2, -2)])
def test_translation_is_a_roll_with_zeros(side: int, row: int, column: int) -> None:
    images = _images(1, side=side)
    inverse = GEOMETRY["translation"](_place(row, column, side, 2), side)
    expected = images.roll((row, column), dims=(2, 3))
    rows, columns = torch.arange(side)[:, None] - row, torch.arange(side)[None, :] - column
    inside = (rows >= 0) & (rows < side) & (columns >= 0) & (columns < side)
    moved = warp(images, inverse, "zeros")
    torch.testing.assert_close(moved, expected * inside, atol=1e-4, rtol=0)


def test_translation_reaches_an_eighth_evenly() -> None:
    images = torch.zeros(5000, 1, 16, 16)
    images[:, :, 8, 8] = 1
    moved = augment(images, ("translation",), 1.0, _random())
    place = moved.flatten(1).argmax(dim=1)
    for axis in (place // 16 - 8, place % 16 - 8):
        counts = torch.bincount(axis + 2, minlength=5)
        assert len(counts) == 5
        assert (counts > 850).all()
        assert (counts < 1150).all()


def test_reflection_brings_in_nothing_new() -> None:
    images = torch.full((64, 1, 16, 16), -1.0)
    kinds = ("flip", "rotate", "scale", "rotation", "translation")
    torch.testing.assert_close(augment(images, kinds, 1.0, _random()), images)
    framed = augment(images, kinds, 1.0, _random(), padding="zeros")
    assert (framed > -0.5).flatten(1).any(dim=1).float().mean() > 0.8


def test_flip_and_quarter_turns_are_those_of_a_tensor() -> None:
    images = _images(200)
    flipped = augment(images, ("flip",), 1.0, _random())
    changed = (flipped != images).flatten(1).any(dim=1)
    torch.testing.assert_close(flipped[changed], images[changed].flip(3), atol=1e-4, rtol=0)
    assert torch.equal(flipped[~changed], images[~changed])

    turned = augment(images, ("rotate",), 1.0, _random())
    seen = set()
    for before, after in zip(images, turned, strict=True):
        distances = [(before.rot90(turns, (1, 2)) - after).abs().max() for turns in range(4)]
        assert min(distances) < 1e-4
        seen.add(distances.index(min(distances)))
    assert seen == {0, 1, 2, 3}


def test_rotation_turns_a_point_about_the_centre_by_at_most_15_degrees() -> None:
    side = 65
    images = torch.zeros(300, 1, side, side)
    images[:, :, 31:34, 56:59] = 1  # 25 pixels to the right of the centre
    turned = augment(images, ("rotation",), 1.0, _random())
    pixels = torch.arange(side) - side // 2
    mass = turned.sum(dim=(1, 2, 3))
    right = (turned.sum(dim=(1, 2)) * pixels).sum(dim=1) / mass
    down = (turned.sum(dim=(1, 3)) * pixels).sum(dim=1) / mass
    torch.testing.assert_close(
        (right**2 + down**2).sqrt(), torch.full((300,), 25.0), atol=0.2, rtol=0
    )
    degrees = torch.rad2deg(torch.atan2(down, right))
    assert degrees.abs().max() < 15.5
    assert degrees.min() < -13
    assert degrees.max() > 13


def test_scale_has_the_stated_spread() -> None:
    side = 65
    images = torch.zeros(2000, 1, side, side)
    images[:, :, 24:41, 24:41] = 1  # 17 x 17
    area = augment(images, ("scale",), 1.0, _random(), padding="zeros").sum(dim=(1, 2, 3))
    octaves = (area / 17**2).log2() / 2  # of the side
    assert octaves.mean().item() == pytest.approx(0, abs=0.03)
    assert octaves.std().item() == pytest.approx(0.2, abs=0.02)


def test_geometry_is_resampled_once_and_in_the_order_of_the_table() -> None:
    # A flip, then a shift: the other order would move the point the other way.
    images = torch.zeros(1, 1, 16, 16)
    images[0, 0, 4, 3] = 1
    flip = GEOMETRY["flip"](torch.tensor([[0.1, 0.5]]), 16)
    shift = GEOMETRY["translation"](_place(1, 2, 16, 2), 16)
    result = warp(images, flip @ shift, "zeros")
    expected = images.flip(3).roll((1, 2), dims=(2, 3))
    torch.testing.assert_close(result, expected, atol=1e-4, rtol=0)
    assert list(GEOMETRY).index("flip") < list(GEOMETRY).index("translation")


# --- colour, cutout, noise ------------------------------------------------------------------------


def test_brightness_is_one_offset_an_image_evenly_within_a_half() -> None:
    images = _images(3000, 3, 4)
    offsets = (augment(images, ("brightness",), 1.0, _random()) - images).flatten(1)
    torch.testing.assert_close(offsets, offsets[:, :1].expand_as(offsets), atol=1e-5, rtol=0)
    assert offsets.min() >= -0.5
    assert offsets.max() <= 0.5
    assert offsets.mean().item() == pytest.approx(0, abs=0.02)
    assert offsets.std().item() == pytest.approx(1 / math.sqrt(12), abs=0.01)


@pytest.mark.parametrize("channels", [1, 3])
def test_contrast_scales_the_distance_from_the_mean_of_the_image(channels: int) -> None:
    images = _images(500, channels, 8)
    result = augment(images, ("contrast",), 1.0, _random())
    means = images.mean(dim=(1, 2, 3), keepdim=True)
    factors = (result - means).flatten(1).norm(dim=1) / (images - means).flatten(1).norm(dim=1)
    torch.testing.assert_close(result, means + factors.view(-1, 1, 1, 1) * (images - means))
    assert 0.5 <= factors.min() < 0.55
    assert 1.45 < factors.max() <= 1.5


def test_saturation_scales_the_distance_from_gray() -> None:
    images = _images(500, 3, 8)
    result = augment(images, ("saturation",), 1.0, _random())
    gray = images.mean(dim=1, keepdim=True)
    factors = (result - gray).flatten(1).norm(dim=1) / (images - gray).flatten(1).norm(dim=1)
    expected = gray + factors.view(-1, 1, 1, 1) * (images - gray)
    torch.testing.assert_close(result, expected, atol=1e-5, rtol=0)
    assert factors.min() < 0.1
    assert 1.9 < factors.max() <= 2


def test_hue_turns_about_the_gray_axis() -> None:
    images = _images(500, 3, 8)
    result = augment(images, ("hue",), 1.0, _random())
    torch.testing.assert_close(result.mean(dim=1), images.mean(dim=1), atol=1e-5, rtol=0)
    before, after = (one - one.mean(dim=1, keepdim=True) for one in (images, result))
    torch.testing.assert_close(before.norm(dim=1), after.norm(dim=1), atol=1e-5, rtol=0)
    cosines = (before * after).sum(dim=1) / before.norm(dim=1) / after.norm(dim=1)
    spread = cosines.flatten(1).max(dim=1).values - cosines.flatten(1).min(dim=1).values
    assert spread.max() < 0.01  # one angle an image
    assert cosines.min() < -0.99
    assert cosines.max() > 0.99


def test_a_third_of_a_turn_exchanges_the_channels() -> None:
    images, one = _images(1), torch.ones(1)
    turned = recolour(
        images,
        brightness=0 * one,
        saturation=one,
        hue=one * (2 * math.pi / 3),
        contrast=one,
    )
    torch.testing.assert_close(turned, images.roll(1, dims=1), atol=1e-5, rtol=0)


def test_the_four_colour_kinds_compose_in_their_order() -> None:
    images = _images(40)
    chosen = ("brightness", "saturation", "hue", "contrast")
    draws = torch.rand(40, 4, 3, generator=_random(4))[..., 1].unbind(1)
    brightness, saturation, hue, contrast = (one.view(-1, 1, 1, 1) for one in draws)
    step = images + brightness - 0.5
    gray = step.mean(dim=1, keepdim=True)
    step = gray + 2 * saturation * (step - gray)
    angle, axis = (2 * hue - 1) * math.pi, torch.full((1, 3, 1, 1), 3**-0.5)
    # Rodrigues: v cos + (k x v) sin + k (k . v)(1 - cos).
    cross = torch.linalg.cross(axis.expand_as(step), step, dim=1)
    along = axis * (axis * step).sum(dim=1, keepdim=True)
    step = step * angle.cos() + cross * angle.sin() + along * (1 - angle.cos())
    mean = step.mean(dim=(1, 2, 3), keepdim=True)
    expected = mean + (contrast + 0.5) * (step - mean)
    result = augment(images, chosen, 1.0, _random(4))
    torch.testing.assert_close(result, expected, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("side", [16, 17])
def test_cutout_is_a_square_of_half_the_side_cut_by_the_edge(side: int) -> None:
    images = torch.ones(2000, 1, side, side)
    cut = augment(images, ("cutout",), 1.0, _random()) == 0
    heights = cut.any(dim=3).sum(dim=(1, 2))
    widths = cut.any(dim=2).sum(dim=(1, 2))
    assert torch.equal(cut.sum(dim=(1, 2, 3)), heights * widths)  # full rectangles
    half = int(side / 2 + 0.5)
    assert heights.max() == widths.max() == half
    assert heights.min() == (half + 1) // 2  # centred on the edge
    # Its centre is anywhere: the centre of the image is covered more often than a corner.
    share = cut.float().mean(dim=(0, 1))
    assert share[side // 2, side // 2] == pytest.approx(0.25, abs=0.06)
    assert share[0, 0] == pytest.approx(0.07, abs=0.04)


def test_noise_is_independent_of_deviation_the_size_of_a_normal() -> None:
    images = torch.zeros(2000, 1, 16, 16)
    noise = augment(images, ("noise",), 1.0, _random()).flatten(1)
    deviations = noise.std(dim=1)
    assert deviations.mean().item() == pytest.approx(0.1 * math.sqrt(2 / math.pi), rel=0.05)
    assert deviations.square().mean().sqrt().item() == pytest.approx(0.1, rel=0.05)
    shifted = (noise[:, 1:] * noise[:, :-1]).mean() / noise.square().mean()
    assert abs(shifted.item()) < 0.01
