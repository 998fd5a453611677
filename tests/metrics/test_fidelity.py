"""PSNR and SSIM against torchmetrics and plain formulas; the luminance against known colours."""

import math

import numpy as np
import pytest
import torch
from torchmetrics.functional.image import (
    peak_signal_noise_ratio,
    structural_similarity_index_measure,
)

from elegan.common.errors import UsageError
from elegan.metrics.image_quality import compare, luminance, psnr, ssim


@pytest.fixture
def pair() -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(0)
    rows = np.linspace(0, 9, 40)[:, None, None] + np.array([0.0, 1.0, 2.5])
    truth = 128 + 90 * np.sin(rows + np.linspace(0, 14, 52)[None, :, None])
    noisy = truth + random.normal(0, 12, truth.shape)
    return noisy.round().clip(0, 255).astype(np.uint8), truth.round().astype(np.uint8)


def _tensor(image: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(image.astype(np.float64)).permute(2, 0, 1)[None]


def test_luminance_of_known_colours() -> None:
    colours = np.array([[[0, 0, 0], [255, 255, 255], [255, 0, 0], [0, 255, 0]]], np.uint8)
    expected = [[16, 235, 16 + 65.481, 16 + 128.553]]
    np.testing.assert_allclose(luminance(colours), expected, rtol=1e-12)
    gray = np.arange(256, dtype=np.uint8).reshape(16, 16)
    np.testing.assert_allclose(luminance(gray), luminance(gray[..., None].repeat(3, axis=2)))
    np.testing.assert_allclose(luminance(gray), luminance(gray[..., None]))


def test_agrees_with_torchmetrics(pair: tuple[np.ndarray, np.ndarray]) -> None:
    produced, truth = pair
    theirs = peak_signal_noise_ratio(_tensor(produced), _tensor(truth), data_range=255.0)
    assert psnr(produced, truth) == pytest.approx(theirs.item(), rel=1e-6)
    # Theirs continues the image by reflection; Wang et al. stay within it.
    _, places = structural_similarity_index_measure(
        _tensor(produced), _tensor(truth), data_range=255.0, return_full_image=True
    )
    assert ssim(produced, truth) == pytest.approx(places[..., 5:-5, 5:-5].mean().item(), rel=1e-6)


def test_ssim_at_one_place_is_the_formula(pair: tuple[np.ndarray, np.ndarray]) -> None:
    one, other = (image[3:14, 5:16, 0].astype(np.float64) for image in pair)
    distance = np.square(np.arange(11) - 5)
    window = np.exp(-(distance[:, None] + distance) / (2 * 1.5**2))
    window /= window.sum()
    means = (window * one).sum(), (window * other).sum()
    variances = [(window * (x - m) ** 2).sum() for x, m in zip((one, other), means, strict=True)]
    covariance = (window * (one - means[0]) * (other - means[1])).sum()
    first, second = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    expected = (2 * means[0] * means[1] + first) * (2 * covariance + second)
    expected /= (means[0] ** 2 + means[1] ** 2 + first) * (sum(variances) + second)
    assert ssim(one, other) == pytest.approx(expected, rel=1e-9)


def test_compare_leaves_the_border_out_and_names_its_planes(
    pair: tuple[np.ndarray, np.ndarray],
) -> None:
    produced, truth = pair
    scores = compare(produced, truth, border=4)
    inner = produced[4:-4, 4:-4], truth[4:-4, 4:-4]
    assert scores == compare(*inner)
    assert scores["psnr"] == pytest.approx(psnr(*inner))
    assert scores["psnr_y"] == pytest.approx(psnr(luminance(inner[0]), luminance(inner[1])))
    spoilt = produced.copy()
    spoilt[:4], spoilt[:, -4:] = 0, 255
    assert compare(spoilt, truth, border=4) == scores


def test_one_step_everywhere_and_equal_images() -> None:
    image = np.full((16, 16, 3), 100, np.uint8)
    assert psnr(image + 1, image) == pytest.approx(48.1308, abs=1e-4)
    scores = compare(image, image)
    assert scores["psnr"] == scores["psnr_y"] == math.inf
    assert scores["ssim"] == scores["ssim_y"] == pytest.approx(1)


def test_what_cannot_be_compared_is_refused() -> None:
    image = np.zeros((20, 20, 3), np.uint8)
    with pytest.raises(UsageError, match="same size"):
        compare(image, image[1:])
    with pytest.raises(UsageError, match="uint8"):
        compare(image.astype(np.float32), image)  # pyright: ignore[reportArgumentType]
    with pytest.raises(UsageError, match="window of 11x11"):
        compare(image, image, border=5)
    with pytest.raises(UsageError, match="nothing is left"):
        compare(image, image, border=10)
