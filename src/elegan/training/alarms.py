"""The alarms of a run: each names its cause in figures and its remedy as flags to type.

Each rule is one function of the situation; its thresholds stand above it, with the scale they are
on. A missing signal is not judged.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from elegan.settings import TrainSettings

Figures = Mapping[str, float]


@dataclass(frozen=True, kw_only=True)
class Alarm:
    """What is wrong.

    Attributes:
        name: short and stable, such as "collapse".
        text: the cause, one or two sentences with figures.
        remedy: what to change, as flags of `elegan train`.
    """

    name: str
    text: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.name}: {self.text} {self.remedy}".strip()


@dataclass(frozen=True, kw_only=True)
class Situation:
    """What the rules look at.

    Attributes:
        signals: what the task measured now; one that is missing is not judged.
        losses: means since the last tick.
        progress: share of the run done, 0..1.
        ticks: the signals of the ticks before, oldest first.
        losses_before: the losses of the ticks before.
        skips, rollbacks: the guard's acts since the last tick.
        images: training images, None where unknown.
        settings: of the run, None where unknown; what is on already is no remedy.
        takes_loss_flags: whether the task takes those of losses and augmentation.
    """

    signals: Figures
    losses: Figures
    progress: float
    ticks: Sequence[Figures]
    losses_before: Sequence[Figures]
    skips: int
    rollbacks: int
    images: int | None
    settings: TrainSettings | None = None
    takes_loss_flags: bool = True

    def before(self, name: str, most: int) -> list[float]:
        """Returns a signal at up to `most` earlier ticks, oldest first, where it was measured."""
        return known(self.ticks, name)[-most:]


# Flags that a remedy may name, and whether a run has them already.
_AUGMENT = "--augment.kinds diffaugment"
_PENALTIES = "--loss.r1 1 --loss.r2 1"
_PAIRS = "--loss.adversarial relativistic-pair"
_ROBUST = "--preset robust"
_NORMALISATION = "--network.generator-condition normalisation"
_PROJECTION = "--network.discriminator-condition projection"
_FLOAT32 = "--precision float32"
_IS_ON: Mapping[str, Callable[[TrainSettings], bool]] = {
    _AUGMENT: lambda run: run.augment.kinds not in ("", "none"),
    _PENALTIES: lambda run: run.loss.r1 > 0 or run.loss.r2 > 0,
    _PAIRS: lambda run: run.loss.adversarial.startswith("relativistic"),
    _ROBUST: lambda run: run.preset == "robust",
    _NORMALISATION: lambda run: run.network.generator_condition == "normalisation",
    _PROJECTION: lambda run: run.network.discriminator_condition == "projection",
    _FLOAT32: lambda run: run.precision == "float32",
}
_TAKEN_BY_ALL = (_FLOAT32,)


def _open(now: Situation, *flags: str) -> list[str]:
    """Returns those of the flags that the run's task takes and that are not on yet."""
    if now.settings is None:  # a translator, at least, is known by what it measures
        every = "luminance_agreement" not in now.signals
    else:
        every = now.takes_loss_flags
    taken = [flag for flag in flags if every or flag in _TAKEN_BY_ALL]
    return [flag for flag in taken if now.settings is None or not _IS_ON[flag](now.settings)]


def _change(now: Situation, how: str, flag: str, value: Callable[[TrainSettings], float]) -> str:
    """Returns such as 'a lower --optimizer.generator-rate than 0.001'."""
    than = "" if now.settings is None else f" than {value(now.settings):g}"
    return f"a {how} --{flag}{than}"


def _lower(now: Situation, player: str) -> str:
    def rate(run: TrainSettings) -> float:
        optimizer = run.optimizer
        generators = player == "generator"
        return optimizer.generator_rate if generators else optimizer.discriminator_rate

    return _change(now, "lower", f"optimizer.{player}-rate", rate)


def _smaller(now: Situation) -> str:
    return _change(now, "smaller", "size", lambda run: run.size)


def _larger(now: Situation) -> str:
    return _change(now, "larger", "size", lambda run: run.size)


