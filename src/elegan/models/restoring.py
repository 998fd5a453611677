"""What a restorer takes beside the colours: what is lost, and what kind of damage to undo."""

from collections.abc import Sequence

import torch
from torch import Tensor

from elegan.common.errors import UsageError, lookup
from elegan.data.degradations import FAMILIES

AUTO = "auto"
"""What `--task` says where nobody names the damage."""


def restorer_planes(families: Sequence[str]) -> int:
    """Returns the input planes of a restorer: RGB, what is lost, and one for each family."""
    return 3 + 1 + len(families)


def restorer_inputs(
    images: Tensor,
    lost: Tensor | None,
    asked: Sequence[Sequence[str]],
    families: Sequence[str],
) -> Tensor:
    """Joins what a restorer takes, at training and in use alike.

    Args:
        images: float [N, 3, h, w] in [-1, 1].
        lost: [N, 1, h, w], above 0 where a pixel is lost, whose colour the network shall not see;
            None where none is.
        asked: the families of each image's damage; none where nobody names any.
        families: of the model, in the order of its planes.

    Returns:
        float [N, 3 + 1 + families, h, w]: colours with lost pixels at 0 (middle gray), the mask as
        0 and 1, then for each family a plane of 1 where it is asked for and 0 elsewhere.
    """
    count, _, height, width = images.shape
    mask = images.new_zeros(count, 1, height, width) if lost is None else (lost > 0).to(images)
    planes = images.new_zeros(count, len(families), height, width)
    for index, named in enumerate(asked):
        for family in named:
            planes[index, list(families).index(family)] = 1
    return torch.cat([images * (1 - mask), mask, planes], dim=1)


def asked_families(task: str, families: Sequence[str], *, masked: bool) -> tuple[str, ...]:
    """Returns the families that `--task` asks for; none where that is left to the network.

    Args:
        task: families, comma-separated, or "auto": inpaint where there is a mask, else left to the
            network.
        families: of the model.
        masked: whether there is a mask.

    Raises:
        UsageError: the model knows no such family, or there is a mask, no family is named and the
            model cannot fill what the mask shows.
    """
    if task == AUTO and not masked:
        return ()
    asked = ("inpaint",) if task == AUTO else tuple(name.strip() for name in task.split(","))
    if set(asked) <= set(families):
        return asked
    for name in asked:
        if name not in FAMILIES:
            lookup(dict.fromkeys((*families, AUTO)), name, "restore task")
    raise UsageError(
        f"This model was not trained to {' and '.join(asked)}, but to {', '.join(families)}. Name"
        " one of these with --task, or another model with --model; `elegan train PHOTOS --task"
        " restore` makes one for all kinds of damage."
    )
