"""Limits of settings and options, which stand in their types, and what checks them."""

import dataclasses
import math
from dataclasses import dataclass
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from elegan.common.errors import UsageError, did_you_mean


@dataclass(frozen=True, kw_only=True)
class Limit:
    """What a number must lie within; it must be finite too.

    Attributes:
        above, below: bounds that it may not reach.
        least, most: bounds that it may.
        unit, why: words for the message.
    """

    above: float | None = None
    least: float | None = None
    below: float | None = None
    most: float | None = None
    unit: str = ""
    why: str = ""

    def fault(self, value: float) -> str:
        """Returns what is asked of the value, or "" where it has it."""
        holds = (
            math.isfinite(value)
            and (self.above is None or value > self.above)
            and (self.least is None or value >= self.least)
            and (self.below is None or value < self.below)
            and (self.most is None or value <= self.most)
        )
        return "" if holds else self.words()

    def words(self) -> str:
        """Returns the limit in words, after "must be"."""
        unit = f" {self.unit}" if self.unit else ""
        if self.above is not None:
            return f"above {self.above:g}{unit} and finite" + (
                "" if self.most is None else f", at most {self.most:g}"
            )
        if self.below is not None:
            return f"at least {self.least:g} and below {self.below:g}{unit}"
        if self.most is not None:
            return f"{self.least:g} to {self.most:g}{unit}"
        return "0 or more and finite" if self.least == 0 else f"at least {self.least:g}{unit}"


Positive = Annotated[float, Limit(above=0)]
Count = Annotated[int, Limit(least=1)]
Weight = Annotated[float, Limit(least=0)]
Seed = Annotated[int, Limit(least=0)]
Share = Annotated[float, Limit(least=0, most=1)]


def check_limits(values: Any, prefix: str = "") -> None:
    """Refuses the first field of a dataclass, or of those within, that is beyond its limit.

    Raises:
        UsageError: names the flag, its value and what is accepted.
    """
    hints = get_type_hints(type(values), include_extras=True)
    for name in (field.name for field in dataclasses.fields(values)):
        value, flag = getattr(values, name), f"{prefix}{name}".replace("_", "-")
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            check_limits(value, f"{prefix}{name}.")
            continue
        kinds = _literals(hints[name])
        if kinds and value is not None and value not in kinds:
            raise UsageError(
                f"--{flag} must be {' or '.join(map(str, kinds))}, not '{value}'."
                f"{did_you_mean(str(value), list(map(str, kinds)))}"
            )
        for limit in _limits(hints[name]):
            if isinstance(value, int | float) and (fault := limit.fault(value)):
                why = f": {limit.why}" if limit.why else ""
                raise UsageError(f"--{flag} must be {fault}, not {value}{why}.")


def _limits(kind: Any) -> list[Limit]:
    """The limits in a type, within a union too."""
    if get_origin(kind) is Annotated:
        return [part for part in get_args(kind) if isinstance(part, Limit)]
    return [limit for part in get_args(kind) for limit in _limits(part)]


def _literals(kind: Any) -> list[Any]:
    """The values that a type names one by one, within a union too."""
    if get_origin(kind) is Literal:
        return list(get_args(kind))
    if get_origin(kind) in (Union, UnionType):
        return [value for part in get_args(kind) for value in _literals(part)]
    return []
