"""The model folder: model.json, and the weights of one or both networks that it names."""

import json
import re
import shutil
import zlib
from collections.abc import Mapping
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from elegan.common.errors import EleganError, UsageError, did_you_mean
from elegan.common.files import save_tensors, sha256, write_durably, write_files
from elegan.networks import ImageShape, TranslationShape

FORMAT, VERSION = "elegan-model", 1
UNREADABLE = (
    OSError,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    RuntimeError,
    SafetensorError,
)
"""What damaged files, or files somebody else made, raise while a model is read."""
# Weights that a network did not have at first and that change nothing where they are zero.
_LATER = ("seams.weight",)
_RENAMED = (("stages.", "levels."),)  # the levels of the pair dcgan
_PARTS = ("generator", "translator", "fidelity", "discriminator", "maps", "points", "render")
"""Each has one file of weights."""
_NAMED = 4  # tensors that a message names before it counts


def save_model(
    folder: Path,
    network: nn.Module,
    *,
    name: str,
    shape: ImageShape,
    sizes: Mapping[str, Any],
    classes: tuple[str, ...],
    task: str,
    training: Mapping[str, Any],
    discriminator: nn.Module | None = None,
    discriminator_sizes: Mapping[str, Any] | None = None,
    discriminator_classes: tuple[str, ...] | None = None,
) -> None:
    """Writes weights, then model.json, which names them: a reader sees the old or the new.

    Args:
        network: the generator.
        sizes: the keyword arguments that build the generator again (width, latent, condition).
        discriminator: kept beside the generator where one is given, for classification,
            projection, fine-tuning and transfer.
        discriminator_sizes: the same for the discriminator; by default `sizes` without condition.
        discriminator_classes: where the discriminator knows classes that the generator does not;
            by default `classes`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    weights = _write_part(folder, "generator", network.state_dict())
    config = {
        "format": FORMAT,
        "version": VERSION,
        "task": task,
        "network": name,
        "shape": asdict(shape),
        "sizes": dict(sizes),
        "classes": list(classes),
        **weights,
        "training": dict(training),
    }
    if discriminator is not None:
        own = {key: value for key, value in sizes.items() if key != "condition"}
        config["discriminator"] = {
            **_write_part(folder, "discriminator", discriminator.state_dict()),
            "sizes": dict(own if discriminator_sizes is None else discriminator_sizes),
            "classes": list(classes if discriminator_classes is None else discriminator_classes),
        }
    _write_config(folder, config)


def save_translation(
    folder: Path,
    network: nn.Module,
    *,
    task: str,
    name: str,
    shape: TranslationShape,
    sizes: Mapping[str, Any],
    recipe: Mapping[str, Any],
    training: Mapping[str, Any],
    fidelity: Mapping[str, Tensor] | None = None,
    discriminator: nn.Module | None = None,
    discriminator_sizes: Mapping[str, Any] | None = None,
) -> None:
    """Writes a model from images to images, in the manner of `save_model`.

    Args:
        network: what maps the images, with the weights to use.
        task: `upscale`, `restore` or `stylize`.
        name: of the network in the table of translators.
        shape: planes in and out, and the scale between them.
        sizes: the keyword arguments that build the network again.
        recipe: what using the model depends on: degradation, colour space, families, direction.
        fidelity: the same network's weights before its adversarial phase, for `--strength`.
        discriminator: kept beside it where one is given, to go on training.
    """
    folder.mkdir(parents=True, exist_ok=True)
    config = {
        "format": FORMAT,
        "version": VERSION,
        "task": task,
        "network": name,
        "shape": asdict(shape),
        "sizes": dict(sizes),
        "recipe": dict(recipe),
        **_write_part(folder, "translator", network.state_dict()),
        "training": dict(training),
    }
    if fidelity is not None:
        config["fidelity"] = _write_part(folder, "fidelity", fidelity)
    if discriminator is not None:
        config["discriminator"] = {
            **_write_part(folder, "discriminator", discriminator.state_dict()),
            "sizes": dict(discriminator_sizes or {}),
        }
    _write_config(folder, config)


def save_parts(
    folder: Path,
    config: Mapping[str, Any],
    parts: Mapping[str, tuple[Mapping[str, Tensor], Mapping[str, Any]]],
) -> None:
    """Writes a model of several parts, in the manner of `save_model`.

    Args:
        config: what model.json holds beside the parts.
        parts: tensors of each part, and what its entry in model.json holds beside their file.
    """
    folder.mkdir(parents=True, exist_ok=True)
    entries = {
        kind: {**entry, **_write_part(folder, kind, tensors)}
        for kind, (tensors, entry) in parts.items()
    }
    _write_config(folder, {**config, **entries})


def _write_config(folder: Path, config: Mapping[str, Any]) -> None:
    """Writes model.json, then removes the weights of former models, which are named by content."""
    write_durably(folder / "model.json", json.dumps(config, indent=2, ensure_ascii=False) + "\n")
    parts = (config, *(config[kind] for kind in _PARTS if kind in config))
    named = {part.get("tensors") for part in parts}
    for kind in _PARTS:
        for old in folder.glob(f"{kind}-*.safetensors"):
            if old.name not in named and re.fullmatch(r"-[0-9a-f]{8}", old.stem[len(kind) :]):
                old.unlink()


def _write_part(folder: Path, kind: str, state: Mapping[str, Tensor]) -> dict[str, Any]:
    """Writes a network's tensors under a name made of their content; returns what names them."""
    tensors = {key: item.detach().cpu() for key, item in state.items()}
    checksum = 0
    for tensor in tensors.values():
        checksum = zlib.crc32(tensor.contiguous().numpy().tobytes(), checksum)
    weights = folder / f"{kind}-{checksum:08x}.safetensors"
    save_tensors(weights, tensors)
    return {"tensors": weights.name, "sha256": sha256(weights)}


