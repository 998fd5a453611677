"""Images that occur more than once in a set: exactly, or nearly."""

import hashlib

import numpy as np
from PIL import Image

from elegan.data.pictures import to_pillow

THUMBNAIL = 16  # side in pixels of what is compared
NEAR_CORRELATION = 0.995
NEAR_LIMIT = 10_000  # pairs grow with the square; more images than this are sampled
BLOCK = 1000


def image_hashes(images: np.ndarray) -> list[bytes]:
    """Returns 16 bytes for each of uint8 [N, H, W, C], equal exactly when the pixels are."""
    return [
        hashlib.blake2b(np.ascontiguousarray(image).data, digest_size=16).digest()
        for image in images
    ]


def exact_groups(images: np.ndarray) -> list[list[int]]:
    """Returns the groups of two or more indices whose images have the same pixels."""
    groups: dict[bytes, list[int]] = {}
    for index, digest in enumerate(image_hashes(images)):
        groups.setdefault(digest, []).append(index)
    return [group for group in groups.values() if len(group) > 1]


def overlap(images: np.ndarray, others: np.ndarray) -> int:
    """Returns how many of `images` occur, pixel for pixel, in `others`."""
    known = set(image_hashes(others))
    return sum(digest in known for digest in image_hashes(images))


def near_groups(images: np.ndarray, indices: np.ndarray) -> list[list[int]]:
    """Returns the groups of images that are nearly the same: recompressed, resized, brightened.

    Two images are nearly the same when their 16x16 thumbnails, all channels taken together and
    each less its mean, correlate above 0.995. Groups join through common members. Images of one
    colour throughout are left out.

    Args:
        images: uint8 [N, H, W, C].
        indices: which of them to compare, at most about 10,000.
    """
    thumbnails = np.stack([_thumbnail(images[index]) for index in indices])
    thumbnails -= thumbnails.mean(axis=1, keepdims=True)
    lengths = np.linalg.norm(thumbnails, axis=1, keepdims=True)
    thumbnails /= np.where(lengths > 1, lengths, np.inf)
    leader = np.arange(len(indices))

    def find(member: int) -> int:
        while leader[member] != member:
            leader[member] = leader[leader[member]]
            member = int(leader[member])
        return member

    for first in range(0, len(indices), BLOCK):
        similar = thumbnails[first : first + BLOCK] @ thumbnails[first:].T
        for row, column in np.argwhere(similar > NEAR_CORRELATION):
            if row < column:
                leader[find(first + int(column))] = find(first + int(row))
    groups: dict[int, list[int]] = {}
    for member in range(len(indices)):
        groups.setdefault(find(member), []).append(int(indices[member]))
    return [group for group in groups.values() if len(group) > 1]


def _thumbnail(image: np.ndarray) -> np.ndarray:
    small = to_pillow(image).resize((THUMBNAIL, THUMBNAIL), Image.Resampling.BOX)
    return np.asarray(small, dtype=np.float32).reshape(-1)
