"""Directions of latent space that change the image most, found without any labels or training."""

import os
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from elegan.common.errors import UsageError
from elegan.data.pictures import GAP_COLOUR, grid, save_png
from elegan.models.latent_files import save_codes
from elegan.models.model import Model, latent_noise

COLUMNS = 7
_BETWEEN = 12  # white pixels between the blocks of two directions
_MEASURED = 1024  # styles whose spread is the unit of strength


@dataclass(frozen=True, kw_only=True, eq=False)
class Directions:
    """Directions by falling effect.

    Attributes:
        vectors: float32 [n, latent], of length 1, orthogonal.
        gains: [n] singular values: how far the first layer's output moves for a step of 1.
        of_styles: whether they are directions of styles or of noise.
    """

    vectors: Tensor
    gains: list[float]
    of_styles: bool


def find_directions(model: Model, n: int = 6) -> Directions:
    """Returns the top `n` right singular vectors of the weights that first meet the latent.

    Closed-form factorisation (Shen and Zhou 2021, equation 5): the eigenvectors of W^T W. The sign
    of each is chosen so that its largest entry is positive.

    Raises:
        UsageError: n is below 1 or above the latent's length.
    """
    network: Any = model.network
    weights: Tensor = network.entry_weights().detach().double().cpu()
    if not 1 <= n <= weights.shape[1]:
        raise UsageError(f"--n must be 1 to {weights.shape[1]}, the latent's length, not {n}.")
    values, vectors = torch.linalg.eigh(weights.T @ weights)  # rising eigenvalues, in columns
    rows = vectors.T.flip(0)[:n]
    largest = rows.gather(1, rows.abs().argmax(dim=1, keepdim=True))
    gains = values.flip(0)[:n].clamp_min(0).sqrt().tolist()
    return Directions(
        vectors=(rows * largest.sign()).float(), gains=gains, of_styles=model.has_styles
    )


def slider_sheet(
    model: Model,
    directions: Directions,
    *,
    strength: float = 3.0,
    samples: int = 3,
    seed: int = 0,
    label: str | int | None = None,
    columns: int = COLUMNS,
) -> np.ndarray:
    """Returns uint8 [H, W, C]: a block of rows for each direction, the same images in each block.

    Columns go from -strength to +strength; the middle one is the image itself. The unit is one
    standard deviation of the latent (1), or of the styles along the direction.

    Raises:
        UsageError: an even or too small number of columns, no sample, or an unknown label.
    """
    if columns < 3 or columns % 2 == 0 or samples < 1 or not strength > 0:
        raise UsageError("A slider sheet needs an odd number of columns, a sample and a strength.")
    labels = model.labels_for(samples, label)
    codes = latent_noise(samples, model.latent, seed)
    units = torch.ones(len(directions.vectors))
    if directions.of_styles:
        many = model.styles(
            latent_noise(_MEASURED, model.latent, seed), model.labels_for(_MEASURED, label)
        )
        units = (many.flatten(0, -2) @ directions.vectors.T).std(dim=0)
        codes = model.styles(codes, labels)
    positions = torch.linspace(-strength, strength, columns)
    blocks: list[np.ndarray] = []
    for vector, unit in zip(directions.vectors, units, strict=True):
        moved = torch.stack([codes + position * unit * vector for position in positions], dim=1)
        images = _draw(model, moved.flatten(0, 1), labels, columns, directions.of_styles)
        blocks.append(grid(images, columns, scale=max(1, 56 // images.shape[1])))
    return _stacked(blocks)


def save_directions(path: Path, model: Model, directions: Directions) -> Path:
    """Writes an .npz: `directions` [n, latent], `gains` [n], `of_styles`, the model's hash.

    Nobody named this file, it follows from that of the sheet: only directions are replaced.

    Raises:
        UsageError: the file is there and holds something else.
        EleganError: the place cannot be written.
    """
    if os.path.lexists(path) and not _holds_directions(path):
        raise UsageError(
            f"{path} is there already and holds no directions; it would be replaced."
            " Name another sheet with --out, or move the file away."
        )
    extra = {"gains": np.array(directions.gains), "of_styles": np.array(directions.of_styles)}
    return save_codes(path, model, "directions", directions.vectors, extra=extra)


def _holds_directions(path: Path) -> bool:
    try:
        with zipfile.ZipFile(path) as archive:
            return {"directions.npy", "model_sha256.npy"} <= set(archive.namelist())
    except (OSError, zipfile.BadZipFile):
        return False


def save_sheet(path: Path, sheet: np.ndarray) -> Path:
    """Writes a sheet as PNG.

    Raises:
        UsageError: not a .png; EleganError: it cannot be written.
    """
    if path.suffix.lower() != ".png":
        raise UsageError(f"Cannot write {path}: name a file that ends in .png.")
    save_png(sheet, path)
    return path


def _draw(
    model: Model, codes: Tensor, labels: np.ndarray | None, repeats: int, of_styles: bool
) -> np.ndarray:
    if of_styles:
        return model.from_styles(codes)
    return model.from_latents(codes, None if labels is None else labels.repeat(repeats))


def _stacked(blocks: Sequence[np.ndarray]) -> np.ndarray:
    gap = np.full((_BETWEEN, *blocks[0].shape[1:]), GAP_COLOUR, dtype=np.uint8)
    parts = [part for block in blocks for part in (block, gap)]
    return np.concatenate(parts[:-1])
