"""Characters from a model: of true maps, of points, as files, and refused with a reason."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import elegan
from elegan.applications.characters.fitting import fault_of_maps, find_outlines
from elegan.applications.characters.making import make_characters
from elegan.applications.characters.map_model import (
    MapModel,
    join_stages,
    resolve_attributes,
    save_stage,
)
from elegan.applications.characters.model import CharacterModel
from elegan.applications.characters.networks import AttributeCode, MapGenerator, PointNetwork
from elegan.applications.characters.outlines import fill, iou
from elegan.applications.characters.parts import INDEX, PARTS
from elegan.applications.characters.planes import (
    GENERATED,
    INPUTS,
    PLANES,
    flat,
    from_premultiplied,
    map_planes,
    read_palette,
    render_inputs,
    to_premultiplied,
)
from elegan.applications.characters.renderer import drawn_characters
from elegan.cli import main
from elegan.common.errors import EleganError, UsageError
from elegan.models import saving, shipping
from elegan.networks import ImageShape, TranslationShape, build_translator

SIDE, RESOLUTION = 32, 32
ATTRIBUTES = {"hair-style": ["bob", "long"], "expression": ["happy", "sad", "calm"]}


@pytest.fixture(scope="module")
def drawn():
    return drawn_characters(4, RESOLUTION, seed=5)


@pytest.fixture(scope="module")
def planes(drawn) -> np.ndarray:
    assert drawn.amodal is not None
    pairs = zip(drawn.amodal / 255, drawn.palettes, strict=True)
    return np.stack([map_planes(*one) for one in pairs]).astype(np.float32)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An untrained model: its outlines cannot be filled, so that they are traced on the maps."""
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("model")
    sizes = {"width": 8, "latent": 4, "attributes": [2, 3], **GENERATED}
    maps = MapGenerator(ImageShape(resolution=SIDE, channels=PLANES), **sizes)
    torch.nn.init.normal_(maps.to_patches.weight, std=0.5)
    maps.mean.zero_()
    points = {"parts": len(PARTS), "key_points": 21, "outline": 32, "width": 8}
    render = {"width": 8, "depth": 1}
    shape = TranslationShape(inputs=INPUTS, outputs=4)
    save_stage(
        path / "maps",
        "maps",
        maps,
        {**sizes, "resolution": SIDE},
        {"attributes": ATTRIBUTES, "codes": [0, 4], "data": {"name": "x", "licence": ""}},
        {},
    )
    save_stage(
        path / "points",
        "points",
        PointNetwork(**points),
        points,
        {"resolution": SIDE},
        {},
    )
    save_stage(
        path / "render",
        "render",
        build_translator("restorer", shape, **render),
        render,
        {"network": "restorer", "resolution": RESOLUTION},
        {},
    )
    join_stages({one: path / one for one in ("maps", "points", "render")}, path / "model")
    return path


