"""Characters: a parametric renderer, folders of drawn ones, outlines, and files of points."""

from elegan.data.characters.character_set import CharacterSet
from elegan.data.characters.drawn import drawn_characters
from elegan.data.characters.folder import open_characters
from elegan.data.characters.folder_writing import write_characters
from elegan.data.characters.parts import COLOURS, INDEX, INSIDE, KEY_POINTS, PARTS
from elegan.data.characters.plan import ATTRIBUTES, HELD_OUT, Plan, plan_character
from elegan.data.characters.points import CharacterPoints, read_points, write_points
from elegan.data.characters.renderer import Character, render

__all__ = [
    "ATTRIBUTES",
    "COLOURS",
    "HELD_OUT",
    "INDEX",
    "INSIDE",
    "KEY_POINTS",
    "PARTS",
    "Character",
    "CharacterPoints",
    "CharacterSet",
    "Plan",
    "drawn_characters",
    "open_characters",
    "plan_character",
    "read_points",
    "render",
    "write_characters",
    "write_points",
]
