"""Scratches found by looking at the photo, and how masks grow and soften.

And what is done to masks: widening, narrowing, and running extremes, by shifted copies.
"""

import math

import numpy as np

THICKEST = 3  # half the width of the widest scratch, in pixels
LENGTH = 41  # pixels of straight line that a scratch must show
# Length in pixels times height in a range of 1, a pixel of the photo's side: natural lines are
# shorter or fainter than most scratches, and as many pixels longer as the photo is larger.
LEAST, LEAST_OF_ALL = 0.038, 14.0
TILE, MARGIN = 768, 64  # looked at in pieces, so that a very large photo needs little memory


def find_scratches(image: np.ndarray, *, contrast: float = 0.06, filled: float = 0.8) -> np.ndarray:
    """Finds thin long straight lines lighter or darker than what lies on both their sides.

    A pixel counts as thin where a square opening (or closing) wider than a scratch takes it away,
    by more than `contrast` and by clearly more than around it, so that grass or hair is left alone;
    lines are then sought in 24 directions. What touches is one line, and kept where it is long and
    clear enough for the photo's size. Long wires and masts look like scratches to it.

    Args:
        image: uint8 or uint16 [H, W, C].
        contrast: of a range of 1.
        filled: share of a line of `LENGTH` pixels that must be thin pixels.

    Returns:
        bool [H, W].
    """
    gray = image.mean(axis=2, dtype=np.float32) / np.float32(np.iinfo(image.dtype).max)
    heights = np.zeros((2, *gray.shape), np.float32)
    for top in range(0, gray.shape[0], TILE):
        for left in range(0, gray.shape[1], TILE):
            start = (max(0, top - MARGIN), max(0, left - MARGIN))
            piece = gray[start[0] : top + TILE + MARGIN, start[1] : left + TILE + MARGIN]
            for light, values in enumerate((piece, 1 - piece)):
                inner = _lines(values, contrast, filled)[top - start[0] :, left - start[1] :]
                heights[light, top : top + TILE, left : left + TILE] = inner[:TILE, :TILE]
    least = max(LEAST_OF_ALL, LEAST * math.sqrt(gray.size))
    return _long(heights[0], least) | _long(heights[1], least)


def _long(heights: np.ndarray, least: float) -> np.ndarray:
    """Keeps the connected lines whose length times mean height is above `least`."""
    places = np.nonzero(heights)
    lines = connected(heights > 0)[places]
    count = np.bincount(lines)
    mean = np.bincount(lines, heights[places]) / np.maximum(count, 1)
    sides = np.ones((2, len(count)), int)
    for side, along in zip(sides, places, strict=True):
        low = np.full(len(count), heights.size)
        np.minimum.at(low, lines, along)
        np.maximum.at(side, lines, along - low[lines] + 1)
    kept = np.zeros(heights.shape, bool)
    kept[places] = (np.hypot(*sides) * mean > least)[lines]
    return kept


def connected(mask: np.ndarray, *, corners: bool = True) -> np.ndarray:
    """Returns int [H, W]: a number that True pixels share where they touch, -1 elsewhere.

    Args:
        corners: whether pixels touch that share a corner alone.
    """
    number = np.full((mask.shape[0] + 1, mask.shape[1] + 2), -1)
    rows, columns = np.nonzero(mask)
    number[rows, columns + 1] = parents = np.arange(len(rows))
    first, second = [], []
    for down, right in ((0, 1), (1, 0), *(((1, -1), (1, 1)) if corners else ())):
        beside = number[rows + down, columns + 1 + right]
        first.append(parents[beside >= 0])
        second.append(beside[beside >= 0])
    here, there = np.concatenate(first), np.concatenate(second)
    while (parents[here] != parents[there]).any():
        least = np.minimum(parents[here], parents[there])
        for end in (here, there):
            np.minimum.at(parents, parents[end], least)
        while (parents != parents[parents]).any():
            parents = parents[parents]
    number[rows, columns + 1] = parents
    return number[:-1, 1:-1]