@pytest.fixture
def model(folder: Path, planes: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> CharacterModel:
    """The model, its first stage replaced by true maps."""

    def draw(self, numbers, *, seed, asked=None):
        numbers = list(numbers)
        codes = [self.code_of(asked or {}, np.random.default_rng(one)) for one in numbers]
        return np.stack([planes[one % len(planes)] for one in numbers]), codes

    monkeypatch.setattr(MapModel, "draw", draw)
    return CharacterModel.load(folder)


def test_true_maps_are_valid_and_broken_ones_are_named(planes: np.ndarray) -> None:
    assert [fault_of_maps(one[: len(PARTS)]) for one in planes] == [None] * len(planes)
    maps = planes[0, : len(PARTS)].copy()
    swapped = maps.copy()
    swapped[[INDEX["eye-left"], INDEX["eye-right"]]] = maps[[INDEX["eye-right"], INDEX["eye-left"]]]
    assert fault_of_maps(swapped) == "eyes in the wrong order"
    blind = maps.copy()
    blind[INDEX["eye-left"]] = 0
    assert fault_of_maps(blind) == "no eye-left"
    away = maps.copy()
    away[INDEX["mouth"]] = 0
    away[INDEX["mouth"], 0:3, 0:4] = 1
    assert fault_of_maps(away) == "mouth outside the face"
    holed = maps.copy()  # as in data that know only what is seen
    holed[INDEX["face"]] *= 1 - holed[[INDEX["eye-left"], INDEX["eye-right"]]].sum(0).clip(0, 1)
    assert fault_of_maps(holed) is None
    two = maps.copy()
    two[INDEX["face"], :, 15:17] = 0
    assert fault_of_maps(two) == "more than one face"


def test_the_palette_is_read_back_from_the_planes(planes: np.ndarray, drawn) -> None:
    for one, palette in zip(planes, drawn.palettes, strict=True):
        read, found = read_palette(one)
        assert found[[0, 1, 4, 5]].all()  # irises and mouths may be too small
        assert np.abs(read[[0, 1, 4, 5]].astype(int) - palette[[0, 1, 4, 5]]).max() < 25


def test_premultiplied_colours_come_back(drawn) -> None:
    image = np.asarray(drawn.images[0])
    again = from_premultiplied(to_premultiplied(image))
    opaque = image[..., 3] == 255
    assert np.array_equal(again[opaque], image[opaque])
    assert np.array_equal(again[..., 3], image[..., 3])


def test_an_untrained_renderer_gives_the_flat_filling(model: CharacterModel, drawn) -> None:
    seen, palette = drawn.maps[0] / np.float32(255), drawn.palettes[0]
    lines = np.zeros((RESOLUTION, RESOLUTION), np.float32)
    made = model.render_masks(seen, lines, palette)
    colours, opacity = flat(seen, palette)
    wanted = np.concatenate([colours, opacity[None]]).transpose(1, 2, 0) * 2 - 1
    assert np.abs(made.astype(int) - from_premultiplied(wanted)).max() <= 1
    assert render_inputs(seen, lines, palette).shape == (INPUTS, RESOLUTION, RESOLUTION)


def test_characters_do_not_depend_on_how_many_are_asked_for(folder: Path) -> None:
    maps = MapModel.load(folder)
    few, _ = maps.draw(range(2), seed=3)
    many, codes = maps.draw(range(4), seed=3)
    assert np.abs(few - many[:2]).max() < 1e-5
    assert set(codes) <= {0, 4}  # only what the data had
    other, _ = maps.draw(range(2), seed=4)
    assert not np.allclose(few, other)


def test_attributes_that_are_asked_for_are_given(folder: Path) -> None:
    maps = MapModel.load(folder)
    random = np.random.default_rng(0)
    code = maps.code_of({"hair-style": "long", "expression": "calm"}, random)
    assert maps.values_of(code) == {"hair-style": "long", "expression": "calm"}
    assert code == AttributeCode([2, 3]).encode((1, 2))
    known = {"hair-style": ("bob", "long"), "hair-colour": ("pink", "black")}
    assert resolve_attributes({"hair": "pink"}, known) == {"hair-colour": "pink"}
    with pytest.raises(UsageError, match="Did you mean 'hair-colour'"):
        resolve_attributes({"hair-color": "pink"}, known)
    with pytest.raises(UsageError, match="Did you mean 'pink'"):
        resolve_attributes({"hair": "pinc"}, known)


def test_outlines_follow_the_maps_where_the_network_is_off(drawn) -> None:
    random = np.random.default_rng(0)
    for row in range(len(drawn)):
        amodal = drawn.amodal[row] / np.float32(255)
        truth = np.nan_to_num(drawn.outlines[row].astype(np.float64), nan=0.5)
        guesses = truth + random.normal(0, 0.008, truth.shape)
        found = find_outlines(amodal, guesses)
        there = {name for name, one in zip(PARTS, amodal, strict=True) if one.max() > 0.12}
        assert set(found.outlines) | set(found.dropped) == there
        for name in ("back-hair", "clothes", "face", "neck", "front-hair"):
            part = INDEX[name]
            assert iou(fill(found.outlines[name], RESOLUTION), amodal[part]) > 0.94
            assert np.abs(found.outlines[name] - truth[part]).mean() < 0.03
        assert iou(fill(found.outlines["face"], RESOLUTION), amodal[INDEX["face"]]) > 0.98


def test_a_guess_that_cannot_be_filled_is_traced_and_a_missing_part_left_out(drawn) -> None:
    amodal = drawn.amodal[0] / np.float32(255)
    guesses = np.nan_to_num(drawn.outlines[0].astype(np.float64), nan=0.5)
    guesses[INDEX["face"]] = 0.5  # a point encloses nothing
    amodal[INDEX["eye-left"]] = 0
    found = find_outlines(amodal, guesses)
    assert "face" in found.traced
    assert "eye-left" not in found.outlines
    assert "iris-left" not in found.outlines


def test_files_of_every_stage_are_written(model: CharacterModel, tmp_path: Path) -> None:
    made = make_characters(
        model,
        tmp_path,
        n=2,
        attributes={"hair": "pink"},
        palette="lock",
        stages=True,
        svg=True,
        sprite_sheet=True,
        transparent=True,
    )
    assert {one.name for one in tmp_path.glob("[!.]*")} == {one.name for one in made.files}
    assert sum("-1-maps" in one.name for one in made.files) == 2
    first, second = made.characters
    assert first.points.palette == second.points.palette
    assert first.valid
    assert first.attempts == 1
    assert Image.open(tmp_path / "0-0000.png").mode == "RGBA"
    assert Image.open(tmp_path / "sprites.png").size == (2 * RESOLUTION, RESOLUTION)
    assert "<path" in (tmp_path / "0-0001.svg").read_text()
    json.dumps(made.to_dict())


def test_edited_points_are_rendered_again(model: CharacterModel, tmp_path: Path) -> None:
    made = make_characters(model, tmp_path / "a", n=1)
    path = tmp_path / "a" / "0-0000.points.json"
    same = make_characters(model, tmp_path / "b", points=path)
    assert np.abs(same.characters[0].image.astype(int) - made.characters[0].image).max() <= 2
    table = json.loads(path.read_text())
    table["palette"]["hair"] = "#00ff00"
    path.write_text(json.dumps(table))
    edited = path.read_bytes()
    green = make_characters(model, tmp_path / "a", points=path)  # also beside the points themselves
    assert not np.array_equal(green.characters[0].image, made.characters[0].image)
    with pytest.raises(UsageError, match=r"points\.json .*was changed since elegan wrote it"):
        make_characters(model, tmp_path / "a", n=1)
    assert path.read_bytes() == edited


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda table: table["outlines"].pop("face"), "no outline of face"),
        (lambda table: table["outlines"]["face"][4].__setitem__(0, 1.4), "leaves the canvas"),
        (lambda table: table["outlines"]["face"].reverse(), "anticlockwise"),
        (
            lambda table: table["outlines"].update(
                face=[[0.2, 0.2], [0.8, 0.8], [0.8, 0.2], [0.2, 0.8]]
            ),
            "crosses itself|encloses nothing",
        ),
        (lambda table: table["palette"].update(hairs="#000000"), "Did you mean 'hair'"),
    ],
)
def test_points_that_cannot_be_drawn_are_refused(
    model: CharacterModel, tmp_path: Path, change, message: str
) -> None:
    make_characters(model, tmp_path, n=1)
    path = tmp_path / "0-0000.points.json"
    table = json.loads(path.read_text())
    change(table)
    path.write_text(json.dumps(table))
    with pytest.raises(EleganError, match=message):
        make_characters(model, tmp_path / "out", points=path)


