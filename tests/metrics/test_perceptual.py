"""The perceptual distance puts damages in the order in which the eye does, on real photos."""

import io
import os
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageFilter

from elegan.common.errors import UsageError
from elegan.metrics.image_quality import perceptual_distance, psnr

SIDE = 160
PHOTOS = (
    "test/010_perched-osprey.jpg",
    "test/015_tea-gardens.jpg",
    "test/025_nasa-45068.jpg",
    "test/030_sean-afnan-244576.jpg",
)


def blurred(image: np.ndarray, deviation: float) -> np.ndarray:
    planes = torch.from_numpy(image.astype(np.float64)).permute(2, 0, 1)[:, None]
    reach = int(4 * deviation) + 1
    weights = torch.exp(-0.5 * (torch.arange(-reach, reach + 1) / deviation) ** 2).double()
    weights = weights / weights.sum()
    planes = torch.nn.functional.pad(planes, (reach,) * 4, mode="replicate")
    planes = torch.nn.functional.conv2d(planes, weights.view(1, 1, 1, -1))
    planes = torch.nn.functional.conv2d(planes, weights.view(1, 1, -1, 1))
    return rounded(planes[:, 0].permute(1, 2, 0).numpy())


def noisy(image: np.ndarray, deviation: float) -> np.ndarray:
    return rounded(image + np.random.default_rng(0).normal(0, 1, image.shape) * deviation)


def compressed(image: np.ndarray, quality: float) -> np.ndarray:
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=int(quality))
    return np.asarray(Image.open(file))


def through_bicubic(image: np.ndarray, scale: int) -> np.ndarray:
    small = Image.fromarray(image).resize((SIDE // scale, SIDE // scale), Image.Resampling.BICUBIC)
    return np.asarray(small.resize((SIDE, SIDE), Image.Resampling.BICUBIC))


def brighter(image: np.ndarray, by: float) -> np.ndarray:
    return rounded(image + by)


def misplaced_details(image: np.ndarray, deviation: float) -> np.ndarray:
    """What a blur takes away is put back five pixels aside: right texture, wrong place."""
    coarse = blurred(image, deviation).astype(np.float64)
    return rounded(coarse + np.roll(image - coarse, (3, -4), axis=(0, 1)))


def rounded(image: np.ndarray) -> np.ndarray:
    return np.clip(np.round(image), 0, 255).astype(np.uint8)


def at_psnr(damage, image: np.ndarray, target: float, least: float, most: float) -> np.ndarray:
    """The image with as much of a damage as leaves `target` dB."""
    for _ in range(12):
        middle = (least * most) ** 0.5
        weak = psnr(damage(image, middle), image) > target
        least, most = (middle, most) if weak else (least, middle)
    return damage(image, least)


@pytest.fixture(scope="module")
def photos() -> list[np.ndarray]:
    crops = []
    with zipfile.ZipFile(Path(os.environ["ELEGAN_DATA"]) / "photos-cc0.zip") as archive:
        for name in PHOTOS:
            photo = Image.open(io.BytesIO(archive.read(name))).convert("RGB").reduce(2)
            left, top = (photo.width - SIDE) // 2, (photo.height - SIDE) // 2
            crops.append(np.asarray(photo.crop((left, top, left + SIDE, top + SIDE))))
    return crops


@pytest.fixture
def made() -> np.ndarray:
    image = np.random.default_rng(1).integers(0, 256, (48, 40, 3)).astype(np.uint8)
    return np.asarray(Image.fromarray(image).filter(ImageFilter.GaussianBlur(1)))


def test_equal_images_have_none_and_others_some_both_ways(made: np.ndarray) -> None:
    assert perceptual_distance(made, made) == pytest.approx(0, abs=1e-6)
    other = noisy(made, 20)
    distance = perceptual_distance(made, other)
    assert 0.01 < distance < 1
    assert perceptual_distance(other, made) == pytest.approx(distance, rel=1e-5)
    black, white = np.zeros_like(made), np.full_like(made, 255)
    assert 0 < perceptual_distance(black, white) < 1


def test_gray_counts_as_three_equal_planes_and_turning_both_changes_little(
    made: np.ndarray,
) -> None:
    gray, other = made[..., :1], noisy(made, 20)[..., :1]
    alone = perceptual_distance(gray, other)
    assert perceptual_distance(gray.repeat(3, 2), other.repeat(3, 2)) == pytest.approx(alone)
    turned = perceptual_distance(np.rot90(gray).copy(), np.rot90(other).copy())
    assert turned == pytest.approx(alone, rel=0.1)


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (5, 3), (11, 30)])
def test_any_size(size: tuple[int, int]) -> None:
    image = np.random.default_rng(0).integers(0, 256, (*size, 3)).astype(np.uint8)
    assert np.isfinite(perceptual_distance(image, 255 - image))
    assert perceptual_distance(image, image) == pytest.approx(0, abs=1e-6)


