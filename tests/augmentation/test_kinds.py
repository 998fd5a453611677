import pytest

from elegan.augmentation import GROUPS, KINDS, for_images, parse_kinds
from elegan.augmentation.kinds import COLOUR, GEOMETRY
from elegan.common.errors import UsageError


def test_groups_name_known_kinds_and_all_kinds_are_done_somewhere() -> None:
    assert {kind for group in GROUPS.values() for kind in group} == set(KINDS)
    assert [*GEOMETRY, *COLOUR, "cutout", "noise"] == list(KINDS)  # the order of application
    assert not set(GROUPS) & set(KINDS)


def test_few_images_in_colour_are_augmented_unless_something_else_is_asked() -> None:
    assert for_images("auto", 100, 3) == "photos"
    assert for_images("auto", 100, 1) == for_images("auto", 5_000, 3) == ""
    assert for_images("digits", 100, 3) == "digits"
    assert for_images("", 100, 3) == ""


def test_digits_keep_their_class() -> None:
    assert not {"flip", "rotate"} & set(parse_kinds("digits"))


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("translation,cutout", ("translation", "cutout")),
        (" cutout , translation,cutout", ("translation", "cutout")),
        ("colour,noise", ("brightness", "saturation", "contrast", "noise")),
        ("diffaugment", ("translation", "brightness", "saturation", "contrast", "cutout")),
        ("all", tuple(KINDS)),
        ("none", ()),
        ("", ()),
    ],
)
def test_parsing(text: str, kinds: tuple[str, ...]) -> None:
    assert parse_kinds(text) == kinds


@pytest.mark.parametrize(
    ("text", "meant"), [("cutuot", "cutout"), ("digit", "digits"), ("flip,color", "colour")]
)
def test_a_mistyped_name_is_answered_with_the_nearest(text: str, meant: str) -> None:
    with pytest.raises(UsageError, match=f"Did you mean '{meant}'"):
        parse_kinds(text)


def test_an_empty_name_between_commas_is_refused() -> None:
    with pytest.raises(UsageError, match="Unknown augmentation ''"):
        parse_kinds("flip,,cutout")
