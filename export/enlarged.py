"""A style-based generator with a network of super-resolution behind it: finer pictures than the generator learnt.

The second network learns from pairs, on photos of the same kind, which takes minutes; the generator stays as it is, so
a latent goes on showing what it showed. Training the second one behind the generator, against a discriminator, made the
distribution of pictures worse (Fréchet distance 224 instead of 194, of fruits at 128x128), so that is not done.
"""

from dataclasses import replace

from torch import Tensor, nn

from train.networks.latent import LatentGenerator
from train.networks.sr import SuperResolution
from train.networks.stylegan import StyleGenerator
from train.recipe import Recipe


class EnlargedGenerator(LatentGenerator):
    """``synthesis`` of `generator`, clipped to 0..1, enlarged by `enlarger`; ``mapping`` and ``centre`` are its own."""

    def __init__(self, generator: StyleGenerator, enlarger: SuperResolution) -> None:
        super().__init__(generator.latent, generator.layers)
        self.generator, self.enlarger = generator, enlarger
        self.resolution = generator.resolution * enlarger.scale
        self.centre.copy_(generator.centre)

    def mapping(self, z: Tensor) -> Tensor:  # [NC]
        """Map latents z ``(n, latent)`` to w of the same shape."""
        return self.generator.mapping(z)

    def synthesis(self, ws: Tensor) -> Tensor:  # [N, layers, C]
        """Make the images of w ``(n, layers, latent)``, one w a layer."""
        large: Tensor = self.enlarger(self.generator.synthesis(ws).clamp(0, 1))
        return large

    def forward(self, z: Tensor) -> Tensor:  # [NC]
        """Run both networks."""
        return self.synthesis(self.mapping(z)[:, None].expand(-1, self.layers, -1))


def enlarge(generator: nn.Module, enlarger: nn.Module, recipe: Recipe) -> tuple[EnlargedGenerator, Recipe]:
    """Join both, and give the generator's recipe with the pictures' new size.

    Raises ``ValueError`` for networks of other kinds.
    """
    if not isinstance(generator, StyleGenerator):
        raise ValueError(f"recipe {recipe.name!r}: only the pictures of a stylegan can be enlarged")
    if not isinstance(enlarger, SuperResolution):
        raise ValueError("--enlarger: must be a run of super-resolution (sr-x2, sr-small ...)")
    network = EnlargedGenerator(generator, enlarger)
    return network.eval(), replace(recipe, data={**recipe.data, "resolution": network.resolution})
