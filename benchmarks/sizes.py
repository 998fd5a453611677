"""What each pair of networks costs at 28 to 256 pixels: speed, memory, parameters, arithmetic.

    python benchmarks/sizes.py
    python benchmarks/sizes.py --networks residual style --sizes 64 128

Each pair and size runs a few steps alone in a process of its own, on made-up images in colour (gray
at 28), with the preset that is meant for the pair; scoring and snapshots are not counted. Memory is
the most that the process ever held, libraries and all.
"""

import argparse
import json
import resource
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from figures import last_json, publish, table

from elegan.applications import TASKS
from elegan.common.distributed import World
from elegan.common.precision import choose
from elegan.metrics.capacity import capacity
from elegan.networks import PAIRS
from elegan.settings import PRESETS, preset_settings
from elegan.training.pace import measure_speed
from elegan.training.run import prepare

SIZES = (28, 32, 64, 128, 256)
PLAYERS = ("generator", "discriminator")
COUNT = 256  # made-up images


def preset_of(network: str) -> str:
    """Returns the first preset that uses the pair, `robust` where none does."""
    used = {name: row.values.get("network", {}).get("name") for name, row in PRESETS.items()}
    return next((name for name, pair in used.items() if pair == network), "robust")


def measure(network: str, size: int, seconds: float) -> dict[str, Any]:
    """Returns the figures of one pair at one size, measured in this process."""
    preset = preset_of(network)
    channels = 1 if size == 28 else 3
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "images.npy"
        images = np.random.default_rng(0).integers(0, 256, (COUNT, size, size, channels), np.uint8)
        np.save(path, images)
        values = {"resolution": size, "network": {"name": network}}
        settings = preset_settings(preset, str(path), values)
        data, precision = TASKS[settings.task].open_data(settings), choose()
        batches, make_task = prepare(TASKS[settings.task], settings, data, precision, World())
        minutes = seconds / 3  # of which `measure_speed` takes a twentieth, in minutes
        speed = measure_speed(settings, batches, make_task, precision, minutes)
        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20  # KiB on Linux
        task: Any = make_task()
    # Its copies come after the peak was read.
    costs = capacity(task.generator.network, task.discriminator.network, task.shape)
    return {
        "network": network,
        "preset": preset,
        "size": size,
        "channels": channels,
        "batch": settings.batch,
        "images_per_second": speed,
        "peak_gib": most,
        "capacity": costs,
    }


def describe(rows: list[dict[str, Any]]) -> str:
    """Returns the table and what it was taken with."""
    lines = []
    for row in rows:
        lines.append([row["network"], row["preset"], f"{row['size']}x{row['channels']}"])
        lines[-1] += [str(row["batch"]), f"{row['images_per_second']:,.3g}"]
        lines[-1] += [f"{100_000 / row['images_per_second'] / 60:,.0f}", f"{row['peak_gib']:.2f}"]
        for unit, what, form in ((1e6, "parameters", ".2f"), (1e6, "macs", ",.0f")):
            pair = (row["capacity"][player][what] / unit for player in PLAYERS)
            lines[-1].append(" + ".join(format(one, form) for one in pair))
        lines[-1].append(str(row["capacity"]["discriminator"]["receptive_field"] or "all"))
    head = ["network", "preset", "pixels, channels", "batch", "images/s", "minutes per 100,000"]
    head += ["peak GiB", "million parameters, G + D", "million MACs an image, G + D"]
    head += ["pixels that D sees across"]
    return (
        f"{table(head, lines)}\n\nTraining steps alone, each pair in a process of its own; median"
        " of whole cycles of the lazy penalties."
    )


def main() -> None:
    """Runs what the command line asks for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--networks", nargs="+", choices=list(PAIRS), default=list(PAIRS))
    parser.add_argument("--sizes", type=int, nargs="+", default=list(SIZES))
    parser.add_argument("--seconds", type=float, default=15.0, help="of steps, at the least")
    parser.add_argument("--only", nargs=2, metavar=("NETWORK", "SIZE"), help="print one as JSON")
    parser.add_argument("--out", type=Path, default=Path("docs/figures"))
    options = parser.parse_args()
    if options.only:
        print(json.dumps(measure(options.only[0], int(options.only[1]), options.seconds)))
        return
    rows = []
    for network in options.networks:
        for size in options.sizes:
            command = [sys.executable, __file__, "--seconds", str(options.seconds)]
            rows.append(last_json([*command, "--only", network, str(size)]))
            print(json.dumps(rows[-1]), file=sys.stderr, flush=True)
    publish("sizes", describe(rows), {"rows": rows}, options.out)


if __name__ == "__main__":
    main()
