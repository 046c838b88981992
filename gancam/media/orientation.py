"""How a stored picture is turned and mirrored to be upright, in one of eight ways."""

from dataclasses import dataclass
from typing import Self, TypeVar

import av
import numpy as np
from av.sidedata.sidedata import Type
from numpy.typing import NDArray

from gancam._native import side_data

Array = TypeVar("Array", bound=NDArray[np.generic])
_CLOSE = 0.02  # of a matrix's size: how far from a right angle is taken for one (a degree)


@dataclass(frozen=True, slots=True)
class Orientation:
    """The way from a stored picture to the one that is shown.

    Attributes:
        transposed: Whether rows become columns; before the rest.
        mirrored: Whether left and right change places then.
        flipped: Whether top and bottom change places then.
    """

    transposed: bool = False
    mirrored: bool = False
    flipped: bool = False

    @classmethod
    def of_exif(cls, value: int) -> Self:
        """Return the orientation that EXIF numbers 1 to 8; all other numbers mean 1, upright."""
        places = {2: (0, 1, 0), 3: (0, 1, 1), 4: (0, 0, 1), 5: (1, 0, 0), 6: (1, 1, 0), 7: (1, 1, 1), 8: (1, 0, 1)}
        return cls(*map(bool, places.get(value, (0, 0, 0))))

    @classmethod
    def of_matrix(cls, matrix: NDArray[np.int32]) -> Self | None:
        """Return the orientation of a display matrix, as FFmpeg lays out its nine numbers.

        ``x' = a x + c y`` and ``y' = b x + d y``, where the matrix is ``a b u c d v x y w``. None where it is none of
        the eight: it turns by another angle, or shears.
        """
        a, b, c, d = (float(matrix[place]) for place in (0, 1, 3, 4))
        most = max(abs(a), abs(b), abs(c), abs(d))
        if most == 0:
            return cls()
        if max(abs(b), abs(c)) <= _CLOSE * most and min(abs(a), abs(d)) > _CLOSE * most:
            return cls(False, a < 0, d < 0)
        if max(abs(a), abs(d)) <= _CLOSE * most and min(abs(b), abs(c)) > _CLOSE * most:
            return cls(True, c < 0, b < 0)
        return None

    @classmethod
    def of_frame(cls, frame: av.VideoFrame) -> Self | None:
        """Return the orientation of a decoded frame; None where it is none of the eight."""
        told = [data for kind, data in side_data(frame) if kind == Type.DISPLAYMATRIX]
        return cls.of_matrix(np.frombuffer(told[0], np.int32, 9)) if told and len(told[0]) >= 36 else cls()

    def __bool__(self) -> bool:
        """Tell whether anything changes."""
        return self.transposed or self.mirrored or self.flipped

    def __str__(self) -> str:
        """Name it by what has to be done with the stored picture."""
        names = {
            (False, False, False): "upright", (False, True, False): "mirrored", (False, True, True): "turned by 180",
            (False, False, True): "upside down and mirrored", (True, True, False): "turned by 90 clockwise",
            (True, False, True): "turned by 90 anticlockwise", (True, False, False): "mirrored along a diagonal",
            (True, True, True): "mirrored along the other diagonal",
        }  # fmt: skip
        return names[self.transposed, self.mirrored, self.flipped]

    def apply(self, picture: Array) -> Array:
        """Return `picture`, ``(H, W)`` or ``(H, W, channels)``, as it is shown: a C-contiguous array."""
        shown: NDArray[np.generic] = np.swapaxes(picture, 0, 1) if self.transposed else picture
        shown = shown[:, ::-1] if self.mirrored else shown
        shown = shown[::-1] if self.flipped else shown
        return np.ascontiguousarray(shown)  # type: ignore[return-value]

    def size(self, width: int, height: int) -> tuple[int, int]:
        """Return (width, height) of a picture as it is shown."""
        return (height, width) if self.transposed else (width, height)


EIGHT = tuple(Orientation.of_exif(value) for value in range(1, 9))
