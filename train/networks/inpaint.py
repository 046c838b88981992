"""Fills holes in pictures: a smooth fill that needs no learning first, then a U-shaped network that refines it.

The fill is push-pull (Gortler et al., The Lumigraph, 1996): the known pixels are averaged down a pyramid, and what is
unknown at a level is taken, bilinearly, from the level below; what even the lowest level does not know is interpolated
there by inverse distance (Shepard 1968), so a hole of any size has a fill.

The network sees that fill and the hole on a pixel-unshuffled grid, where full resolution is cheap. At half and quarter
resolution it has plain residual blocks; at an eighth and a sixteenth, where kernels are wide and holes are small, gated
ones (a product of two halves, https://arxiv.org/abs/2204.04676: the gated convolution of
https://arxiv.org/abs/1806.03589 without its sigmoid). At a sixteenth every place also attends to all the others, known
ones first, so that a hole of any width hears of its whole surroundings. What it gives is added to the fill, in the hole
only: known pixels leave as they came.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from train.options import Count, Depth

LEVELS = 4  # halvings of the push-pull pyramid and of the network: sides are multiples of 16
SURE = 4.0  # a cell of the pyramid counts as known from 1 / SURE of its pixels on
REACH = 15  # cells of the lowest level to each side that inverse distance weighs
TINY = 1e-5


def shepard() -> Tensor:
    """Weights ``1 / (d^2 + 1/4)^2`` of the cells around one, ``(1, 1, 2 * REACH + 1, 2 * REACH + 1)``, of sum 1."""
    place = torch.arange(-REACH, REACH + 1, dtype=torch.float32)
    weights = 1.0 / (place[:, None] ** 2 + place[None] ** 2 + 0.25) ** 2
    return (weights / weights.sum())[None, None]


def push_pull(image: Tensor, hole: Tensor) -> Tensor:
    """The known pixels of `image` ``(n, 3, h, w)`` and a smooth fill where `hole` ``(n, 1, h, w)`` is 1, not 0.

    What `image` holds in the hole has no part in it. An image without a known pixel becomes black. Sides are multiples
    of 16.
    """
    known = 1.0 - hole
    sums, shares = [image * known], [known]
    for _ in range(LEVELS):
        sums.append(F.avg_pool2d(sums[-1], 2))
        shares.append(F.avg_pool2d(shares[-1], 2))
    kernel = shepard().to(image)
    colour = F.conv2d(sums[-1], kernel.expand(3, 1, -1, -1), padding=REACH, groups=3)
    share = F.conv2d(shares[-1], kernel, padding=REACH)
    everywhere = sums[-1].mean((2, 3), keepdim=True) / (shares[-1].mean((2, 3), keepdim=True) + TINY)
    fill = (colour + TINY * everywhere) / (share + TINY)
    for level in reversed(range(LEVELS + 1)):
        if level < LEVELS:
            fill = F.interpolate(fill, scale_factor=2, mode="bilinear", align_corners=False)
        sure = (shares[level] * SURE).clamp(max=1.0)
        fill = fill + sure * (sums[level] / (shares[level] + TINY * TINY) - fill)
    return fill


class Residual(nn.Module):
    """``x + conv(relu(conv(x)))``, 3x3, zero padding, same shape."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)
        with torch.no_grad():
            self.second.weight.mul_(0.3)

    def forward(self, x: Tensor) -> Tensor:  # [NCHW]
        """Run the network."""
        result: Tensor = x + self.second(F.relu(self.first(x)))
        return result


