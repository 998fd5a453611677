"""Verbs on photos: enlarge, restore, give another style. Files and folders in, a folder out."""

import sys
from typing import TYPE_CHECKING, Any, Literal

import elegan
from elegan.verbs.answer import Answer

if TYPE_CHECKING:
    from elegan.applications.photos.journal import Translated

Format = Literal["auto", "png", "jpeg", "webp", "tiff"]


def upscale(
    inputs: list[str],
    *,
    model: str | None = None,
    scale: float | None = None,
    strength: float = 1.0,
    out: str = "upscaled",
    format: Format = "auto",
    quality: int = 95,
    overwrite: bool = False,
    tile: int | None = None,
    device: str = "auto",
) -> Answer:
    """Make photos larger; files that are finished in --out are kept, the rest goes on.

    Args:
        inputs: image files, folders, patterns such as "photos/*.jpg".
        model: a run folder, a model folder or the name of a shipped model; by default the shipped
            one of the next larger scale.
        scale: any number up to 16; by default the model's own.
        strength: 0 (faithful) to 1 (as sharp as the model was trained to be).
        out: a folder; files keep their names.
        format: auto is the photo's own where it can hold the result.
        quality: of JPEG, WebP and AVIF, 1 to 100.
        overwrite: also replace files in --out that elegan did not write.
        tile: largest side of a tile in pixels; by default as memory allows.
        device: auto, cpu or cuda.
    """
    return _answer(
        "upscale",
        inputs,
        model=model,
        scale=scale,
        strength=strength,
        out=out,
        format=format,
        quality=quality,
        overwrite=overwrite,
        tile=tile,
        device=device,
    )


def restore(
    inputs: list[str],
    *,
    model: str | None = None,
    task: str = "auto",
    mask: str | None = None,
    dilate: int | None = None,
    feather: int | None = None,
    sky: str | None = None,
    strength: float = 1.0,
    out: str = "restored",
    format: Format = "auto",
    quality: int = 95,
    overwrite: bool = False,
    tile: int | None = None,
    device: str = "auto",
) -> Answer:
    """Undo damage in photos: holes, scratches, rain, haze, stripes, blur, noise; another sky.

    Args:
        inputs: image files, folders, patterns such as "photos/*.jpg".
        model: a run folder, a model folder or the name of a shipped model; by default the shipped
            one that knows the task.
        task: auto, inpaint, derain, dehaze, destripe, deblur or denoise; auto is inpaint where
            there is a mask, and else leaves it to the network to see what is wrong.
        mask: what to change: a file (white: change), a folder of files named as the photos, alpha,
            auto (scratches), or a painted colour as #RRGGBB. All else stays bit for bit.
        dilate: pixels by which the mask grows; by default 2 for auto and a colour, else 0.
        feather: pixels beyond that over which new fades into old; by default as --dilate.
        sky: fill for a clear sky, or the file of another photo's; --mask may say where it is.
        strength: 0 (faithful) to 1 (as sharp as the model was trained to be).
        out: a folder; files keep their names.
        format: auto is the photo's own where it can hold the result.
        quality: of JPEG, WebP and AVIF, 1 to 100.
        overwrite: also replace files in --out that elegan did not write.
        tile: largest side of a tile in pixels; by default as memory allows.
        device: auto, cpu or cuda.
    """
    return _answer(
        "restore",
        inputs,
        model=model,
        task=task,
        mask=mask,
        dilate=dilate,
        feather=feather,
        sky=sky,
        strength=strength,
        out=out,
        format=format,
        quality=quality,
        overwrite=overwrite,
        tile=tile,
        device=device,
    )


def stylize(
    inputs: list[str],
    *,
    model: str | None = None,
    strength: float = 1.0,
    preserve_colour: bool = False,
    flatten: bool = False,
    out: str = "stylized",
    format: Format = "auto",
    quality: int = 95,
    overwrite: bool = False,
    tile: int | None = None,
    device: str = "auto",
) -> Answer:
    """Give photos, drawings or the frames of GIFs and videos another style.

    Args:
        inputs: image files, folders, patterns such as "photos/*.jpg".
        model: a run folder, a model folder or the name of a shipped model.
        strength: 0 (the photo) to 1 (the style).
        preserve_colour: take only lightness from the style, and the colours from the photo.
        flatten: make the result opaque; what was transparent is shown to the model on white.
        out: a folder; files keep their names.
        format: auto is the photo's own where it can hold the result.
        quality: of JPEG, WebP and AVIF, 1 to 100.
        overwrite: also replace files in --out that elegan did not write.
        tile: largest side of a tile in pixels; by default as memory allows.
        device: auto, cpu or cuda.
    """
    return _answer(
        "stylize",
        inputs,
        model=model,
        strength=strength,
        preserve_colour=preserve_colour,
        flatten=flatten,
        out=out,
        format=format,
        quality=quality,
        overwrite=overwrite,
        tile=tile,
        device=device,
    )


def _answer(verb: str, inputs: list[str], **options: Any) -> Answer:
    """Does it with progress on stderr; Ctrl-C ends after the file's current tile."""
    from elegan.common.interruption import InterruptedRun, Interruption
    from elegan.verbs.watching import Progress

    call = {"upscale": elegan.upscale, "restore": elegan.restore, "stylize": elegan.stylize}[verb]
    with Interruption() as interruption, Progress(interruption, sys.stderr) as progress:
        found: Translated = call(*inputs, watch=progress, **options)
    if found.stopped:
        raise InterruptedRun(
            f"{found.text()}\nStopped; whatever is finished stays."
            " The same command goes on from there.",
            interruption.signal_number or 2,
        )
    return Answer(found.text(), found.facts(), exit_code=1 if found.counts["failed"] else 0)
