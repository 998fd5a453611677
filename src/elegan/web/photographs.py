"""Photos that the page has uploaded: previews of them, and masks painted on them."""

import io
import secrets
import shutil
import struct
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from elegan.applications.photos.animations import animated_format
from elegan.applications.photos.film import SUFFIXES as VIDEOS
from elegan.common.errors import EleganError
from elegan.data.files import MAX_FILE_BYTES
from elegan.data.headers import Unusable, open_image, orientation_of, reading
from elegan.data.photo_files import MAX_PIXELS, read_photo
from elegan.data.pictures import PNG_SIGNATURE, to_pillow
from elegan.web.folders import IMAGES, safe_name

MAX_PHOTOS = 300
MAX_BYTES = 8 << 30
"""Photos, and bytes of all of them, that are held at once."""
PREVIEW, THUMBNAIL = 3072, 160
"""Longest side in pixels of what is shown of a photo, and of its small picture."""
MAX_MASK_BYTES = 32 << 20
_ONE = threading.Lock()  # large photos take much memory while they are read
_PLAIN = 1_500_000  # pixels up to which a preview is shown without loss
_GONE = "There is no such photo any more. Choose the file again."
_MARKED = 127  # gray above which a mask marks


@dataclass(kw_only=True, eq=False)
class Photo:
    """One photo.

    Attributes:
        name: as the person calls it, with the folders above it.
        path: the file.
        bytes: its size.
        size: (width, height) in pixels, upright; None where the file does not say.
        moves: whether it is a video or a GIF of several frames, on which no mask can be.
        mask: a painted mask of that size.
    """

    id: str
    name: str
    path: Path
    bytes: int
    size: tuple[int, int] | None
    moves: bool = False
    mask: Path | None = None

    def row(self) -> dict[str, Any]:
        """JSON values."""
        size = self.size
        longest = 1.0 if size is None else min(1.0, PREVIEW / max(size))
        shown = None if size is None else [max(1, round(side * longest)) for side in size]
        return {
            "id": self.id,
            "name": self.name,
            "size": size,
            "shown": shown,
            "masked": self.mask is not None,
            "moves": self.moves,
        }


