"""How a generating run stands: cheap signals for every tick, a quick score for every snapshot."""

import math
from collections.abc import Callable

import numpy as np
from torch import Tensor

from elegan.common.randomness import key
from elegan.data.batches import Batches
from elegan.metrics.classes import fooling_rate
from elegan.metrics.distances import Gaussian, fit_gaussian, frechet_distance
from elegan.metrics.extractors import extractor_for
from elegan.metrics.quick import prepare_reference, quick_signals

Drawn = tuple[np.ndarray, Tensor | None]
_LOW = 0.05
_Judged = tuple[Tensor, np.ndarray | None]  # logits and labels


class SampleMonitor:
    """Compares samples with real images, some of which the run never trains on."""

    PROBE = 256  # images in each tick's measurements
    SCORED = 2_000  # generated images in each snapshot's quick Fréchet distance
    REFERENCE = 10_000  # real images that it is measured against
    CLASSES = 20  # with more, the figures of each class are left to `elegan evaluate`

    def __init__(self, batches: Batches, *, seed: int) -> None:
        self._batches = batches
        random = np.random.default_rng(key(seed, "gauge"))
        trained, held = batches.training_indices, batches.held_out_indices
        self._trained = _some(random, trained, self.PROBE)
        # With too few images to hold any out, training images stand in and the gap is about zero.
        self._held = _some(random, held, self.PROBE) if len(held) else self._trained
        self._scored_against = _some(random, trained, self.REFERENCE)
        self._holds_out = len(held) > 1  # one image tells nothing of the spread
        data = batches.data
        images, labels = data.images, data.labels if batches.conditional else None
        self._quick = prepare_reference(
            images[trained],
            images[held] if len(held) else None,
            seed=seed,
            labels=None if labels is None else labels[trained].astype(np.int64),
        )
        self._real: Gaussian | None = None

    def signals(
        self, logits: Callable[[np.ndarray, Tensor | None], Tensor], drawn: Drawn
    ) -> dict[str, float]:
        """Returns what `training.monitor` judges.

        - `fooling_rate`: share of pairs in which a generated image scores above an unseen real one;
          0.5 when the discriminator cannot tell them apart.
        - `score_gap`: mean logit of unseen reals minus that of fakes, in standard deviations of a
          mixture of as many of each: at most 2.
        - `score_scale`: that standard deviation itself, in the logits as they are.
        - `held_out_gap`: mean logit of training images minus that of unseen reals, in standard
          deviations within each of the two: the discriminator's overfitting, whatever it thinks of
          fakes. `held_out_gap_error` is its standard error.
        - `held_out_low`: share of the unseen reals that score below 95 % of the training images,
          which needs few of them to tell; `held_out_low_chance` is the largest share that comes
          about once in 500 times where nothing is memorised. All four are left out where no image
          is held out.
        - the signals of `metrics.quick`.
        - of a conditional run with at most 20 classes `fooling_rate_of_NAME`, of each class. A
          conditional discriminator is free to score one class above another, so that all scores
          are then taken from the middle of their class.

        Args:
            logits: images uint8 [N, R, R, C] (, labels) -> the discriminator's logits [N].
            drawn: generated images and their labels.
        """
        images, labels = drawn
        seen_labels, real_labels = (
            self._batches.labels(chosen) for chosen in (self._trained, self._held)
        )
        shown = [(images, labels), (self._images(self._held), real_labels)]
        if self._holds_out:
            shown.append((self._images(self._trained), seen_labels))
        judged = [(logits(*image), _array(image[1])) for image in shown]
        by_class = self._by_class(judged[0], judged[1])
        if by_class:
            judged = _centred(judged)
        fake, unseen, *rest = [item for item, _ in judged]
        gap = (unseen.mean() - fake.mean()).item()
        spread = math.hypot(_within(fake, unseen), gap / 2) + 1e-6
        signals = {
            "fooling_rate": fooling_rate(fake.numpy(), unseen.numpy()),
            "score_gap": gap / spread,
            "score_scale": spread,
        }
        for seen in rest:
            within = _within(seen, unseen) + 1e-6
            signals["held_out_gap"] = (seen.mean() - unseen.mean()).item() / within
            signals["held_out_gap_error"] = _standard_error(seen, unseen) / within
            signals["held_out_low"] = (unseen < seen.quantile(_LOW)).float().mean().item()
            signals["held_out_low_chance"] = _chance(len(unseen))
        return signals | quick_signals(images, self._quick, _array(labels)) | by_class

    def _by_class(self, fake: _Judged, real: _Judged) -> dict[str, float]:
        """Returns the fooling rate of each class of which there is a sample and an unseen image."""
        names = self._batches.data.classes
        if fake[1] is None or real[1] is None or len(names) > self.CLASSES:
            return {}
        found = {}
        for label, name in enumerate(names):
            made, unseen = fake[0][fake[1] == label], real[0][real[1] == label]
            if len(made) and len(unseen):
                found[f"fooling_rate_of_{name}"] = fooling_rate(made.numpy(), unseen.numpy())
        return found

    def score(self, draw: Callable[[int], Drawn]) -> dict[str, float]:
        """Returns a quick Fréchet distance, to see the trend; `elegan evaluate` gives the figure.

        Its name carries the count of generated images: with so few it reads higher.
        """
        data = self._batches.data
        extractor = extractor_for(data.known)
        count = min(self.SCORED, len(self._scored_against))
        if count < 2:
            return {}
        if self._real is None:
            self._real = fit_gaussian(extractor.features(self._images(self._scored_against)))
        generated = fit_gaussian(extractor.features(draw(count)[0]))
        return {f"FD-{extractor.name} ({count:,})": frechet_distance(generated, self._real)}

    def _images(self, indices: np.ndarray) -> np.ndarray:
        return self._batches.data.images[indices]


def _some(random: np.random.Generator, indices: np.ndarray, most: int) -> np.ndarray:
    return np.sort(random.choice(indices, min(most, len(indices)), replace=False))


def _chance(count: int) -> float:
    """The largest share of `count` that a binomial of `_LOW` reaches once in 500 times or more."""
    tail, reached = 1.0, 0
    while reached < count:
        tail -= math.comb(count, reached) * _LOW**reached * (1 - _LOW) ** (count - reached)
        if tail < 1 / 500:
            break
        reached += 1
    return reached / count


def _array(labels: Tensor | None) -> np.ndarray | None:
    return None if labels is None else labels.cpu().numpy()


def _centred(parts: list[_Judged]) -> list[_Judged]:
    """Takes from each logit the mean of the parts' means of its class."""
    moved = [(logits.clone(), labels) for logits, labels in parts]
    for label in np.unique(np.concatenate([labels for _, labels in parts if labels is not None])):
        places = [labels == label for _, labels in parts]
        means = [
            logits[place].mean()
            for (logits, _), place in zip(parts, places, strict=True)
            if place.any()
        ]
        for (logits, _), place in zip(moved, places, strict=True):
            logits[place] -= sum(means) / len(means)
    return moved


def _within(first: Tensor, second: Tensor) -> float:
    """Standard deviation within the two, each counting alike however many it holds."""
    variances = [item.var(correction=0).item() for item in (first, second)]
    return math.sqrt(sum(variances) / 2)


def _standard_error(first: Tensor, second: Tensor) -> float:
    """Of the difference of the two means."""
    return math.sqrt(first.var().item() / len(first) + second.var().item() / len(second))
