"""A style-based generator (StyleGAN, https://arxiv.org/abs/1812.04948).

It has the modulation and the RGB skips of StyleGAN2 (https://arxiv.org/abs/1912.04958), and is built from operators
that any runtime has.

What differs from the papers, for speed on a CPU: styles scale a layer's input and its output instead of its kernels,
which is the same product and lets a whole batch share one convolution; and where the resolution doubles, the first
convolution works before the bilinear upsampling, at a quarter of the price.
"""

import math
from collections.abc import Mapping
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from train.networks.latent import LatentGenerator
from train.options import Count, Depth

GAIN = math.sqrt(2.0)  # of a layer before a leaky ReLU, so that the variance stays; in the weights it costs nothing
CENTRE_DECAY = 0.998  # of the running mean of w


class EqualisedLinear(nn.Module):
    """Linear layer whose weights are kept at unit variance and scaled when used, so that Adam moves all layers alike.

    Equalised learning rate: https://arxiv.org/abs/1710.10196, section 4.1. `slow` multiplies its learning rate.
    """

    def __init__(self, cin: int, cout: int, *, bias: float = 0.0, slow: float = 1.0, gain: float = 1.0) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(cout, cin) / slow)
        self.bias = nn.Parameter(torch.full((cout,), bias / slow))
        self.scale, self.slow = gain * slow / math.sqrt(cin), slow

    def forward(self, x: Tensor) -> Tensor:  # [NC]
        """Run the network."""
        return F.linear(x, self.weight * self.scale, self.bias * self.slow)


class EqualisedConv(nn.Module):
    """Convolution that keeps the size, with the equalised learning rate of `EqualisedLinear`."""

    def __init__(self, cin: int, cout: int, size: int, *, gain: float = GAIN) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(cout, cin, size, size))
        self.bias = nn.Parameter(torch.zeros(cout))
        self.scale, self.padding = gain / math.sqrt(cin * size * size), size // 2

    def forward(self, x: Tensor) -> Tensor:  # [NCHW]
        """Run the network."""
        return F.conv2d(x, self.weight * self.scale, self.bias, padding=self.padding)


class MappingNetwork(nn.Module):
    """z ``(n, latent)``, brought to unit length per component, -> w ``(n, latent)``; learns 100 times slower."""

    def __init__(self, latent: int, depth: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(EqualisedLinear(latent, latent, slow=0.01, gain=GAIN) for _ in range(depth))

    def forward(self, z: Tensor) -> Tensor:  # [NC]
        """Run the network."""
        w = z * torch.rsqrt(z.square().mean(1, keepdim=True) + 1e-8)
        for layer in self.layers:
            w = F.leaky_relu(layer(w), 0.2)
        return w


class ModulatedConv(nn.Module):
    """A convolution whose input channels are scaled by a style, and whose output is scaled back to unit variance.

    With style s, kernel k and ``d_o = GAIN / sqrt(sum_i,a (s_i k_oia)^2)``: ``d * conv(s * x, k)``, which is equation 3
    of StyleGAN2 with the scales moved from the kernel to the activations.
    """

    def __init__(self, cin: int, cout: int, size: int, dim: int, *, demodulate: bool = True) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(cout, cin, size, size))
        self.style = EqualisedLinear(dim, cin, bias=1.0)
        self.scale, self.padding, self.demodulate = 1.0 / math.sqrt(cin * size * size), size // 2, demodulate

    def forward(self, x: Tensor, w: Tensor) -> Tensor:  # [NCHW], [NC]
        """Run the network."""
        kernel = self.weight * self.scale
        with torch.autocast(x.device.type, enabled=False):
            style = self.style(w.float())
            if self.demodulate:
                power = style.square() @ kernel.float().square().sum((2, 3)).t()
                norm = (GAIN * torch.rsqrt(power + 1e-8))[:, :, None, None].to(x.dtype)
        x = F.conv2d(x * style[:, :, None, None].to(x.dtype), kernel, padding=self.padding)
        return x * norm if self.demodulate else x


class StyledLayer(nn.Module):
    """Modulated 3x3 convolution, optional doubling, noise of learned strength, bias, leaky ReLU."""

    def __init__(self, cin: int, cout: int, dim: int, resolution: int, *, up: bool = False) -> None:
        super().__init__()
        self.conv, self.up, self.resolution = ModulatedConv(cin, cout, 3, dim), up, resolution
        self.strength = nn.Parameter(torch.zeros(()))
        self.bias = nn.Parameter(torch.zeros(cout))
        self.register_buffer("noise", torch.randn(1, 1, resolution, resolution))
        self.noise: Tensor

    def forward(self, x: Tensor, w: Tensor) -> Tensor:  # [NCHW], [NC]
        """Run the network."""
        x = self.conv(x, w)
        if self.up:
            x = F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
        side = self.resolution
        noise = torch.randn(len(x), 1, side, side, device=x.device) if self.training else self.noise
        x = x + (noise * self.strength).to(x.dtype) + self.bias.to(x.dtype).view(1, -1, 1, 1)
        return F.leaky_relu(x, 0.2)


