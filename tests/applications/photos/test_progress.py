"""What a person sees: a bar that moves within a file on a terminal, lines elsewhere."""

import io

from elegan.applications.photos.journal import Outcome
from elegan.applications.photos.progress import Progress
from elegan.common.interruption import Interruption


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def _finished() -> Outcome:
    return Outcome(source="a.png", state="done", output="a.png", size=(4, 2), seconds=1.25)


def test_the_bar_moves_with_every_window_and_never_past_the_files() -> None:
    with Interruption() as interruption, Progress(interruption, Terminal()) as progress:
        progress.begin(2)
        assert progress._bar is not None
        (task,) = progress._bar.tasks
        progress.begin_file(4)
        progress.window()
        assert task.completed == 0.25
        for _ in range(5):  # smaller tiles than were counted on
            progress.window()
        progress.finished(_finished())
        assert task.completed == 1


def test_lines_elsewhere_and_the_wish_to_stop() -> None:
    stream, interruption = io.StringIO(), Interruption()
    with Progress(interruption, stream) as progress:
        progress.begin(2)
        progress.window()
        progress.finished(_finished())
        progress.finished(Outcome(source="b.png", state="kept", output="b.png"))
        assert not progress.stops()
        interruption.signal_number = 2
        assert progress.stops()
    assert stream.getvalue() == "[1/2] a.png -> a.png 4x2, 1.2 s\n"
