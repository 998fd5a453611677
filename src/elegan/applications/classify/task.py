"""The task `classify`: a discriminator that learns classes from few labels and many images."""

from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from elegan.augmentation import augment, parse_kinds
from elegan.common import distributed
from elegan.common.errors import EleganError, UsageError, did_you_mean
from elegan.common.pixels import to_tensor
from elegan.common.precision import Precision
from elegan.data import ImageData, has_test_split, limited_indices
from elegan.data.batches import Batch, Batches
from elegan.losses import class_cross_entropy, feature_matching, unsupervised_discrimination
from elegan.metrics.scores import format_scores
from elegan.models import Model
from elegan.models.classification import classify
from elegan.networks import ImageShape
from elegan.settings import LossSettings, MixingSettings, TrainSettings
from elegan.tasks.noise import FROM_NOISE, NoiseTask
from elegan.tasks.sample_scores import score, score_run
from elegan.tasks.square_images import check, open_square_images, stream_square_images
from elegan.training.ema import Ema
from elegan.training.run_folder import RunFolder
from elegan.training.task import Losses, TaskSpec

_WEAK = ("translation",)
_USED = ("classification", "pseudo_labels", "alignment", "penalty_every", "penalty_decay", "clip")
_AVERAGE = "average."  # of its names in a checkpoint
_MEAN_DECAY = 0.99  # of the mean prediction: about 100 steps
_PROBE = 512  # real images whose confidence is measured
_CONFIDENT = 0.95  # Sohn et al. 2020, section 2.2


