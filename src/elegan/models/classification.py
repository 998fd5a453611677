"""The discriminator as a classifier: class probabilities, accuracy, confusions."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from elegan.common.errors import EleganError
from elegan.common.files import write_durably
from elegan.common.pixels import to_tensor
from elegan.models.inputs import Input, read_inputs
from elegan.models.model import Model

CLASSIFIERS = ("classifier", "joint")
"""Conditions under which a discriminator has class logits."""
MAX_LISTED = 50
MAX_PREDICTIONS = 1000
MAX_CONFUSIONS = 5


@dataclass(frozen=True, kw_only=True, eq=False)
class Classified:
    """What a model takes each image for.

    Attributes:
        names: one for each image.
        probabilities: float32 [N, K], rows sum to 1.
        classes: the model's K class names.
        truths: int64 [N], index into `classes`; -1 where the label is not known or not a class of
            the model.
        notes: what was skipped or could not be compared.
        file: the CSV file, where it was saved.
    """

    names: list[str]
    probabilities: np.ndarray
    classes: tuple[str, ...]
    truths: np.ndarray
    notes: tuple[str, ...] = ()
    file: Path | None = None

    @property
    def predicted(self) -> np.ndarray:
        """The most probable class of each image, int64 [N]."""
        return self.probabilities.argmax(axis=1)

    def confusion(self) -> np.ndarray:
        """Returns int64 [K, K]: row = true class, column = predicted; labelled images only."""
        table = np.zeros((len(self.classes),) * 2, dtype=np.int64)
        known = self.truths >= 0
        np.add.at(table, (self.truths[known], self.predicted[known]), 1)
        return table

    def to_dict(self) -> dict[str, Any]:
        """Returns JSON values; single predictions only where there are at most 1,000."""
        counts = np.bincount(self.predicted, minlength=len(self.classes)).tolist()
        table = self.confusion()
        labelled = int(table.sum())
        facts: dict[str, Any] = {
            "images": len(self.names),
            "counts": dict(zip(self.classes, counts, strict=True)),
            "labelled": labelled,
            "notes": list(self.notes),
            **({"out": str(self.file)} if self.file else {}),
        }
        if labelled:
            facts["accuracy"] = float(np.trace(table) / labelled)
            facts["accuracy_per_class"] = {
                name: float(row[index] / row.sum()) if row.sum() else None
                for index, (name, row) in enumerate(zip(self.classes, table, strict=True))
            }
            facts["confusion"] = table.tolist()
        if len(self.names) <= MAX_PREDICTIONS:
            facts["predictions"] = [
                {"file": file, "class": name, "probability": probability}
                for file, name, probability in self.rows()
            ]
        return facts

    def rows(self) -> list[tuple[str, str, float]]:
        """Returns (name, class, probability) of each image."""
        best = self.probabilities.max(axis=1).tolist()
        names = [self.classes[index] for index in self.predicted]
        return list(zip(self.names, names, best, strict=True))

    def text(self) -> str:
        """Returns what a person reads: a line an image (the first 50), then the summary."""
        facts, rows = self.to_dict(), self.rows()
        wide = max(len(name) for name, _, _ in rows[:MAX_LISTED])
        lines = [
            f"{name:<{wide}}  {label}  {probability:.3f}"
            for name, label, probability in rows[:MAX_LISTED]
        ]
        if len(rows) > MAX_LISTED:
            lines.append(f"... and {len(rows) - MAX_LISTED:,} more; --out FILE.csv has them all")
        counts = ", ".join(f"{name} {count:,}" for name, count in facts["counts"].items() if count)
        lines.append(f"{len(rows):,} images: {counts}")
        if facts["labelled"]:
            lines += self._judgement(facts)
        lines += self.notes
        return "\n".join([*lines, f"-> {self.file}"] if self.file else lines)

    def _judgement(self, facts: dict[str, Any]) -> list[str]:
        table = self.confusion()
        right = int(np.trace(table))
        of_each = {
            name: share for name, share in facts["accuracy_per_class"].items() if share is not None
        }
        lines = [
            f"accuracy {facts['accuracy']:.2%} ({right:,} of {facts['labelled']:,})",
            "  of each class: " + ", ".join(f"{name} {s:.1%}" for name, s in of_each.items()),
        ]
        wrong = table - np.diag(table.diagonal())
        worst = np.argsort(-wrong, axis=None, kind="stable")[:MAX_CONFUSIONS]
        pairs = [np.unravel_index(index, wrong.shape) for index in worst]
        said = [
            f"{self.classes[true]} taken for {self.classes[taken]} {wrong[true, taken]:,}x"
            for true, taken in pairs
            if wrong[true, taken]
        ]
        return [*lines, "  most confused: " + ", ".join(said)] if said else lines

    def save(self, path: Path) -> Path:
        """Writes a CSV file: file, class, probability, and the true class where it is known.

        Raises:
            EleganError: the place cannot be written.
        """
        content = io.StringIO()
        writer = csv.writer(content, lineterminator="\n")
        known = bool((self.truths >= 0).any())
        writer.writerow(["file", "class", "probability", *(["label"] if known else [])])
        for (name, label, probability), truth in zip(self.rows(), self.truths, strict=True):
            true = [self.classes[truth] if truth >= 0 else ""] if known else []
            writer.writerow([name, label, f"{probability:.6f}", *true])
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_durably(path, content.getvalue())
        except OSError as error:
            raise EleganError(
                f"Cannot write {path}: {error.strerror or error}. Name another place with --out."
            ) from error
        return path


def classify(
    model: Model, inputs: Sequence[str], *, split: str | None = None, fit: str = "crop"
) -> Classified:
    """Takes every image of the inputs for one of the classes the discriminator knows.

    Labels of the inputs are matched to the model's classes by name; images of other classes are
    classified too, but not counted in the accuracy.

    Raises:
        EleganError: the model has no classifier, or no image can be used.
        UsageError: an input is not there.
    """
    classes = classifier_classes(model)
    names, probabilities, truths, notes = [], [], [], []
    for item in read_inputs(inputs, model.shape, split=split, fit=fit):
        names += item.names
        probabilities.append(class_probabilities(model, item.images))
        truths.append(_truths(item, classes))
        strangers = [name for name in item.classes if name not in classes]
        if strangers:
            notes.append(f"not classes of this model, so not judged: {', '.join(strangers)}")
        if item.labels is not None:
            notes.append(f"judged on the {item.split} split")
        notes += [f"skipped {file}: {why}" for file, why in item.skipped]
    return Classified(
        names=names,
        probabilities=np.concatenate(probabilities),
        classes=classes,
        truths=np.concatenate(truths),
        notes=tuple(notes),
    )


def classifier_classes(model: Model) -> tuple[str, ...]:
    """Returns the names of the classes that the model's discriminator can tell apart.

    Raises:
        EleganError: it has no classifier; the message says how to train one.
    """
    part = model.config.get("discriminator", {})
    if part.get("sizes", {}).get("condition") not in CLASSIFIERS or not part.get("classes"):
        raise EleganError(
            "This model has no classifier: its discriminator tells real from generated only."
            " Train one with: elegan train DATA --preset classify --labelled N"
        )
    return tuple(part["classes"])


@torch.inference_mode()
def class_probabilities(model: Model, images: np.ndarray, batch: int = 500) -> np.ndarray:
    """Images uint8 [N, R, R, C] -> class probabilities float32 [N, K] (softmax).

    Raises:
        EleganError: the model has no classifier.
    """
    count = len(classifier_classes(model))
    network: Any = model.discriminator
    found = [np.empty((0, count), dtype=np.float32)]
    for start in range(0, len(images), batch):
        part = to_tensor(np.array(images[start : start + batch]), model.precision.device)
        with model.precision.autocast():
            logits = network.head.classify(network.features(part))
        found.append(logits.float().softmax(dim=1).cpu().numpy())
    return np.concatenate(found)


def _truths(given: Input, classes: tuple[str, ...]) -> np.ndarray:
    """Returns labels as indices into the model's classes, -1 for what is none of them."""
    if given.labels is None:
        return np.full(len(given.images), -1, dtype=np.int64)
    known = [classes.index(name) if name in classes else -1 for name in given.classes]
    return np.array(known, dtype=np.int64)[given.labels]
