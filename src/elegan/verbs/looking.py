"""Verbs that look: at data, at what has a name, at the machine."""

import dataclasses

import elegan
from elegan.common.errors import lookup
from elegan.settings import PRESETS
from elegan.verbs.answer import Answer


def inspect(
    data: str,
    *,
    resolution: int | None = None,
    channels: int | None = None,
    fit: str = "crop",
    out: str | None = None,
) -> Answer:
    """Read every file of a data set: verdicts, contact sheet, duplicates, balance, advice.

    Args:
        data: a known name, a folder, a zip, IDX files, .npy or .npz.
        resolution: side in pixels that training would use.
        channels: 1 or 3.
        fit: crop, pad or stretch.
        out: a .png file for the contact sheet; none is drawn without it.
    """
    from elegan.data.wording import describe

    report = elegan.inspect(
        data, resolution=resolution, channels=channels, fit=fit, contact_sheet=out
    )
    return Answer(describe(report), report)


def doctor() -> Answer:
    """Show what this machine offers and whether everything that elegan needs works."""
    from elegan.doctor import diagnose

    checks = diagnose()
    text = "\n".join(
        f"{'ok  ' if check.ok else 'FAIL'}  {check.name}: {check.found}" for check in checks
    )
    facts = {"ok": all(check.ok for check in checks)}
    return Answer(text, {**facts, "checks": [dataclasses.asdict(check) for check in checks]})


def list_(what: str) -> Answer:
    """List what can be named: presets, data, tasks, networks, losses and more.

    Args:
        what: presets, data, tasks, networks, losses, augmentations, degradations or metrics.
    """
    rows = lookup(_LISTS, what, "list")()
    width = max(len(name) for name in rows)
    return Answer(
        "\n".join(f"{name:<{width}}  {about}" for name, about in rows.items()), {what: rows}
    )


def _networks() -> dict[str, str]:
    from elegan.networks import PAIRS, TRANSLATORS

    pairs = {name: pair.source for name, pair in PAIRS.items()}
    return pairs | {name: f"images to images; {kind.source}" for name, kind in TRANSLATORS.items()}


def _augmentations() -> dict[str, str]:
    from elegan.augmentation import GROUPS, KINDS

    groups = {name: ", ".join(kinds) or "nothing" for name, kinds in GROUPS.items()}
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


_LISTS = {
    "presets": lambda: {name: preset.about for name, preset in PRESETS.items()},
    "data": _data,
    "tasks": _tasks,
    "networks": _networks,
    "augmentations": _augmentations,
    "losses": _losses,
    "degradations": _degradations,
    "metrics": _metrics,
}
