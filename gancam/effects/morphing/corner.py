"""The corner of a frame in which a picture laid over it hides least."""

import cv2
import numpy as np
from numpy.typing import NDArray

from gancam.frame import Image
from gancam.masks.faces import Faces
from gancam.masks.shapes import Box
from gancam.vision.bars import find_picture
from gancam.vision.blend import Place, Region
from gancam.vision.motion import small_grey
from gancam.vision.scenes import Scenes

Steep = NDArray[np.float32]
# The first is kept where no other is clearly better.
CORNERS = tuple(Region(x, y, 0.23, 0.41) for x, y in ((0.74, 0.05), (0.03, 0.05), (0.74, 0.54), (0.03, 0.54)))
_HEAD = 0.35  # of a face's sides, that its hair and chin reach beyond its box
_FACE = 8.0  # what a face costs that is hidden whole, beside 1 for what is as busy as the frame is on average
_MUCH = 0.4  # by how much another corner has to be better
_CLEARER = 2.0  # times as much contrast as when it was chosen: a film that fades in, and a camera that starts


class Corner:
    """Chooses the corner of the first frame, and of each after a cut, with no face in it and little else.

    It is one of the picture within black bars. It stays until the scene or the size of frames changes, or a dark one
    grows light.
    """

    def __init__(self) -> None:
        self._faces: Faces | None = None
        self._scenes = Scenes()
        self.reset()

    def reset(self) -> None:
        """Forget the frames before."""
        self._place: Place | None = None
        self._contrast = 0.0
        self._scenes.reset()

    def __call__(self, image: Image) -> Place:
        """Give the square in pixels; `image` is ``(H, W, 3)``, the next frame."""
        look = self._scenes(image)
        contrast = max(float(look.grey.std()), 1.0)
        if self._place is None or look.before is None or contrast > _CLEARER * self._contrast:
            self._place, self._contrast = self._chosen(image), contrast
        return self._place

    def _chosen(self, image: Image) -> Place:
        rows, columns = find_picture(image, still=False)
        if rows.start == rows.stop or columns.start == columns.stop:
            rows, columns = slice(0, image.shape[0]), slice(0, image.shape[1])
        size = columns.stop - columns.start, rows.stop - rows.start
        if self._faces is None:
            self._faces = Faces()
        faces = [_head(face.box) for face in self._faces.detect(image)]
        busy, scale = _busy(image)
        places, costs = [], []
        for corner in CORNERS:
            within = corner.place(size).square(size)
            place = within._replace(left=within.left + columns.start, top=within.top + rows.start)
            places.append(place)
            costs.append(_FACE * sum(_hidden(face, place) for face in faces) + _mean(busy, place, scale))
        least = int(np.argmin(costs))
        return places[least if costs[least] < costs[0] - _MUCH else 0]


def _head(box: Box) -> Place:
    """What a head covers of whose face this is the box."""
    x, y, wide, tall = box
    left, top = round(x - _HEAD * wide), round(y - _HEAD * tall)
    return Place(left, top, max(round(wide * (1 + 2 * _HEAD)), 1), max(round(tall * (1 + 2 * _HEAD)), 1))


def _hidden(head: Place, place: Place) -> float:
    """The share of a head that is hidden, as far as it shows: a quarter of it is as bad as all."""
    both = head.overlap(place)
    return 0.0 if both is None else min(4.0 * both.width * both.height / (head.width * head.height), 1.0)


def _busy(image: Image) -> tuple[Steep, float]:
    """How steep the frame is at each place, 1 on average, and how many times smaller that is."""
    grey, scale = small_grey(image, 320)
    across, down = (cv2.Sobel(grey, cv2.CV_32F, *which, ksize=3) for which in ((1, 0), (0, 1)))
    steep = cv2.blur(cv2.magnitude(across, down), (3, 3))
    return np.asarray(steep / max(float(steep.mean()), 1.0), np.float32), scale


def _mean(busy: Steep, place: Place, scale: float) -> float:
    """The mean of `busy` in a place of the frame, of one pixel at least."""
    rows = slice(min(int(place.top / scale), busy.shape[0] - 1), max(round(place.bottom / scale), 1))
    columns = slice(min(int(place.left / scale), busy.shape[1] - 1), max(round(place.right / scale), 1))
    return float(busy[rows, columns].mean())
