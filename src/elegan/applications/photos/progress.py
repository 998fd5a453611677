"""What a person sees while photos are worked on: a bar on a terminal, a line a file elsewhere."""

from types import TracebackType
from typing import TextIO

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from elegan.applications.photos.journal import Outcome, Watch
from elegan.common.interruption import Interruption


class Progress(Watch):
    """Shows how far a batch is, and passes a person's wish to stop on to it."""

    def __init__(self, interruption: Interruption, stream: TextIO) -> None:
        self._interruption = interruption
        self._console = Console(file=stream, highlight=False)
        self._bar: Bar | None = None
        self._total, self._count, self._windows = 0, 0, 1

    def __enter__(self) -> "Progress":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def begin(self, total: int) -> None:
        self._total = total
        if self._console.is_terminal:
            self._bar = Bar(
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TimeRemainingColumn(),
                console=self._console,
                transient=True,
            )
            self._bar.start()
            self._bar.add_task("images", total=total)

    def begin_file(self, windows: int) -> None:
        self._windows = windows

    def window(self) -> None:
        if self._bar is not None:
            self._bar.advance(self._bar.task_ids[0], 1 / self._windows)

    def finished(self, outcome: Outcome) -> None:
        self._count += 1
        if self._bar is not None:
            self._bar.update(self._bar.task_ids[0], completed=self._count)
        if outcome.state != "kept":
            where = f"[{self._count}/{self._total}] "
            self._console.print(where + outcome.line(), markup=False, soft_wrap=True)

    def stops(self) -> bool:
        return self._interruption.signal_number is not None
