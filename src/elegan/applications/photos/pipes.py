"""One photo from standard input, one result to standard output: `-` in place of a name."""

import contextlib
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from elegan.applications.photos.journal import Translated
from elegan.common.errors import EleganError, UsageError
from elegan.data.files import MAX_FILE_BYTES

Piped = tuple[list[str], Path | None, Callable[[Translated], None] | None]
"""The inputs and the output folder as files, and what writes the result to standard output."""


@contextlib.contextmanager
def piped(inputs: Sequence[str], out: Path | None, as_json: bool) -> Iterator[Piped]:
    """Puts files in a temporary folder where `-` stands; the folder goes at the end.

    Args:
        inputs: as the command has them.
        out: `-` for standard output.
        as_json: whether standard output is for JSON.

    Raises:
        UsageError: there are several photos, or standard output is a terminal or for JSON.
        EleganError: standard input is empty or too large.
    """
    back = str(out) == "-"
    if "-" not in inputs and not back:
        yield list(inputs), out, None
        return
    if len(inputs) != 1 or Path(inputs[0]).is_dir():
        raise UsageError("- stands for one photo. Name one input, or a folder with --out.")
    if back and as_json:
        raise UsageError("Standard output cannot hold both the photo of --out - and --json.")
    if back and sys.stdout.isatty():
        raise UsageError(
            "A photo would make the terminal unreadable. Send it on: --out - > larger.png."
        )
    with tempfile.TemporaryDirectory(prefix="elegan-") as folder:
        name = inputs[0]
        if name == "-":
            data = sys.stdin.buffer.read(MAX_FILE_BYTES + 1)
            if not data or len(data) > MAX_FILE_BYTES:
                why = "is empty" if not data else f"has more than {MAX_FILE_BYTES >> 20} MiB"
                raise EleganError(f"Standard input {why}. Send one image file: < photo.jpg.")
            name = f"{folder}/stdin"
            Path(name).write_bytes(data)
        yield [name], Path(folder) / "out" if back else out, _write if back else None


def _write(found: Translated) -> None:
    outcome = found.outcomes[0]
    if outcome.output is not None:
        sys.stdout.buffer.write((found.out / outcome.output).read_bytes())
        sys.stdout.buffer.flush()
