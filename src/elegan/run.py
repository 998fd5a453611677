"""A run on disk, as Python sees it."""

import json
from functools import cached_property
from pathlib import Path
from typing import Any

from elegan.errors import EleganError, did_you_mean
from elegan.settings import TrainSettings, from_json


class Run:
    """A run folder; everything is read from disk when asked for.

    Attributes:
        path: the folder.

    Raises:
        EleganError: the folder holds no run.
    """

    def __init__(self, path: Path | str) -> None:
        from elegan.engine.run_folder import is_run

        self.path = Path(path)
        if not is_run(self.path):
            parent = self.path.parent
            near = [one.name for one in parent.iterdir()] if parent.is_dir() else []
            raise EleganError(
                f"{self.path} is no run: it holds no settings.json of elegan's."
                f"{did_you_mean(self.path.name, near)} Begin one with `elegan train`."
            )

    @property
    def settings(self) -> TrainSettings:
        """What the run was told, resolved."""
        return from_json(self.path / "settings.json")

    @cached_property
    def model(self) -> Any:
        """The averaged generator of the newest snapshot: `Model`, or `TranslationModel`."""
        from elegan.models import load_model

        return load_model(self.path)

    @property
    def events(self) -> list[dict[str, Any]]:
        """The lines of events.jsonl."""
        from elegan.engine.run_folder import RunFolder

        return RunFolder(self.path).read_events()

    @property
    def scores(self) -> dict[str, Any]:
        """What `evaluate` last found, {} before."""
        try:
            return json.loads((self.path / "scores.json").read_text())
        except OSError:
            return {}

    @property
    def report(self) -> Path:
        """The HTML report, written at the end of training and by `elegan report`."""
        return self.path / "report.html"

    def __repr__(self) -> str:
        return f"Run({str(self.path)!r})"
