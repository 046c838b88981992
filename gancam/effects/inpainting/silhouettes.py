"""Where those are not whose faces are filled: the wall beside a cheek stays, and no fill is made of it.

A face is filled with an ellipse, of which a corner may be the wall's; and a network that sees the wall as well as hair
and neck lets it flow in over the face.
"""

import cv2
import numpy as np

from gancam import masks
from gancam.frame import Image
from gancam.masks import Mask
from gancam.masks.people.regions import Window, holds
from gancam.vision.fit import shrunk

_LONGEST = 384  # pixels of the longer side of the picture in which people are looked for: their edges need no more
_EVERY = 3  # frames after which is looked again where somebody waits for them; they go along with the faces between
_EVEN = 5  # pixels across which the edge of somebody is made even: a fill that ends there shows each of its teeth
_ROUND = 1.2  # pixels, deviation, by which it is rounded before it is enlarged, or each of its own would be a stair
_HALF = 100  # of 255: less of a pixel is somebody, and it is the wall's
_CORE = 0.35  # of a face's depth, from its edge to its middle: further in it is filled, whatever there seems to be
_FOUND = 0.95  # of that middle, which must be somebody for the rest to be believed
_RING, _SEEN = 0.25, 0.15  # of a face's longer side: what is around it; and how much of that must be somebody


class Silhouettes:
    """Finds people around faces; see `gancam.masks.Person`."""

    def __init__(self) -> None:
        self._person: masks.Person | None = None
        self._patient = False
        self._found: tuple[Mask, list[Window]] | None = None  # where nobody was when it looked last, and those faces
        self._age = 0  # frames since

    def __call__(self, image: Image, time: float | None, faces: Mask) -> Mask:
        """Return 1 where nobody is in `image`, else 0; around faces of whom no silhouette is found, 0.

        Args:
            image: uint8 ``(H, W, 3)`` BGR.
            time: of the frame, in seconds; None: unknown.
            faces: not 0 in their ellipses, uint8 ``(H, W)``.
        """
        size = shrunk(faces.shape[::-1], max(max(faces.shape) / _LONGEST, 1.0))
        marked = np.asarray(cv2.resize(faces, size, interpolation=cv2.INTER_NEAREST) != 0, np.uint8)
        count, labels, stats, _ = cv2.connectedComponentsWithStats(marked)
        boxes: list[Window] = [(x, y, wide, tall) for x, y, wide, tall, _ in stats[1:count].tolist()]
        self._age += 1
        nobody = None if self._patient or time is None or self._age >= _EVERY else self._carried(boxes, marked)
        if nobody is None:
            nobody = self._looked(np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8), time)
            self._found, self._age = (nobody.copy(), boxes), 0
        nobody = np.asarray(cv2.medianBlur(nobody, _EVEN), np.uint8)
        for label, box in enumerate(boxes, 1):
            near = _around(box)
            _limit(nobody[near], np.asarray(labels[near] == label, np.uint8))
        if size == faces.shape[::-1]:
            return nobody
        even = cv2.GaussianBlur(nobody * np.uint8(255), (0, 0), _ROUND)
        soft = cv2.resize(even, faces.shape[::-1], interpolation=cv2.INTER_CUBIC)
        return np.asarray(cv2.threshold(soft, 127, 1, cv2.THRESH_BINARY)[1], np.uint8)

    def take_time(self) -> None:
        """Look in each frame from now on: nobody waits for them."""
        self._patient = True

    def reset(self) -> None:
        """Forget the frames before."""
        self._found = None
        if self._person is not None:
            self._person.reset()

    def _looked(self, small: Image, time: float | None) -> Mask:
        if self._person is None:
            self._person = masks.Person()
        if self._patient:
            self._person.take_time()
        return np.asarray(self._person.opacity(small, time=time) <= _HALF, np.uint8)

    def _carried(self, boxes: list[Window], marked: Mask) -> Mask | None:
        """What was found last, which went along with each face; None where another face is there."""
        if self._found is None or self._found[0].shape != marked.shape:
            return None
        before, known = self._found
        nobody = before.copy()
        for box in boxes:
            same = [other for other in known if holds(other, box) and holds(box, other)]
            if not same:
                return None
            right, down = (box[axis] + box[axis + 2] / 2 - same[0][axis] - same[0][axis + 2] / 2 for axis in (0, 1))
            rows, columns = _around(box)
            place = np.array([[1, 0, columns.start - right], [0, 1, rows.start - down]], np.float64)
            region = nobody[rows, columns]
            region[:] = cv2.warpAffine(
                before, place, region.shape[::-1], flags=cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP,
                borderMode=cv2.BORDER_REPLICATE,
            )  # fmt: skip
        return nobody


def _around(box: Window) -> tuple[slice, slice]:
    """Rows and columns around a face."""
    x, y, wide, tall = box
    more = round(_RING * max(wide, tall))
    return slice(max(y - more, 0), y + tall + more), slice(max(x - more, 0), x + wide + more)


def _limit(nobody: Mask, face: Mask) -> None:
    """Set `nobody`, around one `face`, to 0 where that cannot be: in its middle, or all over."""
    edged = cv2.copyMakeBorder(face, 1, 1, 1, 1, cv2.BORDER_CONSTANT)
    depth = cv2.distanceTransform(edged, cv2.DIST_L2, 3)[1:-1, 1:-1]
    core, beside = depth > _CORE * depth.max(), face == 0
    somebody = nobody == 0
    if not beside.any() or somebody[core].mean() < _FOUND or somebody[beside].mean() < _SEEN:
        nobody[:] = 0
        return
    nobody[core] = 0
    count, labels = cv2.connectedComponents(nobody, connectivity=4)
    outside = np.zeros(count, np.bool_)  # what is shut in by a face is a dark brow, or glasses
    outside[labels[beside]] = True
    nobody[~outside[labels]] = 0
