"""Each kind against the formula it claims."""

import numpy as np
import pytest

from elegan.data.degradations import FILL, damage, hide
from elegan.data.degradations.holes import FORMS
from elegan.data.degradations.overlays import PATTERNS, haze, rain

GRAY = np.full((96, 96, 3), 0.5, np.float32)


def change(kind: str, **fixed: object) -> np.ndarray:
    return damage(GRAY, kind, np.random.default_rng(0), **fixed).image - np.float32(128 / 255)


def test_noise_has_its_deviation_and_shares() -> None:
    white = change("noise", sigma=25 / 255, gray=0, shot=0)
    assert white.std() * 255 == pytest.approx(25, rel=0.02)
    channels = white.reshape(-1, 3).T
    assert abs(np.corrcoef(channels)[0, 1]) < 0.05
    gray = change("noise", sigma=25 / 255, gray=0.8, shot=0)
    assert gray.std() * 255 == pytest.approx(25, rel=0.05)
    assert np.corrcoef(gray.reshape(-1, 3).T)[0, 1] == pytest.approx(0.8, abs=0.03)


def test_shot_noise_grows_with_the_light() -> None:
    image = np.concatenate([GRAY * 0.5, GRAY * 1.4])  # 0.25 and 0.7
    done = damage(image, "noise", np.random.default_rng(0), sigma=0.04, gray=0, shot=1)
    dark, light = (done.image - image)[:96], (done.image - image)[96:]
    assert (light.std() / dark.std()) ** 2 == pytest.approx(0.7 / 0.25, rel=0.06)


def test_jpeg_moves_its_grid() -> None:
    image = np.tile(np.linspace(0, 1, 96, dtype=np.float32)[None, :, None], (96, 1, 3))
    columns = set()
    for seed in range(12):
        done = damage(image, "jpeg", np.random.default_rng(seed), quality=5).image
        columns.add(int(np.abs(np.diff(done.mean(axis=(0, 2)))).argmax()) % 8)
    assert len(columns) > 3


def test_haze_follows_the_atmospheric_model() -> None:
    black, white = np.zeros_like(GRAY), np.ones_like(GRAY)
    values = {"veil": 0.5, "light": 0.8, "variation": 0.3}
    low = haze(black, np.random.default_rng(1), **values)
    high = haze(white, np.random.default_rng(1), **values)
    transmission = (high - low)[:, :, 0]  # J = 1 less J = 0 leaves t
    assert transmission.mean() == pytest.approx(0.5, abs=0.06)
    assert transmission.std() > 0.05
    assert np.abs(np.diff(transmission, axis=0)).max() < 0.05
    colour = low / (1 - transmission)[:, :, None]
    assert colour.std(axis=(0, 1)).max() < 1e-4
    assert colour.mean() == pytest.approx(0.8, abs=0.08)


def test_rain_only_brightens_and_bright_parts_hide_it() -> None:
    for seed in range(8):
        wet = rain(GRAY, np.random.default_rng(seed), decibels=18, tilt=0)
        assert (wet >= GRAY - 1e-6).all()
    screened = next(s for s in range(99) if np.random.default_rng(s).random() < 0.6)
    white = np.ones_like(GRAY)
    np.testing.assert_array_equal(
        rain(white, np.random.default_rng(screened), decibels=15, tilt=0), white
    )


@pytest.mark.parametrize("tilt", [0.0, 40.0])
def test_light_rain_falls_along_its_tilt(tilt: float) -> None:
    tensor = np.zeros((2, 2))
    for seed in range(6):
        wet = rain(GRAY, np.random.default_rng(seed), decibels=27, tilt=tilt)[:, :, 0]
        down, right = np.gradient(wet)
        tensor += [
            [np.sum(down**2), np.sum(down * right)],
            [np.sum(down * right), np.sum(right**2)],
        ]
    along = np.linalg.eigh(tensor)[1][:, 0]  # the direction of least change
    assert np.degrees(np.arctan(along[1] / along[0])) == pytest.approx(tilt, abs=6)


@pytest.mark.parametrize("pattern", PATTERNS)
def test_overlays_repeat_and_are_as_opaque_as_asked(pattern: str) -> None:
    covered = 0.0
    for seed in range(10):
        done = damage(GRAY, "stripes", np.random.default_rng(seed), pattern=pattern, opacity=0.6)
        change = np.abs(done.image - np.float32(128 / 255)).max(axis=2)
        assert change.max() <= 0.6 * 0.51
        covered += float((change > 0.5 * change.max()).mean()) / 10
    assert 0.1 < covered < 0.9


@pytest.mark.parametrize("form", [*FORMS, None])
@pytest.mark.parametrize("share", [0.03, 0.25])
def test_holes_cover_the_share_asked_for(form: str | None, share: float) -> None:
    for seed in range(8):
        done = damage(GRAY, "holes", np.random.default_rng(seed), share=share, form=form)
        assert share - 0.02 < done.mask.mean() <= share + 0.0101
        assert (done.image[done.mask > 0] == np.float32(FILL)).all()


def test_scratches_are_thin_long_and_visible() -> None:
    random = np.random.default_rng(0)
    done = damage(GRAY, "scratches", random, density=2, width=1.5)
    inner = done.mask.copy()
    for _ in range(3):  # nothing but dust is wider than six pixels
        inner[1:-1, 1:-1] = np.minimum.reduce(
            [
                inner[1:-1, 1:-1],
                inner[:-2, 1:-1],
                inner[2:, 1:-1],
                inner[1:-1, :-2],
                inner[1:-1, 2:],
            ]
        )
    assert inner[3:-3, 3:-3].sum() < 0.02 * done.mask.sum()
    assert max(done.mask.any(axis=0).mean(), done.mask.any(axis=1).mean()) > 0.5
    assert np.abs(done.image - GRAY).max() > 0.2


def test_hiding_leaves_the_rest_alone() -> None:
    image = np.random.default_rng(0).random((5, 6, 3), np.float32)
    mask = np.zeros((5, 6), np.float32)
    mask[1, 2] = 1
    hidden = hide(image, mask)
    assert (hidden[1, 2] == np.float32(FILL)).all()
    np.testing.assert_array_equal(hidden[mask == 0], image[mask == 0])


def test_impulses_are_black_and_white_in_equal_parts() -> None:
    done = damage(GRAY, "impulse", np.random.default_rng(0), share=0.1).image
    assert (done == 0).all(axis=2).mean() == pytest.approx(0.05, abs=0.01)
    assert (done == 1).all(axis=2).mean() == pytest.approx(0.05, abs=0.01)
