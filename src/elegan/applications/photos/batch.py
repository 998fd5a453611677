"""Photos, animations and videos through a model: files whole or absent, and batches that resume."""

import errno
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from elegan.applications.photos.animations import (
    SUFFIXES,
    animated_format,
    format_of_frames,
    translate_frames,
)
from elegan.applications.photos.comparison import FOLDER, write_comparison
from elegan.applications.photos.diagnosis import Frames, cleaning, diagnosed, whole
from elegan.applications.photos.files import SUFFIX, format_of, write_result
from elegan.applications.photos.film import frame_count, is_video, suffix_for, translate_video
from elegan.applications.photos.journal import NAME, Journal, Outcome, Translated, Watch
from elegan.applications.photos.repair import Repair
from elegan.applications.photos.sources import Source
from elegan.common.errors import EleganError, UsageError
from elegan.common.files import remove_temporaries
from elegan.data.headers import Unusable
from elegan.data.metadata import without_chunks
from elegan.data.photo_files import PhotoFile, page_count, read_photo
from elegan.models.experts import Experts
from elegan.models.inference import InferenceOptions, refuse_options, shown
from elegan.models.translation import TranslationModel
from elegan.options import Restore, Stylize, Upscale

Asked = Upscale | Restore | Stylize

_PAGED = "TIFF"  # which may hold several pages
_FATAL = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)  # all further files would fail alike


class _Stopped(Exception):
    """The person asked to stop; what is being written is thrown away."""


def translate_files(
    model: TranslationModel,
    sources: Sequence[Source],
    out: Path,
    asked: Asked,
    use: InferenceOptions,
    repair: Repair,
    cleaner: Experts | None = None,
) -> Translated:
    """Applies a model to files and folders; what a former call finished in `out` is kept.

    A photo that cannot be used, or whose result cannot be written, does not stop the others.

    Args:
        model: loaded, at its strength.
        sources: files and the names of their results, see `sources.find_sources`.
        out: the folder of the results.
        asked: the verb's options, of which those of writing and `watch` are read.
        cleaner: what restores photos before the model sees them, if anything does.

    Raises:
        UsageError: flags do not fit the model, or all sources are results.
        EleganError: `out` cannot be written, or its disk is full.
    """
    watch = asked.watch or Watch()
    refuse_options(use, model.task, model.scale)
    repair.refuse(model, use)
    repair = repair.matched(sources)
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
        inputs = {source.path.resolve() for source in todo}
        work = _Work(model, out, asked, use, repair, watch, journal, inputs, cleaner)
        watch.begin(len(todo))
        try:
            for source in todo:
                outcomes.append(work.one(source))
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
    about = {"task": model.task, "scale": use.scale or model.scale, "strength": model.strength}
    return Translated(
        out=out,
        model=model.name,
        about={**about, "sha256": model.config["sha256"]},
        outcomes=tuple(outcomes),
        total=len(todo),
        stopped=stopped,
    )


_Done = tuple[str, tuple[int, int], tuple[str, ...]]
"""The output's path within the folder, its (width, height), and notes."""


