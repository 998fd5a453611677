"""Several processes, one run: torchrun and torch.distributed, without a wrapper around the
networks.

Each process takes its share of every batch; after backward the gradients are flattened, averaged in
one all-reduce and scattered back. Two players and double backward need nothing more. What is taken
of a batch as a whole, such as a mean in a loss, is taken of all rows `together`.
"""

import os
from dataclasses import dataclass
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor


@dataclass(frozen=True)
class World:
    """This process among its peers.

    Attributes:
        rank: 0-based; only rank 0 writes files and prints.
        size: number of processes.
    """

    rank: int = 0
    size: int = 1

    @property
    def leads(self) -> bool:
        return self.rank == 0

    def share(self, batch: int) -> slice:
        """The part of a batch that this process takes; the parts are equal in size."""
        part = batch // self.size
        return slice(self.rank * part, (self.rank + 1) * part)


def join() -> World:
    """Joins the process group that torchrun describes in the environment, if it does."""
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1:
        return World()
    if not dist.is_initialized():
        if torch.cuda.is_available():
            torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
        dist.init_process_group("nccl" if torch.cuda.is_available() else "gloo")
    return World(dist.get_rank(), dist.get_world_size())


def world() -> World:
    """Returns this process's place, without joining anything."""
    if dist.is_available() and dist.is_initialized():
        return World(dist.get_rank(), dist.get_world_size())
    return World()


def average(tensors: list[Tensor]) -> None:
    """Replaces each tensor by its mean over all processes, in place, with one all-reduce."""
    size = world().size
    if size == 1 or not tensors:
        return
    flat = torch.cat([item.flatten() for item in tensors])
    dist.all_reduce(flat)
    flat /= size
    for tensor, part in zip(tensors, flat.split([t.numel() for t in tensors]), strict=True):
        tensor.copy_(part.view(tensor.shape))


class _Together(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, own: Tensor) -> Tensor:
        parts = [torch.empty_like(own) for _ in range(world().size)]
        dist.all_gather(parts, own.contiguous())
        return torch.cat(parts)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        # Every process computes the same loss of all rows, and `average` divides by their number.
        here, (gradient,) = world(), gradients
        return gradient[here.share(len(gradient))] * here.size


def together(rows: Tensor) -> Tensor:
    """Returns the rows [N / processes, ...] of all processes as [N, ...], in order of their ranks.

    Gradients pass through, such that their `average` is that of a loss of the whole batch. Every
    process must call it, with as many rows.
    """
    return rows if world().size == 1 else _Together.apply(rows)  # pyright: ignore


def largest(number: int) -> int:
    """Returns the largest of the numbers that the processes give, so that all act alike."""
    if world().size == 1:
        return number
    shared = torch.tensor(number, device="cuda" if dist.get_backend() == "nccl" else "cpu")
    dist.all_reduce(shared, dist.ReduceOp.MAX)
    return int(shared)


def barrier() -> None:
    """Waits for all processes; returns at once where there is only one."""
    if world().size > 1:
        dist.barrier()
