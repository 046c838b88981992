"""The GAN of the first paper (https://arxiv.org/abs/1406.2661), dense layers only, as textbooks train it on MNIST."""

from itertools import pairwise

import torch
from torch import Tensor, nn

from train.networks.latent import LatentGenerator
from train.options import Count


class DenseGenerator(LatentGenerator):
    """``forward``: z ``(n, latent)`` -> ``(n, 1, resolution, resolution)`` in 0..1.

    128, 256, 512 and out, with batch normalisation and tanh.
    """

    def __init__(self, *, latent: int, resolution: int) -> None:
        super().__init__(latent)
        self.resolution = resolution
        layers: list[nn.Module] = []
        for cin, cout in pairwise((latent, 128, 256, 512)):
            layers += [nn.Linear(cin, cout), nn.LeakyReLU(0.2), nn.BatchNorm1d(cout)]
        self.dense = nn.Sequential(*layers, nn.Linear(512, resolution * resolution))

    def forward(self, z: Tensor) -> Tensor:  # [NC]
        """Run the network."""
        image: Tensor = torch.tanh(self.dense(z).float()) * 0.5 + 0.5
        return image.view(-1, 1, self.resolution, self.resolution)


class DenseDiscriminator(nn.Module):
    """``forward``: ``(n, 1, resolution, resolution)`` in 0..1 -> logits ``(n, 1)``: 512, 256 and out."""

    def __init__(self, *, resolution: int) -> None:
        super().__init__()
        self.dense = nn.Sequential(
            nn.Linear(resolution * resolution, 512), nn.LeakyReLU(0.2),
            nn.Linear(512, 256), nn.LeakyReLU(0.2),
            nn.Linear(256, 1),
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:  # [NCHW]
        """Run the network."""
        logits: Tensor = self.dense((x * 2.0 - 1.0).flatten(1))
        return logits.float()


def build(*, side: str = "generator", resolution: Count = 28, latent: Count = 100) -> nn.Module:
    """The ``generator`` or the ``discriminator``. Raises ``ValueError`` for another `side`."""
    if side == "generator":
        return DenseGenerator(latent=latent, resolution=resolution)
    if side == "discriminator":
        return DenseDiscriminator(resolution=resolution)
    raise ValueError(f"side {side!r} must be generator or discriminator")