def _stronger(now: Situation) -> list[str]:
    """Returns the advice of a larger R1, to a run whose task takes it."""
    offered = now.settings is None or now.takes_loss_flags
    return [_change(now, "larger", "loss.r1", lambda run: run.loss.r1)] if offered else []


def _one_of(first: str, *others: str) -> str:
    """Returns 'first, second or third'."""
    *rest, last = first, *others
    return f"{', '.join(rest)} or {last}" if rest else last


EARLY = 0.1
"""Share of the run in which nothing is said of variety."""

TREND = 3
"""Ticks over which a figure that mends itself is left alone."""

# Of pairs of samples; k equal pictures give 1/k. The factor is over TREND ticks.
COLLAPSE_DUPLICATES, MENDS_BY = 0.05, 0.6


def _collapse(now: Situation) -> Alarm | None:
    duplicates = now.signals.get("duplicates", 0.0)
    before = now.before("duplicates", TREND)
    mends = bool(before) and duplicates < before[0] * MENDS_BY ** (len(before) / TREND)
    if now.progress <= EARLY or duplicates <= COLLAPSE_DUPLICATES or mends:
        return None
    return Alarm(
        name="collapse",
        text=f"{duplicates:.0%} of all pairs of samples are alike: the generator draws few"
        " different images.",
        remedy=f"Type {_one_of(_lower(now, 'generator'), *_open(now, _PENALTIES, _PAIRS))}.",
    )


# Of real images checked; a perfect generator has about 0.97. The factor is over TREND ticks. At
# this tick and the one before: with 256 samples a coverage of 0.2 has a standard error of 0.025,
# and single steps down are seen while it rises.
MISSING_COVERAGE, LOST_SHARE, RISES_BY = 0.3, 0.5, 1.15


def _missing(now: Situation) -> Alarm | None:
    coverages = [*known(now.ticks, "coverage"), now.signals.get("coverage", 1.0)]
    if now.progress <= EARLY or not (_lacks(coverages) and _lacks(coverages[:-1] or coverages)):
        return None
    coverage, best = coverages[-1], max(coverages)
    lost = best > MISSING_COVERAGE and coverage < LOST_SHARE * best
    fell = f", where it was {best:.0%}" if lost else ""
    return Alarm(
        name="missing",
        text=f"The coverage is only {coverage:.0%} of the real images checked{fell}: much of the"
        " data is not generated.",
        remedy="Train longer with a larger --images; if the coverage does not rise, type"
        f" {_one_of(_larger(now), _lower(now, 'generator'), *_open(now, _ROBUST))}.",
    )


def _lacks(coverages: Sequence[float]) -> bool:
    """Whether the last one is low and not rising, or has lost what was reached before."""
    coverage, best = coverages[-1], max(coverages)
    before = coverages[:-1][-TREND:]
    rises = bool(before) and coverage > before[0] * RISES_BY ** (len(before) / TREND)
    lost = best > MISSING_COVERAGE and coverage < LOST_SHARE * best
    return lost or (coverage < MISSING_COVERAGE and not rises)


# In standard deviations of real images' logits, over what chance explains with few unseen ones; or
# a share of the unseen. At this tick and the one before.
OVERFIT_GAP, OVERFIT_ERRORS = 1.0, 1.25
OVERFIT_LOW = 0.3


def _overfitting(now: Situation) -> Alarm | None:
    if not all(_memorises(tick) for tick in (*now.ticks[-1:], now.signals)):
        return None
    low = now.signals.get("held_out_low", 0.0)
    return Alarm(
        name="overfitting",
        text="The discriminator scores training images"
        f" {now.signals.get('held_out_gap', 0.0):.1f} standard deviations above unseen real ones,"
        f" {low:.0%} of which it ranks below 95% of them: it memorises.",
        remedy="Add images, or type"
        f" {_one_of(*_open(now, _AUGMENT), _smaller(now), *_stronger(now))}.",
    )


def _memorises(signals: Figures) -> bool:
    gap, error, low, chance = (
        sum(known([signals], f"held_out_{name}"))
        for name in ("gap", "gap_error", "low", "low_chance")
    )
    return gap - OVERFIT_ERRORS * error > OVERFIT_GAP or low > max(OVERFIT_LOW, chance)


