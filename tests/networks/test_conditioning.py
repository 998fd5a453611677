"""The ways a label reaches a network, each against plain arithmetic."""

import pytest
import torch
from torch import nn

from elegan.networks.conditioning import ClassNormalisation, Head, LabelMap, label_map

FEATURES, CLASSES, COUNT = 5, 3, 4


def _features() -> tuple[torch.Tensor, torch.Tensor]:
    torch.manual_seed(0)
    return torch.randn(COUNT, FEATURES), torch.tensor([0, 2, 1, 2])


def test_without_classes_the_head_is_a_linear_layer() -> None:
    features, _ = _features()
    head = Head(FEATURES, 0, "joint")
    assert set(head.state_dict()) == {"weight", "bias"}
    torch.testing.assert_close(head(features), features @ head.weight[0] + head.bias[0])


def test_projection_adds_the_inner_product_with_the_class() -> None:
    features, labels = _features()
    head = Head(FEATURES, CLASSES, "projection")
    logits = head(features, labels)
    for one in range(COUNT):
        expected = features[one] @ (head.weight[0] + head.embedding.weight[labels[one]])
        torch.testing.assert_close(logits[one], expected + head.bias[0])


def test_a_joint_head_weighs_all_classes_against_the_fake() -> None:
    features, _ = _features()
    head = Head(FEATURES, CLASSES, "joint")
    classes = head.classify(features)
    assert classes.shape == (COUNT, CLASSES)
    # Salimans et al. 2016: the probability of "real" is Z / (Z + 1), Z the sum of exponentials.
    total = classes.exp().sum(dim=1)
    torch.testing.assert_close(torch.sigmoid(head(features)), total / (total + 1))


def test_a_classifier_stands_beside_the_logit() -> None:
    features, labels = _features()
    head = Head(FEATURES, CLASSES, "classifier")
    plain = features @ head.weight[0] + head.bias[0]
    torch.testing.assert_close(head(features, labels), plain)
    torch.testing.assert_close(
        head.classify(features), features @ head.classifier.weight.T + head.classifier.bias
    )


@pytest.mark.parametrize("condition", ["projection", "concat"])
def test_a_head_without_class_logits_says_so(condition: str) -> None:
    with pytest.raises(TypeError, match="'classifier' or 'joint'"):
        Head(FEATURES, CLASSES, condition).classify(_features()[0])


def test_class_normalisation_begins_as_the_plain_one_and_then_differs_by_class() -> None:
    torch.manual_seed(0)
    maps, labels = torch.randn(COUNT, 6, 3, 3), torch.tensor([0, 1, 1, 2])
    layer = ClassNormalisation(nn.GroupNorm(2, 6, affine=False), CLASSES, 6)
    plain = nn.GroupNorm(2, 6, affine=False)(maps)
    torch.testing.assert_close(layer(maps, labels), plain)
    nn.init.normal_(layer.gain.weight)
    nn.init.normal_(layer.bias.weight)
    result = layer(maps, labels)
    for one, label in enumerate(labels):
        gain, bias = layer.gain.weight[label], layer.bias.weight[label]
        torch.testing.assert_close(
            result[one], plain[one] * gain[:, None, None] + bias[:, None, None]
        )


def test_label_map_is_one_more_channel_of_the_class() -> None:
    layer = LabelMap(CLASSES, 33)
    images = torch.randn(COUNT, 2, 33, 33)
    joined = layer(images, torch.tensor([0, 1, 1, 2]))
    assert joined.shape == (COUNT, 3, 33, 33)
    assert torch.equal(joined[:, :2], images)
    assert torch.equal(joined[1, 2], joined[2, 2])
    assert not torch.equal(joined[0, 2], joined[1, 2])
    assert set(joined[0, 2].flatten().tolist()) == set(layer.embedding.weight[0].tolist())


def test_a_label_map_is_there_for_the_condition_that_wants_it() -> None:
    assert isinstance(label_map(3, 28, "concat"), LabelMap)
    assert label_map(3, 28, "projection") is None
    assert label_map(0, 28, "concat") is None
