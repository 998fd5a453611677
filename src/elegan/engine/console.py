"""What a person sees while a run goes on: a progress bar on a terminal, plain lines elsewhere."""

import sys
from types import TracebackType

from rich.console import Console as RichConsole
from rich.progress import BarColumn, Progress, TextColumn

from elegan.engine.run_folder import RunFolder


def duration(seconds: float) -> str:
    """Formats seconds as '45 s', '3 min 20 s' or '2 h 05 min'."""
    whole = round(max(0.0, seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


class Console:
    """Prints to stderr, so that stdout stays free for results, and keeps log.txt.

    Args:
        folder: where log.txt is.
        quiet: neither prints nor logs, as in every process but the leading one.
    """

    def __init__(self, folder: RunFolder, *, quiet: bool = False) -> None:
        self._folder, self._quiet = folder, quiet
        self._rich = RichConsole(file=sys.stderr, highlight=False, quiet=quiet)
        self._bar: Progress | None = None

    def __enter__(self) -> "Console":
        if self._rich.is_terminal and not self._quiet:
            self._bar = Progress(
                TextColumn("{task.description}"),
                BarColumn(),
                TextColumn("{task.completed:,.0f}/{task.total:,.0f} images  {task.fields[rest]}"),
                console=self._rich,
                transient=True,
            )
            self._bar.start()
            self._bar.add_task("training", total=None, rest="")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def say(self, line: str) -> None:
        """Prints a line and logs it."""
        if self._quiet:
            return
        self._rich.print(line, markup=False, soft_wrap=True)
        self._folder.append_log(line)

    def progress(self, images: int, stop: int, speed: float | None) -> None:
        """Moves the bar. Without a terminal nothing is printed: ticks are lines of their own."""
        if self._bar is not None:
            rest = (
                f"{speed:,.0f} images/s, {duration((stop - images) / speed)} left" if speed else ""
            )
            self._bar.update(self._bar.task_ids[0], completed=images, total=stop, rest=rest)
