"""Arrays by name, the same at each frame: the system takes longer to give new ones than it takes to fill them."""

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

T = TypeVar("T", np.uint8, np.uint16, np.int16, np.float32)


class Planes:
    """Arrays by name, made at the first call for one, and anew where another shape or type is asked for."""

    def __init__(self) -> None:
        self._made: dict[str, NDArray[np.generic]] = {}

    def __call__(self, name: str, shape: tuple[int, ...], kind: type[T]) -> NDArray[T]:
        """Give the array `name`, of any content: what the last call for it was filled with, or nothing yet."""
        found = self._made.get(name)
        if found is None or found.shape != shape or found.dtype != kind:
            found = self._made[name] = np.empty(shape, kind)
        return found  # type: ignore[return-value]  # it is of that type
