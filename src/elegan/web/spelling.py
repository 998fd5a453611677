"""How a form's values are typed in the shell and in Python."""

import dataclasses
import shlex
from collections.abc import Mapping
from typing import Any

from elegan import options
from elegan.common.errors import UsageError

_PHOTOS = ("upscale", "restore", "stylize")
_SHORT = {"n": "-n"}


def spelled(verb: str, values: Mapping[str, Any]) -> dict[str, str]:
    """Returns the equivalent command and the equivalent call, `command` and `python`.

    Args:
        values: by the names of the verb's options; `inputs` of a verb on photos. What is None, or
            the verb's default, is left out.

    Raises:
        UsageError: the verb, or an option of it, is unknown.
    """
    if verb not in options.VERBS:
        raise UsageError(f"There is no verb '{verb}'.")
    given = said(verb, values)
    places = places_of(verb)
    words = [word for name in places if name in given for word in _listed(given[name])]
    words += flags(verb, given)
    called = [_literal(given[name]) for name in places if name in given]
    called += [f"{name}={_literal(value)}" for name, value in given.items() if name not in places]
    texts = {
        "command": shlex.join(["elegan", verb, *words]),
        "python": f"import elegan\n\nelegan.{verb}({', '.join(called)})",
    }
    # Half a surrogate pair is no text that can be sent.
    return {name: text.encode("utf-8", "replace").decode() for name, text in texts.items()}


def said(verb: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the values that are not the verb's defaults.

    Raises:
        UsageError: an option is unknown.
    """
    fields = {item.name: item for item in dataclasses.fields(options.VERBS[verb])}
    known = {*fields, *(("inputs",) if verb in _PHOTOS else ())}
    if strange := values.keys() - known:
        raise UsageError(f"'{sorted(strange)[0]}' is no option of {verb}.")
    return {
        name: value
        for name, value in values.items()
        if value not in (None, "", [], {}) and (name not in fields or value != fields[name].default)
    }


def places_of(verb: str) -> list[str]:
    """Returns the options that stand by their place in a command."""
    first = ["inputs"] if verb in _PHOTOS else []
    required = [
        item.name
        for item in dataclasses.fields(options.VERBS[verb])
        if item.default is dataclasses.MISSING and item.default_factory is dataclasses.MISSING
    ]
    return first + required


def flags(verb: str, given: Mapping[str, Any]) -> list[str]:
    """Returns the words of a command that stand for options that do not go by their place."""
    words: list[str] = []
    places = places_of(verb)
    for name, value in given.items():
        if name in places:
            continue
        flag = _SHORT.get(name, f"--{name}".replace("_", "-"))
        if isinstance(value, bool):
            words.append(flag if value else flag.replace("--", "--no-", 1))
        elif isinstance(value, Mapping):
            words += [word for k, v in value.items() for word in (flag, f"{k}={v}")]
        else:
            words += [flag, *_listed(value)]
    return words


def _listed(value: Any) -> list[str]:
    items = value if isinstance(value, list | tuple) else [value]
    return [f"{item:g}" if isinstance(item, float) else str(item) for item in items]


def _literal(value: Any) -> str:
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    return repr(value)
