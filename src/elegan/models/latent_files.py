"""Files of latents or styles: kept by projection, drawn again by `generate --latents`."""

import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from elegan.common.errors import EleganError, UsageError
from elegan.common.files import written_whole
from elegan.models.model import Model
from elegan.models.samples import Samples

_KINDS = ("latents", "styles")


def save_codes(
    path: Path,
    model: Model,
    kind: str,
    codes: Tensor,
    labels: np.ndarray | None = None,
    extra: Mapping[str, np.ndarray] | None = None,
) -> Path:
    """Writes an .npz that `draw_file` reads: `kind` is "latents" or "styles".

    Args:
        codes: float [N, latent] or [N, ...].
        labels: int64 [N] of a conditional model.
        extra: further arrays, which drawing does not read.

    Raises:
        EleganError: the place cannot be written.
    """
    arrays = {kind: codes.float().cpu().numpy(), **(extra or {})}
    if labels is not None:
        arrays["labels"] = labels
    arrays["model_sha256"] = np.array(model.config["sha256"])
    try:
        with written_whole(path) as temporary, temporary.open("xb") as file:
            np.savez(file, **arrays)  # pyright: ignore[reportArgumentType]
    except OSError as error:
        raise EleganError(
            f"Cannot write {path}: {error.strerror or error}. Name another place with --out."
        ) from error
    return path


def draw_file(model: Model, path: Path) -> Samples:
    """Draws the images of the latents or styles in an .npz (or of the latents in an .npy).

    Raises:
        UsageError: the file is not there, or its arrays do not fit the model.
    """
    arrays = _read(path)
    kind = next((item for item in _KINDS if item in arrays), None)
    if kind is None:
        raise UsageError(f"{path} holds neither 'latents' nor 'styles'. See `elegan project`.")
    codes, labels = arrays[kind], arrays.get("labels")
    if codes.dtype.kind != "f" or codes.ndim < 2 or len(codes) == 0 or not np.isfinite(codes).all():
        raise UsageError(f"'{kind}' in {path} must be finite numbers [N, length], N > 0.")
    if labels is not None:
        labels = _checked_labels(labels, len(codes), model, path)
    values = torch.from_numpy(codes.astype(np.float32))
    if kind == "styles":
        expected = model.styles(torch.zeros(1, model.latent), _first(labels, model)).shape[-1]
        _refuse_length(path, values.shape[-1], expected)
        try:
            return model.samples(model.from_styles(values), labels, seed=0)
        except (ValueError, RuntimeError) as error:
            raise UsageError(
                f"'styles' in {path} have the shape {codes.shape}, which this model does not take:"
                " they were made with another model."
            ) from error
    _refuse_length(path, values.shape[-1], model.latent)
    if labels is None:
        labels = model.labels_for(len(values), None)
    return model.samples(model.from_latents(values, labels), labels, seed=0)


def _read(path: Path) -> dict[str, np.ndarray]:
    try:
        loaded = np.load(path, allow_pickle=False)
        if isinstance(loaded, np.ndarray):
            return {"latents": loaded}
        with loaded:
            return {name: loaded[name] for name in loaded.files}
    except FileNotFoundError:
        raise UsageError(f"There is no file of latents at {path}.") from None
    except (OSError, ValueError, EOFError, MemoryError, zipfile.BadZipFile, zlib.error) as error:
        raise UsageError(f"{path} cannot be read as .npz or .npy: {error}.") from error


def _checked_labels(labels: np.ndarray, count: int, model: Model, path: Path) -> np.ndarray | None:
    if not model.shape.classes:
        return None
    fits = labels.shape == (count,) and labels.dtype.kind in "iu"
    if not fits or labels.min() < 0 or labels.max() >= model.shape.classes:
        raise UsageError(
            f"'labels' in {path} must be {count} whole numbers below {model.shape.classes}."
        )
    return labels.astype(np.int64)


def _first(labels: np.ndarray | None, model: Model) -> np.ndarray | None:
    return model.labels_for(1, None) if labels is None else labels[:1]


def _refuse_length(path: Path, length: int, expected: int) -> None:
    if length != expected:
        raise UsageError(
            f"{path} holds vectors of length {length}, and this model takes {expected}: they were"
            " made with another model."
        )
