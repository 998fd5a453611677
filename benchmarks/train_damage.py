"""Trains the network that tells what is wrong with a photo, and writes its card.

    python benchmarks/train_damage.py

Crops of the photos in photos-open.zip, which `more_photos.py` makes (in `$ELEGAN_DATA`, or where
--photos says), are damaged as restorers are trained on; a part is left whole. A kind's threshold is
what undamaged crops of photos held out stay under. Writes to `elegan/models/damage_network`.
"""

import argparse
import hashlib
import json
import math
import multiprocessing
import os
import time
from pathlib import Path

import numpy as np
import torch
from figures import commit, provenance
from safetensors.torch import save
from torch import Tensor
from torch.nn.functional import smooth_l1_loss

from elegan.applications.photos.examples import recoloured
from elegan.common.randomness import key
from elegan.data import open_photos
from elegan.data.degradations import FAMILIES, KINDS, degrade, from_bytes, to_bytes
from elegan.models.damage import DAMAGES, SIDE, DamageNetwork, strengths, summary, windows_of
from elegan.tasks.crops import crop

FOLDER = Path(__file__).parents[1] / "src" / "elegan" / "models" / "damage_network"
TOLD = [kind for kind in KINDS if kind not in FAMILIES["inpaint"]]
WHOLE, SHRUNK = 0.2, 0.6  # share of crops without damage, and of crops from a smaller photo
RARE = 0.4  # share of crops with one kind of damage, all kinds that are told alike often
MARGIN = 1.15  # of a threshold above what undamaged photos of the test split reach
LEAST = {"noise": 2.5, "jpeg": 12.0, "blur": 0.45, "rain": 2.5, "haze": 0.15, "stripes": 0.1}
LOOKED_AT = 384  # pixels along a side of the test photos, at three sizes


class Crops:
    """Damaged crops and what is wrong with them, each a function of its number alone."""

    def __init__(self, photos: str) -> None:
        self.photos = open_photos(photos, split="train")

    def __call__(self, number: int) -> tuple[np.ndarray, np.ndarray]:
        """Returns uint8 [SIDE, SIDE, 3] and float32 [kinds]."""
        random = np.random.default_rng(key(0, "damage", number))
        photo = self.photos.photo(int(random.integers(len(self.photos))))
        clean = recoloured(crop(photo, SIDE, random, SHRUNK), random)
        if random.random() < WHOLE:
            return clean, strengths({})
        if random.random() < RARE:
            told = list(DAMAGES.values())[int(random.integers(len(DAMAGES)))].values
            done = degrade(from_bytes(clean), list(told), random, most=1)
        else:
            done = degrade(from_bytes(clean), TOLD, random, most=3)
        return to_bytes(done.image), strengths(done.parameters)


def fit(images: Tensor, truths: Tensor, epochs: int, batch: int, rate: float) -> DamageNetwork:
    """Trains on uint8 [N, SIDE, SIDE, 3] and answers [N, kinds]."""
    torch.manual_seed(0)
    network = DamageNetwork().to(memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(network.parameters(), rate, weight_decay=0.02)
    steps = epochs * (len(images) // batch)
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = (
                rate * min(1, 10 * step / steps) * (1 + math.cos(math.pi * step / steps)) / 2
            )
        if step % (len(images) // batch) == 0:
            order = torch.randperm(len(images))
        place = step % (len(images) // batch) * batch
        chosen = order[place : place + batch]
        planes = images[chosen].permute(0, 3, 1, 2).float().div(127.5).sub(1)
        planes = torch.rot90(planes, step % 4, (2, 3))
        with torch.autocast("cpu", torch.bfloat16):
            answers = network(planes)
        loss = smooth_l1_loss(answers.float(), truths[chosen], beta=0.05)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % 200 == 0:
            print(f"{step}/{steps} {loss.item():.5f}", flush=True)
    return network.eval()


def thresholds(network: DamageNetwork, photos: str) -> dict[str, float]:
    """Returns what undamaged photos of the test split, at three sizes, stay under."""
    tested = open_photos(photos, split="test")
    highest = dict.fromkeys(DAMAGES, 0.0)
    for index in range(len(tested)):
        photo = tested.photo(index)
        for shrink in (1, 2, 3):
            side = LOOKED_AT * shrink
            piece = crop(photo[:side, :side], LOOKED_AT, np.random.default_rng(index), 0.0)
            with torch.inference_mode():
                found = summary(*(network(windows).numpy() for windows in windows_of(piece)))
            highest = {name: max(highest[name], value) for name, value in found.items()}
    return {name: round(max(LEAST[name], MARGIN * value), 3) for name, value in highest.items()}


def main() -> None:
    """Runs what the command line asks for."""
    flags = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    data = Path(os.environ.get("ELEGAN_DATA", "."))
    flags.add_argument("--photos", type=Path, default=data / "photos-open.zip")
    flags.add_argument("--crops", type=int, default=80_000)
    flags.add_argument("--epochs", type=int, default=6)
    flags.add_argument("--out", type=Path, default=FOLDER)
    options = flags.parse_args()
    began = time.monotonic()
    crops = Crops(str(options.photos))
    with multiprocessing.Pool() as pool:
        made = pool.map(crops, range(options.crops), chunksize=200)
    images = torch.from_numpy(np.stack([image for image, _ in made]))
    truths = torch.from_numpy(np.stack([truth for _, truth in made]))
    print(f"{len(images)} crops after {time.monotonic() - began:.0f} s", flush=True)
    network = fit(images, truths, options.epochs, 128, 3e-3)
    limits = thresholds(network, str(options.photos))
    options.out.mkdir(parents=True, exist_ok=True)
    weights = {
        name: tensor.half().contiguous() if tensor.is_floating_point() else tensor
        for name, tensor in network.state_dict().items()
    }
    blob = save(weights)
    (options.out / "network.safetensors").write_bytes(blob)
    card = {
        "about": "tells what is wrong with a photo; see elegan.models.damage",
        "sha256": hashlib.sha256(blob).hexdigest(),
        "data": f"{options.photos.stem}, {len(crops.photos)} photos; see restore-noise for whose",
        "crops": options.crops,
        "epochs": options.epochs,
        "seconds": round(time.monotonic() - began),
        "commit": commit(),
        **provenance(),
        "thresholds": limits,
    }
    (options.out / "network.json").write_text(json.dumps(card, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(card["thresholds"]))


if __name__ == "__main__":
    main()
