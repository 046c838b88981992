"""Super-resolution by residual blocks on the low-resolution grid: for files and GPUs, where quality is worth time.

The network of EDSR (https://arxiv.org/abs/1707.02921) without its scaling: no normalisation, a residual connection
around every two 3x3 convolutions and one around all of them. As in `train.networks.sr`, the input is repeated into
every sub-pixel and added at the end.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from train.networks.sr import Upscaler
from train.options import Depth

GAIN = 0.1  # of the last kernel of a block, and of all, so that each begins close to doing nothing


def nine(cin: int, cout: int, *, gain: float = 1.0) -> nn.Conv2d:
    """A 3x3 convolution that keeps the size, its kernel `gain` times what is usual before ReLU."""
    layer = nn.Conv2d(cin, cout, 3, padding=1)
    nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
    nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
    with torch.no_grad():
        layer.weight.mul_(gain)
    return layer


class Block(nn.Module):
    """``x + second(relu(first(x)))``, ``(n, c, h, w)`` float both."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first, self.second = nine(channels, channels), nine(channels, channels, gain=GAIN)

    def forward(self, x: Tensor) -> Tensor:  # [NCHW]
        """Run the block."""
        y: Tensor = x + self.second(F.relu(self.first(x)))
        return y


class ResidualSuperResolution(Upscaler):
    """`blocks` residual blocks of `channels` between a first and a last convolution.

    ``forward``: RGB ``(n, 3, h, w)`` float in 0..1 -> ``(n, 3, h * scale, w * scale)`` float, about 0..1, not clamped.
    Output pixels depend on input pixels at most ``receptive_field`` away: ``2 * blocks + 3``.
    """

    def __init__(self, *, scale: int, channels: int = 48, blocks: Depth = 8) -> None:
        super().__init__()
        if scale < 1 or channels < 1 or blocks < 1:
            raise ValueError(f"scale {scale}, channels {channels} and blocks {blocks} must be positive")
        self.scale = scale
        self.head = nine(3, channels)
        self.blocks = nn.ModuleList(Block(channels) for _ in range(blocks))
        self.merge = nine(channels, channels)
        self.tail = nine(channels, 3 * scale * scale, gain=GAIN)

    @property
    def receptive_field(self) -> int:
        """How far, in input pixels, an output pixel looks to each side."""
        return 2 * len(self.blocks) + 3

    @property
    def stack(self) -> list[nn.Conv2d]:
        """Every convolution, first to last."""
        return [layer for layer in self.modules() if isinstance(layer, nn.Conv2d)]

    def convolutions(self) -> list[tuple[Tensor, Tensor]]:
        """The ``(kernel, bias)`` of every convolution, first to last, for the exporter."""
        return [(layer.weight.detach(), bias.detach()) for layer in self.stack if (bias := layer.bias) is not None]

    @torch.no_grad()
    def fill(self, convolutions: Sequence[tuple[Tensor, Tensor]]) -> None:
        """Take the weights of `convolutions`, as the method of that name gives them.

        Raises ``ValueError`` where they are of another number or shape.
        """
        mine = self.convolutions()
        if [kernel.shape for kernel, _ in mine] != [kernel.shape for kernel, _ in convolutions]:
            raise ValueError(f"{len(convolutions)} convolutions are not those of the network, which has {len(mine)}")
        for (kernel, bias), (given, given_bias) in zip(mine, convolutions, strict=True):
            kernel.copy_(given)
            bias.copy_(given_bias)

    def forward(self, x: Tensor) -> Tensor:  # [NCHW]
        """Run the network."""
        x = x.contiguous(memory_format=torch.channels_last)  # a tenth less time on a CPU
        first = features = self.head(x)
        for block in self.blocks:
            features = block(features)
        residual = self.tail(self.merge(features) + first).float()
        anchor = F.interpolate(x.float(), scale_factor=float(self.scale)) if self.scale > 1 else x.float()
        return F.pixel_shuffle(residual, self.scale) + anchor


build = ResidualSuperResolution  # whose options are those of a recipe
