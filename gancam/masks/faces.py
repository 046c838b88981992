"""Masks of faces that a detector finds."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from gancam._native import quiet_opencv
from gancam.errors import MaskError, NotFound, first_line
from gancam.files import check_path
from gancam.frame import Image, check_image
from gancam.inference.catalog import MODELS
from gancam.masks.mask import Mask, MaskSource, check_number
from gancam.masks.shapes import Box, shared
from gancam.vision.fit import shrunk
from gancam.vision.scenes import Scenes

_RATE, _ROUNDED = 30, 0.002  # frames a second of those without a time; seconds by which a time may be wrong

_NEXT = 0.14  # of a face's height: so far eyes and mouth reach from their middles


class Face(NamedTuple):
    """A detected face, in pixels of the frame."""

    box: Box
    landmarks: NDArray[np.float32]  # (5, 2): right eye, left eye, nose, right and left corner of the mouth
    score: float


Finder: TypeAlias = Callable[[Image], Sequence[Face]]
"""Detects the faces in an image ``(H, W, 3)``, the most confident first."""


class Faces(MaskSource):
    """Marks faces, found by a YuNet model that OpenCV's ``FaceDetectorYN`` runs.

    Each face is marked by an ellipse around its box, together with its eyes, nose and mouth and what is next to them,
    which reach beyond the ellipse where a face is turned away. ``detect`` gives the faces themselves.

    Args:
        model: the .onnx file of a YuNet model, as in OpenCV's model zoo; None for the bundled one.
        score: how sure the detector must be, 0 to 1.
        grow: size of the ellipse, in sizes of the face's box.
        hold: how long a face stays marked once it is no longer found, in 1/30 s, at least one frame; a cut forgets all
            faces. Frames without a time are taken to be 1/30 s apart.
        long: longer side, in pixels, of the picture that the detector sees; it finds faces of 10 such pixels or more.

    Raises:
        NotFound: there is no such file.
        MaskError: the file is not such a model, or a number is invalid or out of range.
    """

    def __init__(
        self,
        model: str | os.PathLike[str] | None = None,
        *,
        score: float = 0.6,
        grow: float = 1.2,
        hold: int = 5,
        long: int = 320,
    ) -> None:
        score, grow = check_number(score, "score", 0, 1), check_number(grow, "grow", 0, 100)
        hold, long = round(check_number(hold, "hold", 0, 1e6)), round(check_number(long, "long", 32, 8192))
        if model is not None:
            check_path(model, "face detector")
        self.model = Path(model) if model is not None else MODELS / "detectors" / "yunet.onnx"
        if not self.model.is_file():
            needs = "a YuNet .onnx, or on (None in Python) for the bundled one"
            raise NotFound(f"face detector {model}: no such file; needs {needs}")
        try:
            with quiet_opencv():  # it warns of its own settings
                self._detector = cv2.FaceDetectorYN.create(str(self.model), "", (long, long), score)
        except cv2.error as error:
            raise MaskError(
                f"face detector {self.model}: OpenCV {cv2.__version__} cannot run it ({first_line(error)})"
            ) from error
        self._arguments = str(self.model.absolute()), score, grow, hold, long
        self._grow, self._hold, self._long = grow, hold, long
        self._held: list[tuple[Face, float]] = []  # and the seconds for which each still is
        self._scenes = Scenes()
        self._clock = 0.0

    def __reduce__(self) -> tuple[object, ...]:  # OpenCV's detector cannot be copied
        return _made, self._arguments

    def detect(self, image: Image) -> list[Face]:
        """Return the faces in `image` ``(H, W, 3)``, the most certain first."""
        image = check_image(image)
        shrink = max(max(image.shape[:2]) / self._long, 1.0)
        size = shrunk((image.shape[1], image.shape[0]), shrink, least=32)
        self._detector.setInputSize(size)
        try:
            _, found = self._detector.detect(cv2.resize(image, size, interpolation=cv2.INTER_AREA))
        except cv2.error as error:
            raise MaskError(f"face detector {self.model}: is not a YuNet model ({first_line(error)})") from error
        if found is None:
            return []
        scale = np.array([image.shape[1] / size[0], image.shape[0] / size[1]], np.float32)
        faces = []
        for row in np.asarray(found, np.float32):
            x, y, wide, tall = (row[:4].reshape(2, 2) * scale).reshape(-1).tolist()
            faces.append(Face((x, y, wide, tall), row[4:14].reshape(5, 2) * scale, float(row[14])))
        return sorted(faces, key=lambda face: -face.score)

    def __call__(self, image: Image, *, time: float | None = None) -> Mask:
        """Return 1 on the faces of `image` and on those still held, else 0."""
        image = check_image(image)
        now = self._clock + 1 / _RATE if time is None else time
        passed, self._clock = max(now - self._clock, 0.0), now
        if self._scenes(image).before is None:
            self._held = []
        faces = self.detect(image)
        whole = self._hold / _RATE
        # Of few frames a second one is kept at least: else none would be held. Times of files are rounded.
        held = [(face, left - passed) for face, left in self._held if left == whole or left > passed - _ROUNDED]
        kept = [one for one in held if whole > 0.0 and not any(_overlap(one[0].box, face.box) for face in faces)]
        self._held = [(face, whole) for face in faces] + kept
        mask = np.zeros(image.shape[:2], np.uint8)
        for face, _ in self._held:
            x, y, wide, tall = face.box
            axes = round(wide * self._grow / 2), round(tall * self._grow / 2)
            cv2.ellipse(mask, (round(x + wide / 2), round(y + tall / 2)), axes, 0, 0, 360, 1, cv2.FILLED)
            if self._grow:
                features = cv2.convexHull(face.landmarks.round().astype(np.int32))
                cv2.fillConvexPoly(mask, features, 1)
                cv2.polylines(mask, [features], True, 1, max(round(2 * _NEXT * tall), 1))
        return mask

    def reset(self) -> None:
        """Forget all faces."""
        self._held, self._clock = [], 0.0
        self._scenes.reset()


def _made(model: str, score: float, grow: float, hold: int, long: int) -> Faces:
    return Faces(model, score=score, grow=grow, hold=hold, long=long)


def _overlap(a: Box, b: Box) -> bool:
    return shared(a, b) > 0.2 * min(a[2] * a[3], b[2] * b[3])
