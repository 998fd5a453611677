"""elegan trains generative adversarial networks and puts them to work on the machine a person has.

    import elegan

    run = elegan.train("mnist-5k", minutes=5)
    elegan.generate(run, n=16, seed=0, out="digits.png")
    elegan.upscale("holiday/", scale=2, out="large")

Every verb of the shell is a function here, with the same options (`elegan.options`). torch is
imported by the first call that needs it, not by `import elegan`.
"""

from typing import TYPE_CHECKING, Any

from elegan.common import VERSION as __version__
from elegan.common.errors import EleganError, UsageError

if TYPE_CHECKING:
    from elegan.api import (
        augment,
        bench,
        character,
        classify,
        directions,
        doctor,
        evaluate,
        generate,
        health,
        inspect,
        interpolate,
        load,
        plan,
        project,
        prune,
        report,
        restore,
        resume,
        studio,
        stylize,
        train,
        upscale,
    )
    from elegan.api import list_ as list
    from elegan.applications.characters.model import CharacterModel
    from elegan.applications.runs import Run
    from elegan.applications.synthetic import MixedImages, MixedSampler
    from elegan.models import Model, TranslationModel

__all__ = [
    "CharacterModel",
    "EleganError",
    "MixedImages",
    "MixedSampler",
    "Model",
    "Run",
    "TranslationModel",
    "UsageError",
    "__version__",
    "augment",
    "bench",
    "character",
    "classify",
    "directions",
    "doctor",
    "evaluate",
    "generate",
    "health",
    "inspect",
    "interpolate",
    "list",
    "load",
    "plan",
    "project",
    "prune",
    "report",
    "restore",
    "resume",
    "studio",
    "stylize",
    "train",
    "upscale",
]

_CLASSES = {
    "CharacterModel": "elegan.applications.characters.model",
    "MixedImages": "elegan.applications.synthetic",
    "MixedSampler": "elegan.applications.synthetic",
    "Model": "elegan.models",
    "Run": "elegan.applications.runs",
    "TranslationModel": "elegan.models",
}


def __getattr__(name: str) -> Any:
    """Imports what is public when it is first asked for."""
    import importlib

    if name not in __all__:
        raise AttributeError(f"module 'elegan' has no attribute '{name}'")
    module = importlib.import_module(_CLASSES.get(name, "elegan.api"))
    return getattr(module, {"list": "list_"}.get(name, name))


def __dir__() -> Any:
    return __all__
