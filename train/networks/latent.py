"""What every unconditional generator shows of itself."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class LatentGenerator(nn.Module):
    """``forward``: z ``(n, latent)`` standard normal -> pictures ``(n, colours, h, w)`` about 0..1.

    ``mapping``: z -> w ``(n, latent)``; here z itself. ``synthesis``: a w for each of `layers`, ``(n, layers, latent)``
    -> pictures. ``centre`` ``(1, latent)``: the mean w; ``centre + psi * (w - centre)`` is truncation. ``resolution``:
    a picture's height and width.

    A generator of `classes` kinds of pictures (0: it knows none) takes the kind from the last `classes` numbers of z:
    that of the largest. In w they are 1 for it and 0 for the others; what is between two kinds has shares of both.
    """

    centre: Tensor
    resolution: int

    def __init__(self, latent: int, layers: int = 1, classes: int = 0) -> None:
        super().__init__()
        if latent < 1:
            raise ValueError(f"latent {latent} must be 1 or more: as many numbers make a picture")
        if not 0 <= classes < latent:
            raise ValueError(f"classes {classes} must be under latent {latent}: each takes one of its numbers")
        self.latent, self.layers, self.classes = latent, layers, classes
        self.register_buffer("centre", torch.zeros(1, latent))

    def mapping(self, z: Tensor) -> Tensor:  # [NC]
        """Map latents z ``(n, latent)`` to w of the same shape."""
        if not self.classes:
            return z
        shares = F.one_hot(self.kinds(z), self.classes).to(z.dtype)
        return torch.cat([z[:, : -self.classes], shares], 1)

    def kinds(self, z: Tensor) -> Tensor:  # [NC]
        """Name the class ``(n,)`` int64 that each z asks for."""
        return z[:, self.latent - self.classes :].argmax(1)

    def synthesis(self, ws: Tensor) -> Tensor:  # [N, layers, C]
        """Make the images of w ``(n, layers, latent)``, one w a layer."""
        image: Tensor = self(ws[:, 0])
        return image
