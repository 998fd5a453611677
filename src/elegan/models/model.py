"""The trained artefact: averaged generator weights as safetensors, and a JSON file for them."""

import json
import os
import zlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn

from elegan.data.pictures import grid, save_png
from elegan.errors import EleganError, UsageError, did_you_mean
from elegan.machine.files import save_tensors, sha256, write_durably
from elegan.machine.pixels import to_uint8
from elegan.machine.precision import Precision, choose
from elegan.machine.randomness import generator as keyed_generator
from elegan.networks import ImageShape, build_generator

FORMAT, VERSION = "elegan-model", 1
# Latents are drawn in chunks of this size, so that image i does not depend on how many follow.
_CHUNK = 256
_UNREADABLE = (
    OSError,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    RuntimeError,
    SafetensorError,
)


@dataclass(frozen=True, kw_only=True, eq=False)
class Samples:
    """Generated images.

    Attributes:
        images: uint8 [N, R, R, C].
        labels: int64 [N], or None when the model is unconditional.
        classes: class names, empty when unconditional.
        seed: what they were drawn from.
        model_sha256: of the weights that drew them.
    """

    images: np.ndarray
    labels: np.ndarray | None
    classes: tuple[str, ...]
    seed: int
    model_sha256: str

    def __len__(self) -> int:
        return len(self.images)

    def sheet(self, columns: int | None = None) -> np.ndarray:
        """Returns all images side by side, uint8 [H, W, 3 or 1]; small images are enlarged."""
        columns = columns or max(1, round(len(self) ** 0.5))
        return grid(self.images, columns, scale=max(1, 56 // self.images.shape[1]))

    def save(self, out: Path | str) -> Path:
        """Writes FILE.png (one sheet), FILE.npz (arrays), or a folder of PNG files.

        The folder has class subfolders when the model is conditional.

        Raises:
            EleganError: the place cannot be written.
        """
        out = Path(out)
        try:
            if out.suffix.lower() == ".png":
                out.parent.mkdir(parents=True, exist_ok=True)
                save_png(self.sheet(), out)
            elif out.suffix.lower() == ".npz":
                out.parent.mkdir(parents=True, exist_ok=True)
                self._save_npz(out)
            elif out.suffix:
                raise UsageError(f"Cannot write {out}: name a .png, a .npz or a folder.")
            else:
                self._save_folder(out)
        except OSError as error:
            raise EleganError(
                f"Cannot write {out}: {error.strerror or error}. Name another place with --out."
            ) from error
        return out

    def _save_npz(self, out: Path) -> None:
        arrays: dict[str, Any] = {"images": self.images}
        if self.labels is not None:
            arrays["labels"] = self.labels
            arrays["classes"] = np.array(self.classes)
        temporary = out.with_name(f".{out.name}.{os.getpid()}.npz")
        try:
            np.savez(temporary, **arrays, seed=np.int64(self.seed), model_sha256=self.model_sha256)
            temporary.replace(out)
        finally:
            temporary.unlink(missing_ok=True)

    def _save_folder(self, out: Path) -> None:
        digits = max(5, len(str(len(self) - 1)))
        for index, image in enumerate(self.images):
            folder = out
            if self.labels is not None:
                label = int(self.labels[index])
                folder = out / _folder_name(self.classes[label], label)
            save_png(image, folder / f"{index:0{digits}d}.png")


def _folder_name(name: str, label: int) -> str:
    """Returns a class name as a folder name that stays where it is put, on every system."""
    safe = "".join("_" if one in '/\\:*?"<>|' or not one.isprintable() else one for one in name)
    if safe == name and not name.startswith(".") and name.strip() and len(name.encode()) < 200:
        return name
    return f"{label:03d}-{safe.strip('. ')[:50]}"


class Model:
    """A generator ready for use.

    Attributes:
        network: the averaged generator, in evaluation mode.
        facts: the content of model.json.
    """

    def __init__(self, network: nn.Module, facts: Mapping[str, Any], precision: Precision) -> None:
        self.network, self.facts, self.precision = network, dict(facts), precision

    @property
    def shape(self) -> ImageShape:
        return ImageShape(**self.facts["shape"])

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names of a conditional model, else ()."""
        return tuple(self.facts["classes"])

    @property
    def latent(self) -> int:
        """Length of the noise vector."""
        return self.facts["sizes"]["latent"]

    def generate(
        self,
        n: int = 16,
        *,
        seed: int = 0,
        label: str | int | None = None,
        truncation: float | None = None,
        batch: int = 500,
    ) -> Samples:
        """Draws `n` images; image i depends on (seed, i) and not on `n` or `batch`.

        Args:
            label: the class to draw, by name or index; by default a conditional model goes
                through its classes in turn.
            truncation: keeps noise within [-truncation, truncation] (Brock et al. 2019, the
                truncation trick): below 1 gives more typical and less varied images.

        Raises:
            UsageError: an unknown label, a label for an unconditional model, n or truncation <= 0.
        """
        if n < 1:
            raise UsageError(f"The number of images must be at least 1, not {n}.")
        latents = latent_noise(n, self.latent, seed, truncation)
        labels = self.labels_for(n, label)
        images = self.from_latents(latents, labels, batch)
        return Samples(
            images=images,
            labels=labels,
            classes=self.classes,
            seed=seed,
            model_sha256=self.facts["sha256"],
        )

    @torch.inference_mode()
    def from_latents(
        self, latents: torch.Tensor, labels: np.ndarray | None = None, batch: int = 500
    ) -> np.ndarray:
        """Latents float [N, latent] (, labels int64 [N]) -> images uint8 [N, R, R, C]."""
        images = []
        device = self.precision.device
        for start in range(0, len(latents), batch):
            part = slice(start, start + batch)
            asked = None if labels is None else torch.from_numpy(labels[part]).to(device)
            with self.precision.autocast():
                images.append(to_uint8(self.network(latents[part].to(device), asked)))
        return np.concatenate(images)

    def labels_for(self, n: int, label: str | int | None) -> np.ndarray | None:
        """Returns int64 [n]: the asked class, or all in turn; None when unconditional."""
        if not self.classes:
            if label is not None:
                raise UsageError(
                    "This model is unconditional: it cannot be asked for a label."
                    " Train one with --conditional."
                )
            return None
        if label is None:
            return np.arange(n, dtype=np.int64) % len(self.classes)
        name = str(label)
        if name in self.classes:
            return np.full(n, self.classes.index(name), dtype=np.int64)
        if name.isdigit() and int(name) < len(self.classes):
            return np.full(n, int(name), dtype=np.int64)
        raise UsageError(
            f"Unknown label '{label}'.{did_you_mean(name, self.classes)}"
            f" Known: {', '.join(self.classes)}."
        )

    @staticmethod
    def load(path: Path | str, *, device: str = "auto", precision: str = "auto") -> "Model":
        """Loads a run folder, a model folder or a file within either.

        Raises:
            EleganError: nothing there is a model, or its weights do not match their SHA-256.
        """
        folder = find_model(Path(path))
        try:
            facts = json.loads((folder / "model.json").read_text(encoding="utf-8"))
            if facts.get("format") != FORMAT or facts.get("version") != VERSION:
                raise ValueError(f"not format {FORMAT} {VERSION}")
            weights = folder / Path(facts["tensors"]).name
            if sha256(weights) != facts["sha256"]:
                raise ValueError(f"{weights.name} does not match its SHA-256")
            network = build_generator(
                facts["network"], ImageShape(**facts["shape"]), **facts["sizes"]
            ).eval()
            network.load_state_dict(load_file(weights))
        except UsageError:  # a network that this version does not know: the message names it
            raise
        except _UNREADABLE as error:
            raise EleganError(
                f"The model in {folder} cannot be read: {error}."
                " Its run's checkpoints may be whole: try `elegan resume` on the run folder."
            ) from error
        chosen = choose(device, precision)
        network.requires_grad_(False)
        network.to(device=chosen.device, memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
        return Model(network, facts, chosen)


def latent_noise(n: int, latent: int, seed: int, truncation: float | None = None) -> torch.Tensor:
    """Returns float32 [n, latent] standard normal noise; row i depends on (seed, i) only."""
    if truncation is not None and truncation <= 0:
        raise UsageError(f"--truncation must be above 0, not {truncation}.")
    chunks = []
    for index in range((n + _CHUNK - 1) // _CHUNK):
        random = keyed_generator(seed, "latents", index)
        if truncation is None:
            chunks.append(torch.randn(_CHUNK, latent, generator=random))
        else:
            # Inverse distribution function of the truncated normal: no redrawing needed.
            most = torch.special.ndtr(torch.tensor(truncation, dtype=torch.float64))
            uniform = torch.rand(_CHUNK, latent, generator=random, dtype=torch.float64)
            chunks.append(torch.special.ndtri((1 - most) + uniform * (2 * most - 1)).float())
    return torch.cat(chunks)[:n]


def save_model(
    folder: Path,
    network: nn.Module,
    *,
    name: str,
    shape: ImageShape,
    sizes: Mapping[str, int],
    classes: tuple[str, ...],
    task: str,
    training: Mapping[str, Any],
) -> None:
    """Writes weights, then model.json, which names them: a reader sees the old or the new."""
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {key: one.detach().cpu() for key, one in network.state_dict().items()}
    checksum = 0
    for tensor in tensors.values():
        checksum = zlib.crc32(tensor.numpy().tobytes(), checksum)
    weights = folder / f"generator-{checksum:08x}.safetensors"
    save_tensors(weights, tensors)
    facts = {
        "format": FORMAT,
        "version": VERSION,
        "task": task,
        "network": name,
        "shape": asdict(shape),
        "sizes": dict(sizes),
        "classes": list(classes),
        "tensors": weights.name,
        "sha256": sha256(weights),
        "training": dict(training),
    }
    write_durably(folder / "model.json", json.dumps(facts, indent=2, ensure_ascii=False) + "\n")
    for old in folder.glob("generator-*.safetensors"):
        if old != weights:
            old.unlink()


def find_model(path: Path) -> Path:
    """Returns the folder that holds model.json, given a run, a model folder or a file in either.

    Raises:
        EleganError: there is none; the message says what was looked for.
    """
    if not path.exists():
        near = [one.name for one in path.parent.iterdir()] if path.parent.is_dir() else []
        raise EleganError(f"There is nothing at {path}.{did_you_mean(path.name, near)}")
    start = path if path.is_dir() else path.parent
    for folder in (start, start / "model", start.parent / "model"):
        if (folder / "model.json").is_file():
            return folder
    raise EleganError(
        f"{path} holds no model: neither model.json nor model/model.json is there."
        " Train one with `elegan train`; a run writes its model at its first snapshot."
    )
