"""One function a verb: the same for the shell, for Python and for a page.

Each takes the verb's options (`options.py`), whose fields are the function's parameters, and
returns a result that has words for a person (`text`) and values for a script (`to_dict`). torch is
imported by the first function that needs it.
"""

import functools
import inspect as signatures
import time
from collections.abc import Callable, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, Protocol, TypeVar, overload

from elegan import options
from elegan.common.errors import UsageError, did_you_mean, lookup
from elegan.results import Answer, FoundDirections, Plan, RunHealth, Walk
from elegan.settings import TrainSettings, preset_for, preset_settings
from elegan.settings.limits import check_limits

if TYPE_CHECKING:
    import numpy as np
    from PIL import Image
    from torch import Tensor

    from elegan.applications.characters.making import MadeCharacters
    from elegan.applications.photos.journal import Translated
    from elegan.applications.pruning import Pruned
    from elegan.applications.runs import Run
    from elegan.applications.synthetic import Augmented
    from elegan.models import Model
    from elegan.models.classification import Classified
    from elegan.models.projection import Projected
    from elegan.models.samples import Samples

P = ParamSpec("P")
O = TypeVar("O")  # options  # noqa: E741
R = TypeVar("R")  # result
Pixels = TypeVar("Pixels", "np.ndarray", "Tensor", "Image.Image")

RUN: dict[type, Callable[..., Any]] = {}
"""What carries out each verb, given its options."""


def _verb(kind: Callable[P, O]) -> Callable[[Callable[[O], R]], Callable[P, R]]:
    """Turns a function of a verb's options into one whose parameters are their fields."""

    def decorate(function: Callable[[O], R]) -> Callable[P, R]:
        @functools.wraps(function)
        def call(*args: P.args, **kwargs: P.kwargs) -> R:
            return function(checked(kind, *args, **kwargs))

        _register(kind, function, call)
        return call

    return decorate


def _register(kind: Any, function: Callable[..., Any], call: Any) -> None:
    RUN[kind] = function
    known = signatures.signature(kind)
    if "images" in signatures.signature(function).parameters:
        images = signatures.Parameter("images", signatures.Parameter.POSITIONAL_ONLY)
        known = known.replace(parameters=[images, *known.parameters.values()])
    call.__signature__ = known.replace(return_annotation=signatures.Signature.empty)
    call.__name__ = kind.__name__.lower()
    helps = "\n".join(f"    {name}: {text}" for name, text in options.help_of(kind).items())
    call.__doc__ = f"{kind.__doc__}\n\nArgs:\n{helps}\n"


def checked(kind: Any, *args: Any, **kwargs: Any) -> Any:
    """Returns a verb's options.

    Raises:
        UsageError: a name is unknown, or a value is beyond its limit.
    """
    known = [field.name for field in fields(kind)]
    for name in kwargs.keys() - set(known):
        raise UsageError(
            f"'{name}' is no option of {kind.__name__.lower()}.{did_you_mean(name, known)}"
            f" Known: {', '.join(known)}."
        )
    found = kind(*args, **kwargs)
    check_limits(found)
    return found


def load(model: "options.AnyModel", *, device: str = "auto", precision: str = "auto") -> Any:
    """Loads the model of a run folder, a model folder or a file within, or a shipped one by name.

    Returns:
        `Model`, which draws images, `TranslationModel`, which takes images, or `CharacterModel`, as
        the model's task is.
    """
    from elegan.applications import load_model

    return load_model(str(model), device=device, precision=precision)


# --- runs -------------------------------------------------------------------------------------


def _settings(data: Any, preset: str | None, given: dict[str, Any]) -> TrainSettings:
    """Returns the preset's settings with those that were given on top."""
    from elegan.data.in_memory import named

    for name, value in given.items():
        if hasattr(value, "__dataclass_fields__"):  # what differs from the defaults was asked for
            usual = type(value)()
            pairs = {field.name: getattr(value, field.name) for field in fields(value)}
            given[name] = {k: v for k, v in pairs.items() if v != getattr(usual, k)}
    if given.get("out") is not None:
        given["out"] = str(given["out"])
    method = dict(given.get("translate", {})).get("method")
    preset = preset or preset_for(given.get("task"), method)
    return preset_settings(preset, named(data), given)


