"""The output folder: whose it is, what has been measured, what is finished."""

import contextlib
import dataclasses
import json
from pathlib import Path
from typing import Any

from elegan.common.errors import EleganError, UsageError
from elegan.common.files import json_object, refuse_overlap, remove_temporaries, write_durably
from elegan.options import Augment
from elegan.training.run_folder import RunFolder

SETTINGS, JOURNAL, REPORT, PAGE = "augment.json", "journal.jsonl", "report.json", "report.html"
IMAGES, WORK = "images", "work"


class OutputFolder:
    """A folder that one augmentation owns.

    It holds `augment.json` (what was asked), `journal.jsonl` (a line for each classifier that was
    judged), `work/` (the runs of the generators) and, once finished, `images/`, `report.json` and
    `report.html`.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._kept: dict[str, Any] = {}

    @contextlib.contextmanager
    def claim(self, options: Augment, data_hash: str):
        """Takes the folder, new or begun with the same options, and holds its lock.

        Raises:
            UsageError: it holds something else, or what other options began.
            EleganError: it cannot be written, or another process works in it.
        """
        asked = {**json.loads(json.dumps(option_values(options))), "data_hash": data_hash}
        settings = self.path / SETTINGS
        refuse_overlap(self.path, asked["data"], asked["unlabelled"])
        ours = settings.exists()
        if ours:
            self._compare(settings, asked)
        with RunFolder(self.path, "augment").lock(ours=ours):
            remove_temporaries(self.path)
            if not settings.exists():
                self.write(SETTINGS, json.dumps(asked, indent=2, ensure_ascii=False) + "\n")
            self._read_journal()
            yield self

    def _compare(self, settings: Path, asked: dict[str, Any]) -> None:
        try:  # another program's augment.json may hold anything
            before = json_object(settings.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise EleganError(
                f"{settings} cannot be read: {error}. Name another folder with --out."
            ) from None
        changes = [
            "the given images have changed"
            if key == "data_hash"
            else f"{key}: {before.get(key)} there, {value} asked"
            for key, value in asked.items()
            if before.get(key) != value
        ]
        if changes:
            raise UsageError(
                f"{self.path} was begun with other options ({'; '.join(changes)})."
                " Ask for the same, or name another folder with --out."
            )

    def report(self) -> dict[str, Any] | None:
        """Returns the report of a finished augmentation, None before."""
        try:
            found = json.loads((self.path / REPORT).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        return found if (self.path / PAGE).exists() and (self.path / IMAGES).is_dir() else None

    def find(self, name: str) -> Any:
        """Returns what was measured under a name, or None."""
        return self._kept.get(name)

    def add(self, name: str, values: Any) -> None:
        """Keeps what was measured; it is on the disk when this returns."""
        self._kept[name] = values
        line = json.dumps({"name": name, "found": values}, ensure_ascii=False)
        with self.explained(), (self.path / JOURNAL).open("a", encoding="utf-8") as file:
            file.write(line + "\n")

    def _read_journal(self) -> None:
        path = self.path / JOURNAL
        if not path.exists():
            return
        text = path.read_text(encoding="utf-8", errors="replace")
        for line in text.splitlines():
            with contextlib.suppress(ValueError, LookupError):
                entry = json_object(line)
                self._kept[entry["name"]] = entry["found"]
        if text and not text.endswith("\n"):  # a kill tore the last line
            with path.open("a", encoding="utf-8") as file:
                file.write("\n")

    def write(self, name: str, text: str) -> None:
        """Replaces a file in one step; an EleganError says why it cannot be."""
        with self.explained():
            write_durably(self.path / name, text)

    @contextlib.contextmanager
    def explained(self):
        """Turns the system's error into one that says what to do."""
        try:
            yield
        except OSError as error:
            raise EleganError(
                f"Cannot write into {self.path}: {error.strerror or error}."
                " Free some space or name another folder with --out."
            ) from error


def option_values(options: Augment) -> dict[str, Any]:
    """All that the result depends on, as JSON values."""
    values = {**dataclasses.asdict(options), "data": str(options.data)}
    values["unlabelled"] = options.unlabelled and str(options.unlabelled)
    del values["out"]
    return values
