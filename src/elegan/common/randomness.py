"""Keyed randomness: every draw is a function of (seed, stream, images seen, rank) and of nothing
else.

No random state is saved or restored. Before each step the default generators are seeded with the
key of that step, so dropout masks, noise and shifts inside any module are the same in a resumed run
as in one that was never stopped.
"""

import hashlib

import torch
from torch import Tensor


def key(seed: int, stream: str, position: int = 0, rank: int = 0) -> int:
    """Returns a 63-bit integer, uniform over keys for all practical purposes."""
    text = f"{seed}/{stream}/{position}/{rank}".encode()
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "little") >> 1


def seed_default(seed: int, stream: str, position: int = 0, rank: int = 0) -> None:
    """Seeds torch's default generators (CPU and CUDA) with a key."""
    torch.manual_seed(key(seed, stream, position, rank))


def generator(
    seed: int, stream: str, position: int = 0, rank: int = 0, device: torch.device | str = "cpu"
) -> torch.Generator:
    """Returns a generator of its own, so that a draw leaves the default generators alone."""
    return torch.Generator(device).manual_seed(key(seed, stream, position, rank))


def normal(shape: tuple[int, ...], seed: int, stream: str, position: int = 0) -> Tensor:
    """Returns standard normal numbers, float32 on the CPU, the same on every device."""
    return torch.randn(shape, generator=generator(seed, stream, position))
