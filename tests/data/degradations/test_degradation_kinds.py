"""What holds for every kind of damage, and how training draws them."""

import io
import os
import zipfile
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from elegan.common.errors import UsageError
from elegan.data.degradations import (
    FAMILIES,
    FILL,
    KINDS,
    POINTS,
    SHARES,
    STAGES,
    UNSEEN,
    damage,
    degrade,
    from_bytes,
    resize_bicubic,
    table,
    to_bytes,
)

EVERY = [*KINDS, *UNSEEN]


def photo(seed: int = 0, size: tuple[int, int] = (48, 64)) -> np.ndarray:
    """Smooth colours with some detail, float32 [H, W, 3] in [0, 1]."""
    random = np.random.default_rng(seed)
    coarse = resize_bicubic(random.random((5, 5, 3), np.float32), size)
    fine = random.random((*size, 3), np.float32) - 0.5
    return (coarse + 0.1 * fine).clip(0, 1).astype(np.float32)


def psnr(first: np.ndarray, second: np.ndarray) -> float:
    error = np.mean((first.astype(np.float64) - second) ** 2)
    return float(-10 * np.log10(max(error, 1e-5)))


@pytest.mark.parametrize("kind", EVERY)
@pytest.mark.parametrize("size", [(48, 64), (1, 1), (7, 130)])
def test_every_kind_keeps_shape_range_and_input(kind: str, size: tuple[int, int]) -> None:
    clean = photo(size=size)
    kept = clean.copy()
    for seed in range(3):
        done = damage(clean, kind, np.random.default_rng(seed))
        assert done.image.shape == clean.shape
        assert done.image.dtype == np.float32
        assert np.isfinite(done.image).all()
        np.testing.assert_array_equal(done.image, from_bytes(to_bytes(done.image)))
        assert done.image.min() >= 0
        assert done.image.max() <= 1
        assert done.mask.shape == size
        assert set(np.unique(done.mask)) <= {0, 1}
    np.testing.assert_array_equal(clean, kept)


@pytest.mark.parametrize("kind", EVERY)
def test_the_same_state_gives_the_same_damage_and_another_another(kind: str) -> None:
    clean = photo()
    first, same, other = (damage(clean, kind, np.random.default_rng(s)).image for s in (1, 1, 2))
    np.testing.assert_array_equal(first, same)
    assert (first != other).any()
    assert (first != clean).any()


@pytest.mark.parametrize(
    ("kind", "parameter"),
    [
        ("noise", "sigma"),
        ("gaussian-blur", "sigma"),
        ("defocus", "radius"),
        ("motion-blur", "length"),
        ("haze", "veil"),
        ("stripes", "opacity"),
        ("holes", "share"),
        ("scratches", "density"),
        ("impulse", "share"),
    ],
)
def test_more_of_a_parameter_is_more_damage(kind: str, parameter: str) -> None:
    low, high = (KINDS | UNSEEN)[kind].ranges[parameter]
    means = []
    for value in (low, high):
        draws = [
            psnr(
                photo(s),
                damage(photo(s), kind, np.random.default_rng(s), **{parameter: value}).image,
            )
            for s in range(6)
        ]
        means.append(np.mean(draws))
    assert means[1] < means[0] - 2


def test_jpeg_of_low_quality_is_worse() -> None:
    values = [
        psnr(photo(), damage(photo(), "jpeg", np.random.default_rng(0), quality=q).image)
        for q in (8, 85)
    ]
    assert values[0] < values[1] - 3


@pytest.mark.parametrize("name", POINTS)
def test_every_point_of_the_figures_can_be_drawn(name: str) -> None:
    done = damage(photo(), name, np.random.default_rng(0))
    assert done.kinds == (POINTS[name][0],)


def test_only_holes_and_scratches_lose_pixels_and_only_there() -> None:
    clean = from_bytes(to_bytes(photo()))
    for kind in EVERY:
        done = damage(clean, kind, np.random.default_rng(3))
        if kind in FAMILIES["inpaint"]:
            assert 0 < done.mask.mean() < 0.35
            kept = done.mask == 0
            np.testing.assert_array_equal(done.image[kept], clean[kept])
        else:
            assert not done.mask.any()


