"""Everything that has a name, by what it is; each is imported when it is asked for."""

from collections.abc import Callable

from elegan.settings import PRESETS


def _networks() -> dict[str, str]:
    from elegan.networks import PAIRS, TRANSLATORS

    pairs = {name: pair.source for name, pair in PAIRS.items()}
    return pairs | {name: f"images to images; {kind.source}" for name, kind in TRANSLATORS.items()}


def _augmentations() -> dict[str, str]:
    from elegan.augmentation import GROUPS, KINDS

    groups = {name: ", ".join(kinds) or "nothing" for name, kinds in GROUPS.items()}
    groups["auto"] = "photos where images are in colour and fewer than 5,000, else nothing"
    return {**{name: kind.about for name, kind in KINDS.items()}, **groups}


def _degradations() -> dict[str, str]:
    from elegan.data.degradations import FAMILIES, KINDS

    families = {name: ", ".join(kinds) for name, kinds in FAMILIES.items()}
    return {**families, **{name: kind.about for name, kind in KINDS.items()}}


def _losses() -> dict[str, str]:
    from elegan.losses import ADVERSARIAL

    return {name: loss.source for name, loss in ADVERSARIAL.items()}


def _data() -> dict[str, str]:
    from elegan.data import KNOWN

    return {name: f"{known.what} ({known.licence})" for name, known in KNOWN.items()}


def _tasks() -> dict[str, str]:
    from elegan.applications import TASKS

    return {name: use.about for name, use in TASKS.items()}


def _metrics() -> dict[str, str]:
    from elegan.metrics.scores import METRICS

    return dict(METRICS)


LISTS: dict[str, Callable[[], dict[str, str]]] = {
    "presets": lambda: {name: preset.about for name, preset in PRESETS.items()},
    "data": _data,
    "tasks": _tasks,
    "networks": _networks,
    "augmentations": _augmentations,
    "losses": _losses,
    "degradations": _degradations,
    "metrics": _metrics,
}
"""What `elegan list` prints."""
