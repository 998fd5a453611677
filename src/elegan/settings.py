"""Everything a run can be told, and the table of presets.

Settings are resolved before the disk is touched: preset row -> settings file -> single overrides.
The resolved form is written to `settings.json` in the run folder and is a valid input again.
"""

import dataclasses
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin

from elegan.errors import UsageError, did_you_mean, lookup


@dataclass(frozen=True, kw_only=True)
class NetworkSettings:
    """Which pair of networks; single overrides of what the size dial gives."""

    name: str = "residual"
    """A registered pair; `elegan list networks` prints them."""
    width: int | None = None
    """Overrides the width that the size dial gives (channels)."""
    latent: int | None = None
    """Overrides the length of the noise vector."""


@dataclass(frozen=True, kw_only=True)
class LossSettings:
    """The adversarial loss and the weights of the penalties; a weight of 0 turns a penalty off."""

    adversarial: str = "relativistic-pair"
    """A registered loss; `elegan list losses` prints them."""
    r1: float = 0.0
    """Weight of the zero-centred gradient penalty on real images."""
    r2: float = 0.0
    """Weight of the zero-centred gradient penalty on generated images."""
    penalty_decay: float = 1.0
    """R1 and R2 fall log-linearly to this share of their weight over the first 30 % of the run."""
    wasserstein_gp: float = 0.0
    """Weight of the WGAN gradient penalty (10 in the paper)."""
    dragan: float = 0.0
    """Weight of the DRAGAN penalty (10 in the paper)."""
    lecam: float = 0.0
    """Weight of the LeCam regulariser (0.1 to 0.3 in the paper)."""
    consistency: float = 0.0
    """Weight of the consistency penalty under small shifts (10 in the paper)."""
    clip: float = 0.0
    """Clips D's weights to [-clip, clip] after each step (0.01 in WGAN); 0 = off."""
    penalty_every: int = 1
    """Gradient penalties are evaluated each so many steps, their weight multiplied accordingly."""


@dataclass(frozen=True, kw_only=True)
class OptimizerSettings:
    """Adam for both players, at two time scales if the rates differ."""

    generator_rate: float = 2e-4
    discriminator_rate: float = 2e-4
    beta1: float = 0.0
    beta2: float = 0.99
    epsilon: float = 1e-8
    warmup: float = 0.0
    """Share of the run during which the rates rise linearly from 0."""
    hold: float = 1.0
    """Share of the run after which the rates begin to fall."""
    schedule: Literal["constant", "cosine", "linear"] = "constant"
    """How the rates fall to 0 between `hold` and the end, counted in images."""


@dataclass(frozen=True, kw_only=True)
class EmaSettings:
    """The moving average of the generator's weights, which is what a run delivers."""

    half_life: float = 10_000.0
    """Images after which an old weight counts half."""
    ramp: float = 0.1
    """The half-life is at most this share of the images seen so far; it rises with the run."""


