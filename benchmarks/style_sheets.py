"""Pictures at moments of a run, cut out of the previews that it keeps under samples/."""

from pathlib import Path

import numpy as np
from photo_sheets import sheet
from PIL import Image

import elegan

_MOMENTS = 5
_ROWS, _GROUPS, _GAP = 6, 2, 2  # examples shown; a preview has two groups of columns, gaps between


def progress(run: Path, out: Path) -> None:
    """Writes a sheet: an image a row; the input, what was made at five moments, the truth if known.

    The images are held out of training. The moments are the first preview, the last, and those
    nearest to even steps of the square root between them, since most happens early.
    """
    files = sorted((run / "samples").glob("[0-9]*.png"))
    roots = np.sqrt([int(one.stem) for one in files])
    wanted = np.linspace(roots[0], roots[-1], _MOMENTS)
    chosen = sorted({int(np.abs(roots - one).argmin()) for one in wanted})
    paired = elegan.Run(run).settings.translate.method == "paired"
    previews = [examples(np.asarray(Image.open(files[one])), 2 + paired) for one in chosen]
    heads = ["input", *(f"{int(files[one].stem):,} crops" for one in chosen)]
    rows = [
        [previews[0][row][0], *(one[row][1] for one in previews), *previews[0][row][2:]]
        for row in range(min(_ROWS, len(previews[0])))
    ]
    sheet(rows, heads + ["truth"] * paired, out, shown=112)


def examples(preview: np.ndarray, columns: int) -> list[list[np.ndarray]]:
    """Cuts a preview uint8 [H, W, 3] into examples of square images, `columns` each."""
    across = _GROUPS * columns
    side = (preview.shape[1] + _GAP) // across - _GAP
    step = side + _GAP
    tiles = [
        preview[top : top + side, left : left + side]
        for top in range(0, preview.shape[0], step)
        for left in range(0, preview.shape[1], step)
    ]
    return [tiles[first : first + columns] for first in range(0, len(tiles), columns)]
