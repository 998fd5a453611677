"""What learning without pairs adds to a translator: heads for patches, and a way back."""

import torch
from torch import Tensor, nn

from elegan.networks.image_translators import EncodingTranslator
from elegan.networks.patch_discriminator import PatchDiscriminator, ProjectionHeads, draw_places


class ContrastiveTranslator(nn.Module):
    """A translator with the heads that compare patches of an image and of its translation.

    Attributes:
        translator: what is delivered.

    Source: Park et al. 2020 (CUT), section 3.2.
    """

    PLACES = 128  # of each feature map (256 in the paper, on images of 256 pixels)

    def __init__(self, translator: EncodingTranslator) -> None:
        super().__init__()
        self.translator = translator
        self.heads = ProjectionHeads(translator.widths_of())

    def forward(self, images: Tensor) -> Tensor:
        """Images [N, I, h, w] -> translations [N, C, h, w]."""
        return self.translator(images)

    def patches(self, made: Tensor, images: Tensor) -> list[tuple[Tensor, Tensor]]:
        """Returns for each layer unit vectors [N, P, D] of both at the same places, drawn anew.

        Those of `images` are constants.
        """
        mine = self.translator.encode(made)
        with torch.no_grad():
            theirs = self.translator.encode(images)
        places = draw_places(mine, self.PLACES)
        queries = self.heads(mine, places)
        with torch.no_grad():
            keys = self.heads(theirs, places)
        return list(zip(queries, keys, strict=True))

    def stages(self) -> list[nn.Module]:
        """The parts in forward order; together they hold every parameter once."""
        return [*self.translator.stages(), self.heads]


class CycleTranslator(nn.Module):
    """Two translators, there and back.

    Attributes:
        translator: there, from A to B; what is delivered.
        back: from B to A.

    Source: Zhu et al. 2017 (CycleGAN), section 3.
    """

    def __init__(self, translator: nn.Module, back: nn.Module) -> None:
        super().__init__()
        self.translator, self.back = translator, back

    def forward(self, images: Tensor) -> Tensor:
        """Images of A [N, I, h, w] -> like those of B."""
        return self.translator(images)

    def stages(self) -> list[nn.Module]:
        """The parts; together they hold every parameter once."""
        return [self.translator, self.back]


class TwoDiscriminators(nn.Module):
    """A discriminator of patches for each direction.

    Attributes:
        there, back: judge images of B and of A.
        channels: planes that each sees.
    """

    def __init__(self, there: PatchDiscriminator, back: PatchDiscriminator) -> None:
        super().__init__()
        self.there, self.back, self.channels = there, back, there.channels

    def forward(self, images: Tensor) -> Tensor:
        """Images of B [N, C, h, w] -> logits."""
        return self.there(images)

    def stages(self) -> list[nn.Module]:
        """The parts; together they hold every parameter once."""
        return [self.there, self.back]