def _lines(gray: np.ndarray, contrast: float, filled: float) -> np.ndarray:
    """How far the bright thin lines of one piece rise above what is beside them, 0 elsewhere."""
    opened = gray
    for least in (True, False):
        for axis in (0, 1):
            opened = running(opened, THICKEST, axis=axis, least=least)
    height = gray - opened
    thin = (height > contrast) & (height > 2.5 * box_mean(height, 12))
    if not thin.any():
        return np.zeros_like(gray)
    supported, candidates = np.zeros_like(thin), np.zeros_like(thin)
    for direction in range(24):
        angle = math.pi * direction / 24
        sided = thin & _two_sided(gray, angle, contrast)
        supported |= _supported(sided, angle, filled)
        candidates |= sided
    # The ends of a line have half the support of its middle, and its rim is fainter.
    grown = dilate(supported, LENGTH // 4) & candidates
    return np.where(dilate(grown, 1) & (height > 0.5 * contrast), height, 0)


def _two_sided(gray: np.ndarray, angle: float, contrast: float) -> np.ndarray:
    """Where both sides of a line of that direction are darker, and alike: no edge of a thing."""
    reach = THICKEST + 2
    down, right = round(reach * math.cos(angle)), -round(reach * math.sin(angle))
    padded = np.pad(gray, reach, mode="edge")
    rows, columns = gray.shape
    here = padded[reach + down :, reach + right :][:rows, :columns]
    other = padded[reach - down :, reach - right :][:rows, :columns]
    rise = gray - np.maximum(here, other)
    return (rise > contrast) & (np.abs(here - other) < rise)


def _supported(thin: np.ndarray, angle: float, filled: float) -> np.ndarray:
    """Thin pixels on a line of that direction that stays thin, with little beside it."""
    half = LENGTH // 2
    places = np.arange(-half, half + 1)
    rows = np.rint(places * math.sin(angle)).astype(int)
    columns = np.rint(places * math.cos(angle)).astype(int)
    # A real scratch is never exactly straight: one pixel aside still counts.
    level = abs(math.cos(angle)) > abs(math.sin(angle))
    wide = running(thin, 1, axis=0 if level else 1, least=False)
    padded = np.pad(wide.astype(np.uint8), half)
    count, across = np.zeros(thin.shape, np.uint8), np.zeros(thin.shape, np.uint8)
    height, width = thin.shape
    for row, column in zip((rows + half).tolist(), (columns + half).tolist(), strict=True):
        count += padded[row : row + height, column : column + width]
    padded = np.pad(thin.astype(np.uint8), half)
    for step in range(-8, 9):
        row = half + round(step * math.cos(angle))
        column = half - round(step * math.sin(angle))
        across += padded[row : row + height, column : column + width]
    return thin & (count >= filled * LENGTH) & (across <= 2 * THICKEST + 1)


def dilate(mask: np.ndarray, radius: int) -> np.ndarray:
    """Widens bool [H, W] by a disc: True within `radius` pixels of a True pixel."""
    result = mask.copy()
    height = len(mask)
    for down in range(1, min(radius, height - 1) + 1):
        reach = math.isqrt(radius * radius - down * down)
        wide = running(mask, reach, axis=1, least=False)
        result[down:] |= wide[:-down]
        result[:-down] |= wide[down:]
    result |= running(mask, radius, axis=1, least=False)
    return result


def erosion_step(mask: np.ndarray, *, square: bool) -> np.ndarray:
    """Narrows bool [H, W] by one pixel: by the four neighbours, or all eight where `square`.

    Steps of both kinds in turn make nearly round steps. Beyond the border counts as True.
    """
    across = running(mask, 1, axis=1, least=True)
    if square:
        return running(across, 1, axis=0, least=True)
    return across & running(mask, 1, axis=0, least=True)


def running(values: np.ndarray, reach: int, *, axis: int, least: bool) -> np.ndarray:
    """Smallest (or largest) value within `reach` places each way, along an axis of [H, W].

    Places beyond the border do not count. Windows double, so the cost grows with log(reach).
    """
    choose = np.minimum if least else np.maximum
    reach = min(reach, values.shape[axis] - 1)
    result = np.moveaxis(values.copy(), axis, 0)
    width = 1  # result[i] covers i .. i + width - 1, and so looks forward only
    while width < reach + 1:
        step = min(width, reach + 1 - width)
        result[:-step] = choose(result[:-step], result[step:])
        width += step
    # What i - reach covers forward ends at i; near the start the window begins at 0.
    both = result.copy()
    if reach:
        both[reach:] = choose(result[reach:], result[:-reach])
        first = choose.accumulate(np.moveaxis(values, axis, 0)[:reach], axis=0)
        both[:reach] = choose(result[:reach], first)
    return np.moveaxis(both, 0, axis)


def box_mean(values: np.ndarray, reach: int) -> np.ndarray:
    """Mean of float [H, W] over squares of 2 reach + 1 pixels, the border mirrored."""
    size = 2 * reach + 1
    padded = np.pad(values.astype(np.float64), [(reach + 1, reach)] * 2, "symmetric")
    sums = padded.cumsum(axis=0).cumsum(axis=1)
    total = sums[size:, size:] - sums[:-size, size:] - sums[size:, :-size] + sums[:-size, :-size]
    return (total / size**2).astype(np.float32)
