"""Images per second of `elegan generate RUN -n 10000 --out s.npz`, after loading.

python benchmarks/sampling.py runs/mnist-robust
"""

import argparse
import statistics
import sys
import tempfile
from pathlib import Path

from figures import last_json, publish

COUNT = 10_000


def main() -> None:
    """Runs what the command line asks for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("run", help="run folder or model folder")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--out", type=Path, default=Path("docs/figures"))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        out = str(Path(folder) / "s.npz")
        draw = [sys.executable, "-m", "elegan.cli", "generate", options.run, "--json"]
        speeds = [
            last_json([*draw, "-n", str(COUNT), "--out", out])["images_per_second"]
            for _ in range(options.rounds)
        ]
    text = (
        f"{COUNT:,} images in one command, {options.rounds} processes: {min(speeds):,.0f} to"
        f" {max(speeds):,.0f} images a second, median {statistics.median(speeds):,.0f}, from the"
        " first call of the loaded network to the last image in memory."
    )
    publish("sampling", text, {"images_per_second": speeds}, options.out)


if __name__ == "__main__":
    main()
