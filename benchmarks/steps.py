"""Training steps a second: `article-printed` in bfloat16 against the article in Keras in float32.

    python benchmarks/steps.py --keras keras-env/bin/python --data $ELEGAN_DATA/mnist

The two take turns in fresh processes, so that a drift of the machine's speed meets both; the
ratio is that of the medians. First, Keras's weights are put into these networks and the outputs
compared, so that it is the same two networks that are timed.
"""

import argparse
import json
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from figures import last_json, publish, table

from elegan.applications import TASKS
from elegan.common.distributed import World
from elegan.common.precision import choose
from elegan.networks import ImageShape
from elegan.networks.article import ArticleDiscriminator, ArticleGenerator
from elegan.settings import preset_settings
from elegan.training.pace import measure_speed
from elegan.training.run import prepare

_GENERATOR = ["dense", None, "up1", "norm1", "up2", "norm2", "up3"]
_DISCRIMINATOR = ["down1", None, "down2", None, None, "head"]
_VARIABLES = {
    "kernel": "weight",
    "gamma": "weight",
    "beta": "bias",
    "bias": "bias",
    "moving_mean": "running_mean",
    "moving_variance": "running_var",
}


def largest_difference(python: str) -> dict[str, float]:
    """Returns the largest absolute differences of outputs, float32, inference mode."""
    with tempfile.TemporaryDirectory() as folder:
        weights, answers = Path(folder) / "weights.npz", Path(folder) / "answers.npz"
        script = Path(__file__).with_name("keras_article.py")
        last_json(
            [python, str(script), "--json", "--weights", str(weights), "--reference", str(answers)]
        )
        loaded, expected = dict(np.load(weights)), dict(np.load(answers))
    shape = ImageShape(resolution=28, channels=1)
    networks = {"generator": ArticleGenerator(shape), "discriminator": ArticleDiscriminator(shape)}
    layers = {"generator": _GENERATOR, "discriminator": _DISCRIMINATOR}
    for key, value in loaded.items():
        network, index, variable = key.split("/")
        name = f"{layers[network][int(index)]}.{_VARIABLES[variable]}"
        tensor = networks[network].state_dict()[name]
        tensor.copy_(torch.from_numpy(_torch_layout(value)))
    with torch.inference_mode():
        generated = networks["generator"].eval()(torch.from_numpy(expected["latents"]))
        images = torch.from_numpy(expected["images"]).permute(0, 3, 1, 2)
        logits = networks["discriminator"].eval()(images)
    return {
        "generated": float(
            np.abs(generated.permute(0, 2, 3, 1).numpy() - expected["generated"]).max()
        ),
        "logits": float(np.abs(logits.numpy() - expected["logits"].squeeze()).max()),
    }


def _torch_layout(value: np.ndarray) -> np.ndarray:
    # Keras: [height, width, in, out], transposed [height, width, out, in]; dense [in, out].
    order = {4: (3, 2, 0, 1), 2: (1, 0)}.get(value.ndim)
    return np.ascontiguousarray(value.transpose(order)) if order else value


def ours(batch: int) -> float:
    """Returns images per second of `article-printed` on this machine."""
    settings = preset_settings("article-printed", "mnist", {"batch": batch})
    data, precision = TASKS[settings.task].open_data(settings), choose()
    batches, make_task = prepare(TASKS[settings.task], settings, data, precision, World())
    return measure_speed(settings, batches, make_task, precision, minutes=4.0)


def compare(options: argparse.Namespace, batch: int) -> dict[str, Any]:
    """Alternates the two, --rounds times each, in processes of their own."""
    script = Path(__file__).with_name("keras_article.py")
    keras = [options.keras, str(script), "--data", str(options.data), "--json", "--speed"]
    keras += ["--seconds", "12", "--batch", str(batch)]
    mine = [options.python, __file__, "--only-ours", str(batch)]
    theirs, own, xla = [], [], False
    for _ in range(options.rounds):
        facts = last_json(keras)
        theirs.append(facts["images_per_second"])
        xla = facts["xla"]
        own.append(last_json(mine)["images_per_second"])
    return {
        "batch": batch,
        "keras": theirs,
        "elegan": own,
        "xla": xla,
        "ratio": statistics.median(own) / statistics.median(theirs),
    }


def main() -> None:
    """Runs what the command line asks for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--keras", help="python of the Keras environment")
    parser.add_argument("--data", type=Path, help="folder of MNIST's IDX files")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only-ours", type=int, help="print our speed at this batch size")
    parser.add_argument("--out", type=Path, default=Path("docs/figures"))
    options = parser.parse_args()
    options.python = sys.executable
    if options.only_ours:
        print(json.dumps({"images_per_second": ours(options.only_ours)}))
        return
    if not options.keras or not options.data:
        parser.error("--keras and --data are needed")
    differences = largest_difference(options.keras)
    found = [compare(options, batch) for batch in (32, 256)]
    rows = [
        [
            str(one["batch"]),
            f"{statistics.median(one['keras']):,.0f}" + (" (XLA)" if one["xla"] else ""),
            f"{statistics.median(one['elegan']):,.0f}",
            f"{one['ratio']:.2f}",
        ]
        for one in found
    ]
    text = table(["batch", "Keras float32 images/s", "elegan bf16 images/s", "ratio"], rows)
    text += (
        f"\n\nMedians of {options.rounds} alternating processes each. Same weights, same inputs:"
        f" the generators differ by at most {differences['generated']:.1g}, the logits by"
        f" {differences['logits']:.1g} (float32)."
    )
    publish("steps", text, {"rows": found, "differences": differences}, options.out)


if __name__ == "__main__":
    main()
