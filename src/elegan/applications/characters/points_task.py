"""The second stage of characters: maps in, facial points and ordered outline points out.

It is supervised: there is no second player, and the discriminator rests always. A stated share of
its batches are maps that the first stage's generator drew, with points traced on them.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from elegan.applications.characters.map_model import MapModel, save_stage
from elegan.applications.characters.networks import NoDiscriminator, PointNetwork
from elegan.applications.characters.parts import KEY_POINTS, PARTS
from elegan.applications.characters.planes import fault_of_maps, picture_of_maps, picture_of_points
from elegan.applications.characters.tracing import POINTS, outline
from elegan.applications.characters.training_data import CharacterData
from elegan.common.distributed import World
from elegan.common.precision import Precision
from elegan.common.randomness import key
from elegan.data import batch_indices
from elegan.data.batches import Batch
from elegan.data.patches import held_out
from elegan.data.pictures import grid, save_png
from elegan.metrics.capacity import cost_of
from elegan.networks.layers import scaled_width
from elegan.settings import TrainSettings
from elegan.training.ema import Ema
from elegan.training.players import make_player
from elegan.training.task import Losses

WIDTH = 48
DRAWN = 256  # maps of the generator that are traced; tracing takes a tenth of a second each
_MEASURED, _SHOWN, _SIZE = 64, 8, 192
_FACE = PARTS.index("face")
_FIRM, _LARGE = 0.85, 12  # peak and area in pixels of maps that can be traced by themselves


@dataclass(frozen=True, kw_only=True)
class PointBatch(Batch):
    """Maps and where their points are.

    Attributes:
        images: float32 [N, P, M, M] in [-1, 1].
        points: float32 [N, K + 32 P, 2] in canvas units, 0 where not known.
        known: float32 [N, K + 32 P], 1 where known.
    """

    points: Tensor
    known: Tensor


@dataclass(frozen=True, kw_only=True, eq=False)
class Examples:
    """N maps with their points.

    Attributes:
        maps: uint8 [N, P, M, M].
        points: float32 [N, K + 32 P, 2] in canvas units, NaN where not known.
    """

    maps: np.ndarray
    points: np.ndarray


class PointBatches:
    """An endless stream of maps with points, in keyed order; some characters are held out.

    Args:
        draw: gives maps that the first stage drew; called when they are first needed.
        share: of the maps, 0 to 1, that are such.
    """

    def __init__(
        self,
        data: CharacterData,
        draw: Callable[[], Examples] | None,
        *,
        share: float,
        batch: int,
        seed: int,
        device: torch.device,
        world: World,
    ) -> None:
        self.data, self.world, self._draw = data, world, draw
        self._share, self._batch, self._seed, self._device = share, batch, seed, device
        characters = data.characters
        outlines = characters.outlines.reshape(len(data), -1, 2)
        self.real = Examples(
            maps=data.small_amodal,
            points=np.concatenate([characters.key_points, outlines], axis=1),
        )
        self.held_out_indices, self._trained = held_out(seed, len(data))

    @cached_property
    def drawn(self) -> Examples | None:
        """Valid maps of the first stage, or None where there are none or none are asked for."""
        found = self._draw() if self._draw is not None else None
        return found if found is not None and len(found.maps) else None

    @property
    def asks_for_drawn(self) -> bool:
        """Whether maps of the first stage are asked for."""
        return self._draw is not None

    @property
    def training_count(self) -> int:
        """How many characters are trained on."""
        return len(self._trained)

    @property
    def countable(self) -> int:
        """How many different maps there are to memorise."""
        return len(self._trained) + (len(self.drawn.maps) if self.drawn else 0)

    def at(self, position: int) -> PointBatch:
        """Returns the batch that follows `position` maps seen."""
        share = self.world.share(self._batch)
        order = batch_indices(self._seed, position, self._batch, len(self._trained))
        random = np.random.default_rng(key(self._seed, "drawn maps", position))
        replaced = random.random(self._batch) < self._share
        others = random.integers(0, len(self.drawn.maps) if self.drawn else 1, self._batch)
        maps, points = [], []
        for row in range(share.start, share.stop):
            source, index = self.real, self._trained[order[row]]
            if self.drawn is not None and replaced[row]:
                source, index = self.drawn, others[row]
            maps.append(source.maps[index])
            points.append(source.points[index])
        return self._joined(np.stack(maps), np.stack(points), position, share)

    def measured(self, count: int) -> PointBatch:
        """Returns up to `count` characters that are held out, or trained on if none are."""
        chosen = self.held_out_indices if len(self.held_out_indices) else self._trained
        chosen = chosen[:count]
        return self._joined(
            self.real.maps[chosen], self.real.points[chosen], 0, slice(0, len(chosen))
        )

    def _joined(
        self, maps: np.ndarray, points: np.ndarray, position: int, share: slice
    ) -> PointBatch:
        known = np.isfinite(points).all(axis=2)
        return PointBatch(
            images=maps_tensor(maps, self._device),
            labels=None,
            position=position,
            share=share,
            whole=self._batch,
            points=torch.from_numpy(np.nan_to_num(points).astype(np.float32)).to(self._device),
            known=torch.from_numpy(known.astype(np.float32)).to(self._device),
        )


class CharacterPoints:
    """A network of key points on maps. Implements `training.task.Task`."""

    name = "characters-points"
    simultaneous = False
    takes_loss_flags = False

    def __init__(
        self,
        settings: TrainSettings,
        data: CharacterData,
        batches: PointBatches,
        precision: Precision,
    ) -> None:
        self.settings, self.data, self.batches, self.precision = settings, data, batches, precision
        width = settings.network.width or scaled_width(WIDTH, settings.size)
        self.sizes = {
            "parts": len(PARTS),
            "key_points": len(KEY_POINTS),
            "outline": POINTS,
            "width": width,
        }
        self.generator = make_player(
            settings, lambda: PointNetwork(**self.sizes), "generator", precision
        )
        self.discriminator = make_player(settings, NoDiscriminator, "discriminator", precision)
        self.ema = Ema(
            self.generator.network, half_life=settings.ema.half_life, ramp=settings.ema.ramp
        )
        self.state: dict[str, Tensor] = {}
        self._measured = batches.measured(_MEASURED)

    def phase(self, progress: float) -> tuple[float, float]:
        """The run is one phase."""
        return progress, 1.0

    def begin(self, say: Callable[[str], None]) -> None:
        """Says what is trained on."""
        drawn = self.batches.drawn
        if drawn is not None:
            share = self.settings.characters.generated
            say(f"{share:.0%} of the maps are {len(drawn.maps):,} valid ones of {DRAWN:,} drawn")
        elif self.batches.asks_for_drawn:
            say(f"None of {DRAWN:,} maps drawn by the first stage is valid: real maps only.")

    def capacity(self) -> dict[str, Any]:
        network, maps = self.generator.network, self._measured.images[:1]
        none = {"parameters": 0, "macs": 0, "activations": 0}
        return {"generator": cost_of(network, maps), "discriminator": none}

    # --- one step ---------------------------------------------------------------------------

    def generate(self, batch: Batch) -> Tensor:
        """Maps -> points [N, K + 32 P, 2]."""
        return self.generator.network(batch.images)

    def discriminator_loss(self, batch: Batch, fakes: Tensor, progress: float) -> Losses | None:
        """None: it rests always."""
        return None

    def simultaneous_losses(
        self, batch: Batch, fakes: Tensor, progress: float
    ) -> tuple[Losses, Losses, Tensor]:
        raise NotImplementedError("there is one player only")

    def generator_loss(self, batch: Batch, fakes: Tensor, progress: float) -> Losses:
        """The mean distance of known points; an outline's counts relative to its part's size.

        A tenth of the canvas is added to that size, lest a closed mouth outweigh all hair.
        """
        assert isinstance(batch, PointBatch)
        points, known = batch.points, batch.known
        distance = (fakes.float() - points).square().sum(dim=2).add(1e-8).sqrt()
        count = len(KEY_POINTS)
        facial = _mean(distance[:, :count], known[:, :count])
        parts = points[:, count:].unflatten(1, (len(PARTS), POINTS))
        extent = (parts.amax(dim=2) - parts.amin(dim=2)).amax(dim=2, keepdim=True)
        weights = known[:, count:].unflatten(1, (len(PARTS), POINTS)) / (extent + 0.1)
        along = distance[:, count:].unflatten(1, (len(PARTS), POINTS))
        outlines = (along * weights).sum() / known[:, count:].sum().clamp_min(1)
        total = facial * 2 + outlines
        found = {"facial": facial.detach(), "outlines": outlines.detach()}
        return Losses({"loss": total, **found})

    def after_discriminator_step(self, batch: Batch) -> None:
        """Never called."""

    # --- state ------------------------------------------------------------------------------

    def state_dict(self) -> dict[str, Tensor]:
        return {}

    def load_state_dict(self, tensors: Mapping[str, Tensor]) -> None:
        """There is nothing of its own."""

    def save_model(self, folder: Path, training: Mapping[str, Any]) -> None:
        save_stage(
            folder,
            "points",
            self.ema.network,
            sizes=self.sizes,
            facts={"resolution": self.data.side},
            training={**training, "generated": self.settings.characters.generated},
        )

    # --- pictures and measurements ----------------------------------------------------------

    def real_sheet(self, path: Path) -> None:
        self._sheet(self._measured, self._measured.points, path)

    def first_batch(self, batch: Batch, path: Path) -> None:
        assert isinstance(batch, PointBatch)
        self._sheet(batch, batch.points, path)

    def preview(self, path: Path) -> None:
        self._sheet(self._measured, self._found(), path)

    def _sheet(self, batch: PointBatch, points: Tensor, path: Path) -> None:
        """Writes maps, each with its points beside it."""
        known = np.asarray(batch.known[:_SHOWN].cpu().numpy() > 0)
        maps = (batch.images[:_SHOWN].cpu().numpy() + 1) / 2
        pictures = []
        for one, places, there in zip(
            maps, points[:_SHOWN].cpu().numpy().astype(np.float64), known, strict=True
        ):
            scale = _SIZE // one.shape[-1]
            seen = picture_of_maps(one).repeat(scale, axis=0).repeat(scale, axis=1)
            size = seen.shape[0]
            outlines, facial = split_points(places, there)
            pictures += [seen, picture_of_points(outlines, facial, size)]
        save_png(grid(np.stack(pictures), 4), path)

    @torch.inference_mode()
    def _found(self) -> Tensor:
        with self.precision.autocast():
            return self.ema.network(self._measured.images).float()

    def signals(self) -> dict[str, float]:
        """How near the averaged network comes on held-out maps.

        - `nme`: mean distance of facial points, as a share of the face's width.
        - `pck`: share of them nearer than 5 % of it.
        - `outline_error`: mean distance of outline points, as a share of the face's width.
        """
        batch, found = self._measured, self._found()
        count = len(KEY_POINTS)
        start = count + _FACE * POINTS
        face = batch.points[:, start : start + POINTS, 0]
        width = (face.amax(dim=1) - face.amin(dim=1)).clamp_min(1e-3)
        error = (found - batch.points).norm(dim=2) / width[:, None]
        known = batch.known
        near = (error < 0.05).float()
        return {
            "nme": _mean(error[:, :count], known[:, :count]).item(),
            "pck": _mean(near[:, :count], known[:, :count]).item(),
            "outline_error": _mean(error[:, count:], known[:, count:]).item(),
        }

    def score(self) -> dict[str, float]:
        """The NME and PCK of `signals`, in per cent."""
        found = self.signals()
        return {"NME %": 100 * found["nme"], "PCK@.05 %": 100 * found["pck"]}


def split_points(points: np.ndarray, known: np.ndarray) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Points [K + 32 P, 2] and which are known -> outlines by part, and the known facial points."""
    count = len(KEY_POINTS)
    outlines = points[count:].reshape(len(PARTS), POINTS, 2)
    there = known[count:].reshape(len(PARTS), POINTS)
    named = {name: outlines[index] for index, name in enumerate(PARTS) if there[index].all()}
    return named, points[:count][known[:count]]


