"""Plain 3x3 super-resolution network, over-parameterised while training and a bare stack of convolutions after.

Everything runs on the low-resolution grid: the measured cost of an int8 3x3 convolution is its multiply-adds, so
there is nothing but 3x3 convolutions and ReLU (which costs nothing: it is the zero of an unsigned 8-bit range). The
input is repeated into every sub-pixel and added at the end (the anchor of ABPN, https://arxiv.org/abs/2105.09750):
in 8 bits that sum is exact, so the only rounding error of the output is the one that every 8-bit image has.

Re-parameterisation: each convolution is trained as a wide 3x3 followed by a 1x1, beside a direct 3x3 and, where the
widths agree, an identity (collapsible linear blocks, SESR, https://arxiv.org/abs/2103.09404). The kernels are
multiplied out *before* they meet the image, so training costs what the small network costs.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from train.options import Depth


class Upscaler(nn.Module):
    """``forward``: RGB ``(n, 3, h, w)`` float in 0..1 -> ``(n, 3, h * scale, w * scale)`` float, about 0..1.

    h and w are multiples of ``multiple``. Output pixels depend on input pixels at most ``receptive_field`` away.
    """

    scale: int
    multiple: int = 1

    @property
    def receptive_field(self) -> int:
        """How far, in input pixels, an output pixel looks to each side."""
        raise NotImplementedError


class CollapsibleConv(nn.Module):
    """3x3 convolution whose kernel is the product of wider linear ones.

    ``forward``: ``(n, cin, h, w)`` float -> ``(n, cout, h, w)`` float, zero padding, same size.
    ``expansion`` 0 leaves the direct kernel alone. ``gain`` scales the initial kernel. ``dilation`` sets the nine taps
    so many pixels apart.
    """

    identity: Tensor | None

    def __init__(self, cin: int, cout: int, *, expansion: int = 0, gain: float = 1.0, dilation: int = 1) -> None:
        super().__init__()
        self.dilation = dilation
        self.bias = nn.Parameter(torch.zeros(cout))
        self.direct = nn.Parameter(torch.empty(cout, cin, 3, 3))
        nn.init.kaiming_normal_(self.direct, nonlinearity="relu")
        self.wide: nn.Parameter | None = None
        self.narrow: nn.Parameter | None = None
        if expansion:
            self.wide = nn.Parameter(torch.empty(expansion, cin, 3, 3))
            self.narrow = nn.Parameter(torch.empty(cout, expansion, 1, 1))
            nn.init.kaiming_normal_(self.wide, nonlinearity="linear")
            nn.init.kaiming_normal_(self.narrow, nonlinearity="linear")
        identity = None
        if cin == cout:  # a residual connection, folded into the kernel's centre
            identity = torch.zeros(cout, cin, 3, 3)
            identity[range(cout), range(cin), 1, 1] = 1.0
            gain *= 0.5
        self.register_buffer("identity", identity, persistent=False)
        with torch.no_grad():
            self.direct.mul_(gain * (0.7 if expansion else 1.0))
            if self.narrow is not None:
                self.narrow.mul_(gain)

    def kernel(self) -> Tensor:
        """The one kernel that does the same, ``(cout, cin, 3, 3)``."""
        kernel: Tensor = self.direct
        if self.wide is not None and self.narrow is not None:
            kernel = kernel + torch.einsum("oe,eihw->oihw", self.narrow[:, :, 0, 0], self.wide)
        if self.identity is not None:
            kernel = kernel + self.identity
        return kernel

    @torch.no_grad()
    def fill(self, kernel: Tensor, bias: Tensor) -> None:
        """Become the convolution of `kernel` and `bias`; wider ones stay, and the direct kernel makes up for them."""
        self.direct.zero_()
        self.direct.copy_(kernel - self.kernel())
        self.bias.copy_(bias)

    def forward(self, x: Tensor) -> Tensor:  # [NCHW]
        """Run the network."""
        return F.conv2d(x, self.kernel(), self.bias, padding=self.dilation, dilation=self.dilation)


class SuperResolution(Upscaler):
    """``depth`` convolutions of ``channels`` between a first and a last one.

    ``dilations``, one for each of the ``depth``, let it see farther at the same cost (8-bit convolutions take the same
    time with any): what compression did shows over the 8x8 pixels of a block, and more.

    With ``unshuffle`` above 1 all runs on cells of so many pixels a side: as many multiply-adds see so many times as
    far.

    ``forward``: RGB ``(n, 3, h, w)`` float in 0..1 -> ``(n, 3, h * scale, w * scale)`` float, about 0..1, not clamped;
    h and w multiples of ``multiple``. Output pixels depend on input pixels at most ``receptive_field`` away:
    ``depth + 2``, more where dilated or unshuffled.
    """

    def __init__(
        self,
        *,
        scale: int,
        channels: int = 32,
        depth: Depth = 3,
        expansion: int = 128,
        dilations: Sequence[int] = (),
        unshuffle: int = 1,
    ) -> None:
        super().__init__()
        if scale < 1 or channels < 1 or depth < 0:
            raise ValueError(f"scale {scale}, channels {channels} and depth {depth} must be positive")
        dilations = list(dilations) or [1] * depth
        if len(dilations) != depth or min(dilations, default=1) < 1:
            raise ValueError(f"dilations {dilations} must be {depth} numbers of 1 or more, one for each of the depth")
        if unshuffle < 1:
            raise ValueError(f"unshuffle {unshuffle} must be positive")
        self.dilations = (1, *dilations, 1)  # of every convolution, first to last
        self.scale, self.channels, self.depth, self.multiple = scale, channels, depth, unshuffle
        side = scale * unshuffle  # sub-pixels of a place
        self.head = CollapsibleConv(3 * unshuffle**2, channels, expansion=expansion)
        self.body = nn.ModuleList(
            CollapsibleConv(channels, channels, expansion=expansion, dilation=dilation) for dilation in dilations
        )
        self.tail = CollapsibleConv(channels, 3 * side * side, expansion=expansion, gain=0.1)

    @property
    def receptive_field(self) -> int:
        """How far, in input pixels, an output pixel looks to each side."""
        return self.multiple * (sum(self.dilations) + 1) - 1

    def convolutions(self) -> list[tuple[Tensor, Tensor]]:
        """The collapsed ``(kernel, bias)`` of every convolution, first to last, for the exporter.

        ReLU stands between them; the last one gives ``(colour, row, column)`` sub-pixels as ``nn.PixelShuffle`` reads
        them, to which the repeated input is added.
        """
        return [(layer.kernel().detach(), layer.bias.detach()) for layer in self.stack]

    @property
    def stack(self) -> list[CollapsibleConv]:
        """Every convolution, first to last."""
        return [layer for layer in self.modules() if isinstance(layer, CollapsibleConv)]

    @torch.no_grad()
    def fill(self, convolutions: Sequence[tuple[Tensor, Tensor]]) -> None:
        """Take the weights of `convolutions`, as the method of that name gives them.

        Raises ``ValueError`` where they are of another number or shape.
        """
        has = [(layer.direct.shape, layer.bias.shape) for layer in self.stack]
        given = [(kernel.shape, bias.shape) for kernel, bias in convolutions]
        if given != has:
            raise ValueError(f"convolutions of {_sizes(given)} where the network has {_sizes(has)}")
        for layer, (kernel, bias) in zip(self.stack, convolutions, strict=True):
            layer.fill(kernel, bias)

    def forward(self, x: Tensor) -> Tensor:  # [NCHW]
        """Run the network."""
        features = F.relu(self.head(F.pixel_unshuffle(x, self.multiple)))
        for layer in self.body:
            features = F.relu(layer(features))
        residual = self.tail(features).float()
        anchor = F.interpolate(x.float(), scale_factor=float(self.scale)) if self.scale > 1 else x.float()
        return F.pixel_shuffle(residual, self.scale * self.multiple) + anchor


def _sizes(shapes: list[tuple[torch.Size, torch.Size]]) -> str:
    return ", ".join("x".join(map(str, kernel)) for kernel, _ in shapes)


build = SuperResolution  # whose options are those of a recipe
