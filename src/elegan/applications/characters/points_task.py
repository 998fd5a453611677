"""The second stage of characters: maps in, facial points and ordered outline points out.

It is supervised: there is no second player, and the discriminator rests always. A stated share of
its batches are maps that the first stage's generator drew, with points traced on them.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from elegan.applications.characters.character_set import CharacterData
from elegan.applications.characters.fitting import fault_of_maps
from elegan.applications.characters.map_model import MapModel, save_stage
from elegan.applications.characters.networks import NoDiscriminator, PointNetwork
from elegan.applications.characters.outlines import POINTS, outline
from elegan.applications.characters.parts import INDEX, KEY_POINTS, PARTS
from elegan.applications.characters.planes import picture_of_maps, picture_of_points
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
from elegan.tasks.translation import TranslationTask
from elegan.training.ema import Ema
from elegan.training.players import make_player
from elegan.training.task import Losses

WIDTH = 48
DRAWN = 256  # maps of the generator that are traced; tracing takes a tenth of a second each
_COUNT = len(KEY_POINTS)
_MEASURED, _MAX_SHOWN, _SIZE = 64, 8, 192
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


class Examples(NamedTuple):
    """N maps, and where their points are in canvas units, NaN where not known."""

    maps: np.ndarray  # uint8 [N, P, M, M]
    points: np.ndarray  # float32 [N, K + 32 P, 2]


class PointBatches:
    """An endless stream of maps with points, in keyed order; some characters are held out.

    Args:
        draw: gives maps that the first stage drew; called when they are first needed.
        settings: `characters.generated` is the share of the maps, 0 to 1, that are such.
    """

    def __init__(
        self,
        data: CharacterData,
        draw: Callable[[], Examples] | None,
        settings: TrainSettings,
        device: torch.device,
        world: World,
    ) -> None:
        self.data, self.world, self.draw = data, world, draw
        self._batch, self._seed, self._device = settings.batch, settings.seed, device
        self._share, seed = settings.characters.generated, settings.seed
        outlines = data.outlines.reshape(len(data), -1, 2)
        points = np.concatenate([data.key_points, outlines], axis=1)
        self.real = Examples(data.small_amodal, points)
        self.held_out_indices, self._trained = held_out(seed, len(data))

    @cached_property
    def drawn(self) -> Examples | None:
        """Valid maps of the first stage, or None where there are none or none are asked for."""
        found = self.draw() if self.draw is not None else None
        return found if found is not None and len(found.maps) else None

    @property
    def training_count(self) -> int:
        """How many characters are trained on."""
        return len(self._trained)

    @property
    def countable(self) -> int:
        """How many different maps there are to learn by heart."""
        return len(self._trained) + (len(self.drawn.maps) if self.drawn else 0)

    def at(self, position: int) -> PointBatch:
        """Returns the batch that follows `position` maps seen."""
        share = self.world.share(self._batch)
        order = batch_indices(self._seed, position, self._batch, len(self._trained))
        random = np.random.default_rng(key(self._seed, "drawn maps", position))
        replaced = random.random(self._batch) < self._share
        others = random.integers(0, len(self.drawn.maps) if self.drawn else 1, self._batch)
        rows = []
        for row in range(share.start, share.stop):
            source, index = self.real, self._trained[order[row]]
            if self.drawn is not None and replaced[row]:
                source, index = self.drawn, others[row]
            rows.append((source.maps[index], source.points[index]))
        maps, points = (np.stack(column) for column in zip(*rows, strict=True))
        return self._joined(maps, points, position, share)

    def measured(self, count: int) -> PointBatch:
        """Returns up to `count` characters that are held out, or trained on if none are."""
        chosen = self.held_out_indices if len(self.held_out_indices) else self._trained
        maps, points = self.real.maps[chosen[:count]], self.real.points[chosen[:count]]
        return self._joined(maps, points, 0, slice(0, len(maps)))

    def _joined(
        self, maps: np.ndarray, points: np.ndarray, position: int, share: slice
    ) -> PointBatch:
        def on_device(array: np.ndarray) -> Tensor:
            return torch.from_numpy(np.ascontiguousarray(array)).to(self._device).float()

        images = on_device(maps).div_(127.5).sub_(1)
        return PointBatch(
            images=images.contiguous(memory_format=torch.channels_last),
            labels=None,
            position=position,
            share=share,
            whole=self._batch,
            points=on_device(np.nan_to_num(points)),
            known=on_device(np.asarray(np.isfinite(points).all(axis=2))),
        )


class PointsTask(TranslationTask):
    """A network of key points on maps: a translation without images to arrive at or a judge."""

    name = "characters-points"

    def __init__(
        self,
        settings: TrainSettings,
        data: CharacterData,
        batches: PointBatches,
        precision: Precision,
    ) -> None:
        self.settings, self.data, self.precision = settings, data, precision
        self.batches = batches
        self.state: dict[str, Tensor] = {}
        width = settings.network.width or scaled_width(WIDTH, settings.size)
        sizes = {"parts": len(PARTS), "key_points": _COUNT, "outline": POINTS, "width": width}
        self.sizes = sizes
        self.generator = make_player(
            settings, lambda: PointNetwork(**sizes), "generator", precision
        )
        self.discriminator = make_player(settings, NoDiscriminator, "discriminator", precision)
        self.ema = Ema(
            self.generator.network, half_life=settings.ema.half_life, ramp=settings.ema.ramp
        )
        self._examples = batches.measured(_MEASURED)

    def begin(self, say: Callable[[str], None]) -> None:
        """Says what is trained on."""
        drawn = self.batches.drawn
        if drawn is not None:
            share = self.settings.characters.generated
            say(f"{share:.0%} of the maps are {len(drawn.maps):,} valid ones of {DRAWN:,} drawn")
        elif self.batches.draw is not None:
            say(f"None of {DRAWN:,} maps drawn by the first stage is valid: real maps only.")

    def capacity(self) -> dict[str, Any]:
        none = {"parameters": 0, "macs": 0, "activations": 0}
        own = cost_of(self.generator.network, self._examples.images[:1])
        return {"generator": own, "discriminator": none}

    # --- one step ---------------------------------------------------------------------------

    def generate(self, batch: Batch) -> Tensor:
        """Maps -> points [N, K + 32 P, 2]."""
        return self.generator.network(batch.images)

    def discriminator_loss(self, batch: Batch, fakes: Tensor, progress: float) -> Losses | None:
        """None: it rests always."""
        return None

    def generator_loss(self, batch: Batch, fakes: Tensor, progress: float) -> Losses:
        """The mean distance of known points; an outline's counts relative to its part's size.

        A tenth of the canvas is added to that size, lest a closed mouth outweigh all hair.
        """
        assert isinstance(batch, PointBatch)
        by_part = (len(PARTS), POINTS)
        distance = (fakes.float() - batch.points).square().sum(dim=2).add(1e-8).sqrt()
        facial = _mean(distance[:, :_COUNT], batch.known[:, :_COUNT])
        parts = batch.points[:, _COUNT:].unflatten(1, by_part)
        extent = (parts.amax(dim=2) - parts.amin(dim=2)).amax(dim=2, keepdim=True)
        known = batch.known[:, _COUNT:]
        weights = known.unflatten(1, by_part) / (extent + 0.1)
        along = distance[:, _COUNT:].unflatten(1, by_part)
        outlines = (along * weights).sum() / known.sum().clamp_min(1)
        total = facial * 2 + outlines
        found = {"facial": facial.detach(), "outlines": outlines.detach()}
        return Losses({"loss": total, **found})

    def save_model(self, folder: Path, training: Mapping[str, Any]) -> None:
        training = {**training, "generated": self.settings.characters.generated}
        facts = {"resolution": self.data.side}
        save_stage(folder, "points", self.ema.network, self.sizes, facts, training)

    # --- pictures and measurements ----------------------------------------------------------

    def real_sheet(self, path: Path) -> None:
        _save_sheet(self._examples, self._examples.points, path)

    def first_batch(self, batch: Batch, path: Path) -> None:
        assert isinstance(batch, PointBatch)
        _save_sheet(batch, batch.points, path)

    def preview(self, path: Path) -> None:
        _save_sheet(self._examples, self._made(self._examples.images), path)

    def signals(self) -> dict[str, float]:
        """How near the averaged network comes on held-out maps.

        - `nme`: mean distance of facial points, as a share of the face's width.
        - `pck`: share of them nearer than 5 % of it.
        - `outline_error`: mean distance of outline points, as a share of the face's width.
        """
        batch, found = self._examples, self._made(self._examples.images)
        face = batch.points[:, _COUNT:, 0].unflatten(1, (len(PARTS), POINTS))[:, INDEX["face"]]
        width = (face.amax(dim=1) - face.amin(dim=1)).clamp_min(1e-3)
        error = (found - batch.points).norm(dim=2) / width[:, None]
        known, near = batch.known, (error < 0.05).float()
        return {
            "nme": _mean(error[:, :_COUNT], known[:, :_COUNT]).item(),
            "pck": _mean(near[:, :_COUNT], known[:, :_COUNT]).item(),
            "outline_error": _mean(error[:, _COUNT:], known[:, _COUNT:]).item(),
        }

    def score(self) -> dict[str, float]:
        """The NME and PCK of `signals`, in per cent."""
        found = self.signals()
        return {"NME %": 100 * found["nme"], "PCK@.05 %": 100 * found["pck"]}


def _mean(values: Tensor, weights: Tensor) -> Tensor:
    return (values * weights).sum() / weights.sum().clamp_min(1)


def _save_sheet(batch: PointBatch, points: Tensor, path: Path) -> None:
    """Writes maps, each with its points beside it."""
    maps = (batch.images[:_MAX_SHOWN].cpu().numpy() + 1) / 2
    known = np.asarray(batch.known[:_MAX_SHOWN].cpu().numpy() > 0)
    places = points[:_MAX_SHOWN].cpu().numpy().astype(np.float64)
    pictures = []
    for planes, own, there in zip(maps, places, known, strict=True):
        scale = _SIZE // planes.shape[-1]
        seen = picture_of_maps(planes).repeat(scale, axis=0).repeat(scale, axis=1)
        pictures += [seen, picture_of_points(*split_points(own, there), seen.shape[0])]
    save_png(grid(np.stack(pictures), 4), path)


def split_points(points: np.ndarray, known: np.ndarray) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Points [K + 32 P, 2] and which are known -> outlines by part, and the known facial points."""
    outlines = points[_COUNT:].reshape(len(PARTS), POINTS, 2)
    there = known[_COUNT:].reshape(len(PARTS), POINTS)
    named = {name: outlines[index] for index, name in enumerate(PARTS) if there[index].all()}
    return named, points[:_COUNT][known[:_COUNT]]


def draw_examples(model: MapModel, count: int, seed: int) -> Examples:
    """Draws maps by the first stage's generator and traces what can be traced on them.

    Only valid maps are kept. Of a part that is too thin or faint to be traced, nothing is said, nor
    of facial points; these are learnt on real maps.
    """
    planes, _ = model.draw(range(count), seed=seed)
    valid = [maps for maps in planes[:, : len(PARTS)] if fault_of_maps(maps) is None]
    points = np.full((len(valid), _COUNT + len(PARTS) * POINTS, 2), np.nan, np.float32)
    for row, maps in enumerate(valid):
        for part, mask in enumerate(maps):
            if mask.max() >= _FIRM and mask.sum() >= _LARGE:
                found = outline(mask)
                if found is not None:
                    start = _COUNT + part * POINTS
                    points[row, start : start + POINTS] = found
    side = planes.shape[-1]
    kept = np.reshape(valid, (-1, len(PARTS), side, side)) * 255
    return Examples(np.rint(kept).astype(np.uint8), points)
