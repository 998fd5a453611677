import numpy as np

from elegan.applications.characters import colours
from elegan.applications.characters.drawing import inks
from elegan.applications.characters.parts import EYE_COLOURS, HAIR_COLOURS, SKINS


def test_every_named_colour_has_a_recipe() -> None:
    assert tuple(colours.HAIR) == HAIR_COLOURS
    assert tuple(colours.EYE) == EYE_COLOURS
    assert tuple(colours.SKIN) == SKINS


def test_oklch_agrees_with_published_values_and_comes_back() -> None:
    # Ottosson 2020: sRGB red is L 0.628, C 0.258, h 29.2; white is L 1 without chroma.
    red = colours.to_oklch(np.array([255, 0, 0]))
    np.testing.assert_allclose(red, [0.628, 0.2577, 29.23], rtol=2e-3)
    assert colours.to_oklch(np.array([255, 255, 255]))[1] < 1e-3
    every = np.random.default_rng(0).integers(0, 256, (500, 3)).astype(np.uint8)
    np.testing.assert_array_equal(colours.from_oklch(colours.to_oklch(every)), every)


def test_drawn_colours_keep_their_names() -> None:
    random = np.random.default_rng(0)
    for hair in HAIR_COLOURS:
        palette = colours.make_palette(hair, "blue", "fair", random.random(12))
        assert colours.nearest_name(palette[1], colours.HAIR) == hair
        assert colours.nearest_name(palette[0], colours.SKIN) == "fair"


def test_lines_are_darker_than_what_they_bound() -> None:
    random = np.random.default_rng(0)
    for hair in HAIR_COLOURS:
        mixed = inks.colours(colours.make_palette(hair, "gray", "tan", random.random(12)))
        light = colours.to_oklch(mixed)[:, 0]
        for name in ("back-hair", "front-hair", "clothes", "skin", "neck"):
            assert light[inks.NUMBER[f"{name}-line"]] < light[inks.NUMBER[name]] - 0.05
        assert light[inks.NUMBER["front-hair-light"]] > light[inks.NUMBER["front-hair"]] + 0.02
