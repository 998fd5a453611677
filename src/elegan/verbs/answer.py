"""What a verb gives back: text for a person, values for a script."""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Answer:
    """What a verb found.

    Attributes:
        text: for a person.
        facts: JSON values, printed by --json.
    """

    text: str
    facts: dict[str, Any] = field(default_factory=dict)