def maps_tensor(maps: np.ndarray, device: torch.device) -> Tensor:
    """uint8 [N, P, M, M] -> float32 in [-1, 1], channels-last."""
    tensor = torch.from_numpy(np.ascontiguousarray(maps)).to(device).float().div_(127.5).sub_(1)
    return tensor.contiguous(memory_format=torch.channels_last)


def draw_examples(model: MapModel, count: int, seed: int) -> Examples:
    """Draws maps by the first stage's generator and traces what can be traced on them.

    Only valid maps are kept. Of a part that is too thin or faint to be traced, nothing is said, nor
    of facial points; these are learnt on real maps.
    """
    planes, _ = model.draw(range(count), seed=seed)
    maps, points = [], []
    for one in planes[:, : len(PARTS)]:
        if fault_of_maps(one) is None:
            maps.append(np.rint(one * 255).astype(np.uint8))
            points.append(_traced(one))
    side = planes.shape[-1]
    return Examples(
        maps=np.stack(maps) if maps else np.zeros((0, len(PARTS), side, side), np.uint8),
        points=np.stack(points) if points else np.zeros((0, 0, 2), np.float32),
    )


def _traced(maps: np.ndarray) -> np.ndarray:
    """Maps [P, M, M] -> points [K + 32 P, 2], NaN where nothing is said."""
    places = np.full((len(PARTS), POINTS, 2), np.nan, np.float32)
    for part, one in enumerate(maps):
        if one.max() >= _FIRM and one.sum() >= _LARGE:
            found = outline(one, POINTS, spacing="even")
            if found is not None:
                places[part] = found
    facial = np.full((len(KEY_POINTS), 2), np.nan, np.float32)
    return np.concatenate([facial, places.reshape(-1, 2)])


def _mean(values: Tensor, weights: Tensor) -> Tensor:
    return (values * weights).sum() / weights.sum().clamp_min(1)
