"""Every adversarial loss against its formula, written naively in float64."""

import numpy as np
import pytest
import torch

from elegan.losses import ADVERSARIAL


def _log_sigmoid(x: np.ndarray) -> np.ndarray:
    return np.log(1 / (1 + np.exp(-x)))


def _relu(x: np.ndarray) -> np.ndarray:
    return np.where(x > 0, x, 0)


def _cross_entropy(r: np.ndarray, f: np.ndarray) -> float:
    return -_log_sigmoid(r).mean() - np.log(1 - 1 / (1 + np.exp(-f))).mean()


FORMULAS = {
    "minimax": (_cross_entropy, lambda r, f: np.log(1 - 1 / (1 + np.exp(-f))).mean()),
    "non-saturating": (_cross_entropy, lambda r, f: -_log_sigmoid(f).mean()),
    "least-squares": (
        lambda r, f: 0.5 * np.mean((r - 1) ** 2) + 0.5 * np.mean(f**2),
        lambda r, f: 0.5 * np.mean((f - 1) ** 2),
    ),
    "hinge": (
        lambda r, f: _relu(1 - r).mean() + _relu(1 + f).mean(),
        lambda r, f: -f.mean(),
    ),
    "wasserstein": (lambda r, f: f.mean() - r.mean(), lambda r, f: -f.mean()),
    "relativistic-pair": (
        lambda r, f: -_log_sigmoid(r - f).mean(),
        lambda r, f: -_log_sigmoid(f - r).mean(),
    ),
    "relativistic-average": (
        lambda r, f: -_log_sigmoid(r - f.mean()).mean() - _log_sigmoid(-(f - r.mean())).mean(),
        lambda r, f: -_log_sigmoid(f - r.mean()).mean() - _log_sigmoid(-(r - f.mean())).mean(),
    ),
}


def test_every_registered_loss_has_a_formula_here() -> None:
    assert set(FORMULAS) == set(ADVERSARIAL)


@pytest.mark.parametrize("name", FORMULAS)
def test_value(name: str) -> None:
    random = np.random.default_rng(1)
    real, fake = random.normal(0.3, 2, 17), random.normal(-0.4, 2, 17)
    loss, (discriminator, generator) = ADVERSARIAL[name], FORMULAS[name]
    tensors = torch.from_numpy(real), torch.from_numpy(fake)
    assert loss.discriminator(*tensors).item() == pytest.approx(discriminator(real, fake))
    assert loss.generator(*tensors).item() == pytest.approx(generator(real, fake))


@pytest.mark.parametrize("name", FORMULAS)
def test_each_side_pushes_the_scores_its_own_way(name: str) -> None:
    # Between the least-squares targets 0 and 1, where every loss still pulls on both sides.
    real = torch.tensor([0.3, 0.5, 0.6], requires_grad=True)
    fake = torch.tensor([0.2, 0.4, 0.7], requires_grad=True)
    loss = ADVERSARIAL[name]
    real_pull, fake_pull = torch.autograd.grad(loss.discriminator(real, fake), (real, fake))
    assert (real_pull < 0).all()
    assert (fake_pull > 0).all()
    (fake_push,) = torch.autograd.grad(loss.generator(real, fake), fake)
    assert (fake_push < 0).all()


@pytest.mark.parametrize("name", FORMULAS)
def test_only_relativistic_generators_read_the_real_scores(name: str) -> None:
    fake, loss = torch.tensor([0.1, -2.0]), ADVERSARIAL[name]
    before = loss.generator(torch.tensor([0.5, 0.5]), fake)
    after = loss.generator(torch.tensor([3.0, -1.0]), fake)
    assert (before != after).item() == loss.relativistic


@pytest.mark.parametrize("name", FORMULAS)
@pytest.mark.parametrize("size", [1e2, 1e4])
def test_large_scores_stay_finite(name: str, size: float) -> None:
    for signs in ((1, 1), (1, -1), (-1, 1), (-1, -1)):
        real = torch.full((4,), signs[0] * size, requires_grad=True)
        fake = torch.full((4,), signs[1] * size, requires_grad=True)
        for side in (ADVERSARIAL[name].discriminator, ADVERSARIAL[name].generator):
            value = side(real, fake)
            gradients = torch.autograd.grad(value, (real, fake), allow_unused=True)
            assert torch.isfinite(value)
            assert all(one is None or torch.isfinite(one).all() for one in gradients)


