import json
from pathlib import Path

import numpy as np
import pytest

from elegan.applications.characters.outlines import compose, iou, resample
from elegan.applications.characters.parts import COLOURS, KEY_POINTS, PARTS, plan_character
from elegan.applications.characters.planes import fill_outlines
from elegan.applications.characters.points import CharacterPoints, read_points, write_points
from elegan.applications.characters.renderer import render
from elegan.common.errors import EleganError, UsageError


@pytest.fixture
def points() -> CharacterPoints:
    drawn = render(plan_character(0, 3), 64)
    return CharacterPoints(
        outlines={
            name: resample(outline, 32)
            for name, outline in zip(PARTS, drawn.outlines, strict=True)
            if outline is not None
        },
        key_points=dict(zip(KEY_POINTS, drawn.key_points, strict=True)),
        palette={
            slot: tuple(colour)
            for slot, colour in zip(COLOURS, drawn.palette.tolist(), strict=True)
        },
        attributes=drawn.attributes,
    )


@pytest.fixture
def file(points: CharacterPoints, tmp_path: Path) -> Path:
    write_points(tmp_path / "points.json", points)
    return tmp_path / "points.json"


def edit(path: Path, change) -> None:
    table = json.loads(path.read_text(encoding="utf-8"))
    change(table)
    path.write_text(json.dumps(table), encoding="utf-8")


def test_points_come_back_and_give_the_maps(points: CharacterPoints, file: Path) -> None:
    read = read_points(file)
    assert list(read.outlines) == [name for name in PARTS if name in points.outlines]
    for name, outline in points.outlines.items():
        np.testing.assert_allclose(read.outlines[name], outline, atol=1e-5)
    assert read.palette == points.palette
    assert read.attributes == points.attributes
    np.testing.assert_allclose(read.key_points["chin"], points.key_points["chin"], atol=1e-5)
    maps = compose(fill_outlines(read.outlines, 64))
    truth = render(plan_character(0, 3), 64).visible
    assert maps.shape == truth.shape
    assert np.mean([iou(one, other) for one, other in zip(maps, truth, strict=True)]) > 0.9


@pytest.mark.parametrize("value", ["1" + 400 * "0", "1e999", "NaN", "true_", "null"])
def test_what_is_no_number_is_told(file: Path, value: str) -> None:
    text = file.read_text(encoding="utf-8")
    table = json.loads(text)
    table["outlines"]["face"][0][0] = "HERE"
    file.write_text(json.dumps(table).replace('"HERE"', value), encoding="utf-8")
    with pytest.raises(EleganError, match=r"pairs of numbers|not JSON"):
        read_points(file)


@pytest.mark.parametrize("value", [5, None, ["x"], {}])
def test_an_attribute_that_is_no_word_is_told(file: Path, value: object) -> None:
    edit(file, lambda table: table["attributes"].update(expression=value))
    with pytest.raises(EleganError, match="'expression'"):
        read_points(file)


def test_each_part_has_a_line_of_its_own(file: Path) -> None:
    lines = file.read_text(encoding="utf-8").splitlines()
    assert sum(line.startswith('  "front-hair": [[') for line in lines) == 1


def swap(table: dict) -> None:
    outline = table["outlines"]["face"]
    outline[10], outline[20] = outline[20], outline[10]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (swap, r"points.json: The outline of 'face' crosses itself .* between points \d+ and"),
        (lambda t: t["outlines"].pop("face"), "no outline of face"),
        (lambda t: t["outlines"].pop("eye-left"), "no outline of eye-left"),
        (lambda t: t["outlines"]["mouth"].__setitem__(2, [1.2, 0.5]), "'mouth' leaves the canvas"),
        (lambda t: t["outlines"]["mouth"].__setitem__(2, [0.5]), "'mouth' must be made of pairs"),
        (lambda t: t["outlines"]["mouth"].__setitem__(2, "x"), "'mouth' must be made of pairs"),
        (lambda t: t["outlines"].update(fringe=[]), "Unknown part 'fringe'"),
        (lambda t: t["key_points"].update(chin=[0.5, 2]), "key point 'chin' lies off the canvas"),
        (lambda t: t["palette"].update(hair="red"), "colour of 'hair' is 'red'. Write it as"),
        (lambda t: t["palette"].update(hare="#ff0000"), "Did you mean 'hair'"),
        (lambda t: t.update(format="other"), "no file of points"),
        (lambda t: t.update(version=9), "Version 9"),
        (lambda t: t.update(outline={}), "Unknown key 'outline'. Did you mean 'outlines'"),
    ],
)
def test_edits_that_went_wrong_are_explained(file: Path, change, message: str) -> None:
    edit(file, change)
    with pytest.raises(EleganError, match=message):
        read_points(file)


def test_attributes_and_broken_files_are_explained(file: Path) -> None:
    edit(file, lambda table: table["attributes"].update({"hair-colour": "mauve"}))
    with pytest.raises(UsageError, match="'mauve'"):
        read_points(file)
    file.write_text(file.read_text(encoding="utf-8")[:-30], encoding="utf-8")
    with pytest.raises(EleganError, match="not JSON any more"):
        read_points(file)
    with pytest.raises(EleganError, match="cannot be read"):
        read_points(file.with_name("gone.json"))
