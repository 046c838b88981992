"""People beside a hole, of whom no pieces are to be copied into it, and faces in it, which no pieces are to stand for.

Half a face is worse than any smudge; and where somebody's face is hidden, blurred skin is what one expects. A face is
filled with an ellipse, of which a corner may be the wall's; and a network that sees the wall as well as hair and neck
lets it flow in over the face. So the wall beside a cheek stays, and no fill is made of it.
"""

from typing import NamedTuple

import cv2
import numpy as np

from gancam import masks
from gancam.frame import Image
from gancam.masks import Mask
from gancam.masks.people.regions import Window, holds
from gancam.vision.fit import shrunk

_LONG = 640  # pixels of the longer side of the picture in which faces are looked for
_RIM = 8  # pixels around a hole by which is told whether somebody goes on in it
_TOUCHED = 0.02  # of that which is people, from which on they do
_LARGE = 0.2  # of the side of a square as large as the hole: a face that wide is one to whoever looks at it
_AROUND = 0.5  # of the distance between eyes, by which what must not be copied reaches beyond eyes, nose and mouth
_HEAD, _NEAR, _HIS = 0.75, 1.5, 0.15  # of a face's box: half a head, and half of what is around it; of its rim
_LONGEST = 384  # pixels of the longer side of the picture in which people are looked for: their edges need no more
_EVERY = 3  # frames after which is looked again where somebody waits for them; they go along with the faces between
_EVEN = 5  # pixels across which the edge of somebody is made even: a fill that ends there shows each of its teeth
_ROUND = 1.2  # pixels, deviation, by which it is rounded before it is enlarged, or each of its own would be a stair
_HALF = 100  # of 255: less of a pixel is somebody, and it is the wall's
_CORE = 0.35  # of a face's depth, from its edge to its middle: further in it is filled, whatever there seems to be
_FOUND = 0.95  # of that middle, which must be somebody for the rest to be believed
_RING, _SEEN = 0.25, 0.15  # of a face's longer side: what is around it; and how much of that must be somebody


class People(NamedTuple):
    """Where to be careful with people; masks of 1 and 0, uint8 ``(H, W)``."""

    spared: Mask  # nothing is to be taken from there
    faces: Mask  # holes there stay smooth


class Bystanders:
    """Finds people in pictures, once holes are there which need it."""

    def __init__(self) -> None:
        self._found: tuple[masks.Person, masks.Faces] | None = None

    def __call__(self, image: Image, hole: Mask) -> People:
        """Say what is not to be copied into the `hole` of `image`, and where in it nothing is.

        Nothing is copied from all people who show a face; where somebody goes on in the hole, nothing of eyes, noses
        and mouths of large faces, since cheeks, hair and clothes go on, and crowds do.

        Args:
            image: uint8 ``(H, W, 3)`` BGR.
            hole: 1 there, else 0, uint8 ``(H, W)``.
        """
        if self._found is None:
            self._found = masks.Person(), masks.Faces(long=_LONG)
        person, detector = self._found
        found, spared, faces = detector.detect(image), np.zeros_like(hole), np.zeros_like(hole)
        if not found:
            return People(spared, faces)
        person.reset()
        _, labels = cv2.connectedComponents(person(image))
        rows, columns = (np.clip([face.landmarks[2, at] for face in found], 0, hole.shape[1 - at] - 1) for at in (1, 0))
        theirs = labels[rows.astype(int), columns.astype(int)]  # where their noses are
        people = np.isin(labels, theirs[theirs > 0])
        rim = (cv2.dilate(hole, np.ones((2 * _RIM + 1,) * 2, np.uint8)) > 0) & (hole == 0)
        if not rim.any() or float(people[rim].mean()) < _TOUCHED:
            return People(people.astype(np.uint8), faces)
        least = _LARGE * float(np.count_nonzero(hole)) ** 0.5
        for (x, y, wide, tall), landmarks, _ in found:
            middle = round(x + wide / 2), round(y + tall / 2)
            around = np.zeros_like(hole)
            cv2.ellipse(around, middle, (round(_NEAR * wide), round(_NEAR * tall)), 0, 0, 360, 1, cv2.FILLED)
            near = rim & (around > 0)
            inside = hole[np.clip(landmarks[:, 1].astype(int), 0, hole.shape[0] - 1),
                          np.clip(landmarks[:, 0].astype(int), 0, hole.shape[1] - 1)].any()  # fmt: skip
            if inside and near.any() and float(people[near].mean()) > _HIS:
                cv2.ellipse(faces, middle, (round(_HEAD * wide), round(_HEAD * tall)), 0, 0, 360, 1, cv2.FILLED)
            if wide > least:
                outline = cv2.convexHull(np.round(landmarks).astype(np.int32))
                line = max(round(2 * _AROUND * float(np.linalg.norm(landmarks[0] - landmarks[1]))), 1)
                cv2.fillConvexPoly(spared, outline, 1)
                cv2.polylines(spared, [outline], True, 1, line)
        return People(spared, faces)


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

    def prefer_quality(self) -> None:
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
            self._person.prefer_quality()
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
