"""What became of each file of a batch, told while it goes on and at its end."""

from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

_SHOWN = 20  # failures and notes that the text shows before it counts


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of one file.

    Attributes:
        source: the file that was named or found.
        state: "done", "kept" (whole since a former call) or "failed".
        output: path of the result within the output folder; None where there is none.
        size: (width, height) of the result in pixels, where it was made now.
        reason: why it failed.
        notes: what differs from what one might expect, such as another format.
        seconds: that it took.
    """

    source: str
    state: str
    output: str | None = None
    size: tuple[int, int] | None = None
    reason: str = ""
    notes: tuple[str, ...] = ()
    seconds: float = 0.0

    def line(self) -> str:
        """One line for a person."""
        if self.state == "failed":
            return f"{self.source}: {self.reason}"
        if self.state == "kept":
            return f"{self.source}: finished before -> {self.output}"
        assert self.size is not None
        notes = f" ({'; '.join(self.notes)})" if self.notes else ""
        width, height = self.size
        return f"{self.source} -> {self.output} {width}x{height}, {self.seconds:.1f} s{notes}"


@dataclass(frozen=True, kw_only=True)
class Translated:
    """What a model made of files.

    Attributes:
        out: the folder of the results.
        model: name or folder of the model.
        about: facts of the model: task, scale, strength, sha256.
        outcomes: one for each file that was looked at, in order.
        total: files that were to be looked at; more than outcomes after an interruption.
        stopped: whether it was interrupted.
    """

    out: Path
    model: str
    about: dict[str, Any]
    outcomes: tuple[Outcome, ...]
    total: int
    stopped: bool = False

    @property
    def counts(self) -> dict[str, int]:
        """Files by state: done, kept, failed, and left after an interruption."""
        found = Counter(one.state for one in self.outcomes)
        left = self.total - len(self.outcomes)
        return {state: found[state] for state in ("done", "kept", "failed")} | {"left": left}

    @property
    def files(self) -> list[Path]:
        """The results that are whole, those of former calls included."""
        return [self.out / one.output for one in self.outcomes if one.output is not None]

    def text(self) -> str:
        """The end of a batch for a person: what failed and why, and how many are done."""
        failed = [one for one in self.outcomes if one.state == "failed"]
        noted = [one for one in self.outcomes if one.notes]
        lines = [f"  {one.output}: {'; '.join(one.notes)}" for one in noted[:_SHOWN]]
        if len(noted) > _SHOWN:
            lines.append(f"  and {len(noted) - _SHOWN} more with notes")
        lines += [f"  failed: {one.line()}" for one in failed[:_SHOWN]]
        if len(failed) > _SHOWN:
            lines.append(f"  and {len(failed) - _SHOWN} more failed; --json lists all")
        counts = self.counts
        words = [f"{counts['done']} of {self.total} images -> {self.out}"]
        words += [f"{counts['kept']} were finished before"] * bool(counts["kept"])
        words += [f"{counts['failed']} failed"] * bool(counts["failed"])
        words += [f"{counts['left']} are left"] * bool(counts["left"])
        return "\n".join([*lines, f"{'; '.join(words)}  ({self.model})"])

    def facts(self) -> dict[str, Any]:
        """JSON values."""
        files = [asdict(one) | {"seconds": round(one.seconds, 3)} for one in self.outcomes]
        return {
            "out": str(self.out),
            "model": {"name": self.model, **self.about},
            "counts": self.counts,
            "files": files,
        }


class Watch:
    """Is told how a batch goes on and asked whether to stop; this one says and wants nothing."""

    def begin(self, total: int) -> None:
        """So many files are to be looked at."""

    def begin_file(self, windows: int) -> None:
        """A file is worked on in so many parts."""

    def window(self) -> None:
        """A part of an image is done."""

    def finished(self, outcome: Outcome) -> None:
        """A file is finished, or has failed."""

    def stops(self) -> bool:
        """Whether to stop now, leaving what is unfinished."""
        return False
