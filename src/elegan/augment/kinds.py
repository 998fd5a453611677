"""The kinds of augmentation by name, the groups of them, and how a setting names both."""

from dataclasses import dataclass

from elegan.errors import UsageError, did_you_mean


@dataclass(frozen=True, kw_only=True)
class Kind:
    """One kind of augmentation.

    Attributes:
        about: what it does and how strongly.
        source: where the strength comes from.
    """

    about: str
    source: str


_DIFFAUGMENT = "Zhao et al. 2020 (DiffAugment), section 3.2"
_ADA = "Karras et al. 2020 (ADA), appendix B"

KINDS: dict[str, Kind] = {
    "flip": Kind(about="left and right exchanged, or not, evenly", source=_ADA),
    "rotate": Kind(about="0 to 3 quarter turns, evenly", source=_ADA),
    "scale": Kind(about="both sides by 2 to the power of a normal of deviation 0.2", source=_ADA),
    "rotation": Kind(about="-15 to 15 degrees", source=f"{_ADA}, which turns fully round"),
    "translation": Kind(about="whole pixels, to 1/8 of the side each way", source=_DIFFAUGMENT),
    "brightness": Kind(about="-0.5 to 0.5 added, of a range of 2", source=_DIFFAUGMENT),
    "saturation": Kind(about="0 to 2 times the distance from gray", source=_DIFFAUGMENT),
    "hue": Kind(about="colours turned about the gray axis, to a full turn", source=_ADA),
    "contrast": Kind(about="0.5 to 1.5 times the distance from the mean", source=_DIFFAUGMENT),
    "cutout": Kind(about="a square of half the side set to mid-gray", source=_DIFFAUGMENT),
    "noise": Kind(about="normal noise, its deviation the size of a normal of 0.1", source=_ADA),
}
"""Every kind, in the order in which `augment` applies them, whatever order they are named in."""

_COLOUR = ("brightness", "saturation", "contrast")

GROUPS: dict[str, tuple[str, ...]] = {
    "none": (),
    "colour": _COLOUR,
    "geometry": ("flip", "rotate", "scale", "rotation", "translation"),
    "diffaugment": ("translation", *_COLOUR, "cutout"),
    "ada": ("flip", "rotate", "scale", "rotation", "translation", *_COLOUR, "hue"),
    # A mirrored or turned digit is another sign or none; everything here leaves its class alone.
    "digits": ("scale", "rotation", "translation", "brightness", "contrast", "cutout"),
    # Photographs have an up and a down, and skin has a hue.
    "photos": ("flip", "scale", "rotation", "translation", *_COLOUR, "cutout"),
    "all": tuple(KINDS),
}
"""Names for sets of kinds: the two papers', and sensible ones for what the images show."""


def parse_kinds(text: str) -> tuple[str, ...]:
    """Reads 'translation,cutout', 'digits' or 'photos,hue'; '' and 'none' are no kinds.

    Returns:
        The kinds, each once, in the order of `KINDS`.

    Raises:
        UsageError: a name is neither a kind nor a group; the nearest is named.
    """
    chosen: set[str] = set()
    for name in (part.strip() for part in text.split(",")):
        if name in KINDS:
            chosen.add(name)
        elif name in GROUPS:
            chosen.update(GROUPS[name])
        elif name or text.strip():
            known = [*KINDS, *GROUPS]
            raise UsageError(
                f"Unknown augmentation '{name}'.{did_you_mean(name, known)}"
                f" Kinds: {', '.join(KINDS)}. Groups: {', '.join(GROUPS)}."
                " Type names separated by commas, such as translation,cutout."
            )
    return tuple(name for name in KINDS if name in chosen)
