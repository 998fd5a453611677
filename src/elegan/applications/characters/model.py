"""A trained model of characters: maps from noise, points on them, curves, fillings, pictures."""

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from elegan.applications.characters.fitting import FoundOutlines, fault_of_maps, find_outlines
from elegan.applications.characters.map_model import TASK, MapModel, resolve_attributes
from elegan.applications.characters.networks import PointNetwork
from elegan.applications.characters.outlines import POINTS, compose
from elegan.applications.characters.parts import (
    COLOURS,
    EYE,
    HAIR,
    INDEX,
    INSIDE,
    KEY_POINTS,
    PARTS,
    SKIN,
    from_oklch,
    plan_character,
)
from elegan.applications.characters.planes import (
    INPUTS,
    fill_outlines,
    from_premultiplied,
    read_palette,
    render_inputs,
    strokes,
)
from elegan.applications.characters.points import (
    REQUIRED,
    CharacterPoints,
    Colours,
    as_colour,
    blended,
)
from elegan.applications.characters.portrait import SIDES, portrait
from elegan.applications.characters.renderer import DRAWN, painted
from elegan.applications.characters.shapes import EXPRESSIONS
from elegan.common.errors import EleganError, UsageError
from elegan.models.saving import UNREADABLE, find_model, load_part, read_config
from elegan.models.shipping import shipped_of
from elegan.networks import TranslationShape, Translator, build_translator

SIZE = 512
"""Of a drawing, in pixels a side."""
ATTEMPTS = 16  # draws of maps for one character before it is given up
_PALETTES, _NEAREST = 512, 3  # that colours are compared with, and taken the mean of
_STEP = 100_003  # numbers of a character's attempts lie so far apart
_NAMED_COLOURS = {
    "hair-colour": ("hair", HAIR),
    "eye-colour": ("iris", EYE),
    "skin": ("skin", SKIN),
}
_FALLBACK = {"skin": (250, 222, 200), "hair": (90, 70, 60), "iris": (80, 110, 170)}
_FALLBACK |= {"mouth": (120, 40, 45), "clothes": (90, 100, 130), "trim": (220, 215, 200)}