@dataclass(frozen=True)
class _Work:
    """What is the same for all files of one call."""

    model: TranslationModel
    out: Path
    asked: Asked
    use: InferenceOptions
    repair: Repair
    watch: Watch
    journal: Journal
    inputs: set[Path]
    cleaner: Experts | None

    @property
    def flattens(self) -> bool:
        return self.model.opaque or getattr(self.asked, "flatten", False)

    def one(self, source: Source) -> Outcome:
        """Works on one file; all but a full disk and a wish to stop becomes an outcome."""
        began, name = time.perf_counter(), str(source.path)
        try:
            options = self._options(source)
            kept = self.journal.finished(source.path, options)
            if kept is not None:
                return Outcome(source=name, state="kept", output=kept)
            self._ask_to_stop()
            output, size, notes = self._translate(source, options)
            self.journal.finish(source.path, output, options)
            if self.asked.compare and not is_video(source.path):
                target = self.out / FOLDER / f"{output}.jpg"
                notes += (write_comparison(source.path, self.out / output, target),)
        except (EleganError, Unusable, OSError, MemoryError) as error:
            cause = error if isinstance(error, OSError) else error.__cause__
            if isinstance(cause, OSError) and cause.errno in _FATAL:
                raise cause from error
            why = str(error) or "there is too little memory for it"
            return Outcome(source=name, state="failed", reason=why)
        seconds = time.perf_counter() - began
        return Outcome(
            source=name, state="done", output=output, size=size, notes=notes, seconds=seconds
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
            "format": self.asked.format,
            "quality": self.asked.quality,
            "flatten": self.flattens,
            "cleaner": self.cleaner and self.cleaner.config["sha256"],
            **self.repair.facts(source.path),
        }

    def _translate(self, source: Source, options: dict[str, Any]) -> _Done:
        frames = None if is_video(source.path) else animated_format(source.path)
        if is_video(source.path) or frames:
            if self.repair.mask:
                raise EleganError("it moves, and a mask is for a still photo")
            return self._translate_moving(source, options, frames)
        use = replace(self.use, on_window=self._on_window)
        read = read_photo(source.path)
        mask = self.repair.weights_of(read.pixels, read.alpha, source.path)
        photo = self._laid(read)
        settled, found = diagnosed(
            self.model, photo.pixels, use, masked=mask is not None, quality=photo.quality
        )
        tall, wide, channels = photo.pixels.shape
        channels = self.model.output_channels(channels)
        size = self.model.output_size(tall, wide, use.scale)
        chosen, notes = format_of(
            photo, self.asked.format, self.asked.quality, size, channels, mask is not None
        )
        notes, old = (*found, *photo.notes, *notes), read.pixels
        if chosen != "PNG":
            pixels, lost = without_chunks(photo.pixels, photo.about, photo.icc)
            old = old if pixels is photo.pixels else pixels
            photo, notes = replace(photo, pixels=pixels), (*notes, *lost)
        if photo.format == _PAGED and (pages := page_count(source.path)) > 1:
            notes += (f"the first of {pages} pages",)
        output = self._claimed(source, SUFFIX[chosen], options)
        strips = iter((old,))
        if settled is not None:
            quiet = replace(use, on_window=self._ask_to_stop)
            before, said = cleaning(self.cleaner, photo.pixels, quiet, quality=photo.quality)
            pixels, notes = whole(self.cleaner, photo.pixels, before), (*said, *notes)
            self.watch.begin_file(self.model.windows(tall, wide, settled))
            strips = self.repair.strips(self.model, pixels, mask, settled, old=old)
        if self.repair.mask == "alpha":  # what was transparent is filled
            photo = replace(photo, alpha=None)
        write_result(
            photo,
            strips,
            self.out / output,
            size=size,
            channels=channels,
            chosen=chosen,
            quality=self.asked.quality,
        )
        if mask is not None and not mask.any():
            notes += ("nothing was found to restore: unchanged",)
        notes += self.repair.notes(source.path)
        if settled is not None:
            notes += self.model.notes(tall, wide, settled)
        return output, (size[1], size[0]), notes

    def _translate_moving(self, source: Source, options: dict[str, Any], own: str | None) -> _Done:
        """Works on the frames of an animation of that format, or of a video."""
        path = source.path
        on_window = self._ask_to_stop if own is None else self._on_window
        changed = Frames(self.model, self.cleaner, replace(self.use, on_window=on_window))
        if own is None:
            self.watch.begin_file(frame_count(path))
            output = self._claimed(source, suffix_for(path), options)
            target = self.out / output
            return output, *translate_video(changed, path, target, self.watch.window)
        chosen = format_of_frames(own, self.asked.format)
        output = self._claimed(source, SUFFIXES[chosen], options)
        size = translate_frames(
            changed,
            path,
            self.out / output,
            chosen=chosen,
            quality=self.asked.quality,
            flatten=self.flattens,
        )
        return output, size, changed.notes

    def _laid(self, photo: PhotoFile) -> PhotoFile:
        """Takes away the colours that transparency hides, as `models.inference.shown` does."""
        if photo.alpha is None:
            return photo
        pixels = shown(photo.pixels, photo.alpha, self.model.stylizes)
        if not self.model.stylizes:
            return replace(photo, pixels=pixels)
        if self.flattens:
            return replace(photo, pixels=pixels, alpha=None)
        note = "transparent parts stay so and hide what is painted there; --flatten shows it"
        return replace(photo, pixels=pixels, notes=(*photo.notes, note))

    def _claimed(self, source: Source, suffix: str, options: dict[str, Any]) -> str:
        """Returns the path of the result within the folder, once it may be written there."""
        output = source.output_as(suffix)
        target = self.out / output
        why = self.journal.refusal(source.path, output.as_posix())
        if target.resolve() in self.inputs:
            raise EleganError(f"{target} is itself an input; name another folder with --out.")
        if why is not None and not self.asked.overwrite:
            raise EleganError(
                f"{target} {why}. Name another folder with --out, or type --overwrite."
            )
        target.parent.mkdir(parents=True, exist_ok=True)
        self.journal.begin(source.path, output.as_posix(), options)
        return output.as_posix()

    def _on_window(self) -> None:
        self.watch.window()
        self._ask_to_stop()

    def _ask_to_stop(self) -> None:
        if self.watch.stops():
            raise _Stopped