class Gated(nn.Module):
    """``x + narrow(a * b)``, ``a, b`` the halves of ``wide(x + around(x))``: 5x5 of each channel alone, then 1x1."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.around = nn.Conv2d(channels, channels, 5, padding=2, groups=channels)
        self.wide = nn.Conv2d(channels, 2 * channels, 1)
        self.narrow = nn.Conv2d(channels, channels, 1)
        with torch.no_grad():
            self.narrow.weight.mul_(0.3)

    def forward(self, x: Tensor) -> Tensor:  # [NCHW]
        """Run the network."""
        a, b = self.wide(self.around(x) + x).chunk(2, 1)
        result: Tensor = x + self.narrow(a * b)
        return result


class Attention(nn.Module):
    """Every place asks all the places of its picture (https://arxiv.org/abs/1706.03762), known ones first.

    ``forward``: ``(n, c, h, w)`` and the known share of each place ``(n, 1, h, w)`` -> ``(n, c, h, w)``.
    """

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.ask = nn.Conv2d(channels, 3 * channels, 1)
        self.answer = nn.Conv2d(channels, channels, 1)
        with torch.no_grad():
            self.answer.weight.mul_(0.3)

    def forward(self, x: Tensor, known: Tensor) -> Tensor:  # [NCHW]
        """Run the network."""
        n, c, h, w = x.shape
        query, key, value = self.ask(x).view(n, 3, self.heads, c // self.heads, h * w).unbind(1)
        scores = query.transpose(2, 3) @ key * (c // self.heads) ** -0.5
        scores = scores.float() + (known + 0.01).log().view(n, 1, 1, h * w)
        found = value @ scores.softmax(3).to(value.dtype).transpose(2, 3)
        result: Tensor = x + self.answer(found.reshape(n, c, h, w))
        return result


class Inpaint(nn.Module):
    """`widths` channels at a half, a quarter, an eighth and a sixteenth; `depth` gated blocks at the last.

    ``forward``: RGB ``(n, 3, h, w)`` float 0..1 and ``(n, 1, h, w)`` 1 in the hole, 0 elsewhere -> RGB, the same
    picture where the hole is 0, about 0..1 and not clamped where it is 1. What the image holds there is not looked at.
    Sides are multiples of ``multiple``; raises ``ValueError`` for others.
    """

    multiple = 2**LEVELS

    def __init__(self, *, widths: tuple[int, int, int, int] = (32, 64, 96, 112), depth: int = 6) -> None:
        super().__init__()
        a, b, c, d = widths
        self.stem = nn.Conv2d(16, a, 3, padding=1)
        self.encode_half = Residual(a)
        self.to_quarter = nn.Conv2d(a, b, 3, stride=2, padding=1)
        self.encode_quarter = Residual(b)
        self.to_eighth = nn.Conv2d(b, c, 3, stride=2, padding=1)
        self.encode_eighth = nn.Sequential(Gated(c), Gated(c))
        self.to_sixteenth = nn.Conv2d(c, d, 3, stride=2, padding=1)
        self.body = nn.Sequential(*(Gated(d) for _ in range(depth // 2)))
        self.attention = Attention(d, heads=4)
        self.after = nn.Sequential(*(Gated(d) for _ in range(depth - depth // 2)))
        self.from_sixteenth = nn.Conv2d(d, c, 1)
        self.decode_eighth = nn.Sequential(Gated(c), Gated(c))
        self.from_eighth = nn.Conv2d(c, b, 1)
        self.decode_quarter = Residual(b)
        self.from_quarter = nn.Conv2d(b, a, 1)
        self.decode_half = Residual(a)
        self.tail = nn.Conv2d(a, 12, 3, padding=1)
        with torch.no_grad():
            self.tail.weight.mul_(0.1)
            self.tail.bias.zero_()  # type: ignore[union-attr]

    def forward(self, image: Tensor, hole: Tensor) -> Tensor:  # [NCHW]
        """Run the network."""
        if image.shape[2] % self.multiple or image.shape[3] % self.multiple:
            raise ValueError(f"the network takes sides that are multiples of {self.multiple}, not {image.shape[2:]}")
        with torch.autocast(image.device.type, enabled=False):
            fill = push_pull(image, hole)
            known = 1.0 - F.avg_pool2d(hole, self.multiple)
        x = F.pixel_unshuffle(torch.cat([fill - 0.5, hole], 1), 2).contiguous(memory_format=torch.channels_last)
        half = self.encode_half(F.relu(self.stem(x)))
        quarter = self.encode_quarter(F.relu(self.to_quarter(half)))
        eighth = self.encode_eighth(F.relu(self.to_eighth(quarter)))
        x = self.after(self.attention(self.body(F.relu(self.to_sixteenth(eighth))), known))
        x = self.decode_eighth(eighth + F.interpolate(self.from_sixteenth(x), scale_factor=2.0))
        x = self.decode_quarter(quarter + F.interpolate(self.from_eighth(x), scale_factor=2.0))
        x = self.decode_half(half + F.interpolate(self.from_quarter(x), scale_factor=2.0))
        residual = F.pixel_shuffle(self.tail(x).float(), 2)
        return image + hole * (fill + residual - image)


def build(*, widths: tuple[Count, ...] = (32, 64, 96, 112), depth: Depth = 6) -> Inpaint:
    """Build the network from its recipe's options.

    Raises ``ValueError`` for other than four widths, the last a multiple of 4, or under 2 blocks.
    """
    if len(widths) != 4 or min(widths) < 1 or widths[3] % 4 or depth < 2:
        raise ValueError(f"widths {list(widths)} must be four, the last a multiple of 4, and depth {depth} 2 or more")
    a, b, c, d = widths
    return Inpaint(widths=(a, b, c, d), depth=depth)