def test_a_palette_is_read_from_a_file_and_checked(model: CharacterModel, tmp_path: Path) -> None:
    path = tmp_path / "palette.json"
    path.write_text('{"hair": "#102030"}')
    made = make_characters(model, tmp_path / "out", n=1, palette=path)
    assert made.characters[0].points.palette["hair"] == (16, 32, 48)
    with pytest.raises(UsageError, match="Did you mean 'hair'"):
        make_characters(model, tmp_path / "out", palette={"hare": "#000000"})
    with pytest.raises(UsageError, match="#rrggbb"):
        make_characters(model, tmp_path / "out", palette={"hair": "#0000"})


def test_a_film_closes_and_its_stops_are_the_characters(
    model: CharacterModel, tmp_path: Path
) -> None:
    made = model.generate(2)
    frames = list(model.film([one.points for one in made], frames=2))
    assert len(frames) == 4
    assert np.abs(frames[0].image.astype(int) - made[0].image).max() <= 1
    assert np.abs(frames[2].image.astype(int) - made[1].image).max() <= 1
    make_characters(model, tmp_path, n=2, gif=True)
    assert Image.open(tmp_path / "interpolation.gif").n_frames > 2  # pyright: ignore


def test_the_verb_makes_characters(model, folder: Path, tmp_path: Path, capsys) -> None:
    words = ["character", "--model", str(folder), "-n", "2", "--out", str(tmp_path), "--json"]
    assert main([*words, "--attribute", "hair=teal", "--attribute", "expression=sad"]) == 0
    facts = json.loads(capsys.readouterr().out)
    asked = facts["characters"][1]["attributes"]
    assert (asked["hair-colour"], asked["expression"]) == ("teal", "sad")
    assert main([*words, "--attribute", "hare=teal"]) == 2
    assert "Did you mean 'hair" in capsys.readouterr().err
    assert main([*words, "--attribute", "teal"]) == 2
    assert "NAME=VALUE" in capsys.readouterr().err


