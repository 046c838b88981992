"""A discriminator that judges every place of a picture, by its pixels and through the eyes of a classifier.

A frozen SqueezeNet's activations at strides 4, 8 and 16 (Projected GANs, https://arxiv.org/abs/2111.01007), mixed by
random convolutions that never learn, so that no channel can be ignored, have a small head each that gives a logit for
every place; beside them stands a U-shaped discriminator of the pixels themselves. So it can be asked about the inside
of a hole alone, at any size of picture, and knows what things look like without having to learn it first.
"""

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from train.networks import squeezenet
from train.networks.discriminators import UNetDiscriminator
from train.networks.projected import CHANNELS, SIZES, TAPS
from train.options import Count

_DEEP = TAPS[1:]  # at stride 2 the pixels' own discriminator sees more


class FeatureDiscriminator(nn.Module):
    """``forward``: ``(n, 3, h, w)`` float 0..1 -> a list of logits ``(n, 1, rows, columns)``, of the pixels first.

    `mixed`: channels of the heads. Sides are multiples of the ``multiple`` of `pixels`, 32 or more.
    """

    def __init__(self, *, pixels: UNetDiscriminator, mixed: int) -> None:
        super().__init__()
        self.pixels = pixels
        self.mix, self.heads = nn.ModuleList(), nn.ModuleList()
        for channels, size in zip(CHANNELS[1:], SIZES[1:], strict=True):
            mix = nn.Conv2d(channels, mixed, 1, bias=False)
            nn.init.kaiming_normal_(mix.weight, nonlinearity="linear")
            with torch.no_grad():
                mix.weight /= size
            self.mix.append(mix.requires_grad_(False))
            self.heads.append(
                nn.Sequential(
                    spectral_norm(nn.Conv2d(mixed, mixed, 3, padding=1)), nn.LeakyReLU(0.2),
                    spectral_norm(nn.Conv2d(mixed, mixed, 3, padding=1)), nn.LeakyReLU(0.2),
                    spectral_norm(nn.Conv2d(mixed, 1, 1)),
                )
            )  # fmt: skip

    def requires_grad_(self, requires_grad: bool = True) -> "FeatureDiscriminator":
        """Switch gradients for what learns."""
        super().requires_grad_(requires_grad)
        self.mix.requires_grad_(False)
        return self

    def forward(self, x: Tensor) -> list[Tensor]:  # [NCHW]
        """Run the network."""
        logits = [self.pixels(x)[0]]
        for seen, mix, head in zip(squeezenet.shared(str(x.device), _DEEP)(x), self.mix, self.heads, strict=True):
            logits.append(head(mix(seen)).float())
        return logits


def build(*, channels: Count = 24, unshuffle: Count = 2, mixed: Count = 64) -> FeatureDiscriminator:
    """Build the network from its recipe's options: `channels` and `unshuffle` are the pixels' discriminator's."""
    return FeatureDiscriminator(pixels=UNetDiscriminator(channels=channels, unshuffle=unshuffle), mixed=mixed)
