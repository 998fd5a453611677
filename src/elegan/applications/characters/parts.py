"""The names that all sources of characters share: parts, key points, colours, attributes.

Places are in canvas units: x to the right and y down, both from 0 to 1 over the (square) image.
"Left" is the viewer's left.
"""

PARTS = (
    "back-hair",
    "neck",
    "clothes",
    "face",
    "mouth",
    "eye-left",
    "eye-right",
    "iris-left",
    "iris-right",
    "brow-left",
    "brow-right",
    "front-hair",
)
"""From back to front. The face has the ears in it; an eye has its lashes; an iris is a whole disc,
seen through its eye only, and there is none in a closed eye."""

INDEX = {name: index for index, name in enumerate(PARTS)}

INSIDE = {"iris-left": "eye-left", "iris-right": "eye-right"}
"""Parts that are seen only inside another."""

KEY_POINTS = (
    "eye-left",
    "eye-left-outer",
    "eye-left-inner",
    "eye-right",
    "eye-right-inner",
    "eye-right-outer",
    "brow-left-outer",
    "brow-left-middle",
    "brow-left-inner",
    "brow-right-inner",
    "brow-right-middle",
    "brow-right-outer",
    "nose",
    "mouth-left",
    "mouth",
    "mouth-right",
    "chin",
    "jaw-left",
    "jaw-right",
    "ear-left",
    "ear-right",
)
"""Those named as their part are its centre."""

COLOURS = ("skin", "hair", "iris", "mouth", "clothes", "trim")
"""The slots of a palette."""

HAIR_COLOURS = (
    "black",
    "brown",
    "chestnut",
    "blond",
    "orange",
    "red",
    "pink",
    "purple",
    "blue",
    "teal",
    "green",
    "silver",
)
EYE_COLOURS = ("brown", "amber", "red", "pink", "purple", "blue", "teal", "green", "gray")
SKINS = ("porcelain", "fair", "tan", "brown", "deep")
