"""The guard: a number that is not finite is an event, never hidden.

It escalates: skip the step; after several skips in a row roll back to the last finite checkpoint
at a lower rate; after several rollbacks stop with a message.
"""

from dataclasses import dataclass
from typing import Literal

Action = Literal["go", "skip", "rollback", "stop"]


@dataclass(kw_only=True)
class Guard:
    """Counts faults and says what to do about each.

    Attributes:
        rate_scale: factor on both learning rates; halved by each rollback.
        skips: faulty steps in a row.
        rollbacks: how many so far.
    """

    skips_allowed: int = 8
    rollbacks_allowed: int = 3
    rate_scale: float = 1.0
    skips: int = 0
    rollbacks: int = 0

    def judge(self, finite: bool) -> Action:
        """Takes the outcome of one step and returns what the loop must do."""
        if finite:
            self.skips = 0
            return "go"
        self.skips += 1
        return "skip" if self.skips <= self.skips_allowed else self.escalate()

    def escalate(self) -> Action:
        """Returns what a fault asks for that skipping cannot mend: rollback, in the end stop."""
        self.skips = 0
        self.rollbacks += 1
        if self.rollbacks > self.rollbacks_allowed:
            return "stop"
        self.rate_scale *= 0.5
        return "rollback"

    def to_dict(self) -> dict[str, float]:
        """The state that a checkpoint keeps."""
        return {"rate_scale": self.rate_scale, "skips": self.skips, "rollbacks": self.rollbacks}

    def restore(self, facts: dict[str, float]) -> None:
        """Takes the state of a checkpoint."""
        self.rate_scale = float(facts["rate_scale"])
        self.skips, self.rollbacks = int(facts["skips"]), int(facts["rollbacks"])
