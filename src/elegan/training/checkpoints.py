"""Checkpoints: named stateful parts as safetensors, and one JSON manifest with the SHA-256 of each
and of itself.

A checkpoint is written into a temporary folder, every file and then the folder flushed to disk, the
manifest last, and the folder renamed. So a folder named by a sequence number is whole, whenever the
process died. The newest is found by sequence number, never by time stamp.
"""

import hashlib
import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from elegan.common import distributed
from elegan.common.errors import EleganError
from elegan.common.files import (
    flush,
    json_object,
    save_tensors,
    sha256,
    temporary_beside,
    write_durably,
)

VERSION = 2
KEPT = 2
Parts = dict[str, dict[str, Tensor]]


class NotFiniteError(ValueError):
    """A tensor that was to be saved holds a number that is not finite."""


def save(folder: Path, parts: Mapping[str, Mapping[str, Tensor]], facts: Mapping[str, Any]) -> Path:
    """Writes the next checkpoint of `folder` and removes all but the newest `KEPT`.

    Args:
        parts: name -> tensors by name; each part becomes NAME.safetensors.
        facts: JSON values (counters, guard) kept in the manifest.

    Returns:
        The folder written.

    Raises:
        EleganError: the disk is full or not writable; older checkpoints are untouched.
        NotFiniteError: a tensor is not finite; nothing is written.
    """
    for name, tensors in parts.items():
        for key, tensor in tensors.items():
            if tensor.is_floating_point() and not torch.isfinite(tensor).all():
                raise NotFiniteError(f"{name}.{key} is not finite; such weights are never saved")
    sequence = max(_sequences(folder), default=0) + 1
    final = folder / f"{sequence:04d}"
    try:
        with temporary_beside(final) as temporary:
            temporary.mkdir(parents=True)
            digests = {}
            for name, tensors in parts.items():
                path = temporary / f"{name}.safetensors"
                save_tensors(path, tensors)
                digests[path.name] = sha256(path)
            manifest = {"version": VERSION, "sequence": sequence, "facts": facts, "files": digests}
            manifest["sha256"] = _digest(manifest)
            write_durably(temporary / "manifest.json", json.dumps(manifest, indent=2))
            temporary.rename(final)
            flush(folder)
    except OSError as error:
        raise EleganError(
            f"Cannot write the checkpoint {final}: {error.strerror or error}. Earlier checkpoints"
            " are whole. Free some space or mend the permissions, then run the same command again."
        ) from error
    for old in sorted(_sequences(folder))[:-KEPT]:
        if _is_numbered(folder / f"{old:04d}", old):
            shutil.rmtree(folder / f"{old:04d}", ignore_errors=True)
    return final


def load(folder: Path, say: Callable[[str], None] = print) -> tuple[Parts, dict[str, Any]] | None:
    """Reads the newest whole checkpoint.

    A damaged one is named through `say` and the one before it is tried; once that is read, the
    damaged one is renamed, so that it does not count as one of the `KEPT`.

    Returns:
        (parts, facts), or None where there is no checkpoint at all.

    Raises:
        EleganError: there are checkpoints and none is whole.
    """
    damaged: list[Path] = []
    for sequence in sorted(_sequences(folder), reverse=True):
        path = folder / f"{sequence:04d}"
        try:
            found = _read(path)
        except (OSError, ValueError, LookupError, SafetensorError) as error:
            say(f"Checkpoint {path} is damaged ({error}); trying the one before it.")
            damaged.append(path)
            continue
        if distributed.world().leads:
            for other in damaged:
                shutil.rmtree(other.with_name(f"damaged-{other.name}"), ignore_errors=True)
                other.rename(other.with_name(f"damaged-{other.name}"))
        return found
    if damaged:
        raise EleganError(
            f"No checkpoint in {folder} can be read. Move the run folder away to start anew."
        )
    return None


def _read(path: Path) -> tuple[Parts, dict[str, Any]]:
    manifest = json_object((path / "manifest.json").read_text(encoding="utf-8"))
    if manifest["version"] not in (1, VERSION):
        raise ValueError(f"written by format {manifest['version']}, this elegan reads {VERSION}")
    # Version 1 was the same without this checksum; reading it costs a word, and runs that were
    # begun before go on.
    if manifest["version"] != 1 and manifest.pop("sha256") != _digest(manifest):
        raise ValueError("manifest.json does not match its own SHA-256")
    parts: Parts = {}
    for name, digest in manifest["files"].items():
        if sha256(path / name) != digest:
            raise ValueError(f"{name} does not match its SHA-256")
        parts[Path(name).stem] = load_file(path / name)
    return parts, manifest["facts"]


def _digest(manifest: Mapping[str, Any]) -> str:
    """SHA-256 of a manifest's content as JSON holds it, however it is laid out."""
    stored = json.loads(json.dumps(manifest))
    return hashlib.sha256(json.dumps(stored, sort_keys=True).encode()).hexdigest()


def _is_numbered(path: Path, sequence: int) -> bool:
    """Whether a folder is the checkpoint of that number, and not one that a person calls so."""
    try:
        manifest = json_object((path / "manifest.json").read_text(encoding="utf-8"))
        return manifest.get("sequence") == sequence
    except (OSError, ValueError):
        return False


def _sequences(folder: Path) -> list[int]:
    if not folder.is_dir():
        return []
    return [int(path.name) for path in folder.iterdir() if path.name.isdigit()]


def optimizer_tensors(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """Flattens an optimizer's state: 'INDEX.KEY' -> tensor, indices in parameter order."""
    parameters = [item for group in optimizer.param_groups for item in group["params"]]
    return {
        f"{index}.{key}": value
        for index, parameter in enumerate(parameters)
        for key, value in optimizer.state.get(parameter, {}).items()
    }


def restore_optimizer(optimizer: torch.optim.Optimizer, tensors: Mapping[str, Tensor]) -> None:
    """Puts back what `optimizer_tensors` returned, in each parameter's memory layout and device."""
    parameters = [item for group in optimizer.param_groups for item in group["params"]]
    optimizer.state.clear()
    for name, value in tensors.items():
        index, key = name.split(".", 1)
        parameter = parameters[int(index)]
        if value.shape == parameter.shape and value.ndim:
            value = torch.empty_like(parameter, memory_format=torch.preserve_format).copy_(value)
        elif parameter.device.type != "cpu":
            value = value.to(parameter.device)  # fused Adam keeps its step count on the device
        optimizer.state[parameter][key] = value


@torch.no_grad()
def restore_module(module: torch.nn.Module, tensors: Mapping[str, Tensor]) -> None:
    """Copies tensors into a module in place, keeping its memory layout.

    Raises:
        EleganError: names or shapes differ: the checkpoint belongs to other settings.
    """
    mine = module.state_dict()
    if mine.keys() != tensors.keys() or any(mine[k].shape != tensors[k].shape for k in mine):
        raise EleganError("The checkpoint holds another network than the settings describe.")
    for name, tensor in mine.items():
        tensor.copy_(tensors[name])
