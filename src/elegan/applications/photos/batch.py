"""Photos, GIFs and videos through a model: files whole or absent, and batches that resume."""

import errno
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from elegan.applications.photos.files import SUFFIX, Source, Writing, format_of, write_result
from elegan.applications.photos.film import (
    WRITTEN,
    frame_count,
    is_animated,
    is_video,
    translate_frames,
    translate_video,
)
from elegan.applications.photos.journal import NAME, Journal, Outcome, Translated, Watch
from elegan.applications.photos.repair import Repair
from elegan.common.errors import EleganError, UsageError
from elegan.common.files import remove_temporaries
from elegan.data.headers import Unusable
from elegan.data.photo_files import PhotoFile, page_count, read_photo
from elegan.models.inference import InferenceOptions, on_white, refuse_options
from elegan.models.translation import TranslationModel

_PAGED = ("TIFF", "WEBP", "PNG", "AVIF")  # formats that may hold several pages or frames
_FATAL = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)  # all further files would fail alike


class _Stopped(Exception):
    """The person asked to stop; what is being written is thrown away."""


def translate_files(
    model: TranslationModel,
    sources: Sequence[Source],
    out: Path,
    *,
    use: InferenceOptions | None = None,
    repair: Repair | None = None,
    writing: Writing | None = None,
    watch: Watch | None = None,
) -> Translated:
    """Applies a model to files and folders; what a former call finished in `out` is kept.

    A photo that cannot be used, or whose result cannot be written, does not stop the others.

    Args:
        model: loaded, at its strength.
        sources: files and the names of their results, see `photo_inputs.find_sources`.
        out: the folder of the results.
        repair: masks, of a restorer.
        watch: is told of progress and asked whether to stop.

    Raises:
        UsageError: flags do not fit the model, or all sources are results.
        EleganError: `out` cannot be written, or its disk is full.
    """
    use, repair = use or InferenceOptions(), repair or Repair()
    writing, watch = writing or Writing(), watch or Watch()
    refuse_options(use, model.task, model.scale)
    repair.refuse(model, use)
    work = _Work(model, out, use, repair, writing, watch)
    outcomes: list[Outcome] = []
    stopped = False
    with Journal(out) as journal:
        for folder in {(out / source.output).parent for source in sources}:
            remove_temporaries(folder)
        todo = [
            item for item in sources if item.path.name != NAME and not journal.is_output(item.path)
        ]
        if not todo:
            raise UsageError(
                f"All that is named are results that lie in '{out}' already. Name the photos."
            )
        watch.begin(len(todo))
        try:
            for source in todo:
                outcomes.append(work.one(source, journal, {item.path.resolve() for item in todo}))
                watch.finished(outcomes[-1])
        except _Stopped:
            stopped = True
        except OSError as error:
            whole = sum(outcome.state != "failed" for outcome in outcomes)
            raise EleganError(
                f"Cannot write into '{out}': {error.strerror or error}. {whole} of {len(todo)}"
                " files are whole and stay. Make room, then type the same command again: it goes on"
                " from there."
            ) from error
    return Translated(
        out=out,
        model=model.name,
        about={
            "task": model.task,
            "scale": use.scale or model.scale,
            "strength": model.strength,
            "sha256": model.config["sha256"],
        },
        outcomes=tuple(outcomes),
        total=len(todo),
        stopped=stopped,
    )


