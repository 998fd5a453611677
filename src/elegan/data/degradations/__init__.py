"""Seeded damage on clean photos, for training what undoes it: every kind by name, with its ranges.

Image and `random` are as in `camera`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.random import Generator

from elegan.common.errors import UsageError, lookup
from elegan.data.degradations import camera, overlays
from elegan.data.degradations.camera import blind, from_bytes, impulse, to_bytes
from elegan.data.degradations.holes import FILL, hide, holes, scratches
from elegan.data.degradations.resizing import crop_to_multiple, downscale, resize_bicubic, upscale

__all__ = [
    "ASKED",
    "FAMILIES",
    "FILL",
    "KINDS",
    "POINTS",
    "SHARES",
    "STAGES",
    "UNSEEN",
    "Degraded",
    "Kind",
]
__all__ += ["blind", "crop_to_multiple", "damage", "degrade", "downscale", "from_bytes", "hide"]
__all__ += ["resize_bicubic", "table", "to_bytes", "upscale"]

Changed = np.ndarray | tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True)
class Kind:
    """One kind of damage."""

    about: str  # what it does to a photo
    # Lowest and highest value of each parameter in training, drawn evenly.
    ranges: Mapping[str, tuple[float, float]]
    # (image, random, **parameters) -> image, or image and mask where pixels are lost.
    apply: Callable[..., Changed]


@dataclass(kw_only=True, eq=False)
class Degraded:
    """A damaged image."""

    image: np.ndarray  # float32 [H, W, 3] in [0, 1], in steps of 1/255 as a file holds it
    mask: np.ndarray  # float32 [H, W], 1 where a pixel is lost, else 0
    # The parameters of each kind that was done, in that order.
    parameters: Mapping[str, Mapping[str, Any]]

    @property
    def kinds(self) -> tuple[str, ...]:
        """What was done, in that order."""
        return tuple(self.parameters)

    @property
    def families(self) -> tuple[str, ...]:
        """The tasks that undo what was done, in the order of `FAMILIES`."""
        return tuple(name for name, of in FAMILIES.items() if set(of) & set(self.kinds))


_GRAIN = {"grain": (-4 / 255, 4 / 255)}
"""What undoes blur enlarges noise that it has never met; below 0 is none, as in half the draws."""

KINDS: dict[str, Kind] = {
    "noise": Kind(
        about="normal noise of that deviation; shares of its variance that are the same in all"
        " channels, and that grow with the light (below 0: none, as in most draws)",
        ranges={"sigma": (2 / 255, 55 / 255), "gray": (-3, 1), "shot": (-2, 1)},
        apply=camera.noise,
    ),
    "jpeg": Kind(
        about="JPEG of that quality, its grid anywhere, colour at half or whole size",
        ranges={"quality": (8, 85)},
        apply=camera.jpeg,
    ),
    "gaussian-blur": Kind(
        about="round Gaussian of that deviation in pixels",
        ranges={"sigma": (0.4, 2.4), **_GRAIN},
        apply=camera.gaussian_blur,
    ),
    "defocus": Kind(
        about="even disc of that radius in pixels, as a lens out of focus makes it",
        ranges={"radius": (0.8, 3.6), **_GRAIN},
        apply=camera.defocus,
    ),
    "motion-blur": Kind(
        about="a path of that length in pixels and any direction, straight or shaken",
        ranges={"length": (3, 14), "bend": (0, 2.5), **_GRAIN},
        apply=camera.motion_blur,
    ),
    "rain": Kind(
        about="streaks in layers, screened or added; PSNR in dB against the clean photo on average",
        ranges={"decibels": (13, 28), "tilt": (-45, 45)},
        apply=overlays.rain,
    ),
    "haze": Kind(
        about="a veil I = J t + A (1 - t), mean of 1 - t, brightness A, relative change of depth",
        ranges={"veil": (0.15, 0.75), "light": (0.65, 1), "variation": (0, 0.45)},
        apply=overlays.haze,
    ),
    "stripes": Kind(
        about="stripes, lace or halftone dots of any angle and colour, period in pixels",
        ranges={"period": (4, 28), "opacity": (0.15, 0.7)},
        apply=overlays.stripes,
    ),
    "holes": Kind(
        about="rectangles, free strokes or lettering that hide a share of the image",
        ranges={"share": (0.02, 0.25)},
        apply=holes,
    ),
    "scratches": Kind(
        about="thin long lines, light or dark, of so many pixels a hundred, and dust",
        ranges={"density": (0.5, 5), "width": (0.6, 2.5)},
        apply=scratches,
    ),
}
"""Every kind that training may draw."""

_IMPULSE = Kind("a share of the pixels turned black or white", {"share": (0.01, 0.1)}, impulse)
UNSEEN: dict[str, Kind] = {"impulse": _IMPULSE}
"""Damage that no training draws, to see what a model does with what it never met."""

FAMILIES: dict[str, tuple[str, ...]] = {
    "inpaint": ("holes", "scratches"),
    "derain": ("rain",),
    "dehaze": ("haze",),
    "destripe": ("stripes",),
    "deblur": ("gaussian-blur", "defocus", "motion-blur"),
    "denoise": ("noise", "jpeg"),
}
"""The tasks of `elegan restore`, and the kinds of damage that each undoes."""

ASKED = ("inpaint", "dehaze")
"""Families that are undone only where they are asked for, as a mask does: a pale photo may be what
was wanted."""

STAGES: tuple[tuple[str, ...], ...] = (
    ("haze",),
    ("rain",),
    ("stripes",),
    ("gaussian-blur", "defocus", "motion-blur"),
    ("noise",),
    ("jpeg",),
    ("holes", "scratches"),
)
"""Kinds in the order in which they come upon a picture: the air, the lens, the sensor, the file,
the print. Several kinds on one image are done in this order, one of each stage at most."""

SHARES = {
    **{"noise": 5, "jpeg": 4, "gaussian-blur": 3, "defocus": 3, "motion-blur": 2, "rain": 3},
    **{"haze": 1, "stripes": 1, "holes": 2, "scratches": 1},
}
"""How often training draws a kind. Blur and noise are what photos have, and hard to learn beside
damage that changes the brightness of whole areas, which outweighs them in every gradient."""

POINTS: dict[str, tuple[str, dict[str, Any]]] = {
    "noise-25": ("noise", {"sigma": 25 / 255, "gray": 0, "shot": 0}),
    "jpeg-20": ("jpeg", {"quality": 20}),
    "gaussian-blur-1.6": ("gaussian-blur", {"sigma": 1.6, "grain": 0}),
    "defocus-3": ("defocus", {"radius": 3, "grain": 0}),
    "motion-blur-11": ("motion-blur", {"length": 11, "bend": 0, "grain": 0}),
    "rain-light": ("rain", {"decibels": 27}),
    "rain-heavy": ("rain", {"decibels": 15}),
    "haze-half": ("haze", {"veil": 0.5, "light": 0.9, "variation": 0.3}),
    "stripes": ("stripes", {"opacity": 0.5}),
    "holes-25": ("holes", {"share": 0.25}),
    "scratches": ("scratches", {"density": 2}),
    "impulse-5": ("impulse", {"share": 0.05}),
}
"""The damage that figures are given for: a kind and the parameters that are held."""


def damage(image: np.ndarray, kind: str, random: Generator, **fixed: Any) -> Degraded:
    """Does one kind of damage, with some parameters held and the others drawn from their ranges.

    Scratches look as on a print; `degrade` hides them as it hides holes.

    Args:
        kind: a name of `KINDS`, `UNSEEN` or `POINTS`.
        random: the same state gives the same damage.
        fixed: parameters of the kind.

    Raises:
        UsageError: the kind is unknown.
    """
    kind, held = POINTS.get(kind, (kind, {}))
    chosen = lookup(KINDS | UNSEEN, kind, "kind of damage")
    drawn = {name: float(random.uniform(*ends)) for name, ends in chosen.ranges.items()}
    parameters = drawn | held | fixed
    changed = chosen.apply(image, random, **parameters)
    no_mask = np.zeros(image.shape[:2], np.float32)
    result, mask = changed if isinstance(changed, tuple) else (changed, no_mask)
    whole = from_bytes(to_bytes(result))
    return Degraded(image=whole, mask=mask, parameters={kind: parameters})


def degrade(
    image: np.ndarray, kinds: Sequence[str], random: Generator, *, most: int = 2
) -> Degraded:
    """Damages an image as a training example: one kind or several, one after the other.

    How many is 1 twice as often as 2, 2 twice as often as 3, to `most` at the most. Kinds are
    drawn from `kinds` as often as `SHARES` says and done in the order of `STAGES`, of a stage one
    at most. Pixels are lost last of all and hold `FILL`, whatever else was done.

    Args:
        kinds: names of `KINDS`.
        most: the most kinds on one image.

    Raises:
        UsageError: a kind is unknown, or there is none.
    """
    if not kinds:
        raise UsageError("No kind of damage was named. Name one, such as 'noise', or leave it out.")
    for kind in kinds:
        lookup(KINDS, kind, "kind of damage")
    stages = {kind: stage for stage, several in enumerate(STAGES) for kind in several}
    left, chosen = list(dict.fromkeys(kinds)), []
    odds = 0.5 ** np.arange(min(most, len({stages[kind] for kind in left})))
    for _ in range(1 + int(random.choice(len(odds), p=odds / odds.sum()))):
        shares = np.array([SHARES[kind] for kind in left])
        chosen.append(left[int(random.choice(len(left), p=shares / shares.sum()))])
        left = [kind for kind in left if stages[kind] != stages[chosen[-1]]]
    chosen.sort(key=lambda kind: stages[kind])
    mask = np.zeros(image.shape[:2], np.float32)
    result, parameters = image, {}
    for kind in chosen:
        done = damage(result, kind, random)
        result, mask = done.image, np.maximum(mask, done.mask)
        parameters |= done.parameters
    return Degraded(image=hide(result, mask), mask=mask, parameters=parameters)


def table() -> str:
    """The kinds, their families and ranges as rows of Markdown."""
    families = {kind: name for name, kinds in FAMILIES.items() for kind in kinds}
    rows = ["| kind | undone by | what it does | ranges in training |", "|---|---|---|---|"]
    for name, kind in (KINDS | UNSEEN).items():
        ends = "; ".join(
            f"{key} {low:.3g} to {high:.3g}" for key, (low, high) in kind.ranges.items()
        )
        drawn = ends if name in KINDS else f"never in training; {ends}"
        rows.append(f"| `{name}` | {families.get(name, 'none')} | {kind.about} | {drawn} |")
    return "\n".join(rows)