class Photos:
    """The photos of this server, each in a folder of its own.

    Args:
        folder: in which they lie.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._photos: dict[str, Photo] = {}
        self._coming: dict[str, int] = {}  # bytes of what is on its way, as far as they are known
        self._lock = threading.Lock()

    def all(self) -> list[Photo]:
        """Returns them in the order they came in."""
        with self._lock:
            return list(self._photos.values())

    def get(self, name: str) -> Photo:
        """Returns a photo.

        Raises:
            EleganError: there is none of that name.
        """
        with self._lock:
            if name not in self._photos:
                raise EleganError(_GONE)
            return self._photos[name]

    def place(self, name: str, size: int) -> tuple[str, Path]:
        """Returns the number of a new photo and where its file belongs.

        It counts as held from now on. Whoever calls this calls `settle` in the end.

        Args:
            name: as a browser calls it, perhaps with folders.
            size: in bytes, as far as it is known.

        Raises:
            EleganError: it is no photo by its name, there are too many, or its folder cannot be
                made.
        """
        plain = _file_name(name)
        if Path(plain).suffix.lower() not in (*IMAGES, *VIDEOS):
            raise EleganError(f"{name[-80:]} is neither an image nor a video.")
        number = secrets.token_hex(6)
        path = self.folder / number / plain
        with self._lock:
            if len(self._photos) + len(self._coming) >= MAX_PHOTOS:
                raise EleganError(
                    f"The page holds {MAX_PHOTOS} photos. Remove some first; for more at once use"
                    " the command below."
                )
            self._refuse_bytes(size)
            self._coming[number] = size
        try:
            path.parent.mkdir(parents=True)
        except OSError as error:
            self.settle(number)
            raise EleganError(f"It could not be written: {error.strerror}.") from error
        return number, path

    def grow(self, number: str, size: int) -> None:
        """Counts what has come of a photo so far, in bytes.

        Raises:
            EleganError: all photos together would be too large.
        """
        with self._lock:
            more = size - self._coming[number]
            if more > 0:  # than it had said
                self._refuse_bytes(more)
                self._coming[number] = size

    def settle(self, number: str) -> None:
        """Gives back what a photo that did not arrive was counted for."""
        with self._lock:
            self._coming.pop(number, None)
            arrived = number in self._photos
        if not arrived:
            shutil.rmtree(self.folder / number, ignore_errors=True)

    def _refuse_bytes(self, more: int) -> None:
        held = sum(photo.bytes for photo in self._photos.values()) + sum(self._coming.values())
        if held + more > MAX_BYTES:
            raise EleganError(
                f"All photos together may have {MAX_BYTES >> 30} GB. Remove some first."
            )

    def add(self, number: str, name: str, path: Path) -> Photo:
        """Takes up a file that lies at its place."""
        above = [safe_name(part) for part in name.replace("\\", "/").split("/")[:-1]]
        shown = "/".join([*[part for part in above if part][-2:], path.name])
        video = path.suffix.lower() in VIDEOS
        size = None if video else _size_of(path)
        moves = video or (size is not None and animated_format(path) is not None)
        photo = Photo(
            id=number, name=shown, path=path, bytes=path.stat().st_size, size=size, moves=moves
        )
        with self._lock:
            self._coming.pop(number, None)
            self._photos[number] = photo
        return photo

    def remove(self, name: str) -> None:
        """Forgets a photo and removes its file."""
        with self._lock:
            photo = self._photos.pop(name, None)
        if photo is not None:
            shutil.rmtree(photo.path.parent, ignore_errors=True)

    def set_mask(self, name: str, content: bytes) -> Photo:
        """Keeps a painted mask, at the photo's own size; one that marks nothing is taken away.

        Args:
            content: a PNG, white where the photo is to change, of the size of the preview.

        Raises:
            EleganError: it is no such PNG, the photo cannot be read or moves, or the mask cannot
                be written.
        """
        photo = self.get(name)
        with _ONE:
            return _set_mask(photo, content)

    def close(self) -> None:
        """Removes all files."""
        shutil.rmtree(self.folder, ignore_errors=True)


def preview(path: Path, folder: Path, longest: int) -> Path:
    """Returns a picture of a photo for a browser, upright as the verbs see it; kept in a folder.

    Args:
        longest: largest side in pixels.

    Raises:
        EleganError: the photo cannot be read, or the preview not be written.
    """
    kept = folder / f"{path.name}.{longest}"
    with _ONE:
        if not kept.is_file():
            _show(path, kept, longest)
    return kept


def _show(path: Path, kept: Path, longest: int) -> None:
    try:
        photo = read_photo(path)
    except (Unusable, OSError, MemoryError) as error:
        raise EleganError(
            f"{path.name}: {error or 'there is too little memory for it'}."
        ) from error
    pixels, alpha = _bytes(photo.pixels), None if photo.alpha is None else _bytes(photo.alpha)
    image = to_pillow(pixels)
    if alpha is not None:
        image.putalpha(Image.fromarray(alpha))
    share = longest / max(image.size)
    if share < 1:
        wide, high = (max(1, round(side * share)) for side in image.size)
        image = image.resize((wide, high), Image.Resampling.LANCZOS)
    part = kept.with_name(f".{kept.name}")
    try:
        kept.parent.mkdir(parents=True, exist_ok=True)
        if alpha is not None or image.size[0] * image.size[1] <= _PLAIN:
            image.save(part, format="PNG", icc_profile=photo.icc, compress_level=1)
        else:
            image.save(part, format="JPEG", icc_profile=photo.icc, quality=95, subsampling=0)
        part.replace(kept)
    except OSError as error:
        raise EleganError(f"The preview could not be written: {error.strerror}.") from error


def _set_mask(photo: Photo, content: bytes) -> Photo:
    if photo.moves:
        raise EleganError("This photo cannot be painted on: it moves.")
    if photo.size is None:
        raise EleganError("This photo cannot be painted on: it cannot be read.")
    painted = _mask_of(content)
    whole = painted.resize(photo.size, Image.Resampling.BILINEAR)
    marked = np.asarray(whole) > _MARKED
    path = photo.path.parent / "mask" / "mask.png"
    if not marked.any():
        photo.mask = None
        shutil.rmtree(path.parent, ignore_errors=True)
        return photo
    part = path.with_name(".mask.png")  # a job may be reading the mask that is there
    try:
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(marked * np.uint8(255)).save(part, format="PNG")
        part.replace(path)
    except FileNotFoundError as error:  # removed meanwhile
        raise EleganError(_GONE) from error
    except OSError as error:
        raise EleganError(f"The mask could not be written: {error.strerror}.") from error
    photo.mask = path
    return photo


def _mask_of(content: bytes) -> Image.Image:
    """Reads a mask as gray.

    Raises:
        EleganError: it is no PNG, or too large, by its header: nothing of it is decoded then.
    """
    head = struct.Struct(">8x4x4sII")  # signature, length; name, width and height of the first part
    if len(content) < head.size or not content.startswith(PNG_SIGNATURE):
        raise EleganError("The mask is no PNG that can be read.")
    _, *sides = head.unpack_from(content)
    if max(sides) > PREVIEW:
        raise EleganError(f"A mask has at most {PREVIEW} pixels a side.")
    try:
        with reading(content), Image.open(io.BytesIO(content), formats=("PNG",)) as image:
            return image.convert("L")
    except Unusable as error:
        raise EleganError("The mask is no PNG that can be read.") from error


def _file_name(name: str) -> str:
    """Returns the last part of a name as a file may be called, its suffix kept."""
    last = Path(name.replace("\\", "/").split("/")[-1])
    return f"{safe_name(last.stem)[:60] or 'photo'}{safe_name(last.suffix)[:10] and last.suffix}"


def _bytes(pixels: np.ndarray) -> np.ndarray:
    """uint8 as it is, uint16 as the nearest uint8."""
    if pixels.dtype == np.uint8:
        return pixels
    return ((pixels.astype(np.uint32) + 128) // 257).astype(np.uint8)


def _size_of(path: Path) -> tuple[int, int] | None:
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            return None
        data = path.read_bytes()
        with reading(data):
            image = open_image(data, MAX_PIXELS)
        wide, high = image.size
        return (high, wide) if orientation_of(image) >= 5 else (wide, high)
    except (Unusable, OSError):  # the verb says what is wrong with it
        return None
