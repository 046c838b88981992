"""A style-based generator with networks of super-resolution behind it: finer pictures than the generator learnt.

These learn from pairs, on photos of the same kind or of any, which takes minutes; the generator stays as it is, so
a latent goes on showing what it showed. Training one behind the generator, against a discriminator, made the
distribution of pictures worse (Fréchet distance 224 instead of 194, of fruits at 128x128), so that is not done.
"""

import math
from collections.abc import Sequence
from dataclasses import replace

from torch import Tensor, nn

from train.networks.latent import LatentGenerator
from train.networks.sr import SuperResolution
from train.networks.stylegan import StyleGenerator
from train.recipe import Recipe


class EnlargedGenerator(LatentGenerator):
    """``synthesis`` of `generator`, clipped to 0..1 and enlarged by each of `enlargers` in turn.

    ``mapping`` and ``centre`` are the generator's own.
    """

    def __init__(self, generator: StyleGenerator, enlargers: Sequence[SuperResolution]) -> None:
        super().__init__(generator.latent, generator.layers)
        self.generator = generator
        self.enlargers = nn.ModuleList(enlargers)
        self.resolution = generator.resolution * math.prod(one.scale for one in enlargers)
        self.centre.copy_(generator.centre)

    def mapping(self, z: Tensor) -> Tensor:  # [NC]
        """Map latents z ``(n, latent)`` to w of the same shape."""
        return self.generator.mapping(z)

    def synthesis(self, ws: Tensor) -> Tensor:  # [N, layers, C]
        """Make the images of w ``(n, layers, latent)``, one w a layer."""
        image = self.generator.synthesis(ws)
        for enlarger in self.enlargers:
            image = enlarger(image.clamp(0, 1))
        return image

    def forward(self, z: Tensor) -> Tensor:  # [NC]
        """Run all networks."""
        return self.synthesis(self.mapping(z)[:, None].expand(-1, self.layers, -1))


def enlarge(generator: nn.Module, enlargers: Sequence[nn.Module], recipe: Recipe) -> tuple[EnlargedGenerator, Recipe]:
    """Join them, and give the generator's recipe with the pictures' new size.

    A generator that is enlarged already is enlarged further. Raises ``ValueError`` for networks of other kinds.
    """
    before: list[nn.Module] = []
    if isinstance(generator, EnlargedGenerator):
        before = list(generator.enlargers)
        generator = generator.generator
    if not isinstance(generator, StyleGenerator):
        raise ValueError(f"recipe {recipe.name!r}: only the pictures of a stylegan can be enlarged")
    stages = [one for one in (*before, *enlargers) if isinstance(one, SuperResolution) and one.multiple == 1]
    if len(stages) < len(before) + len(enlargers):
        raise ValueError("--enlarger: must be a run of plain super-resolution (sr-x2, sr-small, restore-x2 ...)")
    network = EnlargedGenerator(generator, stages)
    return network.eval(), replace(recipe, data={**recipe.data, "resolution": network.resolution})
