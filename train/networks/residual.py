"""The residual discriminator of StyleGAN2 (https://arxiv.org/abs/1912.04958, section 4.1), sized for a CPU."""

import math
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from train.networks.stylegan import GAIN, EqualisedConv, EqualisedLinear, widths
from train.options import Count


def minibatch_deviation(x: Tensor, group: int) -> Tensor:
    """``(n, c, h, w)`` -> ``(n, c + 1, h, w)``.

    The standard deviation over groups of `group` samples, averaged over everything, as one more channel, so that a
    batch that lacks variety gives itself away (https://arxiv.org/abs/1710.10196, section 3). Groups are as large as
    divides n.
    """
    count = len(x)
    group = math.gcd(min(group, count), count)
    y = x.float().reshape(group, count // group, -1)
    y = (y.var(0, correction=0) + 1e-8).sqrt().mean(1)
    y = y.repeat(group).view(count, 1, 1, 1).expand(-1, 1, *x.shape[2:])
    return torch.cat([x, y.to(x.dtype)], 1)


class ResidualBlock(nn.Module):
    """Halves the size: two 3x3 convolutions beside a 1x1 one.

    The second and the skip work on averages of 2x2 places, at a quarter of the price.
    """

    def __init__(self, cin: int, cout: int) -> None:
        super().__init__()
        self.first, self.second = EqualisedConv(cin, cin, 3), EqualisedConv(cin, cout, 3)
        self.skip = EqualisedConv(cin, cout, 1, gain=1.0)

    def forward(self, x: Tensor) -> Tensor:  # [NCHW]
        """Run the network."""
        y = F.leaky_relu(self.first(x), 0.2)
        y = F.leaky_relu(self.second(F.avg_pool2d(y, 2)), 0.2)
        x = self.skip(F.avg_pool2d(x, 2))
        return (x + y) * math.sqrt(0.5)


class ResidualDiscriminator(nn.Module):
    """``forward``: ``(n, 3, resolution, resolution)`` float 0..1 -> logits ``(n, 1)`` float32.

    Of `classes` kinds of pictures, the kind of each, ``(n,)`` int64, is taken too (the projection of
    https://arxiv.org/abs/1802.05637).
    """

    def __init__(
        self, *, resolution: Count = 64, channels: Count = 32, most: Count = 128, group: int = 8, classes: int = 0
    ) -> None:
        super().__init__()
        if resolution < 8 or resolution & (resolution - 1):
            raise ValueError(f"resolution {resolution} must be a power of two, 8 or more")
        wide = list(widths(resolution, channels, most).values())
        self.group = group
        self.head = EqualisedConv(3, wide[0], 1)
        self.blocks = nn.ModuleList(ResidualBlock(a, b) for a, b in pairwise(wide))
        self.last = EqualisedConv(wide[-1] + (group > 1), wide[-1], 3)
        self.hidden = EqualisedLinear(wide[-1] * 16, wide[-1], gain=GAIN)
        self.out = EqualisedLinear(wide[-1], 1)
        self.kinds = nn.Embedding(classes, wide[-1]) if classes else None

    def forward(self, x: Tensor, kinds: Tensor | None = None) -> Tensor:  # [NCHW], [N]
        """Run the network."""
        x = (x * 2.0 - 1.0).contiguous(memory_format=torch.channels_last)
        x = F.leaky_relu(self.head(x), 0.2)
        for block in self.blocks:
            x = block(x)
        if self.group > 1:
            x = minibatch_deviation(x, self.group)
        x = F.leaky_relu(self.last(x), 0.2)
        x = F.leaky_relu(self.hidden(x.flatten(1)), 0.2)
        logits: Tensor = self.out(x)
        if self.kinds is not None:
            logits = logits + (self.kinds(kinds) * x).sum(1, keepdim=True) * x.shape[1] ** -0.5
        return logits.float()


build = ResidualDiscriminator  # whose options are those of a recipe