@dataclass(frozen=True, kw_only=True)
class TrainSettings:
    """What `elegan train` does."""

    data: str
    """A known name (`elegan list data`), a folder, a zip, IDX files, .npy or .npz."""
    task: str = "generate"
    preset: str = "robust"
    """A row of the preset table; `elegan list presets` prints it."""
    out: str | None = None
    """The run folder; by default runs/DATA-PRESET. The same folder again resumes."""
    images: int | None = None
    """Stop after so many real images seen (also as 200k or 2M)."""
    epochs: float | None = None
    """Stop after so many passes over the data."""
    minutes: float | None = None
    """Stop after about so many minutes: turned into images by measuring the speed first."""
    size: float = 1.0
    """The capacity dial: multiplies every width; the learning rates follow as 1/sqrt(size)."""
    batch: int = 64
    limit: int | None = None
    """Use so many images only (per class where there are labels), drawn by the seed."""
    seed: int = 0
    simultaneous: bool = False
    """Both players move by the same discriminator: one pass serves both, which is faster."""
    conditional: bool = False
    """Train on the labels too, so that a class can be asked for."""
    resolution: int | None = None
    """Side of the images in pixels, 16 to 256; by default that of the data."""
    channels: Literal[1, 3] | None = None
    fit: Literal["crop", "pad", "stretch"] = "crop"
    """How images that are not square become so."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    precision: Literal["auto", "bf16", "float32"] = "auto"
    ticks: int = 40
    """How many times in a run progress is measured and printed."""
    snapshots: int = 10
    """How many times in a run samples, scores and a checkpoint are written."""
    network: NetworkSettings = field(default_factory=NetworkSettings)
    loss: LossSettings = field(default_factory=LossSettings)
    optimizer: OptimizerSettings = field(default_factory=OptimizerSettings)
    ema: EmaSettings = field(default_factory=EmaSettings)


@dataclass(frozen=True, kw_only=True)
class Preset:
    """A row of the table.

    Attributes:
        images: the stop rule when none is given.
        about: one line for `elegan list presets`.
        values: settings that differ from the defaults, nested as in settings.json.
    """

    images: int
    about: str
    values: Mapping[str, Any]


PRESETS: dict[str, Preset] = {
    "article": Preset(
        images=600_000,
        about="the article's two networks and rates, its defects corrected (docs/article.md)",
        values={
            "batch": 32,
            "simultaneous": True,
            "network": {"name": "article"},
            "loss": {"adversarial": "non-saturating"},
            "optimizer": {"beta1": 0.9, "beta2": 0.999, "epsilon": 1e-7},
        },
    ),
    "dcgan": Preset(
        images=600_000,
        about="a plain convolutional pair with spectral norm and hinge loss",
        values={
            "batch": 64,
            "network": {"name": "dcgan"},
            "loss": {"adversarial": "hinge"},
            "optimizer": {"beta1": 0.0, "beta2": 0.9, "discriminator_rate": 4e-4},
        },
    ),
    "robust": Preset(
        images=200_000,
        about="mirrored residual pair, relativistic pairing with R1 + R2: the one to begin with",
        values={
            "batch": 16,
            "simultaneous": True,
            "network": {"name": "residual"},
            "loss": {"adversarial": "relativistic-pair", "r1": 1.0, "r2": 1.0, "penalty_every": 8},
            "optimizer": {
                "generator_rate": 1e-3,
                "discriminator_rate": 1e-3,
                "warmup": 0.02,
                "hold": 0.3,
                "schedule": "cosine",
            },
        },
    ),
}
"""Every preset, one row each; measured times and scores stand in docs/figures.md."""


def preset_settings(
    preset: str, data: str, overrides: Mapping[str, Any] | None = None
) -> TrainSettings:
    """Returns the preset's settings with `overrides` (nested as in settings.json) on top.

    Raises:
        UsageError: an unknown preset or key, or a value of the wrong type.
    """
    row = lookup(PRESETS, preset, "preset")
    settings = TrainSettings(data=data, preset=preset)
    return override(override(settings, row.values), overrides or {})


def override(settings: Any, values: Mapping[str, Any], where: str = "") -> Any:
    """Returns a copy of a settings dataclass with values replaced, nested dataclasses too.

    Raises:
        UsageError: a key is unknown (the nearest is named) or a value has the wrong type.
    """
    known = {one.name: one for one in dataclasses.fields(settings)}
    changes: dict[str, Any] = {}
    for key, value in values.items():
        if key not in known:
            raise UsageError(
                f"Unknown setting '{where}{key}'.{did_you_mean(key, known)}"
                f" Known: {', '.join(known)}."
            )
        now = getattr(settings, key)
        if dataclasses.is_dataclass(now) and not isinstance(now, type):
            if not isinstance(value, Mapping):
                raise UsageError(f"Setting '{where}{key}' must be an object, not {value!r}.")
            value = override(now, value, f"{where}{key}.")
        elif not _fits(value, known[key].type):
            raise UsageError(
                f"Setting '{where}{key}' takes {_in_words(known[key].type)}, not {value!r}."
            )
        changes[key] = value
    return dataclasses.replace(settings, **changes)


def _fits(value: Any, kind: Any) -> bool:
    """Whether a value is of an annotated type; every whole number is also a float, no bool is."""
    if get_origin(kind) in (Literal, Union, UnionType):
        return any(_fits(value, one) for one in get_args(kind))
    if not isinstance(kind, type):  # one of a Literal's values
        return type(value) is type(kind) and value == kind
    if isinstance(value, bool):
        return kind is bool
    return isinstance(value, (int, float) if kind is float else kind)


def _in_words(kind: Any) -> str:
    if get_args(kind):
        return " or ".join(_in_words(one) for one in get_args(kind))
    words = {int: "a whole number", float: "a number", str: "text", bool: "true or false"}
    return words.get(kind, "null" if kind is type(None) else repr(kind))


def validate(settings: TrainSettings) -> None:
    """Refuses values that no run could work with, before anything is written.

    Raises:
        UsageError: names the setting, its value and what is accepted.
    """
    stops = [
        name for name in ("images", "epochs", "minutes") if getattr(settings, name) is not None
    ]
    if len(stops) > 1:
        raise UsageError(f"Give one stop rule, not {' and '.join('--' + name for name in stops)}.")
    loss, optimizer, network = settings.loss, settings.optimizer, settings.network
    given = {
        **{name: getattr(settings, name) for name in stops},
        "limit": settings.limit,
        "network.width": network.width,
        "network.latent": network.latent,
    }
    positive = {
        **{name: value for name, value in given.items() if value is not None},
        "batch": settings.batch,
        "ticks": settings.ticks,
        "snapshots": settings.snapshots,
        "size": settings.size,
        "loss.penalty-every": loss.penalty_every,
        "loss.penalty-decay": loss.penalty_decay,
        "optimizer.generator-rate": optimizer.generator_rate,
        "optimizer.discriminator-rate": optimizer.discriminator_rate,
        "optimizer.epsilon": optimizer.epsilon,
        "ema.half-life": settings.ema.half_life,
    }
    for name, value in positive.items():
        if not 0 < value < math.inf:
            raise UsageError(f"--{name} must be above 0 and finite, not {value}.")
    weights = ("r1", "r2", "wasserstein_gp", "dragan", "lecam", "consistency", "clip")
    not_negative = {
        "seed": settings.seed,
        "ema.ramp": settings.ema.ramp,
        **{f"loss.{name}".replace("_", "-"): getattr(loss, name) for name in weights},
    }
    for name, value in not_negative.items():
        if not 0 <= value < math.inf:
            raise UsageError(f"--{name} must be 0 or more and finite, not {value}.")
    if settings.batch < 2:
        raise UsageError("--batch must be at least 2: batch statistics of one image are undefined.")
    if settings.resolution is not None and not 16 <= settings.resolution <= 256:
        raise UsageError(f"--resolution must be 16 to 256 pixels, not {settings.resolution}.")
    for name in ("beta1", "beta2"):
        if not 0 <= getattr(optimizer, name) < 1:
            raise UsageError(f"--optimizer.{name} must be in [0, 1).")
    for name in ("warmup", "hold"):
        if not 0 <= getattr(optimizer, name) <= 1:
            raise UsageError(f"--optimizer.{name} is a share of the run, 0 to 1.")


def from_json(path: Path) -> TrainSettings:
    """Reads a run's settings.json, or one written by hand with only some of its keys.

    Raises:
        UsageError: the file is missing, not JSON, or names unknown settings.
    """
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UsageError(f"There is no settings file at {path}.") from None
    except (OSError, ValueError) as error:
        raise UsageError(f"Cannot read settings from {path}: {error}") from None
    if not isinstance(values, dict) or "data" not in values:
        raise UsageError(f"{path} does not hold settings: it needs at least the key 'data'.")
    return preset_settings(values.get("preset", TrainSettings.preset), values["data"], values)


def parse_count(text: str) -> int:
    """Reads a count of images: 5000, 200k, 2M.

    Raises:
        UsageError: the text is no positive whole number.
    """
    factor = {"k": 1_000, "m": 1_000_000}.get(text[-1:].lower(), 1)
    digits = text[:-1] if factor > 1 else text
    try:
        count = round(float(digits) * factor)
    except (ValueError, OverflowError):
        count = 0
    if count < 1:
        raise UsageError(f"'{text}' is no count of images. Type a number such as 5000, 200k or 2M.")
    return count