def test_saturation_is_what_separates_the_two_first_losses() -> None:
    # Goodfellow et al. 2014, section 3: where fakes are rejected, minimax gives hardly a gradient.
    fake = torch.tensor([-10.0], requires_grad=True)
    slopes = {
        name: torch.autograd.grad(ADVERSARIAL[name].generator(fake, fake), fake)[0].item()
        for name in ("minimax", "non-saturating")
    }
    assert abs(slopes["minimax"]) < 1e-4
    assert slopes["non-saturating"] == pytest.approx(-1, abs=1e-4)


def _scores() -> tuple[torch.Tensor, torch.Tensor]:
    random = torch.Generator().manual_seed(5)
    real = torch.randn(17, generator=random, dtype=torch.float64) * 2 + 0.3
    return real, torch.randn(17, generator=random, dtype=torch.float64) * 2 - 0.4


COSTS = {
    "minimax": (lambda x: -_log_sigmoid(x), lambda x: -np.log(1 - 1 / (1 + np.exp(-x)))),
    "non-saturating": (lambda x: -_log_sigmoid(x), lambda x: -np.log(1 - 1 / (1 + np.exp(-x)))),
    "least-squares": (lambda x: 0.5 * (x - 1) ** 2, lambda x: 0.5 * x**2),
    "hinge": (lambda x: _relu(1 - x), lambda x: _relu(1 + x)),
}
"""Of the losses of single logits: the cost of a logit as real, as generated."""


def _smoothed(name: str, r: np.ndarray, f: np.ndarray, s: float) -> float:
    if name in COSTS:
        as_real, as_fake = COSTS[name]
        return ((1 - s) * as_real(r) + s * as_fake(r)).mean() + as_fake(f).mean()
    plain = FORMULAS[name][0]
    if name == "relativistic-average":
        turned = -_log_sigmoid(f.mean() - r).mean() - _log_sigmoid(-(f - r.mean())).mean()
        return (1 - s) * plain(r, f) + s * turned
    return (1 - s) * plain(r, f) + s * plain(f, r)


@pytest.mark.parametrize("name", FORMULAS)
@pytest.mark.parametrize("smoothing", [0.1, 0.3])
def test_smoothing_counts_a_real_image_as_generated(name: str, smoothing: float) -> None:
    real, fake = _scores()
    value = ADVERSARIAL[name].discriminator(real, fake, smoothing=smoothing)
    expected = _smoothed(name, real.numpy(), fake.numpy(), smoothing)
    assert value.item() == pytest.approx(expected)
    assert value.item() != pytest.approx(ADVERSARIAL[name].discriminator(real, fake).item())


@pytest.mark.parametrize("name", ["minimax", "non-saturating"])
def test_smoothing_of_cross_entropy_is_the_target_below_one(name: str) -> None:
    real, fake = _scores()
    target = torch.full_like(real, 0.9)
    cross_entropy = torch.nn.functional.binary_cross_entropy_with_logits
    expected = cross_entropy(real, target) + cross_entropy(fake, torch.zeros_like(fake))
    value = ADVERSARIAL[name].discriminator(real, fake, smoothing=0.1)
    torch.testing.assert_close(value, expected)


def test_smoothing_of_least_squares_is_the_target_below_one_but_for_a_constant() -> None:
    real, fake = _scores()
    expected = 0.5 * ((real - 0.9) ** 2).mean() + 0.5 * (fake**2).mean()
    value = ADVERSARIAL["least-squares"].discriminator(real, fake, smoothing=0.1)
    torch.testing.assert_close(value, expected + 0.5 * 0.1 * 0.9)


@pytest.mark.parametrize("name", ["wasserstein", "relativistic-pair", "relativistic-average"])
def test_smoothed_comparisons_stay_blind_to_a_common_constant(name: str) -> None:
    real, fake = _scores()
    loss = ADVERSARIAL[name].discriminator
    torch.testing.assert_close(
        loss(real + 5, fake + 5, smoothing=0.2), loss(real, fake, smoothing=0.2)
    )


@pytest.mark.parametrize("name", COSTS)
def test_smoothing_leaves_the_side_of_generated_images_alone(name: str) -> None:
    real, fake = _scores()
    fake.requires_grad_()
    slopes = [
        torch.autograd.grad(ADVERSARIAL[name].discriminator(real, fake, smoothing=s), fake)[0]
        for s in (0.0, 0.2)
    ]
    torch.testing.assert_close(*slopes)
