"""Deep convolutional GAN (https://arxiv.org/abs/1511.06434).

Transposed convolutions up, strided ones down, batch normalisation on the way, weights from N(0, 0.02).
"""

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from train.networks.latent import LatentGenerator
from train.options import Count


class DcganGenerator(LatentGenerator):
    """``forward``: z ``(n, latent)`` -> ``(n, colours, resolution, resolution)`` in 0..1.

    A dense layer to the smallest map of 7 pixels or less, then a doubling for each power of two; the first map has
    `channels` << doublings - 1 channels, which halve each time.
    """

    def __init__(
        self, *, latent: int, resolution: int, channels: int, colours: int, size: int, classes: int = 0
    ) -> None:
        super().__init__(latent, classes=classes)
        self.resolution = resolution
        doublings, side = 0, resolution
        while side > 7 and side % 2 == 0:
            doublings, side = doublings + 1, side // 2
        if side > 7 or doublings == 0:
            raise ValueError(
                f"resolution {resolution} must be 4 to 7 times 2, 4, 8, 16 ..., as 8, 28, 32, 64 and 96 are"
            )
        self.side, self.wide = side, channels << (doublings - 1)
        self.dense = nn.Linear(latent, self.wide * side * side, bias=False)
        layers: list[nn.Module] = [nn.BatchNorm2d(self.wide), nn.ReLU()]
        for level in range(doublings):
            last = level == doublings - 1
            cin, cout = self.wide >> level, colours if last else self.wide >> (level + 1)
            pad, more = (size - 1) // 2, size % 2
            layers.append(nn.ConvTranspose2d(cin, cout, size, 2, pad, more, bias=last))
            layers += [] if last else [nn.BatchNorm2d(cout), nn.ReLU()]
        self.layers_up = nn.Sequential(*layers)
        self.apply(_from_normal)

    def forward(self, z: Tensor) -> Tensor:  # [NC]
        """Run the network."""
        return self.synthesis(self.mapping(z)[:, None])

    def synthesis(self, ws: Tensor) -> Tensor:  # [N, 1, C]
        """Make the images of w ``(n, 1, latent)``."""
        x = self.dense(ws[:, 0]).view(-1, self.wide, self.side, self.side)
        image: Tensor = self.layers_up(x)
        return torch.tanh(image.float()) * 0.5 + 0.5


class MinibatchDiscrimination(nn.Module):
    """Appends to each sample how close it is to the others of its batch.

    ``o_b = sum_j exp(-|M_i,b - M_j,b|_1)`` with a learned projection M (Salimans et al.,
    https://arxiv.org/abs/1606.03498, section 3.2). ``(n, c)`` -> ``(n, c + b)``.
    """

    def __init__(self, cin: int, kernels: int = 16, dim: int = 8) -> None:
        super().__init__()
        self.project = nn.Parameter(torch.randn(cin, kernels, dim) * 0.02)

    def forward(self, x: Tensor) -> Tensor:  # [NC]
        """Run the network."""
        with torch.autocast(x.device.type, enabled=False):
            m = torch.einsum("nc,ckd->nkd", x.float(), self.project)
            near = torch.exp(-(m[:, None] - m[None]).abs().sum(3)).sum(1) - 1.0
        return torch.cat([x, near.to(x.dtype)], 1)


class DcganDiscriminator(nn.Module):
    """``forward``: ``(n, colours, resolution, resolution)`` in 0..1 -> logits ``(n, 1)``.

    norm         batch (as the paper has it), spectral, or none.
    likeness     whether samples are compared within their batch (`MinibatchDiscrimination`).
    classes      how many kinds of pictures there are: ``forward`` then takes the kind of each, ``(n,)`` int64, too, and
                 adds how well its features agree with it (the projection of https://arxiv.org/abs/1802.05637).
    """

    def __init__(
        self, *, resolution: int, channels: int, colours: int, size: int, norm: str, likeness: bool, classes: int = 0
    ) -> None:
        super().__init__()
        if norm not in ("batch", "spectral", "none"):
            raise ValueError(f"norm {norm!r} must be batch, spectral or none")
        wrap = spectral_norm if norm == "spectral" else lambda layer: layer
        layers: list[nn.Module] = []
        side, cin, cout = resolution, colours, channels
        while side > 7 and side % 2 == 0:
            conv = nn.Conv2d(cin, cout, size, 2, (size - 1) // 2, bias=norm != "batch" or not layers)
            _from_normal(conv)
            layers.append(wrap(conv))
            if norm == "batch" and len(layers) > 1:  # the paper: not after the first
                layers.append(nn.BatchNorm2d(cout))
            layers.append(nn.LeakyReLU(0.2))
            side, cin, cout = side // 2, cout, cout * 2
        self.down = nn.Sequential(*layers)
        self.likeness = MinibatchDiscrimination(cin * side * side) if likeness else None
        dense = nn.Linear(cin * side * side + (16 if likeness else 0), 1)
        _from_normal(dense)
        self.out = wrap(dense)
        self.kinds = nn.Embedding(classes, cin * side * side) if classes else None
        if self.kinds is not None:
            nn.init.normal_(self.kinds.weight, 0.0, 0.02)

    def forward(self, x: Tensor, kinds: Tensor | None = None) -> Tensor:  # [NCHW], [N]
        """Run the network."""
        x = self.down((x * 2.0 - 1.0).contiguous(memory_format=torch.channels_last)).flatten(1)
        logits: Tensor = self.out(x if self.likeness is None else self.likeness(x))
        if self.kinds is not None:
            logits = logits + (self.kinds(kinds) * x).sum(1, keepdim=True)
        return logits.float()


def _from_normal(layer: nn.Module) -> None:
    if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
        nn.init.normal_(layer.weight, 0.0, 0.02)
    elif isinstance(layer, nn.BatchNorm2d | nn.BatchNorm1d):
        nn.init.normal_(layer.weight, 1.0, 0.02)


def build(
    *,
    side: str = "generator",
    resolution: Count = 64,
    channels: Count = 64,
    colours: Count = 3,
    size: Count = 4,
    latent: Count = 100,
    norm: str = "batch",
    likeness: bool = False,
    classes: int = 0,
) -> nn.Module:
    """The ``generator`` or the ``discriminator``. Raises ``ValueError`` for another `side` or sizes that do not fit."""
    if side == "generator":
        return DcganGenerator(
            latent=latent, resolution=resolution, channels=channels, colours=colours, size=size, classes=classes
        )
    if side == "discriminator":
        return DcganDiscriminator(
            resolution=resolution, channels=channels, colours=colours, size=size, norm=norm, likeness=likeness,
            classes=classes,
        )  # fmt: skip
    raise ValueError(f"side {side!r} must be generator or discriminator")