def test_a_shipped_model_serves_where_none_is_named(
    model, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    monkeypatch.setattr(saving, "SHIPPED", tmp_path / "shipped")
    with pytest.raises(EleganError, match="No model of characters comes with"):
        CharacterModel.load()
    shutil.copytree(folder / "model", tmp_path / "shipped" / "characters")
    assert main(["character", "--out", str(tmp_path / "made"), "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert (facts["maps_drawn"], facts["maps_rejected"]) == (1, 0)
    assert (tmp_path / "made" / "0-0000.png").exists()


def test_the_model_that_comes_with_elegan_draws_what_is_asked_and_is_small() -> None:
    folders = shipping.shipped_of("characters")
    assert sum(one.stat().st_size for one in folders[0].iterdir()) < 5_000_000
    asked = {"hair-colour": "pink", "skin": "fair"}
    one, again = (CharacterModel.load().generate(1, seed=3, attributes=asked)[0] for _ in range(2))
    assert np.array_equal(one.image, again.image)
    assert one.valid
    assert {"face", "eye-left", "eye-right", "mouth"} <= set(one.points.outlines)
    middle = one.image[RESOLUTION // 4 : RESOLUTION // 2, one.image.shape[1] // 2]
    red, green, blue = middle[..., :3].astype(float).mean(axis=0)
    assert red > blue > green  # pink hair at the top of the head
    assert one.image[0, 0, 3] == 0


def test_maps_that_are_not_valid_are_drawn_anew_and_counted(
    folder: Path, planes: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blind = planes[0].copy()
    blind[INDEX["eye-left"]] = 0

    def draw(self, numbers, *, seed, asked=None):
        bad = [one % 2 == 0 and one < 1000 for one in numbers]  # the first draw of each other one
        return np.stack([blind if one else planes[1] for one in bad]), [0 for _ in bad]

    monkeypatch.setattr(MapModel, "draw", draw)
    made = make_characters(CharacterModel.load(folder), tmp_path, n=4)
    assert [one.attempts for one in made.characters] == [2, 1, 2, 1]
    assert (made.drawn, made.rejected) == (6, 2)
    assert "2 of 6 maps drawn (33%) were not valid" in made.text()


def test_models_of_other_tasks_are_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="not for 'characters'"):
        CharacterModel.load(folder / "maps")
    with pytest.raises(EleganError, match="nothing at"):
        elegan.character(tmp_path / "none", out=tmp_path)
    weights = next((folder / "model").glob("points-*.safetensors"))
    kept = weights.read_bytes()
    weights.write_bytes(kept[:-8] + b"damaged!")
    try:
        with pytest.raises(EleganError, match="SHA-256"):
            CharacterModel.load(folder)
    finally:
        weights.write_bytes(kept)
