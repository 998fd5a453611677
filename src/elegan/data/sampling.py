"""The order in which a run sees its images: a pure function of (seed, images seen)."""

from functools import lru_cache

import numpy as np

_STREAM = 0x6F72646572  # "order": keeps these draws apart from every other use of the same seed


@lru_cache(maxsize=64)
def epoch_permutation(seed: int, epoch: int, count: int) -> np.ndarray:
    """Returns the read-only int64 permutation of 0..count-1 that epoch number `epoch` follows.

    The last 64 are kept, since consecutive batches ask for the same one, or, where classes are
    balanced, for one of each class.
    """
    key = np.random.SeedSequence([seed % 2**64, _STREAM, epoch])
    permutation = np.random.Generator(np.random.PCG64(key)).permutation(count).astype(np.int64)
    permutation.setflags(write=False)
    return permutation


def batch_indices(seed: int, position: int, batch: int, count: int) -> np.ndarray:
    """Returns the int64 [batch] indices of the images at `position` of an endless shuffled stream.

    The stream is one permutation of all images after another, each keyed by (seed, epoch), so every
    image is seen once an epoch and any position can be resumed exactly, whatever batch size led
    there. A batch may cross the end of an epoch and may be larger than the set.

    Args:
        seed: of the run.
        position: images seen so far, >= 0.
        batch: images to draw, >= 0.
        count: images in the set, >= 1.

    Raises:
        ValueError: `count` is not positive, or `position` or `batch` is negative.
    """
    if count < 1 or position < 0 or batch < 0:
        raise ValueError(f"No order for count={count}, position={position}, batch={batch}.")
    pieces = []
    while batch > 0:
        epoch, offset = divmod(position, count)
        piece = epoch_permutation(seed, epoch, count)[offset : offset + batch]
        pieces.append(piece)
        position += len(piece)
        batch -= len(piece)
    return np.concatenate(pieces) if pieces else np.empty(0, dtype=np.int64)
