"""The scene in the coordinates of an anchor frame, and how what is kept there gets in and out."""

import cv2
import numpy as np
from numpy.typing import NDArray

from gancam.effects.inpainting.light import relit
from gancam.effects.inpainting.regions import RING, SEEN, UNKNOWN, FrameRegion
from gancam.effects.inpainting.warp import cubic, frame_corners, square, translation, whole
from gancam.frame import Image
from gancam.vision.motion import Camera, Grey, Matrix, moved

_MARGIN = 0.25  # of the frame on each side, by which the canvas is larger


class Canvas:
    """A picture larger than a frame, which is its middle while the camera is at its anchor.

    Attributes:
        picture: uint8 ``(H, W, 3)`` BGR; of no meaning where `state` is UNKNOWN.
        state: UNKNOWN, INVENTED or SEEN.
        doubts: For how many frames it was doubted.
    """

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Have no size any more."""
        self.picture: Image = np.zeros((0, 0, 3), np.uint8)
        self.state: Grey = np.zeros((0, 0), np.uint8)
        self.doubts: Grey = np.zeros((0, 0), np.uint8)
        self._shift = (0, 0)  # x and y of the anchor frame's corner

    def __bool__(self) -> bool:
        return self.picture.size > 0

    def begin(self, shape: tuple[int, ...]) -> None:
        """Be empty, around an anchor frame of that `shape`."""
        height, width = shape[:2]
        self._shift = round(width * _MARGIN), round(height * _MARGIN)
        size = height + 2 * self._shift[1], width + 2 * self._shift[0]
        if self.picture.shape[:2] != size:
            self.picture, self.state = np.zeros((*size, 3), np.uint8), np.zeros(size, np.uint8)
            self.doubts = np.zeros(size, np.uint8)
        self.state[:], self.doubts[:] = UNKNOWN, 0

    # Where things are

    def from_frame(self, matrix: Matrix) -> Matrix:
        """Coordinates of a frame that is seen from `matrix` -> of the canvas."""
        return np.asarray(translation(*self._shift) @ np.linalg.inv(matrix), np.float64)

    def to_window(self, window: FrameRegion, matrix: Matrix) -> Matrix:
        """Coordinates of the canvas -> of a window of a frame that is seen from `matrix`."""
        there = translation(-window.left, -window.top) @ matrix
        return np.asarray(there @ translation(-self._shift[0], -self._shift[1]), np.float64)

    def at_rest(self, window: FrameRegion) -> tuple[slice, slice]:
        """Rows and columns that are `window` while the camera rests at its anchor."""
        x, y = self._shift
        return slice(window.top + y, window.bottom + y), slice(window.left + x, window.right + x)

    def extent(self, window: FrameRegion, matrix: Matrix) -> tuple[slice, slice]:
        """Rows and columns that hold a window of a frame that is seen from `matrix`; empty where none do."""
        back = np.asarray(np.linalg.inv(self.to_window(window, matrix)), np.float64)
        there = moved(frame_corners(window.size), back)
        low, high = np.floor(there.min(0)).astype(int) - 3, np.ceil(there.max(0)).astype(int) + 3
        height, width = self.state.shape
        return slice(max(low[1], 0), min(high[1], height)), slice(max(low[0], 0), min(high[0], width))

    def is_far(self, shape: tuple[int, ...], matrix: Matrix) -> bool:
        """Whether a frame of that `shape`, seen from `matrix`, has left the canvas, or is at quite another scale."""
        there = moved(frame_corners((shape[1], shape[0])), self.from_frame(matrix))
        area = abs(float(cv2.contourArea(there))) / (shape[0] * shape[1])
        outside = (there < 0).any() or (there > self.state.shape[::-1]).any()
        return bool(outside) or not 0.6 < area < 1.6

    def inner(self, canvas: Grey) -> Grey:
        """The part of an array of the canvas's size that is the anchor frame."""
        (x, y), (height, width) = self._shift, canvas.shape[:2]
        return canvas[y : height - y, x : width - x]

    def step(self, matrix: Matrix) -> Matrix:
        """The way from here to the canvas whose anchor is the frame that is seen from `matrix`."""
        way = translation(*self._shift) @ matrix @ translation(-self._shift[0], -self._shift[1])
        return np.asarray(way, np.float64)

    # Putting in and taking out

    def move(self, step: Matrix) -> None:
        """Go that `step`: what was doubted is believed again."""
        size = self.picture.shape[1], self.picture.shape[0]
        known = whole(cv2.erode(self.state, square(1)) > 0, step, size)
        self.picture = cubic(self.picture, step, size)
        self.state = np.asarray(cv2.warpPerspective(self.state, step, size, flags=cv2.INTER_NEAREST), np.uint8)
        self.state[~known], self.doubts[:] = UNKNOWN, 0

    def put(
        self, picture: Image, fresh: NDArray[np.bool_], shown: NDArray[np.bool_], rows: slice, columns: slice
    ) -> None:
        """Put what is `fresh` of `picture` there, in the light that the canvas is in.

        How they differ is told by what both show, where it is `shown` and was seen before.
        """
        if not fresh.any():
            return
        canvas, state = self.picture[rows, columns], self.state[rows, columns]
        near = cv2.dilate(fresh.astype(np.uint8), square(RING)) > 0
        picture = relit(picture, canvas, near & shown & (state == SEEN))
        cv2.copyTo(picture, fresh.astype(np.uint8), canvas)
        state[fresh], self.doubts[rows, columns][fresh] = SEEN, 0

    def read(self, window: FrameRegion, camera: Camera) -> tuple[Image, Grey]:
        """Picture and state as the present frame of `camera` sees them in `window`."""
        if camera.still:
            rows, columns = self.at_rest(window)
            return self.picture[rows, columns].copy(), self.state[rows, columns].copy()
        rows, columns = self.extent(window, camera.matrix)
        if rows.stop <= rows.start or columns.stop <= columns.start:
            return np.zeros((*window.size[::-1], 3), np.uint8), np.zeros(window.size[::-1], np.uint8)
        there = self.to_window(window, camera.matrix) @ translation(columns.start, rows.start)
        picture, state = self.picture[rows, columns], self.state[rows, columns]
        kinds = np.asarray(cv2.warpPerspective(state, there, window.size, flags=cv2.INTER_NEAREST), np.uint8)
        kinds[~whole(cv2.erode(state, square(1)) > 0, there, window.size)] = UNKNOWN
        return cubic(picture, there, window.size), kinds

    def fill(self, picture: Image, state: Grey) -> None:
        """Put in what another canvas of this size knows, in the light of this one, where this one knows nothing."""
        new = ((self.state == UNKNOWN) & (state > 0)).astype(np.uint8)
        picture = relit(picture, self.picture, (self.state == SEEN) & (state > 0))
        cv2.copyTo(picture, new, self.picture)
        cv2.copyTo(np.minimum(state, SEEN), new, self.state)
