"""Characters drawn from their points: at any size, as the points and the expression say."""

from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from elegan.applications.characters.making import make_characters
from elegan.applications.characters.model import Character, CharacterModel
from elegan.applications.characters.outlines import resample
from elegan.applications.characters.parts import (
    COLOURS,
    KEY_POINTS,
    PARTS,
    plan_character,
)
from elegan.applications.characters.planes import on_white
from elegan.applications.characters.points import CharacterPoints, as_colour, blended
from elegan.applications.characters.portrait import portrait
from elegan.applications.characters.renderer import painted, render
from elegan.applications.characters.shapes import EXPRESSIONS
from elegan.applications.characters.vector import svg
from elegan.common.errors import UsageError
from elegan.metrics.image_quality import psnr


def _points(index: int, **attributes: str) -> tuple[CharacterPoints, np.ndarray]:
    """The points of a character of the renderer, and its true picture on white."""
    drawn = render(plan_character(0, index, attributes=attributes), 128)
    pairs = zip(PARTS, drawn.outlines, strict=True)
    outlines = {name: resample(one) for name, one in pairs if one is not None}
    palette = {slot: as_colour(drawn.palette[place]) for place, slot in enumerate(COLOURS)}
    places = dict(zip(KEY_POINTS, drawn.key_points.astype(float), strict=True))
    return CharacterPoints(outlines, places, palette, drawn.attributes), on_white(drawn.image)


def _palette(points: CharacterPoints) -> np.ndarray:
    return np.array([points.palette[slot] for slot in COLOURS], np.uint8)


def _drawn(points: CharacterPoints, size: int = 128) -> np.ndarray:
    return on_white(painted(portrait(points), _palette(points), size))


@pytest.fixture(scope="module")
def model() -> CharacterModel:
    return CharacterModel.load()


def test_true_points_are_drawn_nearly_as_the_renderer_draws_them() -> None:
    near, flat = [], []
    for index in range(8):
        points, truth = _points(index)
        near.append(psnr(_drawn(points), truth))
        other = _points(index + 1)[1]
        flat.append(psnr(other, truth))
    assert np.mean(near) > 20
    assert min(near) > 17
    assert np.mean(near) > np.mean(flat) + 8


@pytest.mark.parametrize("name", ["eye-left", "nose", "eye-right"])
def test_what_a_key_point_places_moves_with_it(name: str) -> None:
    points, _ = _points(3, expression="neutral", fringe="up")
    before = _drawn(points, 256).astype(int)
    place = points.key_points[name]
    moved = replace(points, key_points={**points.key_points, name: place + np.array([0.02, 0])})
    rows, columns = np.nonzero(np.abs(_drawn(moved, 256) - before).max(axis=2) > 30)
    assert len(rows) > 20
    away = np.hypot(columns / 256 - place[0], rows / 256 - place[1])
    assert away.max() < 0.15  # there, and nowhere else


@pytest.mark.parametrize("expression", list(EXPRESSIONS))
def test_an_eye_that_the_expression_closes_has_no_iris(
    expression: str, model: CharacterModel
) -> None:
    mood = EXPRESSIONS[expression]
    for made in model.generate(3, seed=7, attributes={"expression": expression}):
        assert made.valid
        for side in ("left", "right"):
            assert (f"iris-{side}" in made.points.outlines) != mood.closes(side)


def test_colours_lie_among_those_that_were_learnt_from(model: CharacterModel) -> None:
    known = np.stack([plan_character(0, index, split="train").palette for index in range(512)])
    low, high = known.min(axis=0), known.max(axis=0)
    for made in model.generate(6, seed=2):
        palette = _palette(made.points)
        assert (palette >= low).all()
        assert (palette <= high).all()


def test_pictures_have_the_size_asked_for_and_agree(model: CharacterModel) -> None:
    (made,) = model.generate(1, seed=4)
    assert model.finished(made).shape == (512, 512, 4)
    large = model.finished(made, 256).reshape(128, 2, 128, 2, 4).mean(axis=(1, 3))
    assert psnr(np.rint(large).astype(np.uint8), model.finished(made, 128)) > 35


def test_a_style_of_its_own_is_painted_and_has_no_other_size(model: CharacterModel) -> None:
    data = {**model.config["maps"], "data": {"name": "portraits", "licence": ""}}
    own = replace(model, config={**model.config, "maps": data})
    made = Character(points=_points(0)[0], image=np.zeros((64, 64, 4), np.uint8))
    assert own.finished(made) is made.image
    with pytest.raises(UsageError, match=r"paints in its own, at 64 pixels: leave --size out"):
        own.finished(made, 512)


def test_the_svg_holds_the_drawing(tmp_path: Path) -> None:
    points, _ = _points(2, expression="happy")
    text = svg(portrait(points), _palette(points), 512)
    root = ElementTree.fromstring(text)
    kind = "{http://www.w3.org/2000/svg}"
    clips = {one.get("id") for one in root.iter(f"{kind}clipPath")}
    used = [one.get("clip-path") for one in root.iter(f"{kind}path")]
    assert {one[5:-1] for one in used if one} == clips
    tones = {one.get("fill") for one in root.findall(f"{kind}path")}
    shown = {f"#{bytes(one).hex()}" for one in _drawn(points, 512).reshape(-1, 3)}
    assert len(tones - shown) <= 4  # what is hidden behind others
    assert f"#{bytes(points.palette['clothes']).hex()}" in tones


def test_a_film_keeps_its_transparency(model: CharacterModel, tmp_path: Path) -> None:
    make_characters(model, tmp_path, n=2, seed=1, size=64, gif=True, transparent=True)
    with Image.open(tmp_path / "interpolation.gif") as film:
        assert film.size == (64, 64)
        for frame in range(film.n_frames):
            film.seek(frame)
            alpha = np.asarray(film.convert("RGBA"))[..., 3]
            assert alpha[0, 0] == 0
            assert alpha[32, 32] == 255


def test_between_two_characters_a_nose_and_pupils_stay() -> None:
    start, end = _points(3)[0], _points(5)[0]
    middle = blended(start, end, 0.25)
    assert middle.attributes == start.attributes
    assert set(middle.key_points) == set(KEY_POINTS)
    np.testing.assert_allclose(
        middle.key_points["nose"], 0.75 * start.key_points["nose"] + 0.25 * end.key_points["nose"]
    )
    same = blended(start, end, 0.0)
    assert np.array_equal(_drawn(same), _drawn(start))


def test_points_without_key_points_can_be_drawn() -> None:
    for expression in ("laughing", "neutral"):
        points, _ = _points(1, expression=expression)
        picture = _drawn(replace(points, key_points={}))
        assert psnr(picture, _drawn(points)) > 18
