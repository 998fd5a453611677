"""One function a verb: does it, and returns what to print and what to hand to a script.

Parameters become flags, in the order of the help; torch is imported where it is used.
"""

from elegan.verbs.answer import Answer
from elegan.verbs.augmenting import augment
from elegan.verbs.characters import character
from elegan.verbs.images import restore, stylize, upscale
from elegan.verbs.looking import doctor, inspect, list_
from elegan.verbs.models import (
    classify,
    directions,
    evaluate,
    generate,
    interpolate,
    project,
    prune,
)
from elegan.verbs.runs import health, report, resume, train

__all__ = ["VERBS", "Answer"]

VERBS = {
    "train": train,
    "resume": resume,
    "inspect": inspect,
    "generate": generate,
    "interpolate": interpolate,
    "project": project,
    "directions": directions,
    "classify": classify,
    "upscale": upscale,
    "restore": restore,
    "stylize": stylize,
    "character": character,
    "prune": prune,
    "augment": augment,
    "evaluate": evaluate,
    "health": health,
    "report": report,
    "list": list_,
    "doctor": doctor,
}
"""Every verb of the command line, in the order of its help."""