def test_the_border_is_left_out(made: np.ndarray) -> None:
    spoilt = noisy(made, 10)
    inner = perceptual_distance(spoilt[3:-3, 3:-3], made[3:-3, 3:-3])
    spoilt[:3] = 0
    assert perceptual_distance(spoilt, made, border=3) == inner


def test_what_cannot_be_compared_is_refused(made: np.ndarray) -> None:
    with pytest.raises(UsageError, match="one size"):
        perceptual_distance(made, made[1:])
    with pytest.raises(UsageError, match="within a border of 20"):
        perceptual_distance(made, made, border=20)
    with pytest.raises(UsageError, match="uint8"):
        perceptual_distance(made / 255, made)  # pyright: ignore[reportArgumentType]


@pytest.mark.data
@pytest.mark.parametrize(
    ("damage", "strengths"),
    [
        (blurred, (0.4, 0.7, 1.2, 2, 4)),
        (noisy, (3, 6, 12, 24, 48)),
        (compressed, (95, 80, 50, 20, 5)),
        (through_bicubic, (2, 4, 8)),
        (brighter, (4, 10, 25, 60)),
    ],
)
def test_more_of_a_damage_is_farther(photos: list[np.ndarray], damage, strengths) -> None:
    for photo in photos:
        distances = [perceptual_distance(damage(photo, one), photo) for one in strengths]
        assert distances == sorted(distances)
        assert distances[0] > 0


@pytest.mark.data
def test_order_of_damages_of_equal_psnr(photos: list[np.ndarray]) -> None:
    """Brightness hardly matters, blur most; right textures in the wrong place beat a blur."""
    for index, photo in enumerate(photos):
        blur = through_bicubic(photo, 4)
        equal = psnr(blur, photo)
        damaged = [at_psnr(brighter, photo, equal, 1, 90)]
        damaged.append(at_psnr(misplaced_details, photo, equal, 0.3, 8))
        if index > 0:  # on the smooth ground behind the bird noise is as plain as blur
            damaged.append(at_psnr(noisy, photo, equal, 0.5, 90))
        brightness, *others = (perceptual_distance(one, photo) for one in damaged)
        assert brightness < min(others)
        assert max(others) < 0.7 * perceptual_distance(blur, photo)


@pytest.mark.data
def test_details_in_the_wrong_place_beat_their_loss(photos: list[np.ndarray]) -> None:
    """Of one blur: with its details put back askew the error is larger, the distance smaller."""
    for photo in photos:
        without, askew = blurred(photo, 1.5), misplaced_details(photo, 1.5)
        assert psnr(askew, photo) < psnr(without, photo)
        assert perceptual_distance(askew, photo) < 0.9 * perceptual_distance(without, photo)


@pytest.mark.data
def test_a_shift_by_a_pixel_is_small(photos: list[np.ndarray]) -> None:
    for photo in photos:
        shifted = np.roll(photo, 1, axis=1)
        blur = at_psnr(blurred, photo, psnr(shifted, photo), 0.2, 8)
        assert perceptual_distance(shifted, photo) < 0.4 * perceptual_distance(blur, photo)
