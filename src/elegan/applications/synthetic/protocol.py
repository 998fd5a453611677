"""The experiment: arms that differ in one thing, equal steps, draws times seeds, kept results.

A draw is a choice of the images that are trained on and of those that are judged. Every arm of a
draw is trained from the same initial weights, for the same number of steps, with classes in the
same order; what differs is whether images are classically augmented, and where a share of them
comes from.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial

import numpy as np

from elegan.applications.synthetic.classifier import Recipe, probabilities, train_classifier
from elegan.applications.synthetic.folder import OutputFolder
from elegan.applications.synthetic.labelled_set import LabelledSet
from elegan.applications.synthetic.mixing import MixedSampler
from elegan.common.randomness import key

Probabilities = Callable[[np.ndarray], np.ndarray]
"""Images uint8 [N, R, R, C] -> class probabilities float32 [N, K]."""


@dataclass(frozen=True, kw_only=True)
class Arm:
    """One way to train a classifier."""

    about: str  # for the report
    classical: bool  # whether images are cropped, turned, erased and mixed
    mixed: str = ""  # what replaces a share of the real images: "made", "pool" or nothing
    labels: float | str = 1.0  # part of the given labels that is used, or "more" for further ones


REAL, CLASSICAL = "real", "real + classical"
GAN, BOTH = "real + GAN", "real + classical + GAN"
HALF, POOL, MORE = "half the labels", "real + classical + pool", "more labels"
SEMI = "semi-supervised discriminator"  # not trained here: the one that named the pool

ARMS: dict[str, Arm] = {
    REAL: Arm(about="the given images as they are", classical=False),
    CLASSICAL: Arm(about="cropped, turned, erased, mixed in pairs", classical=True),
    GAN: Arm(about="a share of generated images, nothing else", classical=False, mixed="made"),
    BOTH: Arm(about="a share of generated images, all augmented", classical=True, mixed="made"),
    HALF: Arm(about="real + classical, half as many of each class", classical=True, labels=0.5),
    POOL: Arm(
        about="a share of the pool itself, with the classes it was taken for",
        classical=True,
        mixed="pool",
    ),
    MORE: Arm(about="real + classical, more given labels", classical=True, labels="more"),
}
"""Every arm. The last is for benchmarks, which have labels that nobody was given."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Split:
    """The images of one draw."""

    name: str  # under which its results are kept
    given: LabelledSet  # images that classifiers are trained on
    judged: Mapping[str, LabelledSet]  # images that they are judged on, by what these are
    made: LabelledSet  # generated images for `given`
    # Images of the pool with the classes they were taken for, or None
    pool: LabelledSet | None = None
    more: LabelledSet | None = None  # other images with labels, further ones among them; or None
    seed: int = 0  # of its classifiers


@dataclass(frozen=True, kw_only=True)
class ClassCounts:
    """How one classifier did on one set of images."""

    right: tuple[int, ...]  # images named rightly, and all, of each class
    total: tuple[int, ...]

    @property
    def accuracy(self) -> float:
        """Share of all images that are named rightly."""
        return sum(self.right) / max(1, sum(self.total))

    def recall(self, classes: Sequence[int] | None = None) -> float:
        """Returns the mean over (these) classes of the share that is named rightly."""
        chosen = range(len(self.total)) if classes is None else classes
        shares = [self.right[label] / self.total[label] for label in chosen if self.total[label]]
        return float(np.mean(shares)) if shares else float("nan")


def count_right(found: np.ndarray, judged: LabelledSet) -> ClassCounts:
    """Returns how many images of each class have the highest of their probabilities [N, K]."""
    right = judged.labels[found.argmax(axis=1) == judged.labels]
    counts = np.bincount(right, minlength=len(judged.classes))
    return ClassCounts(right=tuple(counts.tolist()), total=tuple(judged.counts.tolist()))


