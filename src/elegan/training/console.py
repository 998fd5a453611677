"""What a person sees while a run goes on: a moving bar on a terminal, plain lines elsewhere."""

import sys
import time
from types import TracebackType

from rich.console import Console as RichConsole
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.text import Text

from elegan.training.run_folder import RunFolder

_EVERY = 0.1  # seconds between two moves of the bar
_ALARM = "bold yellow"


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
        self._moved = 0.0

    def __enter__(self) -> "Console":
        if self._rich.is_terminal and not self._quiet:
            self._bar = Progress(
                SpinnerColumn(),
                TextColumn("{task.description}"),
                BarColumn(bar_width=16),
                TextColumn("{task.fields[rest]}"),
                TimeElapsedColumn(),
                console=self._rich,
                transient=True,
            )
            self._bar.add_task("starting", total=None, rest="")
            self._bar.start()
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

    def doing(self, what: str) -> None:
        """Names what goes on from now on, such as "training"."""
        if self._bar is not None:
            self._bar.update(self._bar.task_ids[0], description=what, refresh=True)

    def say(self, line: str, *, whole: bool = False) -> None:
        """Prints a line and logs it.

        Args:
            whole: a terminal breaks it at its edge, not between words, so that commands and paths
                can be copied.
        """
        self._print(line, whole=whole)
        self.log(line)

    def alarm(self, line: str) -> None:
        """Prints a line that must not be overlooked, and logs it."""
        self._print(line, style=_ALARM)
        self.log(line)

    def tick(self, line: str, short: str) -> None:
        """Logs a line and prints it; a terminal that it does not fit gets the short one."""
        if self._rich.is_terminal:
            shown = line if len(line) <= self._rich.width else short
            self._rich.print(Text(shown), no_wrap=True, overflow="ellipsis")
        else:
            self._print(line)
        self.log(line)

    def log(self, line: str) -> None:
        """Writes a line to log.txt alone."""
        if not self._quiet:
            self._folder.append_log(line)

    def progress(self, images: int, stop: int, left: float | None) -> None:
        """Moves the bar, at most ten times a second; without a terminal nothing is printed.

        Args:
            images: seen so far.
            stop: images at which the run ends.
            left: seconds to the end of the run, scoring included; None where not known yet.
        """
        now = time.perf_counter()
        if self._bar is None or (now - self._moved < _EVERY and images < stop):
            return
        self._moved = now
        rest = f"{images:,}/{stop:,} images" + (f", {duration(left)} left" if left else "")
        self._bar.update(self._bar.task_ids[0], completed=images, total=stop, rest=rest)

    def _print(self, line: str, *, style: str | None = None, whole: bool = False) -> None:
        soft_wrap = whole or not self._rich.is_terminal
        self._rich.print(line, markup=False, soft_wrap=soft_wrap, style=style)
