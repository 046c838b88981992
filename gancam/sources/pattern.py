"""A test pattern: frames without a file or a camera."""

import cv2
import numpy as np

from gancam.frame import Image, check_size
from gancam.sources.contract import DrawnSource


class TestPattern(DrawnSource):
    """Plays a moving, deterministic picture with a burnt-in time code: to try and test everything without a camera.

    The top holds the frame's index as 16 black or white blocks, the most
    significant bit first, which `index_in` reads back even after scaling and compression; below are colour bars, a
    moving ramp, a bouncing ball and the time code MINUTES:SECONDS:FRAME. Pictures under 64x48 have ramp and bars only.

    Args:
        size: (width, height), at least (1, 1).
        fps: Frames a second.
        frames: How many; None for no end.

    Raises:
        InputError: For values that make no sense.
    """

    __test__ = False  # pytest: not a test, whatever the name

    def __init__(self, size: tuple[int, int] = (640, 360), *, fps: float = 30.0, frames: int | None = 300) -> None:
        super().__init__(check_size(size), fps, frames)
        self._ground = _colour_bars(self._size)

    def image(self, index: int) -> Image:
        """Draw the picture of frame `index`, a fresh array."""
        width, height = self._size
        image = self._ground.copy()
        ramp = ((np.arange(width) + 3 * index) % 256).astype(np.uint8)
        image[height // 2 : height * 3 // 4] = ramp[:, None]
        if width < 64 or height < 48:
            return image
        radius = height // 12
        swing = (width - 2 * radius) / 2
        centre = (int(width / 2 + swing * np.sin(index / 15)), height * 7 // 8)
        cv2.circle(image, centre, radius, (255, 255, 255), -1, cv2.LINE_AA)
        bits = height // 8
        for bit in range(16):
            left, right = bit * width // 16, (bit + 1) * width // 16
            image[:bits, left:right] = 235 if index >> (15 - bit) & 1 else 16
        rate = max(round(self._fps), 1)
        code = f"{index // rate // 60:02d}:{index // rate % 60:02d}:{index % rate:02d}"
        scale = height / 300
        place = (width // 16, bits + int(40 * scale) + 2)
        thick, edge = max(round(scale), 1), max(round(2 * scale), 1)
        # an outline by shifts: a bolder stroke is also wider with the fonts of OpenCV 5
        for x, y in ((-edge, 0), (edge, 0), (0, -edge), (0, edge), (0, 0)):
            colour = (0, 0, 0) if x or y else (255, 255, 255)
            at = (place[0] + x, place[1] + y)
            cv2.putText(image, code, at, cv2.FONT_HERSHEY_SIMPLEX, scale, colour, thick, cv2.LINE_AA)
        return image

    @staticmethod
    def index_in(image: Image) -> int:
        """Read the frame index (0..65535) burnt into `image`, a picture of this pattern at any scale."""
        height, width = image.shape[:2]
        index = 0
        for bit in range(16):
            middle = (2 * bit + 1) * width // 32
            index = index << 1 | int(image[height // 16, middle].mean() > 128)
        return index


def _colour_bars(size: tuple[int, int]) -> Image:
    width, height = size
    bars = [[192 * (bar >> channel & 1) for channel in (0, 2, 1)] for bar in range(7, -1, -1)]
    ground = np.empty((height, width, 3), np.uint8)
    ground[:] = np.array(bars, np.uint8)[np.arange(width) * 8 // width]
    ground[height * 3 // 4 :] = 24
    return ground
