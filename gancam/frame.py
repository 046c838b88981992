"""The one pixel language: an Image is uint8 (H, W, 3) BGR, C-contiguous, OpenCV's own."""

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from operator import index
from typing import TYPE_CHECKING, Self, SupportsIndex, TypeAlias, TypeGuard

import cv2
import numpy as np
from numpy.typing import NDArray

from gancam.errors import ImageError, InputError, shown

if TYPE_CHECKING:
    import av


Image: TypeAlias = NDArray[np.uint8]
ImageLike: TypeAlias = NDArray[np.generic]
"""What type checkers take for an image of OpenCV's functions, which do not say of which dtype it is. Calls that take
one raise ``ImageError`` for what is no `Image`."""


@dataclass(frozen=True, slots=True)
class Frame:
    """An image with its place in time."""

    image: Image
    index: int  # 0, 1, 2 … in the order of the source
    time: float  # seconds: at capture for live sources, of presentation for files
    captured: float | None = None  # time.monotonic() of the capture; None for files and for placeholders
    original: Image | None = None  # as it was before the effects, for sinks that compare
    alpha: Image | None = None  # opacity, (H, W), where the source has it
    duration: float | None = None  # seconds until the next frame, or the end; None where that is not known
    placeholder: bool = False  # no picture of the source, but a text in its place, which no effect is shown
    decoded: "av.VideoFrame | None" = None  # the decoder's own, of which `image` is the BGR, where that was asked for
    made: "Frame | None" = None  # what effects have made of it already, to find out its size

    def with_image(self, image: Image) -> Self:
        """Replace the image, and adapt what depends on it.

        Args:
            image: ``(h, w, 3)`` of any size; the frame's own array means that nothing changed.

        Returns:
            A frame at the same place in time: with opacity scaled to ``(h, w)`` (bicubic) and without the decoder's
            planes, which no longer are the picture.
        """
        if image is self.image:
            return self
        return replace(self, image=image, alpha=_scaled(self.alpha, image), decoded=None)


def veiled(frame: Frame, opacity: Image) -> Frame:
    """Let no more be seen of `frame` than `opacity` says, uint8 ``(h, w)``, which is scaled to it, of what it has."""
    more = _scaled(opacity, frame.image)
    if frame.alpha is not None and more is not None:
        more = np.asarray(cv2.multiply(frame.alpha, more, scale=1 / 255), np.uint8)
    return replace(frame, alpha=more)


_CURES = {  # by the kind of a dtype
    "f": " (for floats in 0..1, (image * 255).astype('uint8'))",
    "u": " (for 16 bits, (image >> 8).astype('uint8'))",
    "b": " (for a mask, image * np.uint8(255))",
}


def _scaled(alpha: Image | None, image: Image) -> Image | None:
    """`alpha`, ``(h, w)``, at the size of `image`."""
    if alpha is None or alpha.shape == image.shape[:2]:
        return alpha
    size = image.shape[1], image.shape[0]
    return np.asarray(cv2.resize(alpha, size, interpolation=cv2.INTER_CUBIC), np.uint8)


_CONVERT = {  # what makes an array of what is none, by the name of its class
    "UMat": ": convert it with image.get()",
    "Tensor": ": convert it with image.cpu().numpy(), of uint8 and channels last",
    "Image": ": convert it with numpy.asarray(image.convert('RGB'))[..., ::-1]",
    "NoneType": "; cv2.imread gives None for a file it cannot read",
    "str": ": read the file with cv2.imread(path)",
    "Path": ": read the file with cv2.imread(path)",
    "list": ": convert it with numpy.asarray(image, numpy.uint8)",
}


def is_whole(value: object) -> TypeGuard[int]:
    """Say whether `value` is a whole number, of Python or numpy, and no switch."""
    return isinstance(value, SupportsIndex) and not isinstance(value, bool)


def check_size(size: object, what: str = "size") -> tuple[int, int]:
    """Return `size`, (width, height), as numbers of Python's own; `what` is what the message calls it.

    Raises ``InputError`` for what is none.
    """
    if isinstance(size, Sequence | np.ndarray) and len(size) == 2:
        width, height = size
        if is_whole(width) and is_whole(height):
            width, height = index(width), index(height)
            if min(width, height) >= 1:
                return width, height
    raise InputError(f"{what} {shown(size)}: needs (width, height), two whole numbers of at least 1")


def room(image: Image, most: int, memory: int) -> int:
    """Return how many images like `image` may be kept: `most`, or those that `memory` holds, in bytes; one at least."""
    return min(most, max(memory // image.nbytes, 1))


def check_image(image: object, what: str = "image") -> Image:
    """Return `image` as an Image, copied only if it is not C-contiguous.

    Args:
        image: uint8 ``(H, W, 3)`` BGR.
        what: what the message calls it.

    Raises:
        ImageError: it is anything else, or without a pixel; the message says what would do.
    """
    if not isinstance(image, np.ndarray):
        got = type(image).__name__
        hint = next((_CONVERT[kind.__name__] for kind in type(image).__mro__ if kind.__name__ in _CONVERT), "")
        raise ImageError(f"{what} is {got}, not a numpy array of uint8 (H, W, 3) BGR{hint}")
    if image.ndim == 2 or (image.ndim == 3 and image.shape[2] == 1):
        raise ImageError(f"{what} is greyscale {image.shape}: convert it with cv2.cvtColor(image, cv2.COLOR_GRAY2BGR)")
    if image.ndim == 3 and image.shape[2] == 4:
        raise ImageError(f"{what} has four channels {image.shape}: convert it with image[..., :3] or COLOR_BGRA2BGR")
    if image.ndim == 3 and image.shape[0] == 3 != image.shape[2]:
        raise ImageError(f"{what} has its channels first {image.shape}: convert it with image.transpose(1, 2, 0)")
    if image.ndim != 3 or image.shape[2] != 3 or 0 in image.shape:
        raise ImageError(f"{what} has shape {image.shape}: needs (height, width, 3) of at least one pixel")
    if image.dtype != np.uint8:
        raise ImageError(f"{what} is {image.dtype}: needs uint8 0..255{_CURES.get(image.dtype.kind, '')}")
    return np.ascontiguousarray(image)


def takes_time(function: Callable[..., object]) -> bool:
    """Tell whether a function of images takes ``time=``; some builtins do not say, and take none."""
    try:
        return "time" in inspect.signature(function).parameters
    except (TypeError, ValueError):
        return False