# Distance relative to that of unseen real images. Where only the simplest images are drawn they
# are near training images without copying, so it counts where samples vary.
COPIES_NEAREST, COPIES_COVERAGE = 0.3, 0.5


def _copying(now: Situation) -> Alarm | None:
    nearest = now.signals.get("nearest", 1.0)
    if now.progress <= EARLY or nearest >= COPIES_NEAREST:
        return None
    if now.signals.get("coverage", 1.0) <= COPIES_COVERAGE:
        return None
    return Alarm(
        name="copying",
        text=f"Samples lie {1 / max(nearest, 0.01):.0f} times closer to training images than unseen"
        " real images do: the generator copies.",
        remedy=f"Add images, or type {_one_of(*_open(now, _AUGMENT), _smaller(now))};"
        " `elegan evaluate` names the copies.",
    )


# Factors over the median of the ticks before, which must be so many.
EXPLODED_NORM, EXPLODED_SCORE, EXPLODED_LOSS = 10.0, 10.0, 20.0
RECENT, FEWEST_BEFORE = 10, 3
SKIPS_BORNE = 2


def _divergence(now: Situation) -> Alarm | None:
    causes = []
    if now.rollbacks or now.skips > SKIPS_BORNE:
        causes.append(
            f"the guard acted on numbers that were not finite ({now.skips} steps skipped,"
            f" {now.rollbacks} returns to a checkpoint) since the last tick"
        )
    for name, words, factor, least in (
        ("gradient_norm_discriminator", "the discriminator's gradient", EXPLODED_NORM, 0.0),
        ("gradient_norm_generator", "the generator's gradient", EXPLODED_NORM, 0.0),
        ("score_scale", "the spread of the discriminator's scores", EXPLODED_SCORE, 10.0),
    ):
        times = _growth(now.signals.get(name), now.before(name, RECENT), least)
        if times > factor:
            causes.append(f"{words} is {_times(times)} what it was lately")
    for name in ("discriminator", "generator"):
        before = known(now.losses_before, name)[-RECENT:]
        times = _growth(now.losses.get(name), before, 1.0)
        if times > EXPLODED_LOSS:
            causes.append(f"the {name}'s loss is {_times(times)} what it was lately")
    if not causes:
        return None
    return Alarm(
        name="divergence",
        text=f"Training diverges: {'; '.join(causes)}.",
        remedy=f"Type {_lower(now, 'generator')} and {_lower(now, 'discriminator')}"
        f"{''.join(f', or {item}' for item in (*_stronger(now), *_open(now, _FLOAT32)))}.",
    )


def _growth(value: float | None, before: Sequence[float], least: float) -> float:
    """Returns |value| over the median of |before|, at least `least`; 0 where there are too few."""
    if value is None or len(before) < FEWEST_BEFORE:
        return 0.0
    if not math.isfinite(value):
        return math.inf
    usual = max(least, median(abs(item) for item in before))
    return abs(value) / usual if usual > 0 else 0.0


def _times(times: float) -> str:
    return f"{times:.0f} times" if math.isfinite(times) else "no longer a number, not"


# Share of pairs, share of the run and number of ticks in a row. A generator that reaches the data
# or still gains on them learns all the same.
BEATEN, BEATEN_TICKS, BEATEN_FROM, BEATEN_COVERAGE = 0.02, 10, 0.25, 0.6


def _beaten(now: Situation) -> Alarm | None:
    rates = [*now.before("fooling_rate", BEATEN_TICKS - 1), now.signals.get("fooling_rate", 0.5)]
    coverage = now.signals.get("coverage", 0.0)
    then = now.before("coverage", BEATEN_TICKS - 1)
    gains = bool(then) and coverage > 1.2 * then[0]
    if len(rates) < BEATEN_TICKS or max(rates) >= BEATEN or now.progress < BEATEN_FROM:
        return None
    if coverage > BEATEN_COVERAGE or gains:
        return None
    return Alarm(
        name="beaten",
        text=f"At {BEATEN_TICKS} ticks in a row the discriminator caught more than"
        f" {1 - BEATEN:.0%} of the fakes, and the generator no longer gains.",
        remedy=f"Type {_one_of(_lower(now, 'discriminator'), *_open(now, _PENALTIES, _PAIRS))}.",
    )


