"""How class labels reach a network: each way is one small module that every pair shares.

Generators take a label by concatenation to the latent or by normalisation; discriminators by
projection, concatenation, an auxiliary classifier, or as one network of class logits ("joint").
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

GENERATOR_CONDITIONS: dict[str, str] = {
    "concat": "a class embedding is joined to the latent (Mirza and Osindero 2014)",
    "normalisation": "each class has its own gains and biases (de Vries et al. 2017)",
}
DISCRIMINATOR_CONDITIONS: dict[str, str] = {
    "projection": "features are projected on a class embedding (Miyato and Koyama 2018)",
    "concat": "a class embedding is one more map of the image (Mirza and Osindero 2014)",
    "classifier": "an auxiliary classifier beside the logit (Odena et al. 2017)",
    "joint": "class logits only, the fake's fixed at 0 (Salimans et al. 2016)",
}
_MAP = 16  # a label map is stored at most this wide and enlarged


class Head(nn.Linear):
    """The last layer of a discriminator: features float [N, F] -> logits [N].

    Without classes it is a linear layer and nothing more. With classes, by `condition`:

    - projection: logit + <embedding(label), features> (Miyato and Koyama 2018, equation 3).
    - concat: the logit alone, since the label has entered with the image.
    - classifier: the logit alone; `classify` gives K class logits of a second linear layer.
    - joint: one linear layer of K class logits l; the adversarial logit is logsumexp(l), that is,
      log p(real)/p(fake) where the fake's own logit is fixed at 0 (Salimans et al. 2016, section
      5).

    Attributes:
        condition: one of `DISCRIMINATOR_CONDITIONS`, or "" without classes.
    """

    def __init__(self, features: int, classes: int = 0, condition: str = "projection") -> None:
        super().__init__(features, classes if classes and condition == "joint" else 1)
        self.condition = condition if classes else ""
        self.embedding = None
        self.classifier = None
        if self.condition == "projection":
            self.embedding = class_embedding(classes, features, features**-0.5)
        elif self.condition == "classifier":
            self.classifier = nn.Linear(features, classes)

    def forward(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, features: Tensor, labels: Tensor | None = None
    ) -> Tensor:
        """Features [N, F] (, labels int64 [N], which only a projection reads) -> logits [N]."""
        logits = functional.linear(features, self.weight, self.bias)
        if self.condition == "joint":
            return logits.float().logsumexp(dim=1)
        logits = logits.squeeze(1)
        if self.embedding is not None:
            logits = logits + (features * self.embedding(labels)).sum(dim=1)
        return logits

    def classify(self, features: Tensor) -> Tensor:
        """Features [N, F] -> class logits [N, K].

        Raises:
            TypeError: the discriminator was built to classify nothing.
        """
        if self.condition == "joint":
            return functional.linear(features, self.weight, self.bias)
        if self.classifier is None:
            raise TypeError(
                "This discriminator has no class logits: build it with the condition 'classifier'"
                " or 'joint'."
            )
        return self.classifier(features)


class ClassNormalisation(nn.Module):
    """A normalisation without gain and bias, then those of each image's class.

    Gains begin at 1 and biases at 0, so that all classes begin alike (de Vries et al. 2017).

    Args:
        layer: maps [N, C, h, w] to the same shape.
        width: C.
    """

    def __init__(self, layer: nn.Module, classes: int, width: int) -> None:
        super().__init__()
        self.layer = layer
        self.gain = ClassTable(classes, width)
        self.bias = ClassTable(classes, width)
        nn.init.ones_(self.gain.weight)
        nn.init.zeros_(self.bias.weight)

    def channel_places(self) -> tuple[tuple[tuple[str, int], ...], nn.Module]:
        """Where the channels lie in tensors of its own, and the layer within; for pruning."""
        return (("gain.weight", 1), ("bias.weight", 1)), self.layer

    def forward(self, features: Tensor, labels: Tensor | None) -> Tensor:
        """Features [N, C, h, w], labels int64 [N] -> [N, C, h, w]."""
        hidden = self.layer(features)
        gain, bias = (item(labels)[:, :, None, None] for item in (self.gain, self.bias))
        return torch.addcmul(bias.to(hidden.dtype), hidden, gain.to(hidden.dtype))


class LabelMap(nn.Module):
    """Joins to each image a map learned for its class: [N, C, R, R] -> [N, C + 1, R, R].

    The map is stored at 16x16 or less and enlarged to the image, so that it does not outgrow the
    network at high resolutions.

    Source: Mirza and Osindero 2014, for convolutions.
    """

    def __init__(self, classes: int, resolution: int) -> None:
        super().__init__()
        self.side = min(_MAP, resolution)
        self.embedding = class_embedding(classes, self.side**2, 0.5)

    def forward(self, images: Tensor, labels: Tensor | None) -> Tensor:
        """Images [N, C, R, R], labels int64 [N] -> [N, C + 1, R, R].

        The map of images whose class is not known (labels None) is 0.
        """
        if labels is None:
            return functional.pad(images, (0, 0, 0, 0, 0, 1))
        maps = self.embedding(labels).view(-1, 1, self.side, self.side)
        maps = functional.interpolate(maps, size=images.shape[-2:], mode="nearest")
        return torch.cat([images, maps.to(images.dtype)], dim=1)


class ClassTable(nn.Embedding):
    """Labels int64 [N] -> rows [N, length]; shares of the classes float [N, K] -> their blends."""

    def forward(self, input: Tensor) -> Tensor:
        return input @ self.weight if input.is_floating_point() else super().forward(input)


def class_rows(network: nn.Module) -> list[str]:
    """Names of the tensors of a network that hold a row for each class."""
    found = []
    for name, module in network.named_modules():
        if isinstance(module, ClassTable):
            found.append(f"{name}.weight")
        elif isinstance(module, Head) and module.condition in ("joint", "classifier"):
            inner = "" if module.condition == "joint" else "classifier."
            found += [f"{name}.{inner}{part}" for part in ("weight", "bias")]
    return found


def class_embedding(classes: int, length: int, deviation: float = 0.02) -> ClassTable:
    """Returns a table [classes, length] drawn from a normal of this standard deviation."""
    table = ClassTable(classes, length)
    nn.init.normal_(table.weight, std=deviation)
    return table


def label_map(classes: int, resolution: int, condition: str) -> LabelMap | None:
    """Returns the map of a discriminator whose condition is "concat", else None."""
    if not classes or condition != "concat":
        return None
    return LabelMap(classes, resolution)


def normalise(layer: nn.Module, features: Tensor, labels: Tensor | None) -> Tensor:
    """Applies a normalisation, which may or may not depend on the class."""
    if isinstance(layer, ClassNormalisation):
        return layer(features, labels)
    return layer(features)
