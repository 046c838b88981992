"""A discriminator that looks through the eyes of a classifier (Projected GANs, https://arxiv.org/abs/2111.01007).

A frozen SqueezeNet's activations at four depths, mixed by random convolutions that never learn (so that no channel can
be ignored), are judged by a small head each. It needs far fewer pictures than a discriminator that must first learn to
see; beside it one that looks at the pixels themselves keeps the finest detail honest.
"""

import math

from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import spectral_norm

from train.networks import squeezenet
from train.networks.residual import ResidualDiscriminator
from train.options import Count

TAPS = (0, 4, 7, 12)  # strides 2, 4, 8 and 16
CHANNELS = (64, 128, 256, 512)  # there
SIZES = (37.0, 70.0, 63.0, 12.0)  # root mean square of the activations there, on fruits, flowers and faces


class Head(nn.Module):
    """Halves until `side` <= 8, then a logit for each window of 4x4, or of 3x3 where there is no more."""

    def __init__(self, channels: int, side: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        while side > 8:
            layers += [spectral_norm(nn.Conv2d(channels, channels, 4, 2, 1, bias=False)), nn.BatchNorm2d(channels)]
            layers += [nn.LeakyReLU(0.2)]
            side //= 2
        layers.append(spectral_norm(nn.Conv2d(channels, channels, 3, 1, 1)))
        layers.append(nn.LeakyReLU(0.2))
        self.layers = nn.Sequential(*layers, spectral_norm(nn.Conv2d(channels, 1, 4 if side > 4 else 3)))

    def forward(self, x: Tensor) -> Tensor:  # [NCHW]
        """Run the network."""
        logits: Tensor = self.layers(x)
        return logits.float()


class ProjectedDiscriminator(nn.Module):
    """``forward``: ``(n, 3, h, w)`` float 0..1 -> a list of logits, one tensor a head, that of the pixels first.

    `side`: what pictures are scaled to before the classifier sees them.
    """

    def __init__(self, *, pixels: ResidualDiscriminator | None, side: int, channels: int) -> None:
        super().__init__()
        self.pixels, self.side = pixels, side
        wide = (channels // 2, channels, channels, channels)
        sides = [side // stride for stride in (2, 4, 8, 16)]
        self.mix, self.down = nn.ModuleList(), nn.ModuleList()
        for deep, (cin, cout) in enumerate(zip(CHANNELS, wide, strict=True)):
            self.mix.append(nn.Conv2d(cin, cout, 1, bias=False))
            self.down.append(nn.Conv2d(wide[min(deep + 1, 3)], cout, 3, padding=1, bias=False))
        for layer, size in zip((*self.mix, *self.down), (*SIZES, 1.0, 1.0, 1.0, 1.0), strict=True):
            assert isinstance(layer, nn.Conv2d)
            nn.init.kaiming_normal_(layer.weight, nonlinearity="linear")
            layer.weight.data *= math.sqrt(0.5) / size  # half: each place is the sum of two
            layer.requires_grad_(False)
        self.heads = nn.ModuleList(Head(width, size) for width, size in zip(wide, sides, strict=True))

    def requires_grad_(self, requires_grad: bool = True) -> "ProjectedDiscriminator":
        """Switch gradients for what learns."""
        super().requires_grad_(requires_grad)
        for layer in (*self.mix, *self.down):
            layer.requires_grad_(False)
        return self

    def forward(self, x: Tensor, kinds: Tensor | None = None) -> list[Tensor]:  # [NCHW], [N]
        """Run the network; the discriminator of pixels is the one that asks for the `kinds` of pictures."""
        logits = [] if self.pixels is None else [self.pixels(x, kinds)]
        if x.shape[2] != self.side:
            x = F.interpolate(x, size=(self.side, self.side), mode="bilinear", align_corners=False, antialias=False)
        seen = squeezenet.shared(str(x.device), TAPS)(x)
        below: Tensor | None = None
        for deep in (3, 2, 1, 0):  # from the deepest up, each taking what came from below along
            y = self.mix[deep](seen[deep])
            if below is not None:
                below = F.interpolate(self.down[deep](below), size=y.shape[2:], mode="bilinear", align_corners=False)
                y = y + below.to(y.dtype)
            logits.append(self.heads[deep](y))
            below = y
        return logits


def build(
    *, resolution: Count = 64, channels: int = 24, most: Count = 96, group: int = 8, side: Count = 128,
    mixed: Count = 64, classes: int = 0,
) -> ProjectedDiscriminator:  # fmt: skip
    """Build the network from its recipe's options.

    `channels`, `most`, `group` and `classes` are the pixels' discriminator's; 0 channels: none. `mixed`: those of the
    rest.
    """
    if classes and not channels:
        raise ValueError("classes need the discriminator of pixels: channels must not be 0")
    pixels = None
    if channels:
        pixels = ResidualDiscriminator(
            resolution=resolution, channels=channels, most=most, group=group, classes=classes
        )
    return ProjectedDiscriminator(pixels=pixels, side=side, channels=mixed)
