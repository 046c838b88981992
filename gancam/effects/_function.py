"""Plain functions as effects."""

from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from types import BuiltinFunctionType, FunctionType, MethodType
from typing import TypeAlias

import numpy as np

from gancam.effects._checks import check_made
from gancam.effects._contract import Effect
from gancam.errors import InputError
from gancam.frame import Image, ImageLike, check_image, check_size, takes_time

ImageFunction: TypeAlias = Callable[..., ImageLike]
"""A plain function ``image -> image`` or ``(image, time=...) -> image``: ``uint8 (H, W, 3)`` BGR in, the same kind out,
of any size; OpenCV's own functions say no dtype, and are taken."""


_KEPT = 16  # sizes, of which what the function makes of them is remembered


class FunctionEffect(Effect):
    """A plain function as an effect."""

    def __init__(self, function: ImageFunction) -> None:
        given: object = function
        if isinstance(given, type) and issubclass(given, Effect):
            raise InputError(f"{given.__name__} is a class: give an effect of that class, not the class itself")
        named = isinstance(function, FunctionType | BuiltinFunctionType | MethodType)
        self._function, self._name = function, function.__name__ if named else type(function).__name__
        self._sizes: dict[tuple[int, int], tuple[int, int]] = {}  # what became of those that it was shown
        self._takes_time = takes_time(function)

    def __call__(self, image: Image, *, time: float | None = None) -> Image:
        """Call the function, with the time where it takes one. Raises ``ImageError`` for no image, given or made."""
        image = check_image(image)
        made = self._function(image, time=time) if self._takes_time else self._function(image)
        made = check_made(self._name, made, "function")
        self._remember((image.shape[1], image.shape[0]), (made.shape[1], made.shape[0]))
        return made

    def _remember(self, size: tuple[int, int], became: tuple[int, int]) -> None:
        known = self._sizes
        if known.get(size) != became:  # another than before: of all others nobody knows what they would become now
            self._sizes = {**({} if size in known or len(known) == _KEPT else known), size: became}

    @property
    def name(self) -> str:
        """The function's name; of another callable that of its class."""
        return self._name

    def knows_size(self, size: tuple[int, int]) -> bool:
        """Tell whether it saw an image of that (width, height), and so need not be tried on a black one."""
        return size in self._sizes

    def output_size(self, size: tuple[int, int]) -> tuple[int, int]:
        """Give what the function made of such an image, or try it on a black one, since it cannot be asked.

        What remembers frames is copied first, where that is possible: the black one is none of the video.
        """
        width, height = check_size(size)
        if (known := self._sizes.get((width, height))) is not None:
            return known
        function = self._function
        try:
            self._function = deepcopy(function)
        except Exception:  # what cannot be copied may raise anything
            self._function = function
        try:
            made = self(np.zeros((height, width, 3), np.uint8))
        finally:
            self._function = function
        return made.shape[1], made.shape[0]


EffectLike: TypeAlias = Effect | ImageFunction | str | Path
"""What is played: an effect, a plain function, or what ``load`` takes: a name, a file, or the command line's text."""


def as_effect(effect: Effect | ImageFunction) -> Effect:
    """Give `effect` itself, or a plain function as one."""
    return effect if isinstance(effect, Effect) else FunctionEffect(effect)