def read_config(folder: Path) -> dict[str, Any]:
    """Returns the content of model.json.

    Raises:
        OSError, ValueError, AttributeError: it is missing, damaged or of another format.
    """
    config = json.loads((folder / "model.json").read_text(encoding="utf-8"))
    if config.get("format") != FORMAT or config.get("version") != VERSION:
        raise ValueError(f"not format {FORMAT} {VERSION}")
    return config


def read_tensors(folder: Path, part: Mapping[str, Any]) -> dict[str, Tensor]:
    """Returns the tensors that `part` of model.json names; a file outside `folder` is never read.

    Raises:
        ValueError: their SHA-256 is another.
        OSError, KeyError, SafetensorError: the file is missing or damaged, or nothing is named.
    """
    weights = folder / Path(part["tensors"]).name
    if sha256(weights) != part["sha256"]:
        raise ValueError(f"{weights.name} does not match its SHA-256")
    return load_file(weights)


def load_part(folder: Path, part: Mapping[str, Any], network: nn.Module) -> None:
    """Fills a network with the weights that `part` names, after checking their SHA-256.

    Args:
        folder: the model folder.
        part: model.json itself (the network to use), or its entry "discriminator" or "fidelity".

    Raises:
        ValueError: the checksum differs, or tensors are missing, unknown or of another shape; the
            message names them.
    """
    wanted = network.state_dict()
    tensors = {
        _renamed(name, wanted): tensor for name, tensor in read_tensors(folder, part).items()
    }
    tensors |= {
        name: own.new_zeros(own.shape)
        for name, own in wanted.items()
        if name not in tensors and name.endswith(_LATER)
    }
    faults = {
        "lacks": wanted.keys() - tensors.keys(),
        "has unknown": tensors.keys() - wanted.keys(),
        "has in another shape": {
            key for key in wanted.keys() & tensors.keys() if wanted[key].shape != tensors[key].shape
        },
    }
    found = [f"{fault} {_some(names)}" for fault, names in faults.items() if names]
    if found:
        raise ValueError(f"{Path(part['tensors']).name} {'; '.join(found)}")
    network.load_state_dict(tensors)


def _renamed(name: str, wanted: Mapping[str, Any]) -> str:
    """Returns the present name of a tensor that models were first saved with under another."""
    for old, new in _RENAMED:
        if name not in wanted and name.replace(old, new, 1) in wanted:
            return name.replace(old, new, 1)
    return name


def _some(names: set[str]) -> str:
    first = ", ".join(sorted(names)[:_NAMED])
    return first if len(names) <= _NAMED else f"{first} and {len(names) - _NAMED} more"


def unreadable(folder: Path, error: Exception) -> EleganError:
    """Returns what to say of a model folder that raised one of `UNREADABLE`."""
    return EleganError(
        f"The model in {folder} cannot be read: {error}."
        " Its run's checkpoints may be whole: try `elegan resume` on the run folder."
    )


SHIPPED = Path(__file__).parent / "shipped"
"""The small models that come with elegan, one folder each."""


def shipped_folder(name: str) -> Path | None:
    """Returns the folder of a shipped model, or None where none has that name."""
    if "/" in name or "\\" in name or Path(name).exists():
        return None
    folder = SHIPPED / name
    return folder if (folder / "model.json").is_file() else None


def copy_model(source: Path | None, target: Path) -> Path:
    """Copies model.json and the weights that it names into a folder; returns the folder.

    Raises:
        UsageError: the model was made in memory, or the folder holds other files.
        EleganError: the folder cannot be written.
    """
    if source is None:
        raise UsageError("This model was made in memory; save the run that it comes from.")
    names = ["model.json", *sorted(path.name for path in source.glob("*.safetensors"))]
    write_files(target, {name: partial(shutil.copyfile, source / name) for name in names})
    return target


def find_model(path: Path) -> Path:
    """Returns the folder that holds model.json.

    Args:
        path: a run, a model folder, a file in either, or the name of a shipped model.

    Raises:
        EleganError: there is none; the message says what was looked for.
    """
    if (shipped := shipped_folder(str(path))) is not None:
        return shipped
    if not path.exists():
        near = [item.name for item in path.parent.iterdir()] if path.parent.is_dir() else []
        raise EleganError(f"There is nothing at {path}.{did_you_mean(path.name, near)}")
    start = path if path.is_dir() else path.parent
    for folder in (start, start / "model", start.parent / "model"):
        if (folder / "model.json").is_file():
            return folder
    raise EleganError(
        f"{path} holds no model: neither model.json nor model/model.json is there."
        " Train one with `elegan train`; a run writes its model at its first snapshot."
    )
