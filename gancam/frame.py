"""The one pixel language: an Image is uint8 (H, W, 3) BGR, C-contiguous, OpenCV's own."""

import queue
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Generic, Self, TypeAlias, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from gancam.errors import ImageError

T = TypeVar("T")
_LOOK = 0.1  # seconds after which a thread that waits for room looks around

if TYPE_CHECKING:
    import av

Image: TypeAlias = NDArray[np.uint8]
_MOST = 7  # arrays of a shelf beside the newest


@dataclass(frozen=True, slots=True)
class Frame:
    """An image with its place in time."""

    image: Image
    index: int  # 0, 1, 2 … in the order of the source
    time: float  # seconds: at capture for live sources, of presentation for files
    captured: float | None = None  # time.monotonic() of the capture; None for files and for placeholders
    original: Image | None = None  # as it was before the effects, for sinks that compare
    alpha: Image | None = None  # opacity, (H, W), where the source has it
    decoded: "av.VideoFrame | None" = None  # the decoder's own, of which `image` is the BGR, where that was asked for

    def with_image(self, image: Image) -> Self:
        """Replace the image, and keep true what belongs to it.

        Args:
            image: ``(h, w, 3)`` of any size; the frame's own array means that nothing changed.

        Returns:
            A frame at the same place in time: with opacity scaled to ``(h, w)`` (bicubic) and without the decoder's
            planes, which no longer are the picture.
        """
        if image is self.image:
            return self
        return replace(self, image=image, alpha=_scaled(self.alpha, image), decoded=None)


def _scaled(alpha: Image | None, image: Image) -> Image | None:
    """`alpha`, ``(h, w)``, at the size of `image`."""
    if alpha is None or alpha.shape == image.shape[:2]:
        return alpha
    size = image.shape[1], image.shape[0]
    return np.asarray(cv2.resize(alpha, size, interpolation=cv2.INTER_CUBIC), np.uint8)


def check_image(image: Any, what: str = "image") -> Image:
    """`image` as an Image, C-contiguous (copied only if it is not).

    Raises ``ImageError`` for anything but uint8 ``(H, W, 3)`` of at least one pixel; the message says what would do.
    """
    if not isinstance(image, np.ndarray):
        got = type(image).__name__
        hint = "; cv2.imread gives None for a file it cannot read" if image is None else ""
        raise ImageError(f"{what} is {got}, not a numpy array of uint8 (H, W, 3) BGR{hint}")
    if image.ndim == 2 or (image.ndim == 3 and image.shape[2] == 1):
        raise ImageError(f"{what} is greyscale {image.shape}: convert it with cv2.cvtColor(image, cv2.COLOR_GRAY2BGR)")
    if image.ndim == 3 and image.shape[2] == 4:
        raise ImageError(f"{what} has four channels {image.shape}: convert it with image[..., :3] or COLOR_BGRA2BGR")
    if image.ndim != 3 or image.shape[2] != 3 or 0 in image.shape:
        raise ImageError(f"{what} has shape {image.shape}: needs (height, width, 3) of at least one pixel")
    if image.dtype != np.uint8:
        raise ImageError(
            f"{what} is {image.dtype}: needs uint8 0..255 (for floats in 0..1, (image * 255).astype('uint8'))"
        )
    return np.ascontiguousarray(image)


class Lane(Generic[T]):
    """A queue between one thread that puts and one that takes, of about `size` items.

    An exception out of a signal handler (Ctrl-C) may come anywhere, also while ``queue.Queue`` holds its lock, which
    then nobody gives back: both sides wait for ever. Here whatever is locked is locked and given back in C.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._items: queue.SimpleQueue[T] = queue.SimpleQueue()
        self._taken: queue.SimpleQueue[None] = queue.SimpleQueue()  # wakes who waits for room; what counts is `_items`

    def put(self, item: T, *, stopped: Callable[[], bool] = lambda: False) -> bool:
        """Wait for room, then put `item` there; False, and it is not, once `stopped` says so."""
        while self._items.qsize() >= self._size:
            if stopped():
                return False
            with suppress(queue.Empty):
                self._taken.get(timeout=_LOOK)
        self._items.put(item)
        return True

    def push(self, item: T) -> None:
        """Put `item` there at once, whether there is room or not."""
        self._items.put(item)

    def wake(self) -> None:
        """Have who waits for room look at once whether it is stopped."""
        self._taken.put(None)

    def take(self) -> T:
        """The oldest item; waits for one."""
        item = self._items.get()
        if self._taken.empty():
            self._taken.put(None)
        return item


class Shelf:
    """Arrays that are handed out again when nobody holds them any more, so that a steady stream of pictures allocates
    nothing: whoever took one owns it, and all views of it, for as long as any reference is left."""

    def __init__(self) -> None:
        self._arrays: list[NDArray[np.uint8]] = []

    def take(self, shape: tuple[int, ...]) -> NDArray[np.uint8]:
        """An array of that shape, C-contiguous, of unknown content."""
        for array in self._arrays:
            if array.shape == shape and sys.getrefcount(array) <= _UNHELD:
                return array
        array = np.empty(shape, np.uint8)
        self._arrays = [*[old for old in self._arrays if old.shape == shape][-_MOST:], array]
        return array


def _unheld() -> int:
    """References to an array that a list alone holds, counted in a loop over that: which ones Python counts on the way
    differs from version to version."""
    for array in [np.empty(1, np.uint8)]:
        count = sys.getrefcount(array)
    return count


_UNHELD = _unheld()
