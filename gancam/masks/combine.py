"""Masks made of others: a union, a span of time."""

import math
from typing import Any

import numpy as np

from gancam.errors import MaskError
from gancam.frame import Image
from gancam.masks.conversion import source
from gancam.masks.mask import Mask, MaskSource


class Between(MaskSource):
    """`what` from `start` seconds until before `end`; empty at other times. Frames without a time are 1/30 s apart.

    Raises ``MaskError`` where `start` is not before `end`.
    """

    def __init__(self, what: Any, start: float = 0.0, end: float = math.inf) -> None:
        if not 0 <= start < end:
            raise MaskError(f"from {start:g} s to {end:g} s: the start must come before the end")
        self._what, self._start, self._end = source(what), start, end
        self._clock = 0.0

    def __call__(self, image: Image, *, time: float | None = None) -> Mask:
        now = self._clock if time is None else time
        self._clock = now + 1 / 30
        if self._start <= now < self._end:
            return self._what(image, time=time)
        return np.zeros(image.shape[:2], np.uint8)

    def reset(self) -> None:
        self._clock = 0.0
        self._what.reset()


class Union(MaskSource):
    """What any of several sources marks."""

    def __init__(self, *sources: Any) -> None:
        self.sources = [source(what) for what in sources]

    def __call__(self, image: Image, *, time: float | None = None) -> Mask:
        masks = [one(image, time=time) for one in self.sources]
        if len(masks) == 1:
            return masks[0]
        marked = np.zeros(image.shape[:2], np.uint8)
        for mask in masks:
            marked |= np.asarray(mask != 0, np.uint8)
        return marked

    def reset(self) -> None:
        for one in self.sources:
            one.reset()
