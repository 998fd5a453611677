"""Stacked digits: which digits, which label, the same ones every time."""

from pathlib import Path

import numpy as np

from elegan.data import known
from elegan.data.arrays import PixelArray


def _digits(count: int) -> PixelArray:
    # Digit i is an image whose every pixel is i, so that a triple can be read off.
    images = np.repeat(np.arange(count, dtype=np.uint8), 16).reshape(count, 4, 4)
    return PixelArray(
        file="digits",
        path=Path("digits"),
        shape=images.shape,
        dtype=images.dtype,
        chunks=lambda: iter([images[:3], images[3:]]),
        labels=np.arange(count) % 10,
    )


def test_labels_name_the_digits_of_red_green_and_blue(monkeypatch) -> None:
    monkeypatch.setitem(known.STACKED_COUNTS, "train", 5000)
    triples = known.stack_digits(_digits(30), "train")
    images = np.concatenate([*triples.chunks()])
    assert images.shape == triples.shape == (5000, 4, 4, 3)
    assert (images == images[:, :1, :1]).all()  # each plane is one whole digit
    expected = (images[:, 0, 0].astype(int) % 10) @ [100, 10, 1]
    np.testing.assert_array_equal(triples.labels, expected)
    assert len(np.unique(triples.labels)) > 980  # all but a few of the 1,000 occur
    np.testing.assert_array_equal(np.concatenate([*triples.chunks()]), images)
    assert known.STACKED_CLASSES[int("407")] == "407"