def evaluate_once(
    split: Split, name: str, trained: Callable[[], Probabilities], kept: OutputFolder
) -> dict[str, ClassCounts]:
    """Returns what is kept under a name, or else evaluates a classifier and keeps that.

    Args:
        trained: gives the classifier; called only where nothing is kept.

    Returns:
        counts for each of `split.judged`.
    """
    found = kept.find(name)
    if found is None:
        classify = trained()
        found = {
            on: asdict(count_right(classify(judged.images), judged))
            for on, judged in split.judged.items()
        }
        kept.add(name, found)
    return {
        on: ClassCounts(right=tuple(counts["right"]), total=tuple(counts["total"]))
        for on, counts in found.items()
    }


def _train(
    split: Split, arm: Arm, share: float, turn: int, recipe: Recipe, balance: bool
) -> Probabilities:
    given, own = split.given, key(split.seed, split.name, turn)
    if arm.labels == "more":
        assert split.more is not None
        given = split.more
    elif isinstance(arm.labels, float) and arm.labels < 1:
        given = given.share_of_each(arm.labels, own)
    other = {"made": split.made, "pool": split.pool, "": None}[arm.mixed]
    images, labels, mixed = given.images, given.labels, given.labels[:0]
    if other is not None and share > 0:
        mixed = other.labels
        images = np.concatenate([images, other.images])
        labels = np.concatenate([labels, mixed])
    share = share if len(mixed) else 0.0
    sampler = MixedSampler(given.labels, mixed, share=share, seed=own, balance=balance)
    classes = len(given.classes)
    network = train_classifier(
        images, labels, sampler, classes, recipe=recipe, classical=arm.classical, seed=own
    )
    return partial(probabilities, network)


Metric = Callable[[ClassCounts], float]


@dataclass(frozen=True)
class Results:
    """Counts of all classifiers, and what is read off them."""

    metric: Metric  # what is compared, between 0 and 1, higher being better
    # By (draw, arm, share, seed), of each set that was judged by its name
    counts: dict[tuple[int, str, float, int], Mapping[str, ClassCounts]] = field(
        default_factory=dict
    )

    def values(self, arm: str, share: float, on: str, metric: Metric | None = None) -> list[float]:
        """Returns the mean over the seeds of each draw, in the order of the draws."""
        metric = metric or self.metric
        of_draw: dict[int, list[float]] = {}
        for draw, name, at, turn in sorted(self.counts):
            if name == arm and at == share:
                found = self.counts[draw, name, at, turn][on]
                of_draw.setdefault(draw, []).append(metric(found))
        return [float(np.nanmean(values)) for values in of_draw.values()]

    def gains(self, arm: str, share: float, on: str, metric: Metric | None = None) -> list[float]:
        """Returns for each draw by how much an arm is above real + classical."""
        ours, theirs = self.values(arm, share, on, metric), self.values(CLASSICAL, 0.0, on, metric)
        return [value - other for value, other in zip(ours, theirs, strict=True)]

    def has(self, arm: str, share: float = 0.0) -> bool:
        """Whether an arm was measured."""
        return any((name, at) == (arm, share) for _, name, at, _ in self.counts)

    def recall_of(self, label: int, arm: str, share: float, on: str) -> float | None:
        """Returns the mean recall of a class over classifiers, by images; None without any."""
        of_arm = [counts[on] for at, counts in self.counts.items() if at[1:3] == (arm, share)]
        total = sum(counts.total[label] for counts in of_arm)
        return sum(counts.right[label] for counts in of_arm) / total if total else None

    def measure(
        self,
        draw: int,
        split: Split,
        arms: Iterable[tuple[str, float]],
        *,
        seeds: int,
        recipe: Recipe,
        balance: bool,
        kept: OutputFolder,
    ) -> None:
        """Trains and evaluates so many classifiers of each arm at its share, but those it has.

        Args:
            draw: number of the split.
            arms: names, with the share of generated (or pool) images for those that mix.
            seeds: classifiers of each arm; arms are compared at the same turns.
            balance: whether classes come equally often.
            kept: where results outlive the process.
        """
        for arm, share in arms:
            for turn in range(seeds):
                if (draw, arm, share, turn) not in self.counts:
                    trained = partial(_train, split, ARMS[arm], share, turn, recipe, balance)
                    name = f"{split.name}/{arm}/{share:g}/{turn}"
                    self.counts[draw, arm, share, turn] = evaluate_once(split, name, trained, kept)