def _as_run(kind: Callable[P, options.Train], result: Callable[..., R]) -> Callable[P, R]:
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        data, given = (args[0] if args else kwargs.pop("data")), dict(kwargs)
        on_tick: Any = given.pop("on_tick", None)
        preset: Any = given.pop("preset", None)
        return result(_settings(data, preset, given), on_tick)

    return call


def train_with(
    settings: TrainSettings, on_tick: "Callable[[dict[str, Any]], None] | None" = None
) -> "Run":
    """Trains with resolved settings; see `train`."""
    from elegan.applications import runs

    return runs.train(settings, on_tick)


def plan_with(settings: TrainSettings, on_tick: object = None) -> Plan:
    """Returns what `train_with` would do."""
    from elegan.applications import runs

    return Plan(runs.plan(settings))


train = _as_run(options.Train, train_with)
plan = _as_run(options.Train, plan_with)
plan.__doc__ = "Returns what `train` would do, measured for some seconds, without writing anything."
_register(options.Train, train_with, train)


@_verb(options.Resume)
def resume(asked: options.Resume) -> "Run":
    from elegan.applications import runs

    return runs.resume(asked.run)


@_verb(options.Health)
def health(asked: options.Health) -> RunHealth:
    from elegan.applications.runs import Run

    return RunHealth.of(str(asked.run), Run(asked.run).events)


@_verb(options.Report)
def report(asked: options.Report) -> Answer:
    from elegan.applications import TASKS
    from elegan.applications.runs import Run
    from elegan.reports import write_report

    run = Run(asked.run)
    path = write_report(run.path, TASKS.get(run.settings.task))
    return Answer({"report": str(path)}, str(path))


# --- models that draw -------------------------------------------------------------------------


@_verb(options.Generate)
def generate(asked: options.Generate) -> "Samples":
    from elegan.models.latent_files import draw_file

    model = _generator(asked.model, asked.device)
    began = time.perf_counter()
    if asked.latents is None:
        samples = model.generate(
            asked.n,
            seed=asked.seed,
            label=asked.label,
            truncation=asked.truncation,
            best=asked.best,
        )
    elif asked.label is not None or asked.truncation is not None or asked.best != 1:
        raise UsageError("--latents takes no --label, --truncation or --best: it says it all.")
    else:
        samples = draw_file(model, Path(asked.latents))
    seconds = time.perf_counter() - began
    path = None if asked.out is None else samples.save(asked.out)
    return replace(samples, path=path, seconds=seconds)


@_verb(options.Interpolate)
def interpolate(asked: options.Interpolate) -> Walk:
    from elegan.models.interpolation import save_walk

    more = _but(asked, "model", "out", "n")
    path, frames = save_walk(_generator(asked.model), Path(asked.out), points=asked.n, **more)
    return Walk(out=path, frames=frames)


@_verb(options.Project)
def project(asked: options.Project) -> "Projected":
    from elegan.models.projection import project_inputs

    model = _generator(asked.model)
    found = project_inputs(
        model,
        _words(asked.inputs),
        **_but(asked, "model", "inputs", "out"),
    )
    return found if asked.out is None else replace(found, files=found.save(Path(asked.out), model))


@_verb(options.Directions)
def directions(asked: options.Directions) -> FoundDirections:
    from elegan.models.directions import find_directions, save_directions, save_sheet, slider_sheet

    model, out = _generator(asked.model), Path(asked.out)
    found = find_directions(model, asked.n)
    sheet = slider_sheet(model, found, **_but(asked, "model", "out", "n"))
    vectors = save_directions(out.with_suffix(".npz"), model, found)
    return FoundDirections(
        out=save_sheet(out, sheet),
        directions=vectors,
        gains=list(found.gains),
        space="styles" if found.of_styles else "noise",
    )


@_verb(options.Classify)
def classify(asked: options.Classify) -> "Classified":
    from elegan.models.classification import classify as classify_inputs

    found = classify_inputs(
        _generator(asked.model), _words(asked.inputs), split=asked.split, fit=asked.fit
    )
    return found if asked.out is None else replace(found, file=found.save(Path(asked.out)))


@_verb(options.Prune)
def prune(asked: options.Prune) -> "Pruned":
    from elegan.applications.pruning import prune as prune_model

    data = None if asked.data is None else str(asked.data)
    return prune_model(asked.model, data, **_but(asked, "model", "data"))


