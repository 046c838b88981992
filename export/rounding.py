"""8-bit weights that no CPU adds up wrongly.

Kernels for AVX2 and for AVX-512 without VNNI multiply unsigned activations by signed weights, add the products *in
pairs* in 16 bits, and cut the sum off at -32768 and 32767 (``vpmaddubsw``). Activations reach 255, so a pair of weights
is safe when its parts of one sign sum to 128 at most (255 * 128 = 32640). Which weights become a pair is the affair of
the kernel; here no two of an output channel may sum to more, so that no order of the channels and taps can matter.

That takes up to one bit from the weights. It is won back by choosing how each is rounded: each weight's rounding
error is made good by those that are rounded after it, as far as the inputs of the convolution go together, which those
of pictures do (Frantar et al., https://arxiv.org/abs/2210.17323).
"""

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

PAIR = 128  # most that two weights of one sign may sum to, by size: 255 * 128 fits in 16 bits, 255 * 129 does not
MOST = 127  # most that one may be: -128 has no opposite, and Arm's kernels add two products of -128 * -128 in 16 bits
SHARES = (1.0, 0.97, 0.94, 0.91, 0.88, 0.85, 0.8, 0.75, 0.7, 0.65, 0.6)  # of the step at which nothing is cut off
PLACES = 4_000  # of each picture, about, that the moments are of
Vector = NDArray[np.float64]


@dataclass
class Moments:
    """What a convolution sees: the mean ``(k,)`` and covariance ``(k, k)`` of its input patches.

    k counts input channels, rows and columns of the kernel.
    """

    mean: Vector
    covariance: Vector


class Watch:
    """Gathers the moments of what one convolution sees."""

    def __init__(self) -> None:
        self._count, self._sum, self._products = 0, np.zeros(0), np.zeros((0, 0))

    def see(self, x: Tensor, size: tuple[int, int], stride: int = 1, dilation: int = 1) -> None:
        """Take in what a kernel of `size` sees of `x` ``(1, c, h, w)``, which is already padded."""
        apart = math.isqrt(x.shape[2] * x.shape[3] // PLACES // stride**2) | 1  # odd: rows and columns of each parity
        patches = F.unfold(x.float(), size, dilation=dilation, stride=stride * apart)[0].double()
        if not self._count:
            self._sum, self._products = np.zeros(len(patches)), np.zeros((len(patches),) * 2)
        self._count += patches.shape[1]
        self._sum += patches.sum(1).numpy()
        self._products += (patches @ patches.T).numpy()

    def moments(self) -> Moments:
        """Mean and covariance of all that was seen."""
        mean = self._sum / self._count
        return Moments(mean, self._products / self._count - np.outer(mean, mean))


@dataclass(frozen=True)
class Rounded:
    """``weights`` int8 in the kernel's shape, ``steps`` one for each output channel.

    With them comes the ``bias`` that makes good what rounding did to the mean.
    """

    weights: NDArray[np.int8]
    steps: Vector
    bias: Vector

    def coarser(self, least: Vector) -> "Rounded":
        """The same, with no step under that of its channel in `least`."""
        steps = np.maximum(self.steps, least)
        share = (self.steps / steps).reshape(-1, *[1] * (self.weights.ndim - 1))
        return replace(self, weights=np.round(self.weights * share).astype(np.int8), steps=steps)


def rounded(
    kernel: NDArray[np.floating], bias: NDArray[np.floating], moments: Moments | None = None, noise: float = 0.0
) -> Rounded:
    """`kernel` ``(o, i, kh, kw)`` in 8 bits, of which no pair within an output channel can saturate.

    With the `moments` of what the convolution sees, the step of each channel and the rounding of each weight are
    chosen for the least squared error of what it gives; `noise` is the variance of what its 8-bit input is off by.
    Without, every weight is rounded by itself.
    """
    flat, given = np.asarray(kernel, np.float64).reshape(len(kernel), -1), np.asarray(bias, np.float64)
    widest = _widest(flat)
    if moments is None:
        codes = np.clip(np.round(flat / widest[:, None]), *_caps(flat, widest))
        return Rounded(codes.astype(np.int8).reshape(kernel.shape), widest, given)
    least = noise + 1e-6 * max(float(np.trace(moments.covariance)), 1e-12)  # so that it has an inverse
    spread = moments.covariance + least * np.eye(flat.shape[1])
    tried = np.concatenate([widest * share for share in SHARES])
    rows = np.tile(flat, (len(SHARES), 1))
    codes = _compensated(rows, _caps(rows, tried), tried, spread)
    off = codes * tried[:, None] - rows
    errors = np.einsum("rk,rk->r", off @ spread, off).reshape(len(SHARES), -1)
    best = errors.argmin(0) * len(flat) + np.arange(len(flat))
    codes, steps = codes[best], tried[best]
    corrected = given + (flat - codes * steps[:, None]) @ moments.mean
    return Rounded(codes.astype(np.int8).reshape(kernel.shape), steps, corrected)


def _widest(flat: Vector) -> Vector:
    """The least step of each row at which nothing need be cut off."""
    ordered = np.sort(np.pad(flat, ((0, 0), (1, 1))), axis=1)  # so that there are two
    pairs = np.maximum(ordered[:, -1] + np.maximum(ordered[:, -2], 0), -ordered[:, 0] - np.minimum(ordered[:, 1], 0))
    return np.asarray(np.maximum(np.maximum(np.abs(flat).max(1) / MOST, pairs / PAIR), 1e-10), np.float64)


def _caps(flat: Vector, steps: Vector) -> tuple[Vector, Vector]:
    """The least and greatest code that each weight may have.

    The largest of each sign has what it needs, the others have what that leaves of `PAIR`.
    """
    codes, rows = np.round(flat / steps[:, None]), np.arange(len(flat))
    found = []
    for sign in (-1, 1):
        largest = (sign * codes).argmax(1)
        top = np.clip((sign * codes)[rows, largest], PAIR // 2, MOST)
        caps = np.repeat(PAIR - top[:, None], flat.shape[1], 1)
        caps[rows, largest] = top
        found.append(sign * caps)
    return found[0], found[1]


def _compensated(flat: Vector, caps: tuple[Vector, Vector], steps: Vector, spread: Vector) -> Vector:
    """The codes of `flat`, those of what varies most first, the rest made good by what is left to be rounded."""
    order = np.argsort(-np.diag(spread), kind="stable")
    inverse = np.linalg.inv(spread[np.ix_(order, order)])
    upper = np.linalg.cholesky((inverse + inverse.T) / 2).T
    left, low, high = flat[:, order].copy(), caps[0][:, order], caps[1][:, order]
    codes = np.empty_like(left)
    for k in range(left.shape[1]):
        codes[:, k] = np.clip(np.round(left[:, k] / steps), low[:, k], high[:, k])
        off = (left[:, k] - codes[:, k] * steps) / upper[k, k]
        left[:, k + 1 :] -= off[:, None] * upper[k, k + 1 :]
    back = np.empty_like(order)
    back[order] = np.arange(len(order))
    return codes[:, back]


def worst(weights: NDArray[np.int8]) -> int:
    """The largest sum, by size, of any two weights of one sign within an output channel of ``(o, ...)``."""
    flat = np.sort(np.pad(weights.reshape(len(weights), -1).astype(np.int64), ((0, 0), (2, 2))), axis=1)
    return int(max(flat[:, -2:].sum(1).max(initial=0), -flat[:, :2].sum(1).min(initial=0)))
