"""The unknown way from a sharp photo to a small poor one, for upscaling real pictures."""

from collections.abc import Callable

import numpy as np

from elegan.data.degradations.blurs import convolve, gaussian_line
from elegan.data.degradations.noise import from_bytes, jpeg, noise, to_bytes
from elegan.data.degradations.resizing import resize_bicubic


def blind(image: np.ndarray, scale: int, random: np.random.Generator) -> np.ndarray:
    """Blurs, shrinks, adds noise and compresses, in random order, each at a random strength.

    In the manner of Zhang et al. 2021, "Designing a practical degradation model for deep blind
    image super-resolution" (BSRGAN), section 3, at milder strengths: Gaussian blur of deviation
    0.2 to 0.5 + 0.35 scale, drawn for each axis; an in-between size of 1 to 1/scale;
    noise of deviation 0 to 15/255 in 6 of 10 draws; JPEG of quality 40 to 95 in 7 of 10.

    Args:
        image: float32 [H, W, 3] in [0, 1], H and W multiples of `scale`.
        scale: the factor that an upscaler is to undo.
        random: where all draws come from.

    Returns:
        float32 [H/scale, W/scale, 3] in [0, 1], in steps of 1/255.
    """
    size = (image.shape[0] // scale, image.shape[1] // scale)

    def blur(current: np.ndarray) -> np.ndarray:
        # The same blur takes fewer pixels once the image is small.
        ratio = current.shape[0] / image.shape[0]
        for axis in (0, 1):
            sigma = max(0.1, ratio * random.uniform(0.2, 0.5 + 0.35 * scale))
            current = convolve(current, np.expand_dims(gaussian_line(sigma), 1 - axis))
        return current

    def shrink(current: np.ndarray) -> np.ndarray:
        part = random.uniform(1 / scale, 1)
        between = [max(1, round(side * part)) for side in image.shape[:2]]
        return resize_bicubic(current, (between[0], between[1])).clip(0, 1)

    def roughen(current: np.ndarray) -> np.ndarray:
        if random.random() > 0.6:
            return current
        gray, shot = random.uniform(-1, 1, 2)
        return noise(current, random, sigma=random.uniform(0, 15 / 255), gray=gray, shot=shot)

    def compress(current: np.ndarray) -> np.ndarray:
        if random.random() > 0.7:
            return current
        return jpeg(current, random, quality=random.uniform(40, 95))

    steps: list[Callable[[np.ndarray], np.ndarray]] = [blur, shrink, roughen, compress]
    result = image
    for index in random.permutation(len(steps)):
        result = steps[index](result)
    return from_bytes(to_bytes(resize_bicubic(result, size)))
