"""`elegan bench`: what this machine's arithmetic can do, and how much of it training uses."""

import time
from collections.abc import Callable, Sequence
from typing import Any, cast

import numpy as np
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from elegan.applications import TASKS
from elegan.common.distributed import World
from elegan.common.errors import UsageError, lookup
from elegan.common.precision import Precision, choose
from elegan.data.batches import Stream
from elegan.data.in_memory import named
from elegan.settings import PRESETS, TrainSettings, preset_settings
from elegan.training.console import duration
from elegan.training.pace import measure_speed, passing_loop
from elegan.training.run import prepare
from elegan.training.task import Task

_TRIALS = 5
_DRAWN = 500  # images at once, as `generate` draws them
_IMAGES = 512  # of noise, which are trained on: speed does not depend on what they show
_LOW = 0.3  # of the ceiling, below which a larger batch is advised


class Arithmetic(TorchDispatchMode):
    """Counts operations of convolutions and products, a multiplication and an addition as two.

    What autograd does in backward passes, of any order, is counted as well.
    """

    def __init__(self) -> None:
        super().__init__()
        self.total = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        out = func(*args, **kwargs)
        if (count := flop_registry.get(func._overloadpacket)) is not None:
            self.total += count(*args, **kwargs, out_val=out)
        return out


@torch.inference_mode()
def ceiling(precision: Precision) -> dict[str, float]:
    """Measures the machine with the threads that are set; the best of five trials each.

    Returns:
        Operations a second of `matrix`, a product of 2,048 by 2,048 in the chosen number format,
        and of `convolution`, 3x3 with 128 channels on 64 maps of 16x16; of `memory` the bytes a
        second, read and written, of a copy of 256 MB.
    """
    device, dtype = precision.device, precision.dtype
    square = torch.randn(2048, 2048, device=device).to(dtype)
    maps, weight = torch.randn(64, 128, 16, 16), torch.randn(128, 128, 3, 3)
    maps, weight = (
        item.to(device, dtype, memory_format=torch.channels_last) for item in (maps, weight)
    )
    block = torch.randn(1 << 26, device=device)
    copy = torch.empty_like(block)
    convolution = _seconds(lambda: torch.conv2d(maps, weight, padding=1))
    return {
        "matrix": 2 * 2048**3 / _seconds(lambda: square @ square),
        "convolution": 2 * 64 * 16**2 * 128**2 * 9 / convolution,
        "memory": 2 * block.nbytes / _seconds(lambda: copy.copy_(block)),
    }


def _seconds(work: Callable[[], torch.Tensor]) -> float:
    """Of the fastest trial after a warm-up; reading a number makes an accelerator finish."""
    found = []
    for _ in range(_TRIALS + 1):
        began = time.perf_counter()
        work().flatten()[0].item()
        found.append(time.perf_counter() - began)
    return min(found[1:])


def bench(
    presets: Sequence[str], *, resolution: int, channels: int, batch: int | None, seconds: float
) -> dict[str, Any]:
    """Measures the machine, then each preset on images of noise.

    Args:
        seconds: about how long each preset is trained.

    Returns:
        `precision`, `threads`, `ceiling` as above, and of each preset in `presets`: `batch`,
        `images_per_second`, `operations` of an image, the `share` of the convolution's ceiling,
        its own `images` and the `seconds` that they take; and of drawing images with its generator
        `drawn_per_second` and `drawing_share`.

    Raises:
        UsageError: a preset is unknown, or trains on something else than images of one size.
    """
    precision = choose()
    for name in presets:
        if lookup(PRESETS, name, "preset").values.get("task", "generate") != "generate":
            raise UsageError(f"bench measures presets that draw images from noise, not '{name}'.")
    most = ceiling(precision)
    data = _noise(resolution, channels)
    rows = {}
    for name in presets:
        settings = preset_settings(name, data, {} if batch is None else {"batch": batch})
        prepared = _prepared(settings, precision)
        speed = measure_speed(settings, *prepared, precision, seconds / 3)
        each = _operations(settings, *prepared, precision)
        rows[name] = {
            "batch": settings.batch,
            "images_per_second": speed,
            "operations": each,
            "share": each * speed / most["convolution"],
            "images": PRESETS[name].images,
            "seconds": PRESETS[name].images / speed,
            **_drawing(prepared[1](), precision, most["convolution"]),
        }
    facts = {"precision": precision.reason, "threads": torch.get_num_threads()}
    return {**facts, "ceiling": most, "resolution": resolution, "channels": channels} | {
        "presets": rows
    }


