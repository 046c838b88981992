"""Masks, sources of masks, and the simplest of these."""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from gancam.errors import MaskError, shown
from gancam.frame import Image, check_image, takes_time
from gancam.units import is_finite

Mask: TypeAlias = NDArray[np.uint8]
SAME_ASPECT: float = 0.02  # by which the aspect of a mask file may differ from the frame's


class MaskSource(ABC):
    """Gives one mask for each frame, in order; subclasses need only ``__call__``, all else has a default."""

    @abstractmethod
    def __call__(self, image: Image, *, time: float | None = None) -> Mask:
        """Return the mask of one frame.

        Args:
            image: ``uint8 (H, W, 3)`` BGR.
            time: In seconds, on the video's clock; None for a still image.

        Returns:
            ``uint8 (H, W)``, nonzero where marked; neither caller nor source may modify it afterwards.

        Raises:
            MaskError: The source has no valid mask for this image.
        """

    @property
    def notes(self) -> list[str]:
        """What the user should know, such as that an object was lost; the newest last."""
        return []

    @property
    def parts(self) -> "Sequence[MaskSource]":
        """The sources whose masks it unites; only itself where it unites none."""
        return [self]

    def reset(self) -> None:
        """Forget earlier frames, after a seek or a cut, or with a new source."""


def check_mask(mask: object, image: Image, what: str = "mask") -> Mask:
    """Check that `mask` fits `image`, and return it as uint8 ``(H, W)``; copies only what is neither uint8 nor bool.

    Args:
        mask: bool, uint8 (not 0: marked) or float (0 to 1, over 0.5: marked), ``(H, W)`` or ``(H, W, 1)``.
        image: ``(H, W, 3)``.
        what: what error messages call it.

    Raises:
        MaskError: `mask` is not such an array; the message says what would do.
        ImageError: `image` is not an image.
    """
    image = check_image(image)
    if not isinstance(mask, np.ndarray):
        raise MaskError(f"{what} is {type(mask).__name__}, not a numpy array (H, W) of uint8 or bool")
    if mask.ndim == 3 and mask.shape[2] == 1:
        mask = mask[..., 0]
    if mask.ndim != 2:
        raise MaskError(f"{what} has shape {mask.shape}: needs (height, width), one value a pixel")
    if mask.shape != image.shape[:2]:
        raise MaskError(
            f"{what} is {mask.shape[1]}x{mask.shape[0]}, the picture {image.shape[1]}x{image.shape[0]}: they must agree"
        )
    if mask.dtype == np.uint8:
        return np.asarray(mask, np.uint8)
    if mask.dtype == np.bool_:
        return np.asarray(mask.view(np.uint8), np.uint8)
    if np.issubdtype(mask.dtype, np.floating):
        if not (np.isfinite(mask).all() and float(mask.min()) >= 0 and float(mask.max()) <= 1):
            raise MaskError(f"{what} is {mask.dtype} beyond 0..1: needs 0 (keep) to 1 (marked), or uint8")
        return np.asarray(mask > 0.5, np.uint8)
    raise MaskError(f"{what} is {mask.dtype}: needs uint8 or bool (not 0: marked), or float 0..1")


def check_number(value: object, what: str, least: float, most: float = math.inf) -> float:
    """Return `value` as a float. Raises ``MaskError``, which calls it `what`, for what is no number in that range."""
    if is_finite(value) and least <= value <= most:
        return float(value)
    upwards = "or more" if most == math.inf else f"to {most:g}"
    raise MaskError(f"{what} {shown(value)}: needs a number of {least:g} {upwards}")


class Function(MaskSource):
    """Makes a mask source of a function ``image -> mask`` or ``(image, time=...) -> mask``, and checks its masks.

    Raises:
        MaskError: `function` cannot be called.
    """

    def __init__(self, function: Callable[..., object]) -> None:
        if not callable(function):
            raise MaskError(f"mask function {shown(function)}: cannot be called; needs a function image -> mask")
        self._function, self._takes_time = function, takes_time(function)

    def __call__(self, image: Image, *, time: float | None = None) -> Mask:
        """Return the function's mask of `image`. Raises ``MaskError`` if its result is not a valid one."""
        image = check_image(image)
        given = self._function(image, time=time) if self._takes_time else self._function(image)
        return check_mask(given, image, "what the mask function gave")


class Fixed(MaskSource):
    """Gives the same mask for every frame; both must be of one size. Raises ``MaskError`` for what is not an array."""

    def __init__(self, mask: NDArray[np.generic]) -> None:
        if not isinstance(mask, np.ndarray):
            raise MaskError(f"mask is {type(mask).__name__}, not a numpy array (H, W) of uint8 or bool")
        self._mask = mask.copy()

    def __call__(self, image: Image, *, time: float | None = None) -> Mask:
        """Return the mask. Raises ``MaskError`` if `image` has another size."""
        return check_mask(self._mask, image)
