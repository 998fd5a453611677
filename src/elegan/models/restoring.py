"""What a restorer takes beside the colours: what is lost, and how strong the damage is."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from elegan.common.errors import UsageError, lookup
from elegan.data.degradations import FAMILIES
from elegan.models.damage import DAMAGES

AUTO = "auto"
"""What `--task` says where nobody names the damage."""
UNKNOWN = -1.0
"""What a restorer is told of the strength of damage that nobody knows."""


def restorer_planes(told: Sequence[str]) -> int:
    """Returns the input planes of a restorer: RGB, what is lost, and one a kind of damage."""
    return 3 + 1 + len(told)


def told_kinds(families: Sequence[str]) -> tuple[str, ...]:
    """Returns the kinds of damage (`DAMAGES`) of which a restorer is told how strong they are."""
    return tuple(name for name, item in DAMAGES.items() if item.family in families)


def strengths_told(
    asked: Sequence[str], found: Mapping[str, float] | None, told: Sequence[str]
) -> dict[str, float]:
    """Returns what a restorer is told of each kind of damage.

    Args:
        asked: the families of damage to undo; none where that is left to the network.
        found: the strength of kinds of `DAMAGES`, in their units; None where nobody looked.
        told: kinds of `DAMAGES`; of older models, families.

    Returns:
        A kind's share of its full strength, 0 where it is not to be undone, `UNKNOWN` where nobody
        looked; of a family 1 where it is asked for, else 0. What is asked for and was not found is
        as weak as a person can see.
    """
    if found is None:
        unseen = [name for name in DAMAGES if not asked or DAMAGES[name].family in asked]
        return {name: UNKNOWN if name in unseen else float(name in asked) for name in told}
    seen = {name: value for name, value in found.items() if name in DAMAGES}
    families = {DAMAGES[name].family for name in seen}
    strengths = {
        name: item.least for name, item in DAMAGES.items() if item.family in {*asked} - families
    }
    strengths |= {
        name: value for name, value in seen.items() if not asked or DAMAGES[name].family in asked
    }
    shares = {name: value / DAMAGES[name].full for name, value in strengths.items()}
    return {name: shares.get(name, float(name in asked)) for name in told}


def restorer_inputs(
    images: Tensor,
    lost: Tensor | None,
    told: Sequence[Mapping[str, float]],
    names: Sequence[str],
) -> Tensor:
    """Joins what a restorer takes, at training and in use alike.

    Args:
        images: float [N, 3, h, w] in [-1, 1].
        lost: [N, 1, h, w], above 0 where a pixel is lost, whose colour the network shall not see;
            None where none is.
        told: of each image, the values of the planes that are not 0, by name.
        names: of the model's planes, in their order.

    Returns:
        float [N, 3 + 1 + names, h, w]: colours with lost pixels at 0 (middle gray), the mask as
        0 and 1, then an even plane for each name.
    """
    count, _, height, width = images.shape
    mask = images.new_zeros(count, 1, height, width) if lost is None else (lost > 0).to(images)
    values = [[one.get(name, 0.0) for name in names] for one in told]
    planes = images.new_tensor(values).reshape(count, len(names), 1, 1)
    even = planes.expand(-1, -1, height, width)
    return torch.cat([images * (1 - mask), mask, even], dim=1)


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