class Classify(NoiseTask):
    """A discriminator of K + 1 classes, the last being "generated", trained on few labels.

    On labelled images it minimises the cross-entropy of their class; on all real and generated
    images that of "real" against "generated", whose logit is the log of the summed exponentials of
    the K class logits. The generator matches the mean features of real images (Salimans et al.
    2016, sections 3.1 and 5). Beside these, where `loss.pseudo_labels` is above 0, unlabelled
    images that a weakly augmented view shows clearly must be given that class in a strongly
    augmented view as well (Sohn et al. 2020).

    What is delivered is the average of the discriminator's weights, and the generator beside it.
    """

    name = "classify"

    def __init__(
        self, settings: TrainSettings, data: ImageData, batches: Batches, precision: Precision
    ) -> None:
        labels, self.names = known_labels(data, settings.unlabelled)
        if len(self.names) < 2:
            raise EleganError(
                f"--task classify needs images of at least two classes, and {settings.data} has no"
                " labels. Put them into one subfolder a class, or name labels in labels.csv."
            )
        super().__init__(settings, data, batches, precision)
        chosen = settings.augment
        self._strong = parse_kinds(chosen.kinds) or _WEAK
        self._strength = chosen.first_probability if chosen.kinds else 1.0
        trained = batches.training_indices
        known = trained[labels[trained] >= 0]
        count = settings.labelled or len(known)
        chosen = limited_indices(labels[known], len(known), count, settings.seed)
        self.labelled = known[chosen]
        self._classes_of = torch.from_numpy(labels[self.labelled])
        self.average = Ema(
            self.discriminator.network, half_life=settings.ema.half_life, ramp=settings.ema.ramp
        )
        self._features: Tensor | None = None  # of this step's real images
        counts = torch.bincount(self._classes_of, minlength=len(self.names)).float()
        self._shares = (counts / counts.sum()).to(precision.device)
        self.state["mean_prediction"] = self._shares.clone()  # for unlabelled images

    def _discriminator_shape(self) -> tuple[ImageShape, str | None]:
        shape = ImageShape(
            resolution=self.shape.resolution,
            channels=self.shape.channels,
            classes=len(self.names),
        )
        return shape, "joint"

    @property
    def simultaneous(self) -> bool:
        """Never: the two players minimise different things."""
        return False

    # --- one step ---------------------------------------------------------------------------

    def discriminator_loss(self, batch: Batch, fakes: Tensor, progress: float) -> Losses:
        """Classes of labelled images, real against generated, and classes held to two views."""
        labelled, labels = self._labelled_batch(len(batch.images))
        weak = augment(batch.images, _WEAK, 1.0, padding=self._padding)
        views = [self._strongly(labelled), weak, fakes.float()]
        if self.settings.loss.pseudo_labels:
            views.append(self._strongly(batch.images))
        features, logits = self._see(torch.cat(views))
        counts = [len(view) for view in views]
        own, real, fake, *strong = logits.split(counts)
        self._features = features.split(counts)[1].detach()
        state: dict[str, Tensor] = {}
        losses = {
            "classification": self.settings.loss.classification * class_cross_entropy(own, labels),
            "adversarial": unsupervised_discrimination(real, fake),
        }
        if strong:
            aligned, state["mean_prediction"] = self._aligned(real)
            pseudo, share = _pseudo_label_loss(aligned, strong[0])
            losses["pseudo_labels"] = self.settings.loss.pseudo_labels * pseudo
            losses["confident"] = share
        minimised = sum(loss for name, loss in losses.items() if name != "confident")
        fooled = fake.logsumexp(1) > real.logsumexp(1)
        record = {name: loss.detach() for name, loss in losses.items()}
        found = {"loss": minimised, **record, "fooled": fooled.float().mean()}
        return Losses(found, state)  # pyright: ignore[reportArgumentType]

    @torch.no_grad()
    def _aligned(self, logits: Tensor) -> tuple[Tensor, Tensor]:
        """Class logits of unlabelled images -> probabilities [N, K] drawn toward the known shares.

        The second is the moving mean of the probabilities, [K], after this step.

        Each is multiplied by the share of its class among labelled images over its own moving mean.
        Without this, a class that is taken for another early on loses its pseudo-labels to it for
        good.

        Source: Berthelot et al. 2020 (ReMixMatch), section 3.1.
        """
        probabilities = logits.softmax(1)
        own = probabilities.mean(0)
        distributed.average([own])
        mean = self.state["mean_prediction"]
        weights = (self._shares / mean.clamp_min(1e-6)) ** self.settings.loss.alignment
        aligned = probabilities * weights
        return aligned / aligned.sum(1, keepdim=True), mean.lerp(own, 1 - _MEAN_DECAY)

    def generator_loss(self, batch: Batch, fakes: Tensor, progress: float) -> Losses:
        """Feature matching against the real images of the discriminator's step."""
        assert self._features is not None
        real, fake = distributed.together(self._features), distributed.together(self._see(fakes)[0])
        return Losses({"loss": feature_matching(real, fake)})

    def after_discriminator_step(self, batch: Batch) -> None:
        super().after_discriminator_step(batch)
        self.average.update(batch.position + batch.whole, batch.whole)

    @property
    def _padding(self) -> Any:
        return self.settings.augment.padding

    def _strongly(self, images: Tensor) -> Tensor:
        return augment(images, self._strong, self._strength, padding=self._padding)

    def _labelled_batch(self, count: int) -> tuple[Tensor, Tensor]:
        """Draws labelled images evenly: at most as many as there are, without one twice."""
        rows = torch.randperm(len(self.labelled))[:count]
        images = to_tensor(self.data.images[self.labelled[rows.numpy()]], self.precision.device)
        return images, self._classes_of[rows].to(self.precision.device)

    def _see(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Images [N, C, R, R] -> features [N, F], class logits [N, K], float32."""
        network: Any = self.discriminator.network
        with self.precision.autocast():
            features = network.features(images)
            logits = network.head.classify(features)
        return features.float(), logits.float()

    def signals(self) -> dict[str, float]:
        """`confident`: share of real images whose class the average is sure of (0.95).

        Signals about who wins and what is reached are left out: this generator does not try to be
        taken for real, nor to draw everything.
        """
        measured = super().signals()
        for name in ("fooling_rate", "score_gap", "score_scale", "coverage"):
            measured.pop(name, None)
        return {"confident": self._confident_share(), **measured}

    @torch.inference_mode()
    def _confident_share(self) -> float:
        network: Any = self.average.network
        rows = self.batches.training_indices[:_PROBE]
        images = to_tensor(self.data.images[rows], self.precision.device)
        with self.precision.autocast():
            logits = network.head.classify(network.features(images)).float()
        return (logits.softmax(1).max(1).values >= _CONFIDENT).float().mean().item()

    # --- state ------------------------------------------------------------------------------

    def state_dict(self) -> dict[str, Tensor]:
        average = self.average.network.state_dict()
        return super().state_dict() | {f"{_AVERAGE}{name}": item for name, item in average.items()}

    def load_state_dict(self, tensors: Mapping[str, Tensor]) -> None:
        own = {name: tensor for name, tensor in tensors.items() if not name.startswith(_AVERAGE)}
        super().load_state_dict(own)
        self.average.network.load_state_dict(
            {name.removeprefix(_AVERAGE): tensors[name] for name in tensors.keys() - own.keys()}
        )

    def save_model(self, folder: Path, training: Mapping[str, Any]) -> None:
        super().save_model(folder, {**training, "labelled": len(self.labelled)})

    def _delivered_discriminator(self) -> dict[str, Any]:
        return {
            "discriminator": self.average.network,
            "discriminator_sizes": self.sizes[1],
            "discriminator_classes": self.names,
        }


def known_labels(data: ImageData, unlabelled: str | None) -> tuple[np.ndarray, tuple[str, ...]]:
    """Returns labels int64 [N], -1 where the class is not known, and the names that they count.

    Args:
        unlabelled: the name of the class that stands for images of unknown class, or None.

    Raises:
        UsageError: there is no class of that name.
    """
    labels = np.full(len(data), -1) if data.labels is None else data.labels.astype(np.int64)
    if unlabelled is None:
        return labels, data.classes
    if unlabelled not in data.classes:
        raise UsageError(
            f"--unlabelled '{unlabelled}' is no class of the data."
            f"{did_you_mean(unlabelled, data.classes)} Known: {', '.join(data.classes)}."
        )
    place = data.classes.index(unlabelled)
    labels = np.where(labels == place, -1, labels - (labels > place))
    return labels, tuple(name for name in data.classes if name != unlabelled)


def _check(settings: TrainSettings) -> None:
    """Refuses unknown names, and what would be asked for in vain.

    Raises:
        UsageError: names the first setting that this task does not use.
    """
    check(settings)
    if settings.balance:
        raise UsageError(
            "--balance draws images by their classes, and to --preset classify the classes of all"
            " but the labelled images are unknown. Leave out --balance; labelled images are drawn"
            " evenly as it is."
        )
    usual = LossSettings(adversarial="non-saturating")
    loss = {
        field.name: getattr(settings.loss, field.name) != getattr(usual, field.name)
        for field in fields(LossSettings)
        if field.name not in _USED
    }
    asked = {
        "conditional": settings.conditional,
        "mixing": settings.mixing != MixingSettings(),
        "augment.pseudo": settings.augment.pseudo,
        "augment.mode adaptive": settings.augment.mode == "adaptive" and settings.augment.kinds,
        **{f"loss.{name}".replace("_", "-"): changed for name, changed in loss.items()},
    }
    for name, is_asked in asked.items():
        if is_asked:
            raise UsageError(
                f"--task classify does not use --{name} as asked. Begin with --preset classify,"
                " whose settings it was made for."
            )


def _pseudo_label_loss(weak: Tensor, strong: Tensor) -> tuple[Tensor, Tensor]:
    """Returns the loss of two views, and the share of confident images.

    Args:
        weak: class probabilities [N, K] of the weakly augmented view, constants.
        strong: class logits [N, K] of the strongly augmented one.

    The weak view's most probable class, where its probability is at least 0.95, is the target of
    the strong view's cross-entropy; the mean runs over all images.

    Source: Sohn et al. 2020 (FixMatch), eq. 4.
    """
    confidence, labels = weak.detach().max(1)
    confident = (confidence >= _CONFIDENT).float()
    loss = cross_entropy(strong, labels, reduction="none")
    return (loss * confident).mean(), confident.mean()


def _score_run(folder: RunFolder, settings: TrainSettings) -> str:
    return score_run(folder, settings, more=_test_accuracy)


def _test_accuracy(model: Model, settings: TrainSettings) -> dict[str, Any]:
    """Returns how the discriminator does on the test split, where the data have one."""
    if not has_test_split(settings.data):
        return {}
    judged = classify(model, [settings.data], split="test", fit=settings.fit).to_dict()
    kept = ("accuracy", "accuracy_per_class", "confusion", "labelled")
    return {
        "test_accuracy": judged["accuracy"],
        "test_classification": {name: judged[name] for name in kept},
    }


CLASSIFY = TaskSpec(
    about="a discriminator that learns classes from few labels and many images",
    check=_check,
    open_data=open_square_images,
    stream=stream_square_images,
    build=Classify,
    load=lambda path, device, precision: Model.load(path, device=device, precision=precision),
    score=score,
    format_scores=format_scores,
    score_run=_score_run,
    usage="elegan classify {run} photo.png",
    commands=FROM_NOISE,
)
