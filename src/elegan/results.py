"""What verbs return where no other class stands for it: words for a person, values for a script."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any


class Answer(dict[str, Any]):
    """JSON values, which may be read as the dictionary that they are, and the same in words."""

    def __init__(self, values: dict[str, Any], text: str) -> None:
        super().__init__(values)
        self._text = text

    def text(self) -> str:
        return self._text

    def to_dict(self) -> dict[str, Any]:
        return dict(self)


class Plan(Answer):
    """What training would do: settings, out, resumes_at, images, seconds, capacity and more."""

    def __init__(self, values: dict[str, Any]) -> None:
        super().__init__(values, "")

    def text(self) -> str:
        from elegan.metrics.capacity import describe_capacity
        from elegan.training.console import duration

        seen, images, settings = self["resumes_at"], self["images"], self["settings"]
        verb = f"resume at {seen:,} of" if seen is not None else "train for"
        goal = f"Would {verb} {images:,} images, about {duration(self['seconds'])} -> {self['out']}"
        if seen is not None and seen >= images:
            goal = f"The run in {self['out']} is complete: {images:,} images"
        return (
            f"{goal}\n{settings['preset']} on {self['data']['name']}: {self['data_summary']}"
            f"\n{self['precision']}; {self['pace']}\n{describe_capacity(self['capacity'])}"
            "\nNothing was written."
        )


class RunHealth(Answer):
    """How a run stands: the last tick's figures and `course`, when each alarm stood."""

    @classmethod
    def of(cls, run: str, events: list[dict[str, Any]]) -> "RunHealth":
        from elegan.training.monitor import alarm_spans, describe_course

        ticks = [event for event in events if event["event"] == "tick"]
        guards = [event for event in events if event["event"] == "guard"]
        if not ticks:
            return cls({"run": run, "ticks": 0}, f"{run}: no tick yet; nothing has been measured.")
        last = ticks[-1]
        lines = [f"{run} at {last['images']:,} images: {last['health']}"]
        lines.append(describe_course(ticks, guards))
        numbers = {k: v for k, v in last["signals"].items() if isinstance(v, int | float)}
        lines += [f"  {name:<32}{value:.3f}" for name, value in numbers.items()]
        values = {"run": run, "ticks": len(ticks), "guard_events": len(guards), **last}
        values["course"] = [span.to_dict() for span in alarm_spans(ticks)]
        return cls(values, "\n".join(lines))


@dataclass(frozen=True, kw_only=True)
class Walk:
    """A GIF of a walk through latent space.

    Attributes:
        out: the file.
        frames: how many it has.
    """

    out: Path
    frames: int

    def text(self) -> str:
        return f"{self.frames} frames -> {self.out}"

    def to_dict(self) -> dict[str, Any]:
        return {"out": str(self.out), "frames": self.frames}


@dataclass(frozen=True, kw_only=True)
class FoundDirections:
    """Directions of latent space.

    Attributes:
        out: the sheet that shows them.
        directions: the .npz with the vectors.
        gains: of each, falling.
        space: "noise" or "styles".
    """

    out: Path
    directions: Path
    gains: list[float]
    space: str

    def text(self) -> str:
        gains = ", ".join(f"{gain:.2f}" for gain in self.gains)
        return (
            f"{len(self.gains)} directions of the {self.space} (gains {gains})"
            f" -> {self.out}, {self.directions}"
        )

    def to_dict(self) -> dict[str, Any]:
        return {**vars(self), "out": str(self.out), "directions": str(self.directions)}
