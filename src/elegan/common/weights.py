"""Small networks that come inside the package: weights beside a card that describes them."""

import hashlib
import json
from importlib import resources
from typing import Any

from safetensors.torch import load
from torch import Tensor

from elegan.common.errors import EleganError


def packaged_weights(
    package: str, path: str, *, what: str, otherwise: str
) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Reads PATH.safetensors and PATH.json; tensors of half precision become float32.

    Args:
        package: that holds them, with dots.
        path: within it, without a suffix.
        what: the network, as a message calls it.
        otherwise: what to do where it cannot be read, a sentence.

    Raises:
        EleganError: the files are missing, or the weights are not those of the card's SHA-256.
    """
    folder = resources.files(package)
    try:
        card = json.loads(folder.joinpath(f"{path}.json").read_text(encoding="utf-8"))
        blob = folder.joinpath(f"{path}.safetensors").read_bytes()
    except FileNotFoundError as error:
        raise EleganError(
            f"{what} is missing from this installation ({error.filename}). {otherwise}"
        ) from error
    if hashlib.sha256(blob).hexdigest() != card["sha256"]:
        raise EleganError(f"{what} is damaged: its SHA-256 is not the one in its card. {otherwise}")
    return {name: tensor.float() for name, tensor in load(blob).items()}, card
