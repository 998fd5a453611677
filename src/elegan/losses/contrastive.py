"""The contrastive loss between patches of an image and of its translation."""

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy


def patch_contrastive(queries: Tensor, keys: Tensor, *, temperature: float = 0.07) -> Tensor:
    """Each patch of the translation should be known by the patch of the input at the same place.

    Cross-entropy of telling, for each query, the key at its own place from those at all other
    places of the same image. At its largest, where nothing can be told apart, it is log P.

    Args:
        queries: float [N, P, D], unit vectors of the translated images.
        keys: float [N, P, D] of the input images at the same places, constants here.
        temperature: divides the cosines.

    Source: Park et al. 2020 (CUT), equations 2 and 3, with negatives from within the image.
    """
    similarities = torch.bmm(queries.float(), keys.detach().float().transpose(1, 2)) / temperature
    own = torch.arange(similarities.shape[1], device=similarities.device)
    return cross_entropy(similarities.flatten(0, 1), own.repeat(len(similarities)))