def operations(preset: str, resolution: int, channels: int) -> tuple[float, int]:
    """Returns the operations of a step of both players for an image, and the preset's batch."""
    settings, precision = preset_settings(preset, _noise(resolution, channels)), choose()
    return _operations(settings, *_prepared(settings, precision), precision), settings.batch


def _noise(resolution: int, channels: int) -> str:
    size = (_IMAGES, resolution, resolution, channels)
    return named(np.random.default_rng(0).integers(0, 256, size).astype(np.uint8))


def _prepared(settings: TrainSettings, precision: Precision) -> tuple[Stream, Callable[[], Task]]:
    spec = TASKS[settings.task]
    return prepare(spec, settings, spec.open_data(settings), precision, World())


def _operations(
    settings: TrainSettings, batches: Stream, make_task: Callable[[], Task], precision: Precision
) -> float:
    """Counted over one cycle of the penalties."""
    loop = passing_loop(settings, batches, make_task, precision)
    cycle = settings.loss.penalty_every
    with Arithmetic() as counted:
        for step in range(cycle):
            loop.step(batches.at(step * settings.batch))
    return counted.total / (cycle * settings.batch)


@torch.no_grad()  # inference mode would hide the convolutions from the count
def _drawing(task: Task, precision: Precision, ceiling: float) -> dict[str, float]:
    network = task.generator.network.eval()
    latents = torch.randn(_DRAWN, cast(int, network.latent), device=precision.device)

    def draw() -> torch.Tensor:
        with precision.autocast():
            return network(latents)

    with Arithmetic() as counted:
        draw()
    seconds = _seconds(draw)
    return {
        "drawn_per_second": _DRAWN / seconds,
        "drawing_share": counted.total / seconds / ceiling,
    }


def describe(found: dict[str, Any]) -> str:
    """Returns what `bench` found as a table, and advice."""
    most, side = found["ceiling"], found["resolution"]
    colours = "colour" if found["channels"] == 3 else "gray"
    lines = [
        f"{found['precision']}; {found['threads']} thread{'s' * (found['threads'] != 1)}",
        f"matrix product {most['matrix'] / 1e12:.2f} TFLOP/s, convolution"
        f" {most['convolution'] / 1e12:.2f} TFLOP/s, memory {most['memory'] / 1e9:.0f} GB/s",
        "",
        f"Training steps at {side}x{side} in {colours}:",
        f"{'preset':<12}{'batch':>5}{'images/s':>10}{'share':>7}{'its images':>12}"
        f"  {'time':<13}{'drawn/s':>8}{'share':>7}",
    ]
    for name, row in found["presets"].items():
        lines.append(
            f"{name:<12}{row['batch']:>5}{row['images_per_second']:>10,.0f}{row['share']:>7.0%}"
            f"{row['images']:>12,}  {duration(row['seconds']):<13}"
            f"{row['drawn_per_second']:>8,.0f}{row['drawing_share']:>7.0%}"
        )
    low = [name for name, row in found["presets"].items() if row["share"] < _LOW]
    lines += ["", "A share is that of the convolution's speed, which small layers stay below."]
    if "float32" in found["precision"]:
        lines.append("This machine computes in float32; one that multiplies bfloat16 is 2 to 9")
        lines.append("times as fast.")
    if low:
        lines.append(f"Far from it: {', '.join(low)}. A larger --batch does more in each step.")
    return "\n".join(lines)
