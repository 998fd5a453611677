"""elegan trains generative adversarial networks and puts them to work on the machine a person has.

    import elegan

    run = elegan.train("mnist-5k", minutes=5)
    run.model.generate(16, seed=0).save("digits.png")
    model = elegan.load("runs/mnist-5k-robust")
    elegan.evaluate(model, "mnist-5k")

torch is imported by the first call that needs it, not by `import elegan`.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from elegan.common import VERSION
from elegan.common.errors import EleganError, UsageError

if TYPE_CHECKING:
    from elegan.applications.pruning import Pruned
    from elegan.applications.runs import Run
    from elegan.applications.synthetic.augmented import Augmented
    from elegan.models import Model
    from elegan.models.classification import Classified
    from elegan.models.projection import Projected

__version__ = VERSION

__all__ = [
    "EleganError",
    "Run",
    "UsageError",
    "augment_data",
    "characters",
    "classify",
    "evaluate",
    "inspect",
    "load",
    "project",
    "prune",
    "restore",
    "resume",
    "stylize",
    "train",
    "upscale",
    "write_report",
]


def __getattr__(name: str) -> Any:
    if name != "Run":
        raise AttributeError(f"module 'elegan' has no attribute '{name}'")
    from elegan.applications.runs import Run

    return Run


def train(data: str | Path, *, preset: str | None = None, **settings: Any) -> "Run":
    """Trains a model, or resumes the run that stands in `out`.

    Args:
        data: a known name, a folder, a zip, IDX files, .npy or .npz.
        preset: a row of the preset table; by default the one of the `task`, else "robust".
        settings: any field of `elegan.settings.TrainSettings`, nested ones as dictionaries:
            `train("mnist", minutes=4, optimizer={"beta2": 0.9})`.

    Raises:
        EleganError: with a message that says what to do.
    """
    from elegan.applications.runs import train as train_settings
    from elegan.settings import preset_for, preset_settings

    out = settings.get("out")
    if out is not None:
        settings["out"] = str(out)
    method = dict(settings.get("translate", {})).get("method")
    preset = preset or preset_for(settings.get("task"), method)
    return train_settings(preset_settings(preset, str(data), settings))


def resume(run: str | Path) -> "Run":
    """Continues a run from its newest checkpoint; nothing to resume is an error."""
    from elegan.applications.runs import resume as resume_run

    return resume_run(run)


def load(path: str | Path, *, device: str = "auto", precision: str = "auto") -> Any:
    """Loads the model of a run folder, a model folder or a file within.

    Returns:
        `elegan.models.Model`, which draws images, or `elegan.models.TranslationModel`, which takes
        images, as the model's task is.
    """
    from elegan.applications import load_model

    return load_model(path, device=device, precision=precision)


def classify(
    model: "Model | Run | str | Path", *inputs: str | Path, **options: Any
) -> "Classified":
    """Says which class each image shows; see `elegan.models.classification.classify`.

        elegan.classify("runs/digits", "scans/", split="test").facts()["accuracy"]

    Args:
        model: one whose discriminator was trained to tell classes (`task="classify"`).
        inputs: image files, folders, zips, .npz, .npy or known names.
        options: `split` and `fit`.
    """
    from elegan.models.classification import classify as classify_images

    return classify_images(_opened(model), [str(one) for one in inputs], **options)


def upscale(*images: Any, **options: Any) -> Any:
    """Makes images larger: an array gives an array, files and folders a folder of files.

        elegan.upscale(array, scale=2)
        elegan.upscale("holiday/", "more/*.jpg", out="large", scale=4).files

    Args:
        images: one array [H, W], [H, W, 1] or [H, W, 3] (uint8, uint16 or floats in 0..1), or
            paths of files and folders, and patterns.
        options: `model` (None for a shipped one), `scale`, `strength`, `tile`, `device`; for files
            `out`, `format`, `quality`, `overwrite`; see `applications.photos.applying`.

    Returns:
        the array, or `elegan.applications.photos.journal.Translated`.
    """
    from elegan.applications.photos.applying import translate

    return translate("upscale", images, **options)


def restore(*images: Any, **options: Any) -> Any:
    """Undoes damage in images, as `upscale` makes them larger.

        elegan.restore("scan.png", mask="auto", out="clean")

    Args:
        options: those of `upscale` but `scale`, and `task`, `mask` (of an array also an array
            [H, W]), `dilate`, `feather`, `sky`.
    """
    from elegan.applications.photos.applying import translate

    return translate("restore", images, **options)


def stylize(*images: Any, **options: Any) -> Any:
    """Gives images another style, as `upscale` makes them larger.

    Args:
        options: those of `upscale` but `scale`, `preserve_colour` and, for files, `flatten`.
    """
    from elegan.applications.photos.applying import translate

    return translate("stylize", images, **options)


def characters(model: "Run | str | Path | None" = None, *, out: str | Path, **options: Any) -> Any:
    """Makes characters and writes them into a folder.

        elegan.characters("runs/faces", out="made", n=8, attributes={"hair": "pink"}, stages=True)

    Args:
        model: a run of task `characters` or its model; None for the shipped one.
        options: n, seed, attributes, palette, points, stages, transparent, svg, sprite_sheet, gif;
            see `elegan.applications.characters.making.make_characters`.

    Returns:
        `elegan.applications.characters.making.MadeCharacters`.
    """
    from elegan.applications.characters.making import make_characters
    from elegan.applications.characters.model import CharacterModel

    path: Any = getattr(model, "path", model)
    return make_characters(CharacterModel.load(path), out, **options)


def project(
    model: "Model | Run | str | Path", *images: str | Path, fit: str = "crop", **options: Any
) -> "Projected":
    """Finds the latents whose images come nearest to given ones; see `elegan.models.projection`.

    Args:
        images: image files, folders, zips, .npz, .npy or known names.
        fit: crop, pad or stretch.
        options: label, steps, candidates, restarts, seed.
    """
    from elegan.models.projection import project_inputs

    return project_inputs(_opened(model), [str(one) for one in images], fit=fit, **options)


def prune(
    model: "Model | Run | str | Path", data: str | Path | None = None, **options: Any
) -> "Pruned":
    """Removes channels of a generator and teaches what is left; see `applications.pruning`.

    Args:
        data: what scores and fine-tuning use.
        options: out (needed), sparsity, finetune, steps, importance, n, seed.
    """
    from elegan.applications.pruning import prune as prune_model

    return prune_model(model, None if data is None else str(data), **options)


def augment_data(data: str | Path, *, out: str | Path, **options: Any) -> "Augmented":
    """Makes further images of each class, and says whether they help; see `applications.synthetic`.

        elegan.augment_data("birds/", per_class=200, out="more-birds").use

    It is not called `augment`, since `elegan.augmentation` is the package with which a
    discriminator's images are augmented.

    Args:
        data: a folder with one subfolder a class, or any labelled data.
        out: the folder for images/, report.json and report.html.
        options: per_class, balance, limit, unlabelled, share, seed, and further fields of
            `elegan.applications.synthetic.options.Options`.
    """
    from elegan.applications.runs import train as train_settings
    from elegan.applications.synthetic.augmented import augment_data as augment

    return augment(data, out=out, train=train_settings, **options)


def inspect(data: str | Path, **options: Any) -> dict[str, Any]:
    """Reads every file of `data` and returns verdicts, sizes, duplicates, balance and advice."""
    from elegan.data.inspection import inspect as inspect_data

    return inspect_data(str(data), **options)


def evaluate(model: Any, data: str | Path, **options: Any) -> dict[str, Any]:
    """Scores a model (or run, or path) against real data; see `applications.evaluation`."""
    from elegan.applications.evaluation import evaluate_model

    return evaluate_model(model, str(data), **options)


def write_report(run: str | Path) -> Path:
    """Writes report.html of a run folder anew and returns its path."""
    from elegan import report  # the package, which takes the plain name once it is imported
    from elegan.applications.runs import Run

    return report.write_report(Run(run).path)


def _opened(model: "Model | Run | str | Path") -> "Model":
    from elegan.models import Model

    path: Any = getattr(model, "path", model)
    return Model.load(path) if isinstance(path, str | Path) else path
