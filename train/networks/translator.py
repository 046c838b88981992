"""Image to image, in real time: a U-shaped network of plain 3x3 convolutions on a pixel-unshuffled grid.

Full resolution is only ever touched by the shuffle, most of the work is done at an eighth of it. Batch normalisation
trains it and is folded into the convolutions afterwards: nothing of the deployed network depends on what else is in the
frame, so nothing flickers when something enters it (which instance normalisation does).

What the network looks at can be made from the picture first (`front`), and what it may not change is put back at the
end (`keep`); both are part of the network, so a model takes a plain picture and gives the finished one.
"""

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from train.grain import GRAINS
from train.losses import luma
from train.options import Count, Depth

FRONTS = ("image", "grey", "edges")
KEEPS = ("nothing", "luma")
FINE, COARSE = 0.9, 1.5  # deviations of the Gaussians that edges are found with, in pixels
EDGE, STEEP = 0.012, 90.0  # how dark a line must be against its surroundings, and how soon it is black


def blur(x: Tensor, deviation: float) -> Tensor:
    """Gaussian of one channel ``(n, 1, h, w)``; beyond the border its outermost pixels are repeated."""
    reach = round(3 * deviation)
    place = torch.arange(-reach, reach + 1, device=x.device, dtype=x.dtype)
    kernel = torch.exp(-0.5 * (place / deviation) ** 2)
    kernel = kernel / kernel.sum()
    x = F.pad(x, (reach, reach, reach, reach), mode="replicate")
    return F.conv2d(F.conv2d(x, kernel.view(1, 1, 1, -1)), kernel.view(1, 1, -1, 1))


def edges(x: Tensor) -> Tensor:
    """A line drawing ``(n, 1, h, w)``, black on white, of RGB.

    Where a fine blur is darker than a coarse one (XDoG, Winnemoeller et al.,
    https://doi.org/10.1016/j.cag.2012.03.004), ``1 + tanh(steep * min(d + edge, 0))``.
    """
    grey = luma(x)
    difference = blur(grey, FINE) - blur(grey, COARSE)
    return 1.0 + torch.tanh(STEEP * (difference + EDGE).clamp(max=0.0))


