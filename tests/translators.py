"""Small untrained models from images to images, with weights that do something."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from elegan.common.precision import choose
from elegan.models import save_translation
from elegan.models.restoring import restorer_planes, told_kinds
from elegan.models.translation import TranslationModel
from elegan.networks.translation import TranslationShape, build_translator

FAMILIES = ("inpaint", "derain", "dehaze", "destripe", "deblur", "denoise")
SIZES = {"width": 8, "depth": 1}
NETWORKS = {"upscale": "upscaler", "restore": "restorer", "stylize": "translator"}

RECIPES = {
    "upscale": {},
    "restore": {"families": list(FAMILIES), "told": list(told_kinds(FAMILIES))},
    "stylize": {"method": "paired"},
}


def _network(task: str, shape: TranslationShape, seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    network = build_translator(NETWORKS[task], shape, **SIZES)
    for parameter in network.parameters():  # the last layer begins at zero
        if parameter.ndim == 4 and not parameter.any():
            nn.init.normal_(parameter, std=0.03)
    return network.eval()


def write(folder: Path, task: str, *, scale: int = 1, fidelity: bool = False, **shape: int) -> str:
    """Writes a model folder and returns its path."""
    inputs = restorer_planes(told_kinds(FAMILIES)) if task == "restore" else 3
    form = TranslationShape(**{"inputs": inputs, "scale": scale, **shape})
    save_translation(
        folder,
        _network(task, form),
        task=task,
        name=NETWORKS[task],
        shape=form,
        sizes=SIZES,
        recipe=RECIPES[task],
        training={"images": 1},
        fidelity=_network(task, form, seed=1).state_dict() if fidelity else None,
    )
    return str(folder)


def model(task: str, *, scale: int = 1, **shape: int) -> TranslationModel:
    """The same without a folder."""
    inputs = restorer_planes(told_kinds(FAMILIES)) if task == "restore" else 3
    form = TranslationShape(**{"inputs": inputs, "scale": scale, **shape})
    facts: dict[str, Any] = {
        "task": task,
        "shape": asdict(form),
        "sha256": "0" * 64,
        "recipe": RECIPES[task],
    }
    return TranslationModel(_network(task, form), facts, choose("cpu", "float32"))


def photo(height: int = 40, width: int = 50, channels: int = 3, dtype: Any = np.uint8):
    """Smooth colours with an edge, [H, W, C]."""
    y, x = np.mgrid[:height, :width] / 50
    planes = [np.sin(3 * x + k) * np.cos(2 * y + k) + (x > 0.5) * 0.4 for k in range(channels)]
    values = (np.stack(planes, axis=-1) + 1.5) / 3.2
    if np.issubdtype(dtype, np.integer):
        values = values * np.iinfo(dtype).max
    return values.astype(dtype)