@dataclass(frozen=True)
class _Work:
    """What is the same for all files of one call."""

    model: TranslationModel
    out: Path
    use: InferenceOptions
    repair: Repair
    writing: Writing
    watch: Watch

    def one(self, source: Source, journal: Journal, sources: set[Path]) -> Outcome:
        """Works on one file; all but a full disk and a wish to stop becomes an outcome."""
        began = time.perf_counter()
        try:
            options = self._options(source)
            kept = journal.finished(source.path, options)
            if kept is not None:
                return Outcome(source=str(source.path), state="kept", output=kept)
            self._ask_to_stop()
            output, size, notes = self._translate(source, journal, options, sources)
        except (EleganError, Unusable, OSError, MemoryError) as error:
            cause = error if isinstance(error, OSError) else error.__cause__
            if isinstance(cause, OSError) and cause.errno in _FATAL:
                raise cause from error
            why = str(error) or "there is too little memory for it"
            return Outcome(source=str(source.path), state="failed", reason=why)
        return Outcome(
            source=str(source.path),
            state="done",
            output=output,
            size=size,
            notes=notes,
            seconds=time.perf_counter() - began,
        )

    def _options(self, source: Source) -> dict[str, Any]:
        """What decides how the result looks, as JSON: the same in the journal, the same result."""
        return {
            "task": self.model.task,
            "restore": self.use.task,
            "preserve_colour": self.use.preserve_colour,
            "scale": self.use.scale or self.model.scale,
            "model": self.model.config["sha256"],
            "strength": self.model.strength,
            "format": self.writing.format,
            "quality": self.writing.quality,
            "flatten": self.writing.flatten,
            **self.repair.facts(source.path),
        }

    def _translate(
        self, source: Source, journal: Journal, options: dict[str, Any], sources: set[Path]
    ) -> tuple[str, tuple[int, int], tuple[str, ...]]:
        """Returns the output's path within the folder, its (width, height), and notes."""
        moving = is_video(source.path) or is_animated(source.path)
        if moving and self.repair.mask:
            raise EleganError("it moves, and a mask is for a still photo")
        if moving:
            return self._translate_moving(source, journal, options, sources)
        use = replace(self.use, on_window=self._on_window)
        photo = self._laid(read_photo(source.path))
        mask = self.repair.weights_of(photo.pixels, photo.alpha, source.path)
        tall, wide, channels = photo.pixels.shape
        height, width = self.model.output_size(tall, wide, use.scale)
        chosen, notes = format_of(
            photo,
            self.writing.format,
            (height, width),
            self.model.output_channels(channels),
            mask is not None,
        )
        notes = (*photo.notes, *notes)
        if photo.format in _PAGED and (pages := page_count(source.path)) > 1:
            notes += (f"the first of {pages} pages or frames",)
        output = self._claimed(source, SUFFIX[chosen], journal, options, sources)
        strips = self.repair.strips(self.model, photo.pixels, mask, use)
        self.watch.begin_file(self.model.windows(tall, wide, use))
        if self.repair.mask == "alpha":  # what was transparent is filled
            photo = replace(photo, alpha=None)
        write_result(
            photo,
            strips,
            self.out / output,
            size=(height, width),
            channels=self.model.output_channels(channels),
            chosen=chosen,
            quality=self.writing.quality,
        )
        journal.finish(source.path, output, options)
        if mask is not None and not mask.any():
            notes += ("nothing was found to restore: unchanged",)
        notes += self.model.notes(tall, wide, use)
        return output, (width, height), notes

    def _translate_moving(
        self,
        source: Source,
        journal: Journal,
        options: dict[str, Any],
        sources: set[Path],
    ) -> tuple[str, tuple[int, int], tuple[str, ...]]:
        """Works on the frames of a GIF or a video; returns as `_translate` does."""
        path = source.path
        notes: tuple[str, ...] = ()
        if is_video(path):
            self.watch.begin_file(frame_count(path))
            output = self._claimed(source, WRITTEN, journal, options, sources)
            use = replace(self.use, on_window=self._ask_to_stop)
            size, notes = translate_video(
                self.model, path, self.out / output, use, self.watch.window
            )
        else:
            use = replace(self.use, on_window=self._on_window)
            output = self._claimed(source, ".gif", journal, options, sources)
            size = translate_frames(self.model, path, self.out / output, use, self.writing.flatten)
        journal.finish(path, output, options)
        return output, size, notes

    def _laid(self, photo: PhotoFile) -> PhotoFile:
        """Lays a photo with transparency on white for a stylizer, as its training did."""
        if photo.alpha is None or not self.model.stylizes:
            return photo
        pixels = on_white(photo.pixels, photo.alpha)
        if self.writing.flatten:
            return replace(photo, pixels=pixels, alpha=None)
        note = "transparent parts stay so and hide what is painted there; --flatten shows it"
        return replace(photo, pixels=pixels, notes=(*photo.notes, note))

    def _claimed(
        self,
        source: Source,
        suffix: str,
        journal: Journal,
        options: dict[str, Any],
        sources: set[Path],
    ) -> str:
        """Returns the path of the result within the folder, once it may be written there."""
        output = source.output_as(suffix)
        target = self.out / output
        why = journal.refusal(source.path, output.as_posix())
        if target.resolve() in sources:
            raise EleganError(f"{target} is itself an input; name another folder with --out.")
        if why is not None and not self.writing.overwrite:
            raise EleganError(
                f"{target} {why}. Name another folder with --out, or type --overwrite."
            )
        target.parent.mkdir(parents=True, exist_ok=True)
        journal.begin(source.path, output.as_posix(), options)
        return output.as_posix()

    def _on_window(self) -> None:
        self.watch.window()
        self._ask_to_stop()

    def _ask_to_stop(self) -> None:
        if self.watch.stops():
            raise _Stopped
