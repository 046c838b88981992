"""What every network of super-resolution shows of itself."""

from torch import nn


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
