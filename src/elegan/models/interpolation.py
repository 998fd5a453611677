"""Walks through latent space."""

from pathlib import Path

import numpy as np
import torch
from PIL import Image

from elegan.common.errors import EleganError, UsageError
from elegan.common.files import written_whole
from elegan.data.pictures import grid, save_gif, to_pillow
from elegan.models.model import Model, latent_noise


def slerp(start: torch.Tensor, end: torch.Tensor, share: float) -> torch.Tensor:
    """Moves along the great circle from `start` to `end`, float [N, latent] each.

    A straight line between two normal vectors passes through lengths that noise never has
    (White 2016); rows that are nearly parallel follow the line.
    """
    cosine = torch.nn.functional.cosine_similarity(start, end, dim=1).clamp(-1, 1)
    angle = cosine.acos()[:, None]
    arc = ((1 - share) * angle).sin() * start + (share * angle).sin() * end
    flat = angle.sin() < 1e-4
    return torch.where(flat, torch.lerp(start, end, share), arc / angle.sin().where(~flat, 1.0))


def between(
    model: Model,
    ends: tuple[torch.Tensor, torch.Tensor],
    kinds: tuple[np.ndarray | None, np.ndarray | None],
    share: float,
) -> np.ndarray:
    """Returns images uint8 [N, R, R, C] at a share of the way between two codes each.

    Noise follows the great circle (`slerp`), and classes or clusters are blended along it. Styles
    follow the straight line: they lie on no sphere, and the mapping network is there to make
    straight paths even (Karras et al. 2019, section 4.1).

    Args:
        ends: latents, or styles where the model has them, float [N, ...] each.
        kinds: of both ends, classes int64 [N] or shares float32 [N, K]; None where there are none.
    """
    if model.has_styles:
        return model.from_styles(torch.lerp(*ends, share))
    start, end = kinds
    if start is None or end is None or np.array_equal(start, end):
        return model.from_latents(slerp(*ends, share), start)
    if start.ndim == 1:
        every = np.eye(len(model.classes), dtype=np.float32)
        start, end = every[start], every[end]
    blend = (start + share * (end - start)).astype(np.float32)
    return model.from_latents(slerp(*ends, share), blend)


def save_walk(
    model: Model,
    out: Path,
    *,
    points: int = 8,
    frames: int = 12,
    seed: int = 0,
    label: str | int | None = None,
    columns: int = 4,
    milliseconds: int = 60,
) -> tuple[Path, int]:
    """Writes a GIF that loops: the last point leads back to the first, each way as `between`.

    Returns:
        (the file, its number of frames).

    Raises:
        UsageError: not a .gif, fewer than 2 points or 1 frame; EleganError: it cannot be written.
    """
    if out.suffix.lower() != ".gif":
        raise UsageError(
            f"Cannot write {out}: name a file that ends in .gif, the one kind of moving picture"
            f" that needs no video encoder. Type --out {out.with_suffix('.gif').name}"
        )
    if points < 2 or frames < 1 or columns < 1:
        raise UsageError("A walk needs at least 2 points, 1 frame a step and 1 column.")
    walks = columns**2
    labels = model.labels_for(walks, label)
    codes = latent_noise(points * walks, model.latent, seed).view(points, walks, -1)
    if model.has_styles:
        codes = torch.stack([model.styles(code, labels) for code in codes])
    clusters = [model.clusters(code) for code in codes]
    pictures: list[Image.Image] = []
    for point in range(points):
        for frame in range(frames):
            following, share = (point + 1) % points, frame / frames
            ends = codes[point], codes[following]
            kinds = (labels, labels)
            if clusters[point] is not None:
                kinds = clusters[point], clusters[following]
            images = between(model, ends, kinds, share)
            scale = max(1, 56 // images.shape[1])
            pictures.append(to_pillow(_even(grid(images, columns, scale=scale))))
    try:
        with written_whole(out) as temporary:
            save_gif(pictures, temporary, milliseconds)
    except OSError as error:
        raise EleganError(f"Cannot write {out}: {error.strerror or error}.") from error
    return out, len(pictures)


def _even(sheet: np.ndarray) -> np.ndarray:
    """Crops an odd last row or column, which some players refuse."""
    return sheet[: sheet.shape[0] // 2 * 2, : sheet.shape[1] // 2 * 2]