@dataclass(frozen=True, kw_only=True, eq=False)
class Character:
    """One character with what each stage made of it.

    Attributes:
        points: outlines, key points, palette and attributes: what a person may edit.
        image: uint8 [R, R, 4].
        planes: float32 [15, M, M] in 0..1, what the first stage drew; None where the points were
            given.
        valid: whether the maps have one face with two eyes and a mouth in it.
        attempts: how many maps were drawn until valid ones came.
        traced: parts whose outline by the network could not be filled, or agreed less with the map
            than one traced there.
        dropped: parts of the map for which neither served.
    """

    points: CharacterPoints
    image: np.ndarray
    planes: np.ndarray | None = None
    valid: bool = True
    attempts: int = 1
    traced: tuple[str, ...] = ()
    dropped: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Returns what `--json` says of it."""
        palette = self.points.palette.items()
        return {
            "attributes": dict(self.points.attributes),
            "palette": {slot: f"#{bytes(colour).hex()}" for slot, colour in palette},
            "valid_maps": self.valid,
            "attempts": self.attempts,
            "traced": list(self.traced),
            "dropped": list(self.dropped),
        }


@dataclass(frozen=True, kw_only=True, eq=False)
class CharacterModel:
    """The three stages, loaded.

    Attributes:
        config: model.json.
        maps: the first stage.
        points: the second, in evaluation mode.
        render: the third, in evaluation mode.
    """

    config: Mapping[str, Any]
    maps: MapModel
    points: PointNetwork
    render: Translator = field(repr=False)

    @classmethod
    def load(cls, path: str | Path | None = None) -> "CharacterModel":
        """Loads a run folder or a model folder of task `characters`; None for a shipped one.

        Raises:
            UsageError: the model is for another task.
            EleganError: there is no model, or it is damaged.
        """
        folder = _shipped() if path is None else find_model(Path(path))
        try:
            facts = read_config(folder)
            if facts.get("task") != TASK:
                raise UsageError(
                    f"The model in {folder} is for '{facts.get('task')}', not for '{TASK}'. Name"
                    " the run folder of `elegan train DATA --task characters`, all of whose stages"
                    " are complete."
                )
            maps = MapModel.from_entry(folder, facts["maps"])
            points = PointNetwork(**facts["points"]["sizes"])
            load_part(folder, facts["points"], points)
            entry = facts["render"]
            shape = TranslationShape(inputs=INPUTS, outputs=4)
            render = build_translator(entry["network"], shape, **entry["sizes"])
            load_part(folder, entry, render)
        except UNREADABLE as error:
            raise EleganError(f"The model in {folder} cannot be read: {error}.") from error
        return cls(config=facts, maps=maps, points=points.eval(), render=render.eval())

    @property
    def resolution(self) -> int:
        """Of the pictures, in pixels a side."""
        return self.config["resolution"]

    @property
    def attributes(self) -> dict[str, tuple[str, ...]]:
        """What can be asked for: the first stage's attributes, and colours by name."""
        colours = {name: tuple(table) for name, (_, table) in _NAMED_COLOURS.items()}
        return {**self.maps.attributes, **colours}

    def generate(
        self,
        n: int = 1,
        *,
        seed: int = 0,
        attributes: Mapping[str, str] | None = None,
        palette: Colours | None = None,
        watch: Callable[[int], None] | None = None,
    ) -> list[Character]:
        """Makes characters; number i of a seed is the same whatever `n` is.

        Args:
            attributes: values asked for; `hair` is short for the one of hair-colour, hair-style.
            palette: colours that are given, by slot.
            watch: told how many are done.

        Raises:
            UsageError: an attribute, a value or a colour slot is unknown.
            EleganError: a character lacks a part that it needs, however often maps are drawn.
        """
        asked = resolve_attributes(attributes or {}, self.attributes)
        made = []
        for number in range(n):
            made.append(self._generate(number, seed, asked, palette or {}))
            if watch is not None:
                watch(number + 1)
        return made

    def _generate(
        self, number: int, seed: int, asked: Mapping[str, str], palette: Colours
    ) -> Character:
        """Draws maps until they are valid; else the last are used, as far as they go."""
        for attempt in range(ATTEMPTS):
            planes, codes = self.maps.draw([number + attempt * _STEP], seed=seed, asked=asked)
            attributes = {**self.maps.values_of(codes[0]), **asked}
            valid = self.fault(planes[0], attributes) is None
            if valid or attempt + 1 == ATTEMPTS:
                made = self.from_planes(planes[0], attributes=attributes, palette=palette)
                if made is not None:
                    return replace(made, valid=valid, attempts=attempt + 1)
        raise EleganError(
            f"Character {number} of seed {seed} came out without"
            f" {', '.join(REQUIRED)} that can be drawn, {ATTEMPTS} times. Train the stage maps"
            " longer, or take another --seed."
        )

    def fault(self, planes: np.ndarray, attributes: Mapping[str, str]) -> str | None:
        """Says why planes [15, M, M] are no valid character, or None where they are.

        Irises are taken out of eyes that the expression closes, and must be in the others.
        """
        mood = EXPRESSIONS.get(attributes.get("expression", "")) if self.draws else None
        closed = [] if mood is None else [f"iris-{one}" for one in SIDES if mood.closes(one)]
        for name in closed:
            planes[INDEX[name]] = 0
        irises = [] if mood is None else [name for name in INSIDE if name not in closed]
        return fault_of_maps(planes[: len(PARTS)], irises)

    def from_planes(
        self,
        planes: np.ndarray,
        *,
        attributes: Mapping[str, str] | None = None,
        palette: Colours | None = None,
    ) -> Character | None:
        """Takes planes [15, M, M] through the later stages; None where a needed part is missing."""
        found, key_points = self.find_points(planes[: len(PARTS)])
        if any(name not in found.outlines for name in REQUIRED):
            return None
        # Colours as given, else as asked for by name, else as read from the flat planes.
        attributes = attributes or {}
        read, is_read = read_palette(planes)
        usual = np.array([_FALLBACK[slot] for slot in COLOURS], np.uint8)
        read = np.where(is_read[:, None], read, usual)
        if self.draws:
            read = _seen_before(read)
        colours: dict[str, tuple[int, int, int]] = {}
        colours |= zip(COLOURS, map(as_colour, read), strict=True)
        for name, (slot, table) in _NAMED_COLOURS.items():
            if attributes.get(name) in table:
                colours[slot] = as_colour(from_oklch(np.array(table[attributes[name]])))
        colours |= palette or {}
        made = self.from_points(CharacterPoints(found.outlines, key_points, colours, attributes))
        return replace(made, planes=planes, traced=found.traced, dropped=found.dropped)

    def find_points(self, amodal: np.ndarray) -> tuple[FoundOutlines, dict[str, np.ndarray]]:
        """Maps [P, M, M] -> outlines that agree with them and can be filled, and key points."""
        facial, guesses = self.predict_points(amodal[None])
        return find_outlines(amodal, guesses[0]), dict(zip(KEY_POINTS, facial[0], strict=True))

    @torch.inference_mode()
    def predict_points(self, amodal: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Maps [N, P, M, M] in 0..1 -> facial points [N, K, 2] and outlines [N, P, 32, 2]."""
        maps = torch.from_numpy(np.ascontiguousarray(amodal, np.float32)) * 2 - 1
        places = self.points(maps).numpy().astype(np.float64).clip(0, 1)
        count = len(KEY_POINTS)
        return places[:, :count], places[:, count:].reshape(len(maps), len(PARTS), POINTS, 2)

    def from_points(self, points: CharacterPoints) -> Character:
        """Fills the outlines and renders; what the points do not say of colours is usual."""
        colours = {slot: points.palette.get(slot, _FALLBACK[slot]) for slot in COLOURS}
        palette = np.array(list(colours.values()), np.uint8)
        masks = fill_outlines(points.outlines, self.resolution)
        image = self.render_masks(compose(masks), strokes(points.outlines, masks), palette)
        named = dict(zip(COLOURS, map(as_colour, palette), strict=True))
        return Character(points=replace(points, palette=named), image=image)

    @torch.inference_mode()
    def render_masks(
        self, visible: np.ndarray, lines: np.ndarray, palette: np.ndarray
    ) -> np.ndarray:
        """What is seen [P, R, R], lines [R, R] and palette uint8 [6, 3] -> uint8 [R, R, 4]."""
        inputs = torch.from_numpy(render_inputs(visible, lines, palette))[None]
        return from_premultiplied(self.render(inputs)[0].permute(1, 2, 0).numpy())

    @property
    def draws(self) -> bool:
        """Whether it knows the renderer's characters, which can be drawn at any size."""
        return self.config["maps"]["data"]["name"] == DRAWN

    def finished(self, made: Character, size: int | None = None) -> np.ndarray:
        """The picture uint8 [S, S, 4]: drawn from the curves, or what the third stage painted.

        Args:
            size: of the drawing; by default `SIZE` where characters can be drawn, else none is.

        Raises:
            UsageError: a size is asked for, and the model has a style of its own.
        """
        if self.draws:
            palette = np.array([made.points.palette[slot] for slot in COLOURS], np.uint8)
            return painted(portrait(made.points), palette, size or SIZE)
        if size not in (None, self.resolution):
            raise UsageError(
                "--size is for characters in the renderer's style. This model paints in its own, at"
                f" {self.resolution} pixels: leave --size out."
            )
        return made.image

    def film(self, stops: Sequence[CharacterPoints], frames: int = 12) -> Iterator[Character]:
        """Yields characters on the way from each of `stops` to the next, and back to the first."""
        for start, end in zip(stops, [*stops[1:], stops[0]], strict=True):
            for frame in range(frames):
                yield self.from_points(blended(start, end, frame / frames))


def _seen_before(palette: np.ndarray) -> np.ndarray:
    """Moves each colour of a palette uint8 [6, 3] between the nearest of those learnt from."""
    known = _palettes()
    apart = ((known - palette.astype(np.float64)) ** 2).sum(axis=2)
    nearest = np.argsort(apart, axis=0)[:_NEAREST]
    return np.rint(np.take_along_axis(known, nearest[..., None], axis=0).mean(axis=0))


@functools.cache
def _palettes() -> np.ndarray:
    """Palettes that the renderer draws for training, float64 [N, 6, 3]."""
    plans = (plan_character(0, index, split="train") for index in range(_PALETTES))
    return np.stack([plan.palette for plan in plans]).astype(np.float64)


def _shipped() -> Path:
    folders = shipped_of(TASK)
    if not folders:
        raise EleganError(
            "No model of characters comes with this elegan. Train one, from nothing, with"
            " `elegan train rendered --task characters --out RUN`, then name it: --model RUN."
        )
    return folders[0]
