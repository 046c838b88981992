"""People beside a hole, of whom no pieces are to be copied into it, and faces in it, which no pieces are to stand for.

Half a face is worse than any smudge; and where somebody's face is hidden, blurred skin is what one expects.
"""

from typing import NamedTuple

import cv2
import numpy as np

from gancam import masks
from gancam.frame import Image
from gancam.masks import Mask

_LONG = 640  # pixels of the longer side of the picture in which faces are looked for
_RIM = 8  # pixels around a hole by which is told whether somebody goes on in it
_TOUCHED = 0.02  # of that which is people, from which on they do
_LARGE = 0.2  # of the side of a square as large as the hole: a face that wide is one to whoever looks at it
_AROUND = 0.5  # of the distance between eyes, by which what must not be copied reaches beyond eyes, nose and mouth
_HEAD, _NEAR, _HIS = 0.75, 1.5, 0.15  # of a face's box: half a head, and half of what is around it; of its rim


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
