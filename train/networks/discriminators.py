"""Discriminators of image-to-image networks, small enough to be trained on a CPU beside a 32-channel generator.

Both look at the picture on a pixel-unshuffled grid, where four (or more) pixels lie in one place's channels: the
finest pattern is still there, for a quarter of the cost. Every convolution is spectrally normalised (Miyato et al.,
https://arxiv.org/abs/1802.05957). Its power iteration runs in ``train()`` mode and rests in ``eval()``; the vectors it
keeps are buffers, so they travel in the ``state_dict``.

``forward``: ``(n, colours, h, w)`` float 0..1 (RGB, or a pair of pictures), sides multiples of ``multiple`` -> logits
``(n, 1, rows, columns)`` float32 and the activations on the way there, first to last. Raises ``ValueError`` for other
sides.
"""

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import spectral_norm

from train.options import Count

DiscriminatorOutput = tuple[Tensor, list[Tensor]]


def _conv(cin: int, cout: int, size: int, stride: int = 1) -> nn.Module:
    return spectral_norm(nn.Conv2d(cin, cout, size, stride, padding=(size - 1) // 2, bias=True))


def _prepare(x: Tensor, unshuffle: int, multiple: int) -> Tensor:
    if x.shape[2] % multiple or x.shape[3] % multiple:
        raise ValueError(f"the discriminator takes sides that are multiples of {multiple}, not {tuple(x.shape[2:])}")
    return F.pixel_unshuffle(x * 2.0 - 1.0, unshuffle).contiguous(memory_format=torch.channels_last)


class UNetDiscriminator(nn.Module):
    """Down twice and up again with skips.

    A logit for every place of the unshuffled grid, each of which knows both its pixel pattern and its surroundings
    (U-Net GAN, https://arxiv.org/abs/2002.12655; as Real-ESRGAN has it, https://arxiv.org/abs/2107.10833).
    """

    def __init__(self, *, channels: int = 32, unshuffle: int = 2, colours: int = 3) -> None:
        super().__init__()
        self.unshuffle, self.multiple = unshuffle, unshuffle * 4
        self.head = _conv(colours * unshuffle**2, channels, 3)
        self.down = nn.ModuleList([_conv(channels, 2 * channels, 4, 2), _conv(2 * channels, 3 * channels, 4, 2)])
        self.up = nn.ModuleList([_conv(3 * channels, 2 * channels, 3), _conv(2 * channels, channels, 3)])
        self.last = _conv(channels, channels, 3)
        self.tail = _conv(channels, 1, 3)

    def forward(self, x: Tensor) -> DiscriminatorOutput:  # [NCHW]
        """Run the network."""
        skips = [F.leaky_relu(self.head(_prepare(x, self.unshuffle, self.multiple)), 0.2)]
        for layer in self.down:
            skips.append(F.leaky_relu(layer(skips[-1]), 0.2))
        x, activations = skips[-1], list(skips)
        for layer, skip in zip(self.up, (skips[1], skips[0]), strict=True):
            x = F.interpolate(x, scale_factor=2, mode="nearest")
            x = F.leaky_relu(layer(x), 0.2) + skip
            activations.append(x)
        x = F.leaky_relu(self.last(x), 0.2)
        return self.tail(x).float(), activations


class PatchDiscriminator(nn.Module):
    """A short stack that judges overlapping patches, each by itself (pix2pix, https://arxiv.org/abs/1611.07004)."""

    def __init__(self, *, channels: int = 32, unshuffle: int = 2, depth: int = 2, colours: int = 3) -> None:
        super().__init__()
        self.unshuffle, self.multiple = unshuffle, unshuffle * 2**depth
        widths = [channels * min(2**level, 4) for level in range(depth + 1)]
        self.head = _conv(colours * unshuffle**2, widths[0], 3)
        self.down = nn.ModuleList(_conv(a, b, 4, 2) for a, b in pairwise(widths))
        self.tail = _conv(widths[-1], 1, 3)

    def forward(self, x: Tensor) -> DiscriminatorOutput:  # [NCHW]
        """Run the network."""
        x = F.leaky_relu(self.head(_prepare(x, self.unshuffle, self.multiple)), 0.2)
        activations = [x]
        for layer in self.down:
            x = F.leaky_relu(layer(x), 0.2)
            activations.append(x)
        return self.tail(x).float(), activations


def build(*, kind: str = "unet", channels: Count = 32, unshuffle: Count = 2, colours: Count = 3) -> nn.Module:
    """The discriminator of `kind`, ``unet`` or ``patch``. Raises ``ValueError`` for another."""
    if kind == "unet":
        return UNetDiscriminator(channels=channels, unshuffle=unshuffle, colours=colours)
    if kind == "patch":
        return PatchDiscriminator(channels=channels, unshuffle=unshuffle, colours=colours)
    raise ValueError(f"discriminator kind {kind!r} must be unet or patch")