class StyleGenerator(LatentGenerator):
    """Style-based generator of ``resolution`` x ``resolution`` pixels, a power of two from 8 up.

    ``mapping``: z ``(n, latent)`` standard normal -> w ``(n, latent)``.
    ``synthesis``: a w for each layer, ``(n, layers, latent)`` -> RGB ``(n, 3, resolution, resolution)`` about 0..1.
    ``forward``: z -> RGB; `mix` ``(n, layers)`` bool says which layers take their style from a second z, `other`.

    In ``train()`` mode noise is drawn anew and ``centre``, the running mean of w, follows; in ``eval()`` the noise is a
    part of the network. ``centre + psi * (w - centre)`` is truncation.
    """

    def __init__(self, *, latent: int, resolution: int, channels: Mapping[int, int], depth: int) -> None:
        sizes = [4 << level for level in range(resolution.bit_length() - 2)]
        super().__init__(latent, layers=2 * len(sizes) - 1)
        self.resolution = resolution
        self.style = MappingNetwork(latent, depth)
        self.constant = nn.Parameter(torch.randn(1, channels[4], 4, 4))
        self.first = StyledLayer(channels[4], channels[4], latent, 4)
        self.lower, self.upper, self.rgb = nn.ModuleList(), nn.ModuleList(), nn.ModuleList()
        for small, size in pairwise(sizes):
            self.lower.append(StyledLayer(channels[small], channels[size], latent, size, up=True))
            self.upper.append(StyledLayer(channels[size], channels[size], latent, size))
            self.rgb.append(ModulatedConv(channels[size], 3, 1, latent, demodulate=False))
        self.rgb_bias = nn.Parameter(torch.zeros(1, 3, 1, 1))

    def mapping(self, z: Tensor) -> Tensor:  # [NC]
        """Map latents z ``(n, latent)`` to w of the same shape."""
        w: Tensor = self.style(z)
        return w

    def synthesis(self, ws: Tensor) -> Tensor:  # [N, layers, C]
        """Make the images of w ``(n, layers, latent)``, one w a layer."""
        x = self.constant.expand(len(ws), -1, -1, -1).contiguous(memory_format=torch.channels_last)
        x = self.first(x, ws[:, 0])
        image = torch.zeros(1, 3, 4, 4, device=x.device)
        for index, (lower, upper, rgb) in enumerate(zip(self.lower, self.upper, self.rgb, strict=True)):
            x = lower(x, ws[:, 1 + 2 * index])
            x = upper(x, ws[:, 2 + 2 * index])
            image = F.interpolate(image, scale_factor=2, mode="bilinear", align_corners=False)
            image = image + rgb(x, ws[:, 2 + 2 * index]).float()
        return (image + self.rgb_bias) * 0.5 + 0.5

    def forward(self, z: Tensor, other: Tensor | None = None, mix: Tensor | None = None) -> Tensor:  # [NC]
        """Run the network."""
        w = self.mapping(z).float()
        if self.training:
            with torch.no_grad():
                self.centre.lerp_(w.mean(0, keepdim=True), 1.0 - CENTRE_DECAY)
        ws = w[:, None].expand(-1, self.layers, -1)
        if other is not None and mix is not None:
            ws = torch.where(mix[:, :, None], self.mapping(other).float()[:, None], ws)
        return self.synthesis(ws)


def widths(resolution: int, channels: int, most: int) -> dict[int, int]:
    """Channels by resolution: `channels` at the full one, twice as many at each halving, `most` at most.

    Raises ``ValueError`` for a resolution that is no power of two from 8 up.
    """
    if resolution < 8 or resolution & (resolution - 1):
        raise ValueError(f"resolution {resolution} must be a power of two, 8 or more")
    return {resolution >> level: min(channels << level, most) for level in range(resolution.bit_length() - 2)}


def build(
    *, resolution: Count = 64, channels: Count = 32, most: Count = 128, latent: Count = 128, depth: Depth = 4
) -> StyleGenerator:
    """Build the network from its recipe's options."""
    return StyleGenerator(
        latent=latent, resolution=resolution, channels=widths(resolution, channels, most), depth=depth
    )
