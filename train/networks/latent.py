"""What every unconditional generator shows of itself."""

import torch
from torch import Tensor, nn


class LatentGenerator(nn.Module):
    """``forward``: z ``(n, latent)`` standard normal -> pictures ``(n, colours, h, w)`` about 0..1.

    ``mapping``: z -> w ``(n, latent)``; here z itself. ``synthesis``: a w for each of `layers`, ``(n, layers, latent)``
    -> pictures. ``centre`` ``(1, latent)``: the mean w; ``centre + psi * (w - centre)`` is truncation.
    """

    centre: Tensor

    def __init__(self, latent: int, layers: int = 1) -> None:
        super().__init__()
        self.latent, self.layers = latent, layers
        self.register_buffer("centre", torch.zeros(1, latent))

    def mapping(self, z: Tensor) -> Tensor:  # [NC]
        """Map latents z ``(n, latent)`` to w of the same shape."""
        return z

    def synthesis(self, ws: Tensor) -> Tensor:  # [N, layers, C]
        """Make the images of w ``(n, layers, latent)``, one w a layer."""
        image: Tensor = self(ws[:, 0])
        return image
