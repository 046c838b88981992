"""SqueezeNet 1.1 (https://arxiv.org/abs/1602.07360) with ImageNet weights, as a measure of how alike pictures look.

Small enough to be asked at every training iteration on a CPU. Never trained, never exported.
"""

from functools import cache
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

WEIGHTS = Path(__file__).parents[1] / "weights" / "squeezenet1_1.npz"
MEAN = (104.0, 117.0, 123.0)  # of blue, green, red, 0..255
FIRES = {3: (64, 16, 64), 4: (128, 16, 64), 6: (128, 32, 128), 7: (256, 32, 128), 9: (256, 48, 192),
         10: (384, 48, 192), 11: (384, 64, 256), 12: (512, 64, 256)}  # fmt: skip
POOLS = {2, 5, 8}
TAPS = (0, 4, 7, 9, 10, 11, 12)  # the layers that LPIPS (https://arxiv.org/abs/1801.03924) reads


class Fire(nn.Module):
    """``(n, cin, h, w)`` -> ``(n, 2 * expand, h, w)``: a 1x1 to few channels, then 1x1 and 3x3 side by side."""

    def __init__(self, cin: int, squeeze: int, expand: int) -> None:
        super().__init__()
        self.squeeze1x1 = nn.Conv2d(cin, squeeze, 1)
        self.expand1x1 = nn.Conv2d(squeeze, expand, 1)
        self.expand3x3 = nn.Conv2d(squeeze, expand, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:  # [NCHW]
        """Run the network."""
        x = F.relu(self.squeeze1x1(x))
        return F.relu(torch.cat([self.expand1x1(x), self.expand3x3(x)], 1))


def _read(kept: NDArray[np.generic], shape: torch.Size) -> Tensor:
    """Float values of an array: floats, or float16 whose low and high bytes lie apart, ``(2, n)``, which is smaller."""
    if kept.dtype == np.uint8:
        kept = np.ascontiguousarray(kept.T).view("<f2").reshape(shape)
    return torch.from_numpy(kept).float()


class SqueezeNet(nn.Module):
    """``forward``: RGB ``(n, 3, h, w)`` float 0..1 -> the activations at `taps`, shallow to deep, float.

    Layers after the last tap are neither built nor loaded. The shortest side is 17 pixels or more.
    """

    def __init__(self, taps: tuple[int, ...] = TAPS) -> None:
        super().__init__()
        self.taps = taps
        layers: dict[str, nn.Module] = {"0": nn.Conv2d(3, 64, 3, stride=2)}
        layers |= {str(index): Fire(*sizes) for index, sizes in FIRES.items() if index <= max(taps)}
        self.features = nn.ModuleDict(layers)
        self.register_buffer("mean", torch.tensor(MEAN).view(1, 3, 1, 1), persistent=False)
        self.mean: Tensor
        with np.load(WEIGHTS) as kept:
            self.load_state_dict({name: _read(kept[name], own.shape) for name, own in self.state_dict().items()})
        self.eval().requires_grad_(False)

    def forward(self, x: Tensor) -> list[Tensor]:  # [NCHW]
        """Run the network."""
        x = (x.flip(1) * 255.0 - self.mean).contiguous(memory_format=torch.channels_last)
        found = []
        for index in range(max(self.taps) + 1):
            if index == 0:
                x = F.relu(self.features["0"](x))
            elif index in POOLS:
                x = F.max_pool2d(x, 3, 2, ceil_mode=True)
            elif index in FIRES:
                x = self.features[str(index)](x)
            if index in self.taps:
                found.append(x)
        return found


@cache
def shared(device: str, taps: tuple[int, ...] = TAPS) -> SqueezeNet:
    """The one copy of a process on `device`.

    Making it draws nothing from the random numbers of a training, which goes on exactly, wherever it is first asked
    for.
    """
    with torch.random.fork_rng(devices=[]):
        return SqueezeNet(taps).to(device)
