import numpy as np

from elegan.applications.characters import parts, sketch


def test_oklch_agrees_with_published_values_and_comes_back() -> None:
    # Ottosson 2020: sRGB red is L 0.628, C 0.258, h 29.2; white is L 1 without chroma.
    red = parts.to_oklch(np.array([255, 0, 0]))
    np.testing.assert_allclose(red, [0.628, 0.2577, 29.23], rtol=2e-3)
    assert parts.to_oklch(np.array([255, 255, 255]))[1] < 1e-3
    every = np.random.default_rng(0).integers(0, 256, (500, 3)).astype(np.uint8)
    np.testing.assert_array_equal(parts.from_oklch(parts.to_oklch(every)), every)


def test_drawn_colours_keep_their_names() -> None:
    random = np.random.default_rng(0)
    for hair in parts.HAIR:
        palette = parts.make_palette(hair, "blue", "fair", random.random(12))
        assert parts.nearest_name(palette[1], parts.HAIR) == hair
        assert parts.nearest_name(palette[0], parts.SKIN) == "fair"


def test_lines_are_darker_than_what_they_bound() -> None:
    random = np.random.default_rng(0)
    for hair in parts.HAIR:
        mixed = sketch.colours(parts.make_palette(hair, "gray", "tan", random.random(12)))
        light = parts.to_oklch(mixed)[:, 0]
        for name in ("back-hair", "front-hair", "clothes", "skin", "neck"):
            assert light[sketch.NUMBER[f"{name}-line"]] < light[sketch.NUMBER[name]] - 0.05
        assert light[sketch.NUMBER["front-hair-light"]] > light[sketch.NUMBER["front-hair"]] + 0.02
