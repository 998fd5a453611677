"""The verb that makes characters."""

from tyro.conf import UseAppendAction

import elegan
from elegan.common.errors import UsageError
from elegan.verbs.answer import Answer


def character(
    *,
    model: str | None = None,
    n: int = 1,
    seed: int = 0,
    attribute: UseAppendAction[tuple[str, ...]] = (),
    stages: bool = False,
    transparent: bool = False,
    svg: bool = False,
    sprite_sheet: bool = False,
    gif: bool = False,
    palette: str | None = None,
    points: str | None = None,
    out: str = "characters",
) -> Answer:
    """Make characters: maps of parts, key points, outlines, the finished picture.

    Args:
        model: a run of task characters or its model; by default the shipped one.
        n: how many (also -n).
        seed: of every draw; the same gives the same characters.
        attribute: NAME=VALUE, such as hair=pink; may be repeated.
        stages: also pictures of the feature map, the key points and the outline.
        transparent: on nothing in place of white.
        svg: also the outlines as SVG, filled with flat colours.
        sprite_sheet: also all characters in one picture.
        gif: also a film from each character to the next.
        palette: lock gives all the colours of the first; or a JSON file of colours.
        points: a file NAME.points.json, edited or not, to be rendered in place of a draw.
        out: a folder.
    """
    asked = {}
    for one in attribute:
        name, equals, value = one.partition("=")
        if not (name and equals and value):
            raise UsageError(f"--attribute '{one}' is not understood. Type NAME=VALUE: hair=pink.")
        asked[name] = value
    found = elegan.characters(
        model,
        out=out,
        n=n,
        seed=seed,
        attributes=asked,
        palette=palette,
        points=points,
        stages=stages,
        transparent=transparent,
        svg=svg,
        sprite_sheet=sprite_sheet,
        gif=gif,
    )
    return Answer(found.text(), found.facts())
