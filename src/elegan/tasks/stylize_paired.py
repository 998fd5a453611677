"""Stylizing from pairs of images."""

from typing import Any

from elegan.networks import TranslationShape
from elegan.tasks.translate import Translate


class Paired(Translate):
    """From pairs: a discriminator of (input, image), and fidelity (pix2pix, Isola et al. 2017)."""

    name = "stylize"
    inputs_are_judged = True

    def _shape(self) -> TranslationShape:
        return TranslationShape(inputs=3, outputs=3)

    def recipe(self) -> dict[str, Any]:
        chosen = self.settings.translate
        return {
            "method": chosen.method,
            "direction": "B to A" if chosen.reverse else "A to B",
            "colours": "RGB in [-1, 1]",
        }
