"""The trained artefact in use: from latents to images, and the discriminator's judgement."""

import math
from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from elegan.common.errors import EleganError, UsageError, did_you_mean
from elegan.common.pixels import to_tensor, to_uint8
from elegan.common.precision import Precision, choose
from elegan.common.randomness import generator as keyed_generator
from elegan.models.samples import Samples
from elegan.models.saving import (
    UNREADABLE,
    copy_model,
    find_model,
    load_part,
    read_config,
    unreadable,
)
from elegan.networks import ImageShape, build_discriminator, build_generator

# Latents are drawn in chunks of this size, so that image i does not depend on how many follow.
_CHUNK = 256


class Model:
    """A generator ready for use, with its discriminator where the folder holds one.

    Attributes:
        network: the averaged generator, in evaluation mode.
        config: the content of model.json.
        folder: where it was loaded from, None for a model made in memory.
    """

    def __init__(
        self,
        network: nn.Module,
        config: Mapping[str, Any],
        precision: Precision,
        folder: Path | None = None,
    ) -> None:
        self.network, self.config, self.precision = network, dict(config), precision
        self.folder = folder

    def __call__(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        """Latents float [N, latent] (, labels int64 [N]) -> images float [N, C, R, R] in [-1, 1].

        Gradients flow back to the latents, for searches and losses of a person's own.
        """
        with self.precision.autocast():
            return self.network(self._placed(latents), labels).float()

    def to(self, device: str) -> "Model":
        """Returns the same model on another device: "cpu", "cuda" or "auto"."""
        chosen = choose(device, "auto")
        return Model(placed(self.network, chosen), self.config, chosen, self.folder)

    def save_pretrained(self, folder: Path | str) -> Path:
        """Copies the model folder; see `saving.copy_model`."""
        return copy_model(self.folder, Path(folder))

    @property
    def shape(self) -> ImageShape:
        return ImageShape(**self.config["shape"])

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names of a conditional model, else ()."""
        return tuple(self.config["classes"])

    @property
    def latent(self) -> int:
        """Length of the noise vector, the part that chooses a cluster included."""
        return self.config["sizes"]["latent"] + self.shape.clusters

    @property
    def has_styles(self) -> bool:
        """Whether the generator maps noise to styles first (Karras et al. 2019)."""
        return hasattr(self.network, "mean_style")

    @property
    def has_discriminator(self) -> bool:
        """Whether the folder holds the discriminator too."""
        return "discriminator" in self.config

    @cached_property
    def discriminator(self) -> nn.Module:
        """The discriminator in evaluation mode, read when first asked for.

        Raises:
            EleganError: the folder holds none, or its weights do not match their SHA-256.
        """
        if self.folder is None or not self.has_discriminator:
            raise EleganError(
                "This model holds its generator only. Train it again to keep the discriminator"
                " beside it: elegan train DATA."
            )
        part = self.config["discriminator"]
        try:
            shape = replace(self.shape, classes=len(part["classes"]))
            network = build_discriminator(self.config["network"], shape, **part["sizes"]).eval()
            load_part(self.folder, part, network)
        except UNREADABLE as error:
            raise EleganError(
                f"The discriminator in {self.folder} cannot be read: {error}."
            ) from error
        return placed(network, self.precision)

    def generate(
        self,
        n: int = 16,
        *,
        seed: int = 0,
        label: str | int | None = None,
        truncation: float | None = None,
        best: float = 1.0,
        batch: int = 500,
    ) -> Samples:
        """Draws `n` images; image i depends on (seed, i) and not on `n` or `batch`.

        Args:
            label: the class to draw, by name or index; by default a conditional model goes
                through its classes in turn.
            truncation: of a generator with styles: below 1 each style moves toward the mean one, to
                `truncation` of its distance (Karras et al. 2019, appendix B), which gives more
                typical and less varied images.
            best: n / best images are drawn, and of each class those kept that the discriminator
                scores highest, in their order (Azadi et al. 2019 reject by the same score).

        Raises:
            UsageError: an unknown label, a label for an unconditional model, n or truncation <= 0,
                truncation without styles, best not in (0, 1].
            EleganError: the discriminator is asked for and missing.
        """
        if n < 1:
            raise UsageError(f"The number of images must be at least 1, not {n}.")
        if not 0 < best <= 1:
            raise UsageError(f"--best is a share above 0 and at most 1, not {best:g}.")
        if best < 1:
            many = math.ceil(n / best)
            drawn = self.generate(many, seed=seed, label=label, truncation=truncation, batch=batch)
            labels = self.labels_for(n, label)
            kept = _best(self.judged(drawn.images, drawn.labels), drawn.labels, labels, n)
            return self.samples(drawn.images[kept], labels, seed)
        labels = self.labels_for(n, label)
        latents = latent_noise(n, self.latent, seed)
        if truncation is None and not self.has_styles:
            return self.samples(self.from_latents(latents, labels, batch), labels, seed)
        styles = self.styles(latents, labels, truncation)
        return self.samples(self.from_styles(styles, batch), labels, seed)

    @torch.inference_mode()
    def judged(self, images: np.ndarray, labels: np.ndarray | None, batch: int = 500) -> np.ndarray:
        """Images uint8 [N, R, R, C] (, labels int64 [N]) -> the discriminator's logits [N].

        Raises:
            EleganError: the folder holds no discriminator, or it cannot be read.
        """
        scores = []
        for start in range(0, len(images), batch):
            part = slice(start, start + batch)
            asked = None if labels is None else self._labels(labels[part])
            with self.precision.autocast():
                planes = to_tensor(images[part], self.precision.device)
                scores.append(self.discriminator(planes, asked).float().cpu().numpy())
        return np.concatenate(scores)

    def samples(self, images: np.ndarray, labels: np.ndarray | None, seed: int) -> Samples:
        """Returns images of this model, uint8 [N, R, R, C], with what they were drawn from."""
        return Samples(
            images=images,
            labels=labels,
            classes=self.classes,
            seed=seed,
            model_sha256=self.config["sha256"],
        )

    @torch.inference_mode()
    def from_latents(
        self, latents: Tensor, labels: np.ndarray | None = None, batch: int = 500
    ) -> np.ndarray:
        """Latents float [N, latent] (, labels) -> images uint8 [N, R, R, C].

        Args:
            labels: int64 [N]; or shares of classes or clusters, float32 [N, K], to blend them.
        """
        images = []
        for start in range(0, len(latents), batch):
            part = slice(start, start + batch)
            asked = None if labels is None else self._labels(labels[part])
            with self.precision.autocast():
                images.append(to_uint8(self.network(self._placed(latents[part]), asked)))
        return np.concatenate(images)

    def clusters(self, latents: Tensor) -> np.ndarray | None:
        """Returns of which cluster each latent is, as shares float32 [N, K]; None without any."""
        if not self.shape.clusters:
            return None
        network: Any = self.network
        kinds = network.kinds(self._placed(latents)).cpu()
        return torch.nn.functional.one_hot(kinds, self.shape.clusters).float().numpy()

    @torch.inference_mode()
    def styles(
        self, latents: Tensor, labels: np.ndarray | None = None, truncation: float | None = None
    ) -> Tensor:
        """Latents float [N, latent] (, labels) -> styles float32 [N, ...] on the CPU.

        Raises:
            UsageError: the generator has no styles, or truncation <= 0.
        """
        if truncation is not None:
            self._refuse_truncation(truncation)
        network = self._style_network()
        asked = None if labels is None else self._labels(labels)
        styles = network.map(self._placed(latents), asked).float()
        if truncation is not None:
            mean: Tensor = network.mean_style.float()
            styles = mean + truncation * (styles - mean)
        return styles.cpu().clone()

    @torch.inference_mode()
    def from_styles(self, styles: Tensor, batch: int = 500) -> np.ndarray:
        """Styles float [N, ...], as `styles` gives them -> images uint8 [N, R, R, C]."""
        network = self._style_network()
        images = []
        for part in styles.split(batch):
            with self.precision.autocast():
                images.append(to_uint8(network.synthesise(self._placed(part))))
        return np.concatenate(images)

    def labels_for(self, n: int, label: str | int | None) -> np.ndarray | None:
        """Returns int64 [n]: the asked class, or all in turn; None when unconditional."""
        if not self.shape.classes:
            if label is not None:
                raise UsageError(
                    "This model is unconditional: it cannot be asked for a label."
                    " Train one with --conditional."
                )
            return None
        if label is None:
            return np.arange(n, dtype=np.int64) % len(self.classes)
        name = str(label)
        if name in self.classes:
            return np.full(n, self.classes.index(name), dtype=np.int64)
        # Where classes are called by numbers, another number is no class, not the place of one.
        numbered = any(kind.isdigit() for kind in self.classes)
        if name.isdigit() and int(name) < len(self.classes) and not numbered:
            return np.full(n, int(name), dtype=np.int64)
        raise UsageError(
            f"Unknown label '{label}'.{did_you_mean(name, self.classes)}"
            f" Known: {', '.join(self.classes)}."
        )

    def _refuse_truncation(self, truncation: float) -> None:
        if truncation <= 0:
            raise UsageError(f"--truncation must be above 0, not {truncation}.")
        if not self.has_styles:
            raise UsageError(
                f"The network '{self.config['network']}' has no styles to draw toward the mean one,"
                " and noise cut short makes worse images. --best 0.5 keeps the half that the"
                " discriminator likes best."
            )

    def _style_network(self) -> Any:
        if not self.has_styles:
            raise UsageError(
                f"The network '{self.config['network']}' has no styles; give latents instead."
            )
        return self.network

    def _placed(self, values: Tensor) -> Tensor:
        return values.to(self.precision.device)

    def _labels(self, labels: np.ndarray) -> Tensor:
        return torch.from_numpy(labels).to(self.precision.device)

    @staticmethod
    def load(path: Path | str, *, device: str = "auto", precision: str = "auto") -> "Model":
        """Loads a run folder, a model folder or a file within either.

        Raises:
            EleganError: nothing there is a model, or its weights do not match their SHA-256.
        """
        folder = find_model(Path(path))
        try:
            config = read_config(folder)
            if "recipe" in config:
                raise UsageError(
                    f"The model in {folder} maps images to images."
                    f" Type `elegan {config['task']} INPUT --model {folder}`."
                )
            network = build_generator(
                config["network"], ImageShape(**config["shape"]), **config["sizes"]
            ).eval()
            load_part(folder, config, network)
        except UsageError:  # a network that this version does not know: the message names it
            raise
        except UNREADABLE as error:
            raise unreadable(folder, error) from error
        chosen = choose(device, precision)
        return Model(placed(network, chosen), config, chosen, folder)

    from_pretrained = load


def latent_noise(n: int, latent: int, seed: int) -> Tensor:
    """Returns float32 [n, latent] standard normal noise; row i depends on (seed, i) only."""
    chunks = []
    for index in range((n + _CHUNK - 1) // _CHUNK):
        random = keyed_generator(seed, "latents", index)
        chunks.append(torch.randn(_CHUNK, latent, generator=random))
    return torch.cat(chunks)[:n]


def _best(
    scores: np.ndarray, drawn: np.ndarray | None, wanted: np.ndarray | None, n: int
) -> np.ndarray:
    """Returns indices [n] of the highest scores, in order; of each class as many as are wanted."""
    if drawn is None or wanted is None:
        return np.sort(np.argsort(-scores, kind="stable")[:n])
    kept = np.zeros(n, np.int64)
    for label in np.unique(wanted):
        places, own = np.flatnonzero(wanted == label), np.flatnonzero(drawn == label)
        kept[places] = np.sort(own[np.argsort(-scores[own], kind="stable")[: len(places)]])
    return kept


def placed(network: nn.Module, precision: Precision) -> nn.Module:
    """Readies a network for use: on its device, channels last, without gradients."""
    network.requires_grad_(False)
    network.to(device=precision.device, memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
    return network
