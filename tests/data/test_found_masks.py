"""Scratches found: on pictures of known content, and on photos that have none."""

import io
import os
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from elegan.data.degradations import damage, from_bytes, resize_bicubic, to_bytes
from elegan.data.found_masks import connected, find_scratches
from elegan.data.masks import dilate


def smooth(seed: int, size: tuple[int, int] = (160, 200)) -> np.ndarray:
    knots = np.random.default_rng(seed).uniform(60, 180, (4, 5, 3)).astype(np.float32)
    noise = np.random.default_rng(seed + 1).normal(0, 2, (*size, 3))
    return (resize_bicubic(knots, size) + noise).clip(0, 255).astype(np.uint8)


@pytest.mark.parametrize("value", [20, 235])
@pytest.mark.parametrize("ends", [(10, 20, 190, 130), (60, 0, 66, 159), (0, 80, 199, 80)])
def test_a_drawn_scratch_is_found_and_little_else(value: int, ends: tuple[int, ...]) -> None:
    photo = Image.fromarray(smooth(0))
    ImageDraw.Draw(photo).line(ends, fill=(value,) * 3, width=2)
    truth = Image.new("1", photo.size)
    ImageDraw.Draw(truth).line(ends, fill=1, width=2)
    drawn = np.asarray(truth)
    found = find_scratches(np.asarray(photo))
    assert (found & drawn).sum() > 0.9 * drawn.sum()
    assert (found & ~dilate(drawn, 3)).sum() < 0.1 * drawn.sum()


def test_sixteen_bits_give_the_same_scratches() -> None:
    photo = Image.fromarray(smooth(0))
    ImageDraw.Draw(photo).line((10, 20, 190, 130), fill=(235,) * 3, width=2)
    pixels = np.asarray(photo)
    wide = find_scratches(pixels.astype(np.uint16) * 257)
    np.testing.assert_array_equal(wide, find_scratches(pixels))


def test_edges_noise_and_small_pictures_hold_no_scratch() -> None:
    edge = smooth(1)
    edge[:, 90:] = 255 - edge[:, 90:] // 4
    assert find_scratches(edge).mean() < 0.002
    noise = np.random.default_rng(0).integers(0, 256, (120, 120, 3), dtype=np.uint8)
    assert find_scratches(noise).mean() < 0.02
    for size in ((1, 1), (3, 50), (40, 2)):
        assert find_scratches(np.full((*size, 3), 9, np.uint8)).sum() == 0


def test_pieces_make_no_seam(monkeypatch: pytest.MonkeyPatch) -> None:
    photo = Image.fromarray(smooth(2, (220, 260)))
    ImageDraw.Draw(photo).line((5, 5, 250, 210), fill=(240,) * 3, width=2)
    whole = find_scratches(np.asarray(photo))
    monkeypatch.setattr("elegan.data.found_masks.TILE", 96)
    np.testing.assert_array_equal(find_scratches(np.asarray(photo)), whole)


@pytest.mark.data
def test_most_of_each_scratch_on_photos_is_found() -> None:
    archive = zipfile.ZipFile(Path(os.environ["ELEGAN_DATA"]) / "photos-cc0.zip")
    names = sorted(n for n in archive.namelist() if n.startswith("train/"))
    found_shares: list[float] = []
    false_shares: list[float] = []
    for number, name in enumerate(names[:12:2]):
        photo = Image.open(io.BytesIO(archive.read(name))).convert("RGB")
        clean = from_bytes(np.asarray(photo)[100:400, 200:500])
        random = np.random.default_rng(number)
        done = damage(clean, "scratches", random, density=1.5, width=1.5)
        visible = np.abs(done.image - clean).max(axis=2) > 0.1
        found = dilate(find_scratches(to_bytes(done.image)), 2)
        found_shares.append(float(found[visible].mean()))
        false_shares.append(float(find_scratches(to_bytes(clean)).mean()))
    assert np.mean(found_shares) > 0.5
    assert np.mean(false_shares) < 0.012


def test_what_touches_is_one_line_and_short_or_faint_ones_are_left() -> None:
    mask = np.zeros((9, 12), bool)
    mask[1, 1:4] = mask[2, 4] = mask[3, 3] = mask[6:8, 0] = mask[0, 11] = True
    numbers = connected(mask)
    assert (numbers[~mask] == -1).all()
    assert len(set(numbers[1:4, 1:5][mask[1:4, 1:5]].tolist())) == 1
    assert numbers[6, 0] == numbers[7, 0]
    assert len(set(numbers[mask].tolist())) == 3
    comb = np.zeros((40, 41), bool)  # a path that goes to and fro, the hardest for neighbours
    comb[:, ::2] = comb[0, 1::4] = comb[-1, 3::4] = True
    assert set(connected(comb)[comb].tolist()) == {0}

    photo = smooth(3, (300, 300))
    short, faint, clear = (photo.astype(int) for _ in range(3))
    short[100:160:30, 20:45] += 60  # dashes of a texture
    faint[150:152, 20:280:1] += 12
    clear[150:152, 20:280] += 60
    found = [find_scratches(one.clip(0, 255).astype(np.uint8)).mean() for one in (short, faint)]
    assert found == [0, 0]
    share = find_scratches(clear.clip(0, 255).astype(np.uint8)).mean()
    assert 0.9 < share / (2 * 260 / 300**2) < 2