def test_each_kind_has_one_family_but_the_unseen() -> None:
    named = Counter(kind for kinds in FAMILIES.values() for kind in kinds)
    assert named == dict.fromkeys(KINDS, 1)
    assert not set(UNSEEN) & set(KINDS)


def test_degrade_draws_kinds_by_their_shares_and_one_twice_as_often_as_two() -> None:
    clean = photo(size=(12, 12))
    random = np.random.default_rng(0)
    done = [degrade(clean, list(KINDS), random) for _ in range(600)]
    counts = Counter(len(one.kinds) for one in done)
    assert set(counts) == {1, 2}
    assert counts[1] / len(done) == pytest.approx(2 / 3, abs=0.08)
    alone = Counter(one.kinds[0] for one in done if len(one.kinds) == 1)
    assert set(SHARES) == set(KINDS)
    for name in KINDS:
        expected = SHARES[name] / sum(SHARES.values())
        assert alone[name] / counts[1] == pytest.approx(expected, abs=0.06)


def test_degrade_does_things_in_the_order_in_which_they_happen_and_none_of_a_stage_twice() -> None:
    assert sorted(kind for stage in STAGES for kind in stage) == sorted(KINDS)
    stages = {kind: place for place, stage in enumerate(STAGES) for kind in stage}
    random = np.random.default_rng(0)
    done = [degrade(photo(size=(12, 12)), list(KINDS), random, most=4) for _ in range(200)]
    for places in ([stages[kind] for kind in one.kinds] for one in done):
        assert places == sorted(set(places))
    assert any(one.kinds[-2:] == ("noise", "jpeg") for one in done)


def test_degrade_hides_lost_pixels_last() -> None:
    clean = photo()
    random = np.random.default_rng(0)
    seen = 0
    for _ in range(60):
        done = degrade(clean, ["scratches", "holes", "noise", "gaussian-blur"], random, most=3)
        assert (done.image[done.mask > 0] == np.float32(FILL)).all()
        if "inpaint" in done.families:
            seen += 1
            assert done.kinds[-1] in FAMILIES["inpaint"]
    assert seen


def test_degrade_keeps_to_the_kinds_it_is_given() -> None:
    random = np.random.default_rng(0)
    for _ in range(20):
        assert degrade(photo(size=(8, 8)), ["rain"], random, most=5).kinds == ("rain",)


def test_unknown_and_unseen_kinds_are_refused_with_the_nearest_name() -> None:
    random = np.random.default_rng(0)
    with pytest.raises(UsageError, match="Did you mean 'rain'"):
        damage(photo(), "rian", random)
    with pytest.raises(UsageError, match="Unknown kind of damage 'impulse'"):
        degrade(photo(), ["noise", "impulse"], random)
    with pytest.raises(UsageError, match="No kind"):
        degrade(photo(), [], random)


def test_the_table_has_a_row_for_each_kind() -> None:
    rows = table().splitlines()
    assert len(rows) == 2 + len(EVERY)
    assert any("`rain` | derain" in row and "decibels 13 to 28" in row for row in rows)
    assert any("`impulse` | none" in row and "never in training" in row for row in rows)


@pytest.mark.data
@pytest.mark.slow
def test_rain_has_the_decibels_asked_for_on_photos() -> None:
    archive = zipfile.ZipFile(Path(os.environ["ELEGAN_DATA"]) / "photos-cc0.zip")
    random = np.random.default_rng(0)
    crops: list[np.ndarray] = []
    for name in sorted(n for n in archive.namelist() if n.endswith(".jpg")):
        pixels = np.asarray(Image.open(io.BytesIO(archive.read(name))).convert("RGB"))
        for _ in range(4):
            top, left = (int(random.integers(side - 96)) for side in pixels.shape[:2])
            crops.append(from_bytes(pixels[top : top + 96, left : left + 96]))
    for decibels in (27, 18, 15, 13):
        wet = [damage(crop, "rain", random, decibels=decibels).image for crop in crops]
        values = [psnr(*pair) for pair in zip(crops, wet, strict=True)]
        assert np.mean(values) == pytest.approx(decibels, abs=1.3)
