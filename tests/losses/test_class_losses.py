"""Losses on class logits against the K+1 classes and the entropies that they stand for."""

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from elegan.losses import (
    ADVERSARIAL,
    UNLABELLED,
    class_cross_entropy,
    joint_logit,
    unsupervised_discrimination,
)


def _logits(seed: int, count: int = 7) -> Tensor:
    return 3 * torch.randn(count, 4, generator=torch.Generator().manual_seed(seed))


def _with_generated_class(logits: Tensor) -> Tensor:
    """The probabilities of K+1 classes, the logit of the last, 'generated', being 0."""
    return torch.cat([logits, torch.zeros(len(logits), 1)], dim=1).softmax(dim=1)


def test_cross_entropy_counts_only_what_is_labelled() -> None:
    logits = _logits(0)
    labels = torch.tensor([0, UNLABELLED, 3, 1, UNLABELLED, 2, 2])
    known = labels != UNLABELLED
    value = class_cross_entropy(logits, labels)
    torch.testing.assert_close(value, cross_entropy(logits[known], labels[known]))


def test_cross_entropy_without_any_label_is_0_with_a_finite_slope() -> None:
    logits = _logits(0).requires_grad_()
    value = class_cross_entropy(logits, torch.full((7,), UNLABELLED))
    value.backward()
    assert value.item() == 0
    assert logits.grad is not None
    assert torch.equal(logits.grad, torch.zeros_like(logits))


def test_joint_logit_is_the_probability_of_the_real_classes_together() -> None:
    probability = joint_logit(_logits(1)).sigmoid()
    torch.testing.assert_close(probability, _with_generated_class(_logits(1))[:, :-1].sum(dim=1))


def test_unsupervised_part_is_cross_entropy_over_k_plus_1_classes() -> None:
    real, fake = _logits(1), _logits(2)
    value = unsupervised_discrimination(real, fake)
    is_real = 1 - _with_generated_class(real)[:, -1]
    is_fake = _with_generated_class(fake)[:, -1]
    torch.testing.assert_close(value, -is_real.log().mean() - is_fake.log().mean())
    loss = ADVERSARIAL["non-saturating"].discriminator
    torch.testing.assert_close(value, loss(joint_logit(real), joint_logit(fake)))


def test_supervised_part_is_the_class_given_that_the_image_is_real() -> None:
    logits, labels = _logits(3), torch.tensor([0, 1, 2, 3, 0, 1, 2])
    joint = _with_generated_class(logits)
    given_real = joint[:, :-1] / (1 - joint[:, -1:])
    expected = -given_real.log()[torch.arange(7), labels].mean()
    torch.testing.assert_close(class_cross_entropy(logits, labels), expected)
