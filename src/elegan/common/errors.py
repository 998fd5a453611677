"""The errors a person can mend: each says what happened, why, and what to type next."""

import difflib
from collections.abc import Iterable, Mapping
from typing import TypeVar

T = TypeVar("T")


class EleganError(Exception):
    """A failure with a message meant for the person at the keyboard (exit code 1).

    Attributes:
        exit_code: what the command line returns.
    """

    exit_code = 1


class UsageError(EleganError):
    """The request itself is wrong: a mistyped name, two flags that exclude each other (exit 2)."""

    exit_code = 2


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Returns ' Did you mean X?' or '' when nothing in `known` is close to `word`."""
    close = difflib.get_close_matches(word, list(known), n=1, cutoff=0.5)
    return f" Did you mean '{close[0]}'?" if close else ""


def lookup(table: Mapping[str, T], name: str, what: str) -> T:
    """Returns `table[name]`.

    Raises:
        UsageError: the name is unknown; the message lists the known ones and the nearest.
    """
    if name not in table:
        known = ", ".join(sorted(table))
        raise UsageError(f"Unknown {what} '{name}'.{did_you_mean(name, table)} Known: {known}.")
    return table[name]
