"""A trained network from images to images in use: whole images of any size and depth."""

import contextlib
import copy
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from elegan.common.errors import EleganError, UsageError
from elegan.common.pixels import luma
from elegan.common.precision import Precision, choose
from elegan.data.degradations import resize_bicubic
from elegan.models import saving
from elegan.models.inference import (
    InferenceOptions,
    composed,
    is_gray,
    reduced,
    refuse_image,
    refuse_options,
    refuse_task,
    resampled,
    to_pixels,
    to_planes,
    with_colours_of,
)
from elegan.models.model import placed
from elegan.models.restoring import asked_families, restorer_inputs, strengths_told
from elegan.models.saving import (
    UNREADABLE,
    copy_model,
    find_model,
    load_part,
    read_config,
    read_tensors,
    unreadable,
)
from elegan.models.shipping import find_shipped
from elegan.models.tiling import Reach, Window, bytes_a_pixel, count_windows, fitting_tile, strips
from elegan.networks.translation import TranslationShape, build_translator

THUMBNAIL = 512
"""Longest side in pixels of the image that global statistics are taken of before tiling."""
_BICUBIC_REACH = 2


class TranslationModel:
    """A network from images to images, ready for use.

    Attributes:
        network: a translator in evaluation mode.
        config: the content of model.json.
        folder: where it was loaded from, None for a model made in memory.
        strength: 0 to 1, see `with_strength`.
        share: of the network's output; the rest is the input, resized where the scale is not 1.
    """

    def __init__(
        self,
        network: nn.Module,
        config: Mapping[str, Any],
        precision: Precision,
        folder: Path | None = None,
        *,
        strength: float = 1.0,
        share: float = 1.0,
    ) -> None:
        self.network: Any = network
        self.config, self.precision, self.folder = dict(config), precision, folder
        self.strength, self.share = strength, share
        self._cost: float | None = None

    @property
    def name(self) -> str:
        """How the model is called: its folder, of a shipped one the last part."""
        if self.folder is None:
            return "a model in memory"
        return self.folder.name if self.folder.parent == saving.SHIPPED else str(self.folder)

    @property
    def task(self) -> str:
        """upscale, restore or stylize."""
        return self.config["task"]

    @property
    def shape(self) -> TranslationShape:
        return TranslationShape(**self.config["shape"])

    @property
    def scale(self) -> int:
        """Output pixels along an input pixel, as the network makes them."""
        return self.shape.scale

    @property
    def recipe(self) -> dict[str, Any]:
        """What the model was trained to undo or to do: degradation, families, direction."""
        return self.config["recipe"]

    @property
    def families(self) -> tuple[str, ...]:
        """Kinds of damage that a restorer can be asked to undo."""
        return tuple(self.recipe.get("families", ()))

    @property
    def told(self) -> tuple[str, ...]:
        """What each of a restorer's planes beside colours and mask tells; see `restoring`."""
        return tuple(self.recipe.get("told", self.families))

    @property
    def stylizes(self) -> bool:
        """Whether it was trained for another style, so that colours may change altogether."""
        return "method" in self.recipe

    @property
    def opaque(self) -> bool:
        """Whether it paints on what is transparent, too."""
        return False

    @property
    def reach(self) -> Reach:
        """How far the network looks, for tiling."""
        margin = max(self.network.margin, _BICUBIC_REACH)
        return Reach(stride=self.network.stride, margin=margin, scale=self.scale)

    @staticmethod
    def load(
        path: Path | str | None = None,
        task: str | None = None,
        scale: float | None = None,
        *,
        device: str = "auto",
        precision: str = "auto",
    ) -> "TranslationModel":
        """Loads a model, by default what elegan ships for the task and the scale.

        Args:
            path: a run folder, a model folder, a file within either, or the name of a shipped
                model.
            task: what the model must be for; None for any.
            scale: chooses among the shipped models for upscaling: the next larger one is taken.
                Those for restoring are one model, `experts.Experts`.

        Raises:
            UsageError: the model is for another task.
            EleganError: nothing there is a model, its weights do not match their SHA-256, or
                none is shipped.
        """
        if path is None and task == "restore":
            from elegan.models.experts import Experts

            return Experts(device, precision)
        folder = find_model(Path(path)) if path else find_shipped(task or "upscale", scale)
        try:
            config = read_config(folder)
            refuse_task(config, task, folder)
            shape = TranslationShape(**config["shape"])
            network = build_translator(config["network"], shape, **config["sizes"]).eval()
            load_part(folder, config, network)
        except UsageError:
            raise
        except UNREADABLE as error:
            raise unreadable(folder, error) from error
        kind = TranslationModel
        if "drawings" in config["recipe"]:
            from elegan.models.drawings import DrawingModel as kind
        chosen = choose(device, precision)
        return kind(placed(network, chosen), config, chosen, folder)

    from_pretrained = load

    def __call__(self, images: Tensor) -> Tensor:
        """Float [N, 3, h, w] in [-1, 1] -> [N, 3, H, W]; gradients flow back to the images."""
        planes = images.to(self.precision.device)
        if self.families:
            blind = strengths_told((), None, self.told)
            planes = restorer_inputs(planes, None, [blind] * len(planes), self.told)
        with self.precision.autocast():
            return self.network(planes).float()

    def to(self, device: str) -> "TranslationModel":
        """Returns the same model on another device: "cpu", "cuda" or "auto"."""
        chosen = choose(device, "auto")
        return type(self)(placed(self.network, chosen), self.config, chosen, self.folder)

    def save_pretrained(self, folder: Path | str) -> Path:
        """Copies the model folder; see `saving.copy_model`."""
        return copy_model(self.folder, Path(folder))

    def with_strength(self, strength: float) -> "TranslationModel":
        """Returns the model between its faithful and its adversarial self.

        Where the folder holds the weights from before the adversarial phase, the weights are
        blended (network interpolation, Wang et al. 2018, ESRGAN, section 3.4); else the output is
        blended with the input, resized bicubically where the scale is not 1.

        Args:
            strength: 0 (fidelity, or the input) to 1 (the model as it is).

        Raises:
            UsageError: outside 0 to 1.
            EleganError: the other weights cannot be read.
        """
        if not 0 <= strength <= 1:
            raise UsageError(f"--strength goes from 0 to 1; {strength:g} is outside.")
        if strength == 1:
            return self
        if "fidelity" not in self.config or self.folder is None:
            return self._like(self.network, strength=strength, share=strength)
        try:
            faithful = read_tensors(self.folder, self.config["fidelity"])
            network = copy.deepcopy(self.network)
            for name, own in network.state_dict().items():
                if own.is_floating_point():
                    own.copy_(torch.lerp(faithful[name].to(own), own, strength))
        except UNREADABLE as error:
            raise EleganError(
                f"The weights for --strength in {self.folder} cannot be read: {error}."
                " Leave --strength out, or train the model again."
            ) from error
        return self._like(network, strength=strength)

    def _like(self, network: nn.Module, **changes: float) -> "TranslationModel":
        return type(self)(network, self.config, self.precision, self.folder, **changes)

    def apply(self, image: np.ndarray, *, mask: np.ndarray | None = None, **use: Any) -> np.ndarray:
        """Applies the model to one image of any size.

        Args:
            image: [H, W], [H, W, 1] or [H, W, 3]; uint8, uint16, or floats in 0..1.
            mask: [H, W], bool, uint8 (0..255) or float (0..1): where it is 0 the image stays as it
                is, bit for bit; between, old and new are blended. A restorer asked to inpaint does
                not look at what is below a mask above 0.
            use: fields of `InferenceOptions`.

        Returns:
            [H * scale, W * scale, C] of the same type; gray stays gray, also where it is stored as
            colour, but in a stylizer.

        Raises:
            UsageError: the image or the mask has an unfit shape, or a flag does not fit the model.
        """
        flat = image.ndim == 2
        plain = image[..., None] if flat else image
        whole = np.concatenate(list(self.strips(plain, mask=mask, use=InferenceOptions(**use))))
        return whole[..., 0] if flat and whole.shape[2] == 1 else whole

    def output_size(self, height: int, width: int, scale: float | None = None) -> tuple[int, int]:
        """Returns height and width of what becomes of an image of that size."""
        factor = self.scale if scale is None else scale
        return max(1, round(height * factor)), max(1, round(width * factor))

    def output_channels(self, channels: int) -> int:
        """Returns the channels of what becomes of an image of so many."""
        if self.shape.outputs == 3 and channels == 1:
            return 3 if self.stylizes else 1
        return channels if self.shape.inputs == 1 else min(channels, self.shape.outputs)

    def strips(
        self,
        image: np.ndarray,
        *,
        mask: np.ndarray | None = None,
        use: InferenceOptions | None = None,
    ) -> Iterator[np.ndarray]:
        """Yields what `apply` returns, from top to bottom, in the memory of one row of tiles.

        Args:
            image: [H, W, C].
        """
        use = use or InferenceOptions()
        refuse_options(use, self.task, self.scale)
        refuse_image(image, mask, self.scale)
        # As it is, a network gives grays colours at their edges.
        if not self.stylizes and self.output_channels(3) == 3 and is_gray(image):
            for strip in self.strips(image[..., :1], mask=mask, use=use):
                yield np.repeat(strip, 3, axis=2)
            return
        height, width = image.shape[:2]
        asked = asked_families(use.task, self.families, masked=mask is not None)
        told = strengths_told(asked, use.found, self.told)
        # A mask hides what is below it only where that is lost; else it says what may change.
        lost = mask if "inpaint" in asked else None
        tile = self.tile(height, width, use)
        replaying = contextlib.nullcontext

        def window(one: Window) -> np.ndarray:
            nonlocal replaying
            tiled = (one.bottom - one.top, one.right - one.left) != (height, width)
            # Asked of each window, for a whole image becomes tiles where memory runs out.
            if tiled and replaying is contextlib.nullcontext and self.network.global_statistics:
                self._take_statistics(image, told)
                replaying = self.network.replay_statistics
            with replaying():
                made = self._window(image, mask, lost, one, told, use.preserve_colour)
            if use.on_window is not None:
                use.on_window()
            return made

        made = strips(window, height, width, reach=self.reach, tile=tile)
        size = (height * self.scale, width * self.scale)
        yield from resampled(made, size, self.output_size(height, width, use.scale))

    @property
    def cost(self) -> float:
        """Bytes that the network takes for an input pixel while it runs."""
        if self._cost is None:
            self._cost = bytes_a_pixel(self.network, self.shape.inputs)
        return self._cost

    def tile(self, height: int, width: int, use: InferenceOptions) -> int:
        """Returns the largest side of a tile of an image, in input pixels."""
        if use.tile is not None:
            return use.tile
        if height * width <= use.memory / self.cost:
            return max(height, width)
        return fitting_tile(self.cost, self.reach, use.memory)

    def windows(self, height: int, width: int, use: InferenceOptions) -> int:
        """Returns in how many windows an image is worked on while memory suffices."""
        tile = self.tile(height, width, use)
        return count_windows(height, width, reach=self.reach, tile=tile)

    def notes(self, height: int, width: int, use: InferenceOptions) -> tuple[str, ...]:
        """Returns what a person should know of how an image of that size is worked on."""
        if not self.network.global_statistics or self.windows(height, width, use) == 1:
            return ()
        return (f"in tiles, with the statistics of a {THUMBNAIL}-pixel thumbnail",)

    @torch.inference_mode()
    def _window(
        self,
        image: np.ndarray,
        mask: np.ndarray | None,
        lost: np.ndarray | None,
        window: Window,
        told: Mapping[str, float],
        preserve_colour: bool,
    ) -> np.ndarray:
        """Returns [h, w, C] in the image's type for what the network sees through a window."""
        part = image[window.seen]
        seen = None if mask is None else mask[window.seen]
        if seen is not None and not seen[window.kept()].any():
            return part  # nothing of it may change
        colours = to_planes(part, self.precision.device)
        hidden = None if lost is None else lost[window.seen]
        made = self._run(colours, hidden, told, brief=image.dtype == np.uint8)
        if made.shape[1] == 3 and self.output_channels(part.shape[2]) == 1:
            made = luma(made)
        if self.share < 1:
            made = torch.lerp(self._baseline(colours, made), made, self.share)
        if preserve_colour:
            made = with_colours_of(made, self._fitted(colours, 3))
        pixels = to_pixels(made, image.dtype)
        return pixels if seen is None else composed(part, pixels, seen)

    def _run(
        self, colours: Tensor, lost: np.ndarray | None, told: Mapping[str, float], *, brief: bool
    ) -> Tensor:
        """Image [1, C, h, w] -> what the network makes of it, float32, [1, C', H, W].

        Args:
            brief: whether bfloat16 is good enough, as it is for 8-bit images.
        """
        wide = self.shape.inputs >= 3
        inputs = self._fitted(colours, 3 if wide else 1)
        if self.families:
            hidden = None
            if lost is not None:
                hidden = torch.from_numpy(lost > 0).to(inputs.device)[None, None]
            inputs = restorer_inputs(inputs, hidden, [told], self.told)
        inputs = inputs.contiguous(memory_format=torch.channels_last)
        with self.precision.autocast() if brief else contextlib.nullcontext():
            made = self.network(inputs).float()
        if not wide and self.shape.outputs == 1:  # planes of a colour image were taken one by one
            made = made.transpose(0, 1)
        return made

    def _fitted(self, colours: Tensor, channels: int) -> Tensor:
        """Gives an image [1, C, h, w] the channels that the network takes."""
        if colours.shape[1] == channels:
            return colours
        if channels == 3:
            return colours.expand(-1, 3, -1, -1)
        return luma(colours) if self.shape.outputs == 3 else colours.transpose(0, 1)

    def _baseline(self, colours: Tensor, made: Tensor) -> Tensor:
        """The input at the size and with the channels of the output."""
        image = self._fitted(colours, 3) if made.shape[1] == 3 else colours
        if image.shape[1] > made.shape[1]:
            image = luma(image)
        if image.shape == made.shape:
            return image
        pixels = image[0].permute(1, 2, 0).cpu().numpy()
        resized = resize_bicubic(pixels, (made.shape[2], made.shape[3]))
        return torch.from_numpy(resized).permute(2, 0, 1)[None].to(made)

    @torch.inference_mode()
    def _take_statistics(self, image: np.ndarray, told: Mapping[str, float]) -> None:
        """One pass over a thumbnail, whose statistics stand for those of the whole."""
        colours = to_planes(reduced(image, THUMBNAIL), self.precision.device)
        with self.network.record_statistics():
            self._run(colours, None, told, brief=image.dtype == np.uint8)
