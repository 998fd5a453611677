"""What the network that tells damage finds in photos it was not trained on.

    python benchmarks/telling_damage.py

Each standard damage is done to Kodak24; a row says in which share of the photos each kind is found,
and the median of the strength that was done, as `elegan restore` would say it.
"""

import os
from pathlib import Path
from typing import Any

import numpy as np
from figures import publish, table
from restoring import ALL_POINTS
from runs import parser

from elegan.common.randomness import key
from elegan.data import PhotoSet, open_photos
from elegan.data.degradations import FAMILIES, UNSEEN, damage, from_bytes, to_bytes
from elegan.models.damage import DAMAGES, diagnose


def found(photos: PhotoSet, kind: str | None, fixed: dict[str, Any]) -> list[dict[str, float]]:
    """Returns what is found in each photo."""
    values = []
    for index in range(len(photos)):
        image = photos.photo(index)
        if kind is not None:
            random = np.random.default_rng(key(0, "told", index))
            image = to_bytes(damage(from_bytes(image), kind, random, **fixed).image)
        values.append(dict(diagnose(image).values))
    return values


def main() -> None:
    """Runs what the command line asks for."""
    flags = parser(__doc__)
    flags.add_argument("--data", type=Path, default=Path(os.environ.get("ELEGAN_DATA", ".")))
    options = flags.parse_args()
    photos = open_photos(str(options.data / "kodak24.zip"))
    points = {name: of for name, of in ALL_POINTS.items() if of[0] not in FAMILIES["inpaint"]}
    rows, lines = [], []
    for name, (kind, fixed) in {"none": (None, {}), **points}.items():
        values = found(photos, kind, fixed)
        shares = {one: float(np.mean([one in each for each in values])) for one in DAMAGES}
        done = next((one for one, of in DAMAGES.items() if kind in of.values), None)
        told = [each[done] for each in values if done in each] if done else []
        said = DAMAGES[done].words(float(np.median(told))) if done and told else ""
        rows.append({"on": name, "shares": shares, "median": said})
        lines.append([name, *(f"{share:.0%}" if share else "" for share in shares.values()), said])
    text = (
        f"{table(['done', *(f'{one} found' for one in DAMAGES), 'median'], lines)}\n\nKodak24,"
        f" {len(photos)} photos, as PNG: of a JPEG file the quality is read from its tables."
        f" {', '.join(UNSEEN)} is in no training."
    )
    publish("telling-damage", text, {"rows": rows}, options.out)


if __name__ == "__main__":
    main()
