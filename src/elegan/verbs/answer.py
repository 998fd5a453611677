"""What a verb gives back: text for a person, values for a script."""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Answer:
    """What a verb found.

    Attributes:
        text: for a person.
        facts: JSON values, printed by --json.
        exit_code: 0, or 1 where some of many things failed and the others are done.
    """

    text: str
    facts: dict[str, Any] = field(default_factory=dict)
    exit_code: int = 0