def _labels(now: Situation) -> Alarm | None:
    real, chance = (now.signals.get(f"label_agreement_{item}") for item in ("real", "chance"))
    if real is None or chance is None or real > chance:
        return None
    return Alarm(
        name="labels",
        text=f"Only {real:.0%} of the real images are of the class of the image most like them,"
        f" no more than chance ({chance:.0%}): the labels look shuffled, or the classes differ in"
        " details that are too fine to see.",
        remedy="Look at the rows of `elegan inspect DATA`; if the labels are wrong, mend them or"
        " type --no-conditional.",
    )


# Where between chance and real images the agreement must come to, and when; it may still be on its
# way there, by this factor over TREND ticks. A sample that looks like nothing yet has a nearest
# image of any class, so that labels are judged once samples lie about as near as unseen images do.
IGNORED_SHARE, IGNORED_FROM, HEEDS_BY, IGNORED_NEAREST = 0.2, 0.25, 1.15, 1.4


def _ignored(now: Situation) -> Alarm | None:
    made = now.signals.get("label_agreement")
    real, chance = (now.signals.get(f"label_agreement_{item}") for item in ("real", "chance"))
    if made is None or real is None or chance is None or real <= chance:
        return None
    before = now.before("label_agreement", TREND)
    rises = bool(before) and made > max(chance, before[0] * HEEDS_BY ** (len(before) / TREND))
    waits = now.progress < IGNORED_FROM or now.signals.get("nearest", 1.0) > IGNORED_NEAREST
    if waits or rises or made > chance + IGNORED_SHARE * (real - chance):
        return None
    return Alarm(
        name="ignored-labels",
        text=f"{made:.0%} of the samples look like the class that was asked for, of real images"
        f" {real:.0%}: the generator does not heed the labels.",
        remedy=f"Type {_one_of(*_open(now, _NORMALISATION, _PROJECTION), 'a larger --images')}.",
    )


FEW_IMAGES = 100


def _few(now: Situation) -> Alarm | None:
    if now.images is None or now.images >= FEW_IMAGES:
        return None
    return Alarm(
        name="few-images",
        text=f"There are only {now.images} images to train on: from fewer than {FEW_IMAGES} a"
        " generator learns to copy them.",
        remedy="Add images"
        f"{''.join(f', or type {flag}' for flag in _open(now, _AUGMENT))}; look at the copies that"
        " `elegan evaluate` names.",
    )


LEAST_AGREEMENT = -0.2  # correlation of brightness, -1 to 1; a style may well change some of it


def _inverted(now: Situation) -> Alarm | None:
    """A game that colours turned inside out can win as well (CycleGAN's known failure)."""
    agreement = now.signals.get("luminance_agreement")
    before = now.before("luminance_agreement", 1)
    if agreement is None or agreement > LEAST_AGREEMENT or not before:
        return None
    if before[-1] > LEAST_AGREEMENT:
        return None
    return Alarm(
        name="inverted",
        text="What is dark in the input has become bright in the output: their brightness"
        f" correlates by {agreement:.2f} at two ticks in a row.",
        remedy="Begin anew with more weight on leaving the target's images alone, with"
        f" {_change(now, 'larger', 'translate.identity', lambda run: run.translate.identity)}, or"
        " with another --seed.",
    )


RULES: tuple[Callable[[Situation], Alarm | None], ...] = (
    _divergence,
    _collapse,
    _missing,
    _overfitting,
    _copying,
    _beaten,
    _labels,
    _ignored,
    _inverted,
    _few,
)
"""Every rule, the most urgent first."""


def known(figures: Sequence[Figures], name: str) -> list[float]:
    """Returns the finite values of one figure, in order."""
    values = [figure.get(name) for figure in figures]
    return [float(v) for v in values if isinstance(v, int | float) and math.isfinite(v)]
