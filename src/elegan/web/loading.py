"""Models that the page uses: which there are, the last few kept loaded, and whose turn it is."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, Field

from elegan.applications import load_model
from elegan.common.errors import EleganError
from elegan.models import saving
from elegan.models.classification import CLASSIFIERS
from elegan.models.saving import UNREADABLE, read_config, unreadable
from elegan.models.shipping import shipped_models

MAX_LOADED = 4
_MAX_SEATS = 64
MAX_WAITING = 16
"""Renders that wait for their turn, each of which holds one of the server's threads."""
_WITH_A_VERB = ("upscale", "restore", "stylize", "characters")
T = TypeVar("T")


def uses_of(config: Mapping[str, Any]) -> list[str]:
    """Returns what a model can be used for, by its model.json."""
    task = str(config.get("task", ""))
    if task in _WITH_A_VERB:
        return [task]
    if task.startswith("characters"):  # a stage, of no use by itself
        return []
    part = config.get("discriminator", {})
    tells = part.get("sizes", {}).get("condition") in CLASSIFIERS and part.get("classes")
    return ["generate", "classify"] if tells else ["generate"]


@dataclass(eq=False)
class Loaded:
    """A model in memory.

    Attributes:
        stamp: of its model.json when it was read.
        known: what was worked out about it, by name.
    """

    model: Any
    stamp: tuple[int, int]
    known: dict[str, Any] = field(default_factory=dict)


class Models:
    """The models of runs, called "run/ID", and those that elegan ships, "shipped/NAME"."""

    def __init__(self, folders: Any) -> None:
        self._folders = folders
        self._loaded: OrderedDict[Path, Loaded] = OrderedDict()
        self._lock = threading.Lock()

    def path(self, name: str) -> Path:
        """Returns the folder that holds a model's model.json.

        Raises:
            EleganError: there is no such model.
        """
        kind, _, rest = name.partition("/")
        if kind == "run" and (folder := self._folders.run(rest) / "model").is_dir():
            folder = self._folders.chosen(str(folder))
        elif kind == "shipped" and rest in shipped_models():
            folder = saving.SHIPPED / rest
        else:
            raise EleganError("There is no such model.")
        if not (folder / "model.json").is_file():
            raise EleganError("There is no model in this run yet; its first snapshot writes one.")
        return folder

    def refuse(self, name: str, use: str) -> None:
        """Refuses a model that is not for a use.

        Raises:
            EleganError: it is for another one, there is no such model, or it cannot be read.
        """
        folder = self.path(name)
        try:
            uses = uses_of(read_config(folder))
        except UNREADABLE as error:
            raise unreadable(folder, error) from error
        if use not in uses:
            raise EleganError(f"This model is not one to {use} with. Choose another one.")

    def get(self, name: str) -> Loaded:
        """Returns a model, read anew where its run has written another since.

        Raises:
            EleganError: there is no such model, or it cannot be read.
        """
        folder = self.path(name)
        with self._lock:
            try:
                status = (folder / "model.json").stat()
            except OSError as error:
                raise EleganError("There is no such model any more.") from error
            stamp = (status.st_mtime_ns, status.st_size)
            found = self._loaded.get(folder)
            if found is None or found.stamp != stamp:
                found = self._loaded[folder] = Loaded(load_model(folder), stamp)
            self._loaded.move_to_end(folder)
            while len(self._loaded) > MAX_LOADED:
                self._loaded.popitem(last=False)
            return found

    def rows(self) -> list[dict[str, Any]]:
        """Returns what can be used: runs from the newest on, then what is shipped; JSON values."""
        rows = []
        for run in self._folders.all_runs():
            name = self._folders.name_of(run)
            try:
                config = read_config(run / "model")
                rows.append(_row(f"run/{name}", name, _word(run), config) | {"run": name})
            except UNREADABLE:  # no model yet, or a damaged one: whoever names it is told so
                continue
        for name, config in shipped_models().items():
            rows.append(_row(f"shipped/{name}", name, name, config))
        return [row for row in rows if row["uses"]]


def _row(name: str, title: str, word: str, config: Mapping[str, Any]) -> dict[str, Any]:
    recipe = config.get("recipe", {})
    return {
        "id": name,
        "title": title,
        "word": word,
        "run": None,
        "uses": uses_of(config),
        "data": str(config.get("training", {}).get("data", "")),
        "scale": config.get("shape", {}).get("scale"),
        "families": list(recipe.get("families", ())),
    }


def _word(run: Path) -> str:
    """How a command typed in this folder names a run."""
    here = Path.cwd()
    return str(run.relative_to(here)) if run.is_relative_to(here) else str(run)


class Seated(BaseModel):
    """Where on a page a request comes from, and its number among those of that place."""

    seat: str = Field(default="", max_length=40)
    turn: int = Field(default=0, ge=0, le=2**53)


class Overtaken(Exception):
    """A newer request of the same place came before this one had begun."""


class Turns:
    """Lets one render at a time go on; of those that wait at one place, only the newest."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._newest: OrderedDict[str, int] = OrderedDict()
        self._busy = False
        self._waiting = 0

    def take(self, seat: str, number: int, act: Callable[[], T]) -> T:
        """Waits for its turn and acts.

        Args:
            seat: the place on a page whose older requests this one replaces.
            number: rises from request to request of a place; they may arrive in another order.

        Raises:
            Overtaken: a newer one came before this one could begin.
            EleganError: too many wait already.
        """
        with self._changed:
            newest = max(number, self._newest.get(seat, number))
            self._newest[seat] = newest
            self._newest.move_to_end(seat)
            while len(self._newest) > _MAX_SEATS:
                self._newest.popitem(last=False)
            self._changed.notify_all()
            if self._busy and self._waiting >= MAX_WAITING:
                raise EleganError("The studio is busy with other pictures. Ask again in a while.")
            self._waiting += 1
            try:
                self._changed.wait_for(lambda: not self._busy or self._is_old(seat, number))
            finally:
                self._waiting -= 1
            if self._is_old(seat, number):
                raise Overtaken
            self._busy = True
        try:
            return act()
        finally:
            with self._changed:
                self._busy = False
                self._changed.notify_all()

    def _is_old(self, seat: str, number: int) -> bool:
        return self._newest.get(seat, number) > number
