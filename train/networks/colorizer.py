"""Colours for grey pictures, in real time: a small decoder upon what a pretrained classifier sees.

Which colour a thing has depends on what it is, and that cannot be learnt from a few hundred photos: the first five
stages of EfficientNet-lite0, which learnt it from a million, look at the picture and never change. The decoder is a
U-shaped one; it ends at half of the resolution, since the eye is coarse for colours, and what is added to the
brightness of every pixel has no brightness of its own.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from train.losses import luma
from train.networks import efficientnet
from train.networks.translator import Normed, ResidualBlock
from train.options import Count, Depth, Part

TAPS = (0, 2, 4, 10)  # blocks after which the decoder looks: at 1/2, 1/4, 1/8 and 1/16 of the resolution
CHANNELS = (16, 24, 40, 112)  # there


class Colorizer(nn.Module):
    """``forward``: RGB ``(n, 3, h, w)`` float 0..1.

    Only the luma is looked at; the output is RGB of the same size with that luma, not clamped. Sides are multiples of
    16; raises ``ValueError`` for others, ``ImportError`` where the package with the classifier's weights is missing.

    widths  channels of the decoder at 1/2, 1/4, 1/8 and 1/16 of the resolution.
    depth   residual blocks at the last.
    dropout share of the classifier's channels that are not seen at a training iteration (there are few photos, and many
            channels to know them by heart by).
    """

    front, keep, multiple = "grey", "luma", 16

    def __init__(self, *, widths: tuple[int, ...], depth: int, dropout: float) -> None:
        super().__init__()
        if len(widths) != len(TAPS):
            raise ValueError(f"widths {widths}: needs {len(TAPS)}, for 1/2, 1/4, 1/8 and 1/16 of the resolution")
        self.dropout = dropout
        classifier = efficientnet.EfficientNetLite0()
        self.stem = classifier._conv_stem  # folded: it has the normalisation in it
        self.blocks = nn.ModuleList(list(classifier._blocks)[: TAPS[-1] + 1])
        self.enter = Normed(CHANNELS[-1], widths[-1])
        self.body = nn.Sequential(*(ResidualBlock(widths[-1]) for _ in range(depth)))
        pairs = list(zip(widths[:0:-1], widths[-2::-1], CHANNELS[-2::-1], strict=True))
        self.up = nn.ModuleList(Normed(a, b) for a, b, _ in pairs)
        self.skip = nn.ModuleList(nn.Conv2d(seen, b, 1) for _, b, seen in pairs)
        self.join = nn.ModuleList(Normed(b, b) for _, b, _ in pairs)
        self.tail = nn.Conv2d(widths[0], 3, 3, padding=1, padding_mode="replicate")

    def look(self, x: Tensor) -> Tensor:
        """What is looked at: ``(n, 1, h, w)``."""
        return luma(x)

    @torch.no_grad()
    def encode(self, grey: Tensor) -> list[Tensor]:  # [N1HW]
        """What the classifier sees, finest first."""
        x = ((grey * 255.0 - 127.0) / 128.0).expand(-1, 3, -1, -1).contiguous(memory_format=torch.channels_last)
        x = F.relu6(efficientnet.same(x, self.stem))
        seen = []
        for index, block in enumerate(self.blocks):
            x = block(x)
            if index in TAPS:
                seen.append(x)
        return seen

    def forward(self, x: Tensor) -> Tensor:  # [NCHW]
        """Run the network."""
        if x.shape[2] % self.multiple or x.shape[3] % self.multiple:
            raise ValueError(f"the network takes sides that are multiples of {self.multiple}, not {tuple(x.shape[2:])}")
        with torch.autocast(x.device.type, enabled=False):
            grey = luma(x)
        *levels, y = (F.dropout2d(level, self.dropout, self.training) for level in self.encode(grey))
        y = self.body(self.enter(y))
        for up, skip, join, level in zip(self.up, self.skip, self.join, reversed(levels), strict=True):
            y = F.interpolate(up(y), scale_factor=2, mode="nearest")
            y = join(y + skip(level))
        colours = F.interpolate(self.tail(y).float(), scale_factor=2, mode="bilinear", align_corners=False)
        return grey + colours - luma(colours)


def build(*, widths: tuple[Count, ...] = (24, 40, 64, 96), depth: Depth = 3, dropout: Part = 0.0) -> Colorizer:
    """Build the network from its recipe's options."""
    return Colorizer(widths=tuple(widths), depth=depth, dropout=dropout)