def tiled(pattern: Tensor, like: Tensor) -> Tensor:
    """`pattern` ``(1, c, side, side)`` side by side, from the top left, to the height and width of `like`."""
    times = [-(-length // pattern.shape[2]) for length in like.shape[2:]]
    return pattern.repeat(1, 1, *times)[:, :, : like.shape[2], : like.shape[3]]


def rolled(pattern: Tensor, shift: tuple[int, int] | Tensor) -> Tensor:
    """`pattern` ``(1, c, side, side)`` rolled down and to the right: once, or for each row of `shift`, ``(n, 2)``."""
    if isinstance(shift, Tensor):
        return torch.cat([torch.roll(pattern, (int(down), int(right)), (2, 3)) for down, right in shift])
    return torch.roll(pattern, shift, (2, 3))


class Normed(nn.Sequential):
    """3x3 convolution, batch normalisation, ReLU: one convolution and a ReLU when deployed."""

    def __init__(self, cin: int, cout: int, *, stride: int = 1, relu: bool = True) -> None:
        layers: list[nn.Module] = [
            nn.Conv2d(cin, cout, 3, stride, 1, padding_mode="replicate", bias=False), nn.BatchNorm2d(cout)
        ]  # fmt: skip
        super().__init__(*layers, *([nn.ReLU()] if relu else []))


class ResidualBlock(nn.Module):
    """``relu(x + normed(normed(x)))``."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first, self.second = Normed(channels, channels), Normed(channels, channels, relu=False)

    def forward(self, x: Tensor) -> Tensor:  # [NCHW]
        """Run the network."""
        return F.relu(x + self.second(self.first(x)))


class Translator(nn.Module):
    """`widths` channels at 1/unshuffle, and at half of that each further; `depth` residual blocks at the last.

    ``forward``: RGB ``(n, 3, h, w)`` float 0..1 -> RGB of the same size, about 0..1, not clamped. Sides are multiples
    of ``multiple``; raises ``ValueError`` for others.

    front   what the network looks at: the image, its grey, or its edges.
    keep    luma: the output has the brightness of the input, place by place, and only its colours are the network's.
    skips   to how many levels, coarsest first, what they saw on the way down is added on the way up.
    pattern side of a tile that is learnt and added, side by side, to the coarsest grid, 0 for none: convolutions alone
            have nothing to begin a stroke with where the picture is flat. It stays where it is in the frame; `shift`
            of ``forward`` rolls it, by places of that grid, for all pictures or, ``(n, 2)``, for each.
    grain   which of `train.grain` lies in the frame in the same way, mixed and added to the finest grid: a pattern that
            need not be learnt. "" for none.
    refine  how many convolutions more the finest grid has at the end: where a step or a line lies is decided there.
    """

    def __init__(
        self, *, widths: tuple[int, ...], depth: int, unshuffle: int, front: str, keep: str, skips: int, pattern: int,
        grain: str = "", refine: int = 0,
    ) -> None:  # fmt: skip
        super().__init__()
        if front not in FRONTS or keep not in KEEPS:
            raise ValueError(
                f"front {front!r} must be one of {', '.join(FRONTS)}, keep {keep!r} one of {', '.join(KEEPS)}"
            )
        if grain and grain not in GRAINS:
            raise ValueError(f"grain {grain!r} must be one of {', '.join(GRAINS)}")
        self.front, self.keep, self.skips, self.unshuffle = front, keep, skips, unshuffle
        self.multiple = unshuffle << (len(widths) - 1)
        colours = 3 if front == "image" else 1
        self.stem = Normed(colours * unshuffle**2, widths[0])
        self.grain: Tensor | None
        fields = F.avg_pool2d(torch.from_numpy(GRAINS[grain]())[None], unshuffle) if grain else None
        self.register_buffer("grain", fields)
        self.mix = None if fields is None else nn.Conv2d(fields.shape[1], widths[0], 1, bias=False)
        self.down = nn.ModuleList(Normed(a, b, stride=2) for a, b in pairwise(widths))
        self.body = nn.Sequential(*(ResidualBlock(widths[-1]) for _ in range(depth)))
        self.up = nn.ModuleList(Normed(b, a) for a, b in reversed(list(pairwise(widths))))
        self.join = nn.ModuleList(Normed(a, a) for a in reversed(widths[:-1]))
        self.refine = nn.Sequential(*(Normed(widths[0], widths[0]) for _ in range(refine)))
        self.pattern = nn.Parameter(torch.randn(1, widths[-1], pattern, pattern) * 0.5) if pattern else None
        self.tail = nn.Conv2d(widths[0], 3 * unshuffle**2, 3, padding=1, padding_mode="replicate")

    @property
    def placed(self) -> bool:
        """Whether what it makes depends on where in the frame it is."""
        return self.pattern is not None or self.grain is not None

    def look(self, x: Tensor) -> Tensor:
        """What the network sees of RGB `x`: ``(n, 3 or 1, h, w)``."""
        if self.front == "grey":
            return luma(x)
        return edges(x) if self.front == "edges" else x

    def forward(self, x: Tensor, shift: tuple[int, int] | Tensor = (0, 0)) -> Tensor:  # [NCHW]
        """Run the network."""
        if x.shape[2] % self.multiple or x.shape[3] % self.multiple:
            raise ValueError(f"the network takes sides that are multiples of {self.multiple}, not {tuple(x.shape[2:])}")
        with torch.autocast(x.device.type, enabled=False):
            seen = self.look(x) - 0.5
        y = F.pixel_unshuffle(seen, self.unshuffle).contiguous(memory_format=torch.channels_last)
        y = self.stem(y)
        if self.grain is not None and self.mix is not None:
            finer = self.multiple // self.unshuffle
            turn = shift * finer if isinstance(shift, Tensor) else (shift[0] * finer, shift[1] * finer)
            y = F.relu(y + self.mix(tiled(rolled(self.grain, turn), y)))
        levels = [y]
        for layer in self.down:
            y = layer(y)
            levels.append(y)
        if self.pattern is not None:
            y = F.relu(y + tiled(rolled(self.pattern, shift), y))
        y = self.body(y)
        for index, (up, join, level) in enumerate(zip(self.up, self.join, reversed(levels[:-1]), strict=True)):
            y = F.interpolate(up(y), scale_factor=2, mode="nearest")
            y = join(y + level if index < self.skips else y)
        out = F.pixel_shuffle(self.tail(self.refine(y)).float(), self.unshuffle) + 0.5
        return out - luma(out) + luma(x) if self.keep == "luma" else out


def build(
    *,
    widths: tuple[Count, ...] = (32, 64, 96),
    depth: Depth = 4,
    unshuffle: Count = 2,
    front: str = "image",
    keep: str = "nothing",
    skips: int | None = None,
    pattern: int = 0,
    grain: str = "",
    refine: int = 0,
) -> Translator:
    """Build the network from its recipe's options; without `skips` every level has one."""
    return Translator(
        widths=tuple(widths), depth=depth, unshuffle=unshuffle, front=front, keep=keep,
        skips=len(widths) - 1 if skips is None else skips, pattern=pattern, grain=grain, refine=refine,
    )  # fmt: skip
