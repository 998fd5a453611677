"""Examples of translating runs: what goes in is what the truth was made into, and nothing more."""

import itertools
from collections import Counter

import numpy as np
import pytest
import tiny_photos

from elegan.applications.photos.examples import Damaged, Smaller, families_of, recoloured, textured
from elegan.applications.styles.task import PairedExamples, UnpairedExamples
from elegan.common.errors import EleganError
from elegan.data.degradations import FAMILIES, KINDS, downscale
from elegan.data.patches import Example
from elegan.models.restoring import UNKNOWN
from elegan.tasks.crops import crop, fitting_patch, spanned, turned


def _random(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def _bytes(planes: np.ndarray) -> np.ndarray:
    return np.rint((planes + 1) * 127.5).astype(np.uint8)


def _contains(photo: np.ndarray, piece: np.ndarray) -> bool:
    """Whether a piece lies somewhere in a photo, as it is."""
    height, width = piece.shape[:2]
    inner = photo[: len(photo) - height + 1, : photo.shape[1] - width + 1]
    corners = np.argwhere((inner == piece[0, 0]).all(axis=-1)).tolist()
    return any(np.array_equal(photo[y : y + height, x : x + width], piece) for y, x in corners)


def test_the_eight_turns_are_distinct_and_keep_every_pixel() -> None:
    image = np.arange(4 * 4 * 3, dtype=np.uint8).reshape(4, 4, 3)
    turns = [turned(image, way) for way in range(8)]
    assert np.array_equal(turns[0], image)
    assert all(not np.array_equal(a, b) for a, b in itertools.combinations(turns, 2))
    for one in turns:
        assert sorted(map(tuple, one.reshape(-1, 3))) == sorted(map(tuple, image.reshape(-1, 3)))


def test_crops_lie_within_the_photo_in_every_turn() -> None:
    photo = tiny_photos.waves(0, 40, 30)
    random, ways = _random(), set()
    for _ in range(64):
        piece = crop(photo, 16, random, 0.0)
        found = [way for way in range(8) if _contains(photo, turned(piece, way))]
        assert found
        ways.update(found)
    assert ways == set(range(8))


def test_shrunk_crops_show_up_to_four_times_as_much_as_far_as_there_is_room() -> None:
    ramp = np.repeat(np.arange(96, dtype=np.uint8)[None, :, None], 96, axis=0).repeat(3, axis=2)
    spans = []
    for seed in range(100):
        piece = crop(ramp, 24, _random(seed), 1.0).astype(int)
        assert piece.shape == (24, 24, 3)
        spans.append((piece.max() - piece.min()) / 23)
    assert min(spans) < 1.15
    assert 3.7 < max(spans) < 4.2
    narrow = [crop(ramp[:30, :30], 24, _random(seed), 1.0) for seed in range(50)]
    assert max(np.ptp(one.astype(int)) for one in narrow) <= 29


def test_where_there_is_detail_is_looked_at_more_often() -> None:
    photo = np.full((64, 64, 3), 120, np.uint8)
    photo[:, 32:] = tiny_photos.waves(0, 64, 32)
    pieces = [crop(photo, 16, _random(seed), 0.0) for seed in range(400)]
    detailed = sum(len(np.unique(one)) > 1 for one in pieces) / 400
    assert 0.92 < detailed < 0.99  # of one place, two thirds


def test_recoloured_photos_keep_their_shapes_alone() -> None:
    photo = tiny_photos.waves(0, 24, 24)
    light = photo.astype(float).mean(axis=(0, 1))
    means, orders = [], set()
    for seed in range(60):
        made = recoloured(photo, _random(seed))
        assert made.shape == photo.shape
        assert made.dtype == np.uint8
        # Of each channel's own pixels none that was brighter is darker now.
        alike = np.array(
            [[_follows(photo[..., a], made[..., b]) for a in range(3)] for b in range(3)]
        )
        order = tuple(int(one) for one in alike.argmax(axis=1))
        assert alike[range(3), order].all()
        orders.add(order)
        means.append(made.mean())
    assert len(orders) == 6
    assert min(means) < 0.7 * light.mean() < light.mean() < max(means)


def _follows(before: np.ndarray, after: np.ndarray) -> bool:
    return bool((np.diff(after.ravel()[np.argsort(before, axis=None)].astype(int)) >= 0).all())


def test_a_patch_is_as_large_as_the_smallest_photo_allows() -> None:
    photos = tiny_photos.photo_set([tiny_photos.waves(0, 50, 90), tiny_photos.waves(1, 64, 47)])
    assert fitting_patch(photos, 96) == 47
    assert fitting_patch(photos, 96, 4) == 44
    assert fitting_patch(photos, 32, 3) == 30
    with pytest.raises(EleganError, match="smallest photo is 12 pixels"):
        fitting_patch(tiny_photos.photo_set([tiny_photos.waves(0, 12, 90)]), 96)


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_the_small_crop_is_the_inside_of_the_photo_made_smaller(scale: int) -> None:
    """Of a photo that the crop with its frame fills, so that nothing but turning is drawn."""
    patch = 24
    side = patch + 4 * scale
    photo = tiny_photos.waves(3, side, side, fastest=0.4)
    draw = Smaller(
        photos=tiny_photos.photo_set([photo]), patch=patch, scale=scale, unknown=False, shrink=0.0
    )
    ways = set()
    for seed in range(12):
        example = draw(0, _random(seed))
        assert example.inputs.shape == (patch // scale, patch // scale, 3)
        truth, given = _bytes(example.target), _bytes(example.inputs)
        whole = [turned(photo, way) for way in range(8)]
        inside = [one[2 * scale : -2 * scale, 2 * scale : -2 * scale] for one in whole]
        (way,) = (way for way in range(8) if np.array_equal(truth, inside[way]))
        ways.add(way)
        assert np.array_equal(given, downscale(whole[way], scale)[2:-2, 2:-2])
        # Made smaller by itself, the crop would have another edge.
        assert not np.array_equal(given, downscale(inside[way], scale))
    assert len(ways) > 3


def test_a_photo_without_room_for_a_frame_is_made_smaller_by_itself() -> None:
    photo = tiny_photos.waves(3, 26, 26)
    draw = Smaller(
        photos=tiny_photos.photo_set([photo]), patch=24, scale=4, unknown=False, shrink=0.0
    )
    example = draw(0, _random())
    assert np.array_equal(_bytes(example.inputs), downscale(_bytes(example.target), 4))


def test_an_unknown_way_of_making_smaller_is_drawn_anew_and_stays_in_place() -> None:
    photo = tiny_photos.waves(0, 80, 80, fastest=0.05)
    draw = Smaller(
        photos=tiny_photos.photo_set([photo]), patch=48, scale=2, unknown=True, shrink=0.0
    )
    for seed in range(6):
        example = draw(0, _random(seed))
        plain = spanned(downscale(_bytes(example.target), 2)).astype(np.float64)
        assert not np.array_equal(example.inputs, plain)
        assert np.corrcoef(example.inputs.ravel(), plain.ravel())[0, 1] > 0.9


def _damaged(*kinds: str, photos=None) -> Damaged:
    return Damaged(
        photos=photos or tiny_photos.photos(2),
        patch=32,
        kinds=kinds,
        families=families_of(kinds),
        shrink=0.0,
    )


def test_families_are_those_of_the_kinds_in_their_order() -> None:
    assert families_of(tuple(KINDS)) == tuple(FAMILIES)
    assert families_of(("jpeg", "holes")) == ("inpaint", "denoise")


def test_lost_pixels_are_hidden_from_the_restorer() -> None:
    draw, lost = _damaged("holes", "scratches"), 0
    for seed in range(8):
        example = draw(seed % 2, _random(seed))
        assert example.inputs.shape == (32, 32, 3 + 1)
        mask = example.inputs[..., 3]
        assert set(np.unique(mask)) <= {0.0, 1.0}
        assert (example.inputs[mask == 1][:, :3] == 0).all()
        kept = mask == 0
        np.testing.assert_allclose(example.inputs[kept][:, :3], example.target[kept], atol=1e-6)
        lost += int(mask.sum())
    assert lost > 100


def _told(example: Example, *kinds: str) -> dict[str, float]:
    """What the restorer is told of each kind of damage."""
    planes = example.inputs[..., 4:]
    assert (planes == planes[:1, :1]).all()
    return dict(zip(kinds, planes[0, 0].tolist(), strict=True))


def test_strengths_are_told_in_most_examples_as_well_as_a_look_tells_them() -> None:
    draw, known, ratios, holed, missed = _damaged("noise", "rain", "holes"), 0, [], 0, 0
    for seed in range(300):
        example = draw(0, _random(seed))
        told = _told(example, "noise", "jpeg", "rain")
        mask = example.inputs[..., 3]
        known += set(told.values()) != {UNKNOWN}
        assert told["jpeg"] in (0, UNKNOWN)  # it is never drawn here
        kept = mask == 0
        change = np.abs(example.inputs[kept][:, :3] - example.target[kept]).max()
        if not any(told.values()):
            assert change < 1e-6
            holed += mask.any()
        elif told["noise"] > 0 and told["rain"] == 0:
            error = (example.inputs[kept][:, :3] - example.target[kept]).std() * 127.5
            ratios.append(told["noise"] * 50 / error)
        missed += UNKNOWN in told.values() and told["jpeg"] == 0
    assert 0.7 < known / 300 < 0.9
    assert 0.85 < np.median(ratios) < 1.4  # a part of strong noise is clipped away
    assert np.std(np.log(ratios)) > 0.05
    assert 3 < missed < 50
    assert holed > 10
    assert not any(
        _damaged("noise", "rain")(0, _random(one)).inputs[..., 3].any() for one in range(9)
    )


def test_some_examples_are_whole_whether_that_is_told_or_not() -> None:
    draw, whole = _damaged("noise", "rain", "holes"), Counter()
    for seed in range(600):
        example = draw(0, _random(seed))
        if np.array_equal(example.inputs[..., :3], example.target):
            whole[max(_told(example, "noise", "jpeg", "rain").values())] += 1
    assert 0.05 < whole.total() / 600 < 0.16
    assert set(whole) == {0.0, UNKNOWN}


def test_haze_and_holes_are_undone_only_where_they_are_told_of_unless_nothing_else_is() -> None:
    draw, hazy, holed = _damaged("haze", "holes", "noise"), 0, 0
    for seed in range(120):
        example = draw(0, _random(seed))
        told = _told(example, "noise", "jpeg", "haze")
        change = example.inputs[..., :3] - example.target
        if set(told.values()) == {UNKNOWN}:
            kept = example.inputs[..., 3] == 0
            assert abs(change[kept].mean()) < 0.08  # noise has no mean, a veil has
        hazy += told["haze"] > 0
        holed += example.inputs[..., 3].any()
    assert hazy > 0
    assert holed > 2
    alone = [_damaged("haze")(0, _random(seed)) for seed in range(60)]
    untold = [one for one in alone if one.inputs[0, 0, 4] == UNKNOWN]
    assert any(not np.array_equal(one.inputs[..., :3], one.target) for one in untold)


def test_pairs_are_cropped_and_mirrored_alike() -> None:
    photo = tiny_photos.waves(5)
    draw = PairedExamples(
        sources=tiny_photos.photo_set([photo]),
        targets=tiny_photos.photo_set([255 - photo]),
        patch=20,
    )
    mirrored = []
    for seed in range(20):
        example = draw(0, _random(seed))
        assert np.array_equal(255 - _bytes(example.inputs), _bytes(example.target))
        straight = _contains(photo, _bytes(example.inputs))
        mirrored.append(not straight)
        if not straight:
            assert _contains(photo[:, ::-1], _bytes(example.inputs))
    assert 4 < sum(mirrored) < 16


def test_without_pairs_every_target_may_stand_beside_a_source() -> None:
    sources = [np.full((20, 20, 3), 10 * index, np.uint8) for index in range(3)]
    targets = [np.full((24, 18, 3), 100 + index, np.uint8) for index in range(5)]
    draw = UnpairedExamples(
        sources=tiny_photos.photo_set(sources), targets=tiny_photos.photo_set(targets), patch=16
    )
    beside = {0: set(), 1: set(), 2: set()}
    for seed, index in itertools.product(range(40), range(3)):
        example = draw(index, _random(seed))
        assert set(np.unique(_bytes(example.inputs))) == {10 * index}
        beside[index].update(np.unique(_bytes(example.target)).tolist())
    assert all(found == set(range(100, 105)) for found in beside.values())


def test_pixels_span_minus_one_to_one_from_bytes_and_from_floats() -> None:
    levels = np.arange(256, dtype=np.uint8).reshape(16, 16)[::-1]
    found = spanned(levels)
    assert (found.min(), found.max()) == (-1, 1)
    assert found.dtype == np.float32
    assert found.flags.c_contiguous
    np.testing.assert_allclose(spanned(levels / 255), found, atol=1e-6)


@pytest.mark.parametrize("kind", [PairedExamples, UnpairedExamples])
def test_what_has_a_side_is_not_mirrored(kind: type) -> None:
    photo = tiny_photos.waves(5)
    photos = tiny_photos.photo_set([photo])
    draw = kind(sources=photos, targets=photos, patch=20, mirror=False)
    for seed in range(20):
        assert _contains(photo, _bytes(draw(0, _random(seed)).inputs))


def test_texture_is_fine_and_of_many_strengths_and_on_a_part_only() -> None:
    even = np.full((64, 64, 3), 128, np.uint8)
    spreads, parts = [], []
    for seed in range(60):
        made = textured(even, _random(seed)).astype(float) - 128
        assert abs(made.mean()) < 4
        spreads.append(np.abs(made).max())
        fine = np.abs(np.diff(made[..., 0], axis=0)).mean()
        coarse = np.abs(made[8:, :, 0] - made[:-8, :, 0]).mean()
        assert fine > 0.25 * coarse
        cells = np.abs(made[..., 0]).reshape(8, 8, 8, 8).mean(axis=(1, 3))
        parts.append(cells.min() < 0.2 * cells.max())
    assert min(spreads) < 15
    assert max(spreads) > 60
    assert 0.2 < np.mean(parts) < 0.95
