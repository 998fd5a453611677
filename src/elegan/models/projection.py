"""Projection: the point of latent space whose image is nearest to a given one."""

import copy
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from elegan.common.errors import EleganError, UsageError
from elegan.common.files import write_files
from elegan.common.pixels import to_tensor
from elegan.data.pictures import grid, png_bytes, save_png
from elegan.models.distillation import ImageDistance, judging_features, unclipped
from elegan.models.inputs import read_inputs
from elegan.models.latent_files import save_codes
from elegan.models.model import Model, latent_noise

_PRIOR = 0.05  # weight of the distance from where noise lies
_RATE = 0.1
MAX_LISTED = 50
_AT_ONCE = 16  # targets optimised together


@dataclass(frozen=True, kw_only=True, eq=False)
class Projected:
    """What projection found.

    Attributes:
        targets: uint8 [N, R, R, C].
        images: uint8 [N, R, R, C], the generator's images nearest to them.
        codes: float32 [N, latent], or [N, levels, latent] where the generator has styles.
        are_styles: which of the two.
        labels: int64 [N] classes that were drawn, None where the generator knows none.
        psnr: [N] decibels between target and image.
        names: of the targets; empty where they came without.
        files: pairs.png and latents.npz, where they were saved.
    """

    targets: np.ndarray
    images: np.ndarray
    codes: Tensor
    are_styles: bool
    labels: np.ndarray | None
    psnr: list[float]
    names: tuple[str, ...] = ()
    files: tuple[Path, ...] = ()

    @property
    def mean_psnr(self) -> float:
        return sum(self.psnr) / len(self.psnr)

    def text(self) -> str:
        each = list(zip(self.names, self.psnr, strict=True))
        lines = [f"  {name}  {value:.1f} dB" for name, value in each[:MAX_LISTED]]
        files = f" -> {', '.join(map(str, self.files))}" if self.files else ""
        return "\n".join([*lines, f"{len(self.psnr)} images, PSNR {self.mean_psnr:.1f} dB{files}"])

    def to_dict(self) -> dict[str, Any]:
        """JSON values, without images and codes."""
        pairs, latents = map(str, self.files) if self.files else (None, None)
        return {
            "pairs": pairs,
            "latents": latents,
            "psnr": self.psnr,
            "mean_psnr": self.mean_psnr,
            "names": list(self.names),
        }

    def _repr_png_(self) -> bytes:
        """Targets and reconstructions side by side, which a notebook shows."""
        return png_bytes(self.sheet())

    def sheet(self) -> np.ndarray:
        """Returns each target beside its reconstruction, uint8 [H, W, 3 or 1]."""
        pairs = np.stack([self.targets, self.images], axis=1).reshape(-1, *self.images.shape[1:])
        columns = 2 * max(1, round(math.sqrt(len(self.images) / 2)))
        return grid(pairs, columns, scale=max(1, 112 // self.images.shape[1]))

    def save(self, out: Path, model: Model) -> tuple[Path, Path]:
        """Writes pairs.png (target, reconstruction) and latents.npz into the folder `out`.

        Raises:
            UsageError: one of them is there and elegan did not write it.
            EleganError: the folder cannot be written.
        """
        kind = "styles" if self.are_styles else "latents"
        extra = {"psnr": np.array(self.psnr)}
        try:
            written = write_files(
                out,
                {
                    "pairs.png": partial(save_png, self.sheet()),
                    "latents.npz": lambda path: save_codes(
                        path, model, kind, self.codes, self.labels, extra
                    ),
                },
            )
        except OSError as error:
            raise EleganError(
                f"Cannot write into {out}: {error.strerror or error}. Name another --out."
            ) from error
        return written[0], written[1]


@dataclass(frozen=True, kw_only=True, eq=False)
class _Space:
    """Codes are `mean + spread * u`; u is about standard normal where the generator was trained."""

    mean: Tensor
    spread: Tensor
    draw: Callable[[Tensor, Tensor | None], Tensor]

    def images(self, units: Tensor, labels: Tensor | None) -> Tensor:
        return unclipped(self.draw(self.mean + self.spread * units, labels))


def project(
    model: Model,
    targets: np.ndarray,
    *,
    label: str | int | None = None,
    steps: int = 300,
    candidates: int = 512,
    restarts: int = 4,
    seed: int = 0,
) -> Projected:
    """Finds latents (styles, where the generator has them) that give the targets.

    The nearest of many random images are the starts; Adam moves their codes, the generator stays.
    The distance is `ImageDistance`, with the discriminator's features where the model holds one.
    Codes are held near the sphere on which noise lies (White 2016), for elsewhere the generator was
    never trained. Styles are sought as one vector for all levels first, then as one for each (W+).
    Source of the method: Abdal et al. 2019. The same seed gives the same result on one machine.

    Args:
        targets: uint8 [N, R, R, C] in the model's shape.
        label: the class to draw; by default that of the nearest random image.
        steps: of Adam.
        candidates: random images to start from.
        restarts: how many of them are followed, for each target.

    Raises:
        UsageError: the shape or a count does not fit.
    """
    shape = model.shape
    wanted = (shape.resolution, shape.resolution, shape.channels)
    if targets.ndim != 4 or targets.shape[1:] != wanted or len(targets) == 0:
        raise UsageError(
            f"The model draws {wanted}; images of {targets.shape} cannot be projected."
        )
    if min(steps, candidates, restarts) < 1 or restarts > candidates:
        raise UsageError(
            "--steps, --candidates and --restarts must be 1 or more, and the last no"
            " larger than the number of candidates."
        )
    search = _Search(model, label=label, candidates=candidates, seed=seed)
    found = [
        search.follow(targets[start : start + _AT_ONCE], steps, restarts)
        for start in range(0, len(targets), _AT_ONCE)
    ]
    codes = torch.cat([item[0] for item in found])
    known = [item for _, item in found if item is not None]
    labels = np.concatenate(known) if known else None
    images = model.from_styles(codes) if model.has_styles else model.from_latents(codes, labels)
    return Projected(
        targets=targets,
        images=images,
        codes=codes,
        are_styles=model.has_styles,
        labels=labels,
        psnr=[_psnr(target, other) for target, other in zip(targets, images, strict=True)],
    )


def project_inputs(
    model: Model, inputs: Sequence[str], *, fit: str = "crop", **options: Any
) -> Projected:
    """Projects every image of the inputs; `options` are those of `project`.

    Raises:
        UsageError: an input is not there; EleganError: no image can be used.
    """
    read = read_inputs(inputs, model.shape, fit=fit)
    images = np.concatenate([item.images for item in read])
    names = tuple(name for item in read for name in item.names)
    return replace(project(model, images, **options), names=names)


class _Search:
    """Random images of a model, and the way from the nearest of them to a target."""

    def __init__(
        self, model: Model, *, label: str | int | None, candidates: int, seed: int
    ) -> None:
        self.device = model.precision.device
        # A copy whose own `training` flag alone is set: its layers judge as in use, while an output
        # that is clipped in use passes gradients, without which clipped pixels could never return.
        network: Any = copy.deepcopy(model.network).eval()
        getattr(network, "within", network).training = True
        self.levels = len(network.levels) if model.has_styles else 0
        self.distance = ImageDistance(judging_features(model))
        latents = latent_noise(candidates, model.latent, seed).to(self.device)
        labels = model.labels_for(candidates, label)
        self.labels = None if labels is None else torch.from_numpy(labels).to(self.device)
        with torch.no_grad():
            if model.has_styles:
                codes = network.map(latents, self.labels)
                mean, spread = codes.mean(dim=0), codes.std(dim=0).clamp_min(1e-4)
                self.space = _Space(
                    mean=mean, spread=spread, draw=lambda code, _: network.synthesise(code)
                )
                self.units = (codes - mean) / spread
            else:
                zero = torch.zeros((), device=self.device)
                self.space = _Space(mean=zero, spread=zero + 1, draw=network)
                self.units = latents
            parts = range(0, candidates, 64)
            images = [self._draw(slice(start, start + 64)) for start in parts]
            self.candidates = self.distance.describe(torch.cat(images))

    def _draw(self, part: slice) -> Tensor:
        labels = None if self.labels is None else self.labels[part]
        return self.space.images(self.units[part], labels)

    def follow(
        self, targets: np.ndarray, steps: int, restarts: int
    ) -> tuple[Tensor, np.ndarray | None]:
        """Returns the best codes found, on the CPU, and their labels."""
        with torch.no_grad():
            sought = self.distance.describe(to_tensor(np.array(targets), self.device))
            nearest = [
                self.distance.between(self.candidates, [item[index : index + 1] for item in sought])
                .topk(restarts, largest=False)
                .indices
                for index in range(len(targets))
            ]
        starts = torch.cat(nearest)
        sought = [item.repeat_interleave(restarts, dim=0) for item in sought]
        labels = None if self.labels is None else self.labels[starts]
        units = self.units[starts]
        if self.levels:
            units, _ = self._descend(units, labels, sought, steps - steps // 2)
            units = units[:, None].expand(-1, self.levels, -1)
        units, least = self._descend(units, labels, sought, steps // 2 if self.levels else steps)
        chosen = least.view(-1, restarts).argmin(dim=1)
        chosen = chosen + torch.arange(len(targets), device=self.device) * restarts
        codes = (self.space.mean + self.space.spread * units[chosen]).cpu()
        return codes, None if labels is None else labels[chosen].cpu().numpy()

    def _descend(
        self, units: Tensor, labels: Tensor | None, sought: list[Tensor], steps: int
    ) -> tuple[Tensor, Tensor]:
        """Returns the best units on the way of Adam, and their distance [N]."""
        units = units.detach().clone().requires_grad_(True)
        best, least = units.detach().clone(), torch.full((len(units),), torch.inf)
        least = least.to(self.device)
        optimizer = torch.optim.Adam([units], lr=_RATE, betas=(0.9, 0.99))
        for step in range(steps + 1):
            images = self.space.images(units, labels)
            distance = self.distance.between(self.distance.describe(images), sought)
            total = distance + _PRIOR * _excess(units).square()
            now = total.detach()
            better = now < least
            least = torch.where(better, now, least)
            best[better] = units.detach()[better]
            if step < steps:
                optimizer.param_groups[0]["lr"] = _RATE * _falling(step / steps)
                optimizer.zero_grad(set_to_none=True)
                total.sum().backward()
                optimizer.step()
        return best, least


def _excess(units: Tensor) -> Tensor:
    """How far the mean square of each row is from 1, beyond two standard deviations of noise's."""
    rows = units.flatten(1)
    usual = 2 * math.sqrt(2 / rows.shape[1])
    return ((rows.square().mean(dim=1) - 1).abs() - usual).clamp_min(0)


def _falling(progress: float) -> float:
    """The rate's factor: a short rise, then a cosine to zero."""
    return min(1.0, progress / 0.05 + 0.05) * (0.5 + 0.5 * math.cos(math.pi * progress))


def _psnr(one: np.ndarray, other: np.ndarray) -> float:
    error = float(np.square(one.astype(np.float64) - other).mean())
    return 10 * math.log10(255**2 / max(error, 1e-2))
