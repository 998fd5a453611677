"""Scores of characters: of one stage at the end of its run, of the whole against the truth."""

from typing import Any

from elegan.engine.run_folder import RunFolder
from elegan.run import Run

TASKS = ("characters-maps", "characters-points", "characters-render")


def score_run(run: Run) -> str:
    """Keeps what a stage's last snapshot measured as scores.json, and returns it as text."""
    folder = RunFolder(run.path)
    events = run.events
    snapshots = [event for event in events if event["event"] == "snapshot" and "scores" in event]
    last: dict[str, Any] = snapshots[-1] if snapshots else {"images": 0, "scores": {}}
    folder.write_json("scores.json", {"images_seen": events[-1]["images"], **last["scores"]})
    return "\n".join(f"{name:<28}{value:.3f}" for name, value in last["scores"].items())