@_verb(options.Evaluate)
def evaluate(asked: options.Evaluate) -> Answer:
    from elegan.applications.runs import evaluate_model, format_any

    optional = ("n", "extractor", "limit", "fit", "split", "target")
    given = {name: value for name in optional if (value := getattr(asked, name)) is not None}
    scores = evaluate_model(asked.model, str(asked.data), seed=asked.seed, **given)
    return Answer(scores, format_any(scores))


# --- photos -----------------------------------------------------------------------------------


class PhotoVerb(Protocol[P]):
    """Files and folders in: a folder of files. Pixels in: pixels of the same kind out."""

    @overload
    def __call__(
        self, images: "str | Path | Sequence[str | Path]", /, *args: P.args, **kwargs: P.kwargs
    ) -> "Translated": ...
    @overload
    def __call__(self, images: Pixels, /, *args: P.args, **kwargs: P.kwargs) -> Pixels: ...


def _photo_verb(kind: Callable[P, Any]) -> PhotoVerb[P]:
    def run(asked: Any, images: Any) -> Any:
        from elegan.applications.photos.applying import translate

        return translate(images, asked)

    def call(images: Any, /, *args: P.args, **kwargs: P.kwargs) -> Any:
        return run(checked(kind, *args, **kwargs), images)

    _register(kind, run, call)
    return call  # pyright: ignore[reportReturnType]


upscale = _photo_verb(options.Upscale)
restore = _photo_verb(options.Restore)
stylize = _photo_verb(options.Stylize)


# --- characters, training data, looking -------------------------------------------------------


@_verb(options.Character)
def character(asked: options.Character) -> "MadeCharacters":
    from elegan.applications.characters.making import make_characters
    from elegan.applications.characters.model import CharacterModel

    path: Any = getattr(asked.model, "path", asked.model)
    model = path if isinstance(path, CharacterModel) else CharacterModel.load(path)
    more = _but(asked, "model", "out", "attribute")
    return make_characters(model, asked.out, attributes=asked.attribute, **more)


@_verb(options.Augment)
def augment(asked: options.Augment) -> "Augmented":
    from elegan.applications.runs import train
    from elegan.applications.synthetic import augment_data

    return augment_data(asked, train)


@_verb(options.Inspect)
def inspect(asked: options.Inspect) -> Answer:
    from elegan.data.dataset import colour_of
    from elegan.data.inspection import describe
    from elegan.data.inspection import inspect as inspect_data

    more = _but(asked, "data", "out", "ground")
    ground = colour_of(asked.ground)
    found = inspect_data(str(asked.data), contact_sheet=asked.out, background=ground, **more)
    return Answer(found, describe(found))


@_verb(options.List)
def list_(asked: options.List) -> Answer:
    from elegan.listing import LISTS

    rows: dict[str, str] = lookup(LISTS, asked.what, "list")()
    width = max(len(name) for name in rows)
    return Answer(
        {asked.what: rows}, "\n".join(f"{name:<{width}}  {about}" for name, about in rows.items())
    )


@_verb(options.Doctor)
def doctor(asked: options.Doctor) -> Answer:
    from elegan.diagnosis import diagnose

    checks = diagnose()
    lines = [f"{'ok  ' if check.ok else 'FAIL'}  {check.name}: {check.found}" for check in checks]
    values = {"ok": all(check.ok for check in checks), "checks": [vars(check) for check in checks]}
    return Answer(values, "\n".join(lines))


@_verb(options.Bench)
def bench(asked: options.Bench) -> Answer:
    from elegan import speed

    found = speed.bench(**vars(asked))
    return Answer(found, speed.describe(found))


@_verb(options.Studio)
def studio(asked: options.Studio) -> Answer:
    from elegan.web.serving import serve

    return serve(asked, RUN)


def _generator(model: Any, device: str = "auto") -> "Model":
    """A model that draws; one that takes images is refused, with the verb to use."""
    from elegan.models import Model

    path = getattr(model, "path", model)
    return Model.load(path, device=device) if isinstance(path, str | Path) else path


def _but(asked: Any, *names: str) -> dict[str, Any]:
    """The values of all options but those named."""
    return {name: value for name, value in vars(asked).items() if name not in names}


def _words(inputs: Any) -> list[str]:
    return [str(inputs)] if isinstance(inputs, str | Path) else [str(item) for item in inputs]
