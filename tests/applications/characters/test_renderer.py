import numpy as np
import pytest

from elegan.applications.characters.curves import coverage
from elegan.applications.characters.outlines import compose, iou
from elegan.applications.characters.parts import (
    ATTRIBUTES,
    HELD_OUT,
    INDEX,
    KEY_POINTS,
    PARTS,
    plan_character,
)
from elegan.applications.characters.renderer import render
from elegan.applications.characters.shapes import EXPRESSIONS
from elegan.common.errors import UsageError


def test_the_same_seed_draws_the_same_and_another_does_not() -> None:
    one, two = (render(plan_character(4, 7), 48) for _ in range(2))
    np.testing.assert_array_equal(one.image, two.image)
    assert (one.image != render(plan_character(4, 8), 48).image).any()
    assert (one.image != render(plan_character(5, 7), 48).image).any()


def test_maps_say_exactly_what_the_image_shows() -> None:
    for index in range(6):
        drawn = render(plan_character(0, index), 64)
        shown = drawn.visible.sum(axis=0)
        assert shown.max() <= 1 + 1e-6
        np.testing.assert_array_equal(np.rint(shown * 255), drawn.image[..., 3])
        # A part is seen at most where it is, and lines are a part of it.
        assert (drawn.visible <= drawn.amodal + 1e-6).all()
        assert (drawn.lines <= shown + 1e-6).all()
        assert 0.03 < drawn.lines.mean() < 0.3


def test_the_outline_is_that_of_the_amodal_map() -> None:
    drawn = render(plan_character(0, 3), 64)
    for part, polygon in enumerate(drawn.outlines):
        assert polygon is not None
        assert polygon.min() >= 0
        assert polygon.max() <= 1
        np.testing.assert_allclose(coverage(polygon, 64, 4), drawn.amodal[part], atol=0.07)


def test_parts_laid_over_each_other_give_what_is_seen() -> None:
    drawn = render(plan_character(0, 3), 64)
    composed = compose(drawn.amodal)
    # Only where edges meet within a pixel can coverages not tell what is seen.
    assert np.abs(composed - drawn.visible).sum() < 0.02 * drawn.visible.sum()
    for part in range(len(PARTS)):
        assert iou(composed[part], drawn.visible[part]) > 0.75


def test_the_drawing_does_not_depend_on_the_resolution() -> None:
    plan = plan_character(2, 0)
    small, large = render(plan, 32, samples=8), render(plan, 64, samples=4)
    pooled = large.visible.reshape(len(PARTS), 32, 2, 32, 2).mean(axis=(2, 4))
    np.testing.assert_allclose(pooled, small.visible, atol=1e-6)
    np.testing.assert_array_equal(small.key_points, large.key_points)


def test_key_points_lie_on_their_parts() -> None:
    for index in range(8):
        drawn = render(plan_character(1, index), 128)
        points = dict(zip(KEY_POINTS, drawn.key_points, strict=True))
        assert (drawn.key_points > 0).all()
        assert (drawn.key_points < 1).all()

        def at(part: str, name: str, drawn=drawn, points=points) -> float:
            x, y = (points[name] * 128).astype(int)
            return float(drawn.amodal[INDEX[part], y - 1 : y + 2, x - 1 : x + 2].max())

        for side in ("left", "right"):
            for name in (f"eye-{side}", f"eye-{side}-inner", f"eye-{side}-outer"):
                assert at(f"eye-{side}", name) > 0.1
            for name in ("inner", "middle", "outer"):
                assert at(f"brow-{side}", f"brow-{side}-{name}") > 0.1
            assert at("face", f"ear-{side}") > 0.9
            assert at("face", f"jaw-{side}") > 0.1
            assert at("mouth", f"mouth-{side}") > 0
        assert at("face", "chin") > 0.1
        assert at("face", "nose") == 1
        lowest = np.flatnonzero(drawn.amodal[INDEX["face"]].any(axis=1))[-1] / 128
        assert abs(points["chin"][1] - lowest) < 0.02
        assert points["eye-left"][0] < points["nose"][0] < points["eye-right"][0]
        hidden = drawn.visible[INDEX["front-hair"]]
        for (x, y), seen in zip(drawn.key_points, drawn.seen, strict=True):
            assert (hidden[int(y * 128), int(x * 128)] < 0.99) if seen else True


@pytest.mark.parametrize("name", ["hair-style", "fringe", "eyes", "expression", "clothes", "face"])
def test_every_variant_has_one_face_with_two_eyes(name: str) -> None:
    pictures = []
    for value in ATTRIBUTES[name]:
        drawn = render(plan_character(0, 0, attributes={name: value}), 48)
        assert drawn.attributes[name] == value
        face = drawn.amodal[INDEX["face"]]
        for side in ("left", "right"):
            eye = drawn.amodal[INDEX[f"eye-{side}"]]
            assert eye.sum() > 3
            assert (np.minimum(eye, face).sum()) > 0.99 * eye.sum()
        assert drawn.amodal[INDEX["mouth"]].sum() > 1
        pictures.append(drawn.image.tobytes())
    assert len(set(pictures)) == len(pictures)


def test_a_closed_eye_has_no_iris() -> None:
    drawn = render(plan_character(0, 1, attributes={"expression": "wink"}), 48)
    assert not drawn.amodal[INDEX["iris-left"]].any()
    assert drawn.outlines[INDEX["iris-left"]] is None
    assert drawn.amodal[INDEX["iris-right"]].any()


def test_splits_have_no_variant_in_common() -> None:
    drawn = {
        split: [plan_character(0, index, split=split).attributes for index in range(150)]
        for split in ("train", "test")
    }
    for name, held in HELD_OUT.items():
        assert set(held) < set(ATTRIBUTES[name])
        assert {one[name] for one in drawn["test"]} <= set(held)
        assert not {one[name] for one in drawn["train"]} & set(held)
    for mood in EXPRESSIONS.values():
        assert 0 < len(set(mood.mouths) & set(HELD_OUT["mouth"])) < len(mood.mouths)


def test_asking_for_one_attribute_leaves_the_others() -> None:
    free = plan_character(3, 5)
    asked = plan_character(3, 5, attributes={"hair-colour": "teal"}, colours={"clothes": (1, 2, 3)})
    changed = {k for k in free.attributes if free.attributes[k] != asked.attributes[k]}
    assert changed == {"hair-colour"}
    assert asked.palette[4].tolist() == [1, 2, 3]
    np.testing.assert_array_equal(free.draws, asked.draws)


def test_what_is_unknown_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(UsageError, match=r"Did you mean 'hair-colour'"):
        plan_character(0, 0, attributes={"hair-color": "teal"})
    with pytest.raises(UsageError, match=r"'purpel'.*Did you mean 'purple'"):
        plan_character(0, 0, attributes={"hair-colour": "purpel"})
    with pytest.raises(UsageError, match=r"colour slot 'hairs'.*Did you mean 'hair'"):
        plan_character(0, 0, colours={"hairs": (0, 0, 0)})
    with pytest.raises(UsageError, match=r"split"):
        plan_character(0, 0, split="held-out")
