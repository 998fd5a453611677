"""What became of each file of a batch, and the record that lets the same command go on."""

import contextlib
import json
import os
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from elegan.applications.photos.sources import LeftOut
from elegan.common.errors import EleganError
from elegan.common.files import json_object

MAX_LISTED = 20  # failures and notes that the text shows before it counts


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
        left_out: files of folders and patterns that look like images and cannot be read.
        others: number of other files there, which are left alone.
    """

    out: Path
    model: str
    about: dict[str, Any]
    outcomes: tuple[Outcome, ...]
    total: int
    stopped: bool = False
    left_out: tuple[LeftOut, ...] = ()
    others: int = 0

    @property
    def counts(self) -> dict[str, int]:
        """Files by state: done, kept, failed, and left after an interruption."""
        found = Counter(outcome.state for outcome in self.outcomes)
        left = self.total - len(self.outcomes)
        return {state: found[state] for state in ("done", "kept", "failed")} | {"left": left}

    @property
    def files(self) -> list[Path]:
        """The results that are whole, those of former calls included."""
        return [
            self.out / outcome.output for outcome in self.outcomes if outcome.output is not None
        ]

    def text(self) -> str:
        """The end of a batch for a person: what failed and why, and how many are done."""
        failed = [outcome for outcome in self.outcomes if outcome.state == "failed"]
        noted = [outcome for outcome in self.outcomes if outcome.notes]
        lines = [f"  {item.output}: {'; '.join(item.notes)}" for item in noted[:MAX_LISTED]]
        if len(noted) > MAX_LISTED:
            lines.append(f"  and {len(noted) - MAX_LISTED} more with notes")
        lines += [f"  failed: {item.line()}" for item in failed[:MAX_LISTED]]
        if len(failed) > MAX_LISTED:
            lines.append(f"  and {len(failed) - MAX_LISTED} more failed; --json lists all")
        lines += [f"  left out: {i.source}: {i.reason}" for i in self.left_out[:MAX_LISTED]]
        if len(self.left_out) > MAX_LISTED:
            lines.append(f"  and {len(self.left_out) - MAX_LISTED} more left out; --json lists all")
        if self.others:
            files = "1 other file" if self.others == 1 else f"{self.others} other files"
            lines.append(f"  {files} left alone")
        counts = self.counts
        words = [f"{counts['done']} of {self.total} images -> {self.out}"]
        words += [f"{counts['kept']} were finished before"] * bool(counts["kept"])
        words += [f"{counts['failed']} failed"] * bool(counts["failed"])
        words += [f"{len(self.left_out)} left out"] * bool(self.left_out)
        words += [f"{counts['left']} are left"] * bool(counts["left"])
        return "\n".join([*lines, f"{'; '.join(words)}  ({self.model})"])

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        files = [
            asdict(outcome) | {"seconds": round(outcome.seconds, 3)} for outcome in self.outcomes
        ]
        return {
            "out": str(self.out),
            "model": {"name": self.model, **self.about},
            "counts": self.counts,
            "files": files,
            "left_out": [asdict(item) for item in self.left_out],
            "other_files": self.others,
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


NAME = "elegan-journal.jsonl"


class Journal:
    """The record beside finished files, one JSON object a line, the last line of a source counts.

    A line is written before a file is begun and when it is finished, so that whatever the moment of
    a power cut, a file in the folder is known as whole, as half done by us, or as somebody else's.

    Args:
        folder: the output folder; it is made where there is none.

    Raises:
        EleganError: the folder cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._path = folder / NAME
        self._of_source: dict[str, dict[str, Any]] = {}
        self._of_output: dict[str, dict[str, Any]] = {}
        try:
            folder.mkdir(parents=True, exist_ok=True)
            torn = self._read()
            self._file = self._path.open("a", encoding="utf-8")
            if torn:  # the next line must not be glued to what a power cut left
                self._file.write("\n")
        except OSError as error:
            raise EleganError(
                f"Cannot write into '{folder}': {error.strerror or error}."
                " Name a folder that you may write to: --out FOLDER."
            ) from error

    def __enter__(self) -> "Journal":
        return self

    def __exit__(self, *error: object) -> None:
        with contextlib.suppress(OSError):
            self._file.close()

    def finished(self, source: Path, options: dict[str, Any]) -> str | None:
        """Returns the output of a source where it is whole, made with these options and unchanged.

        A source that lay elsewhere is known by its name, size and time where its old place is gone.
        """
        entry = self._of_source.get(_place(source)) or self._moved(source)
        if entry is None or entry["state"] != "done" or entry["options"] != options:
            return None
        if entry["stamp"] != _stamp(source):
            return None
        whole = self._whole(entry)
        return entry["output"] if whole else None

    def refusal(self, source: Path, output: str) -> str | None:
        """Returns why the file `output` must not be replaced by what is made of `source`, or None.

        Replaced is only what this journal knows as made of that source, as it was made.
        """
        path = self.folder / output
        if not os.path.lexists(path):
            return None
        entry = self._of_output.get(output)
        if entry is None:
            return "is there already, and elegan did not write it"
        if entry["source"] != _place(source) and Path(entry["source"]).exists():
            return f"is there already; it was made of {entry['source']}"
        if entry["state"] == "done" and not self._whole(entry):
            return "was changed since elegan wrote it"
        return None

    def is_output(self, path: Path) -> bool:
        """Whether a file is one that this journal knows as written by elegan."""
        try:
            relative = path.resolve().relative_to(self.folder.resolve())
        except (ValueError, OSError):
            return False
        return relative.as_posix() in self._of_output

    def begin(self, source: Path, output: str, options: dict[str, Any]) -> None:
        """Notes that `output`, a path within the folder, is about to be written."""
        self._note(source, output, "begun", options, {})

    def finish(self, source: Path, output: str, options: dict[str, Any]) -> None:
        """Notes that `output` is whole."""
        self._note(source, output, "done", options, {"written": _stamp(self.folder / output)})

    def _note(
        self, source: Path, output: str, state: str, options: dict[str, Any], more: dict[str, Any]
    ) -> None:
        entry = {
            "source": _place(source),
            "stamp": _stamp(source),
            "output": output,
            "state": state,
            "options": options,
            **more,
        }
        self._file.write(json.dumps(entry, ensure_ascii=False) + "\n")
        self._file.flush()
        os.fsync(self._file.fileno())
        self._keep(entry)

    def _keep(self, entry: dict[str, Any]) -> None:
        self._of_source[entry["source"]] = entry
        self._of_output[entry["output"]] = entry

    def _read(self) -> bool:
        """Reads the journal; returns whether its last line was cut off."""
        try:
            text = self._path.read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            return False
        for line in text.splitlines():
            with contextlib.suppress(ValueError):
                entry = json_object(line)
                if {"source", "stamp", "output", "state", "options"} <= entry.keys():
                    self._keep(entry)
        return bool(text) and not text.endswith("\n")

    def _whole(self, entry: dict[str, Any]) -> bool:
        try:
            return _stamp(self.folder / entry["output"]) == entry.get("written")
        except OSError:
            return False

    def _moved(self, source: Path) -> dict[str, Any] | None:
        stamp = _stamp(source)
        for entry in self._of_source.values():
            old = Path(entry["source"])
            if entry["stamp"] == stamp and old.name == source.name and not old.exists():
                return entry
        return None


def _place(path: Path) -> str:
    return os.fsencode(path.resolve()).decode("utf-8", "backslashreplace")


def _stamp(path: Path) -> list[int]:
    """Size in bytes and time of the last change in nanoseconds, as JSON holds them."""
    status = path.stat()
    return [status.st_size, status.st_mtime_ns]
