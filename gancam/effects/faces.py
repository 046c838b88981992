"""Faces alone: each is found, turned upright, shown to a network of aligned faces, and put back."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from gancam.effects import ModelEffect
from gancam.errors import ModelError, ParameterError
from gancam.frame import Image
from gancam.inference.model import ImageModel, Model
from gancam.inference.variants import file_digest
from gancam.masks.faces import Face, Faces, Finder
from gancam.params import Params, parameter
from gancam.vision.align import Plane, Points, put_back, similarity, upright

# Where the eyes, the nose and the corners of the mouth are in FFHQ's crops of 512x512, left ones of the picture first;
# the networks that restore faces (GFPGAN, CodeFormer, RestoreFormer, GPEN) were all taught on these.
TEMPLATE: Points = np.array(
    [[192.98, 239.95], [318.90, 240.19], [256.63, 314.02], [201.26, 371.41], [313.09, 371.15]], np.float32
)
_SIDE = 512  # pixels along a side of what `TEMPLATE` is of
_FEATHER = 0.12  # of that side: how wide the edge is that fades
_STILL, _MOVED = 0.01, 0.06  # of the distance of the eyes: moves that are noise, and that are followed at once
_LEAST = 0.1  # of the new place that is taken, at the most steady
_HOLD = 5  # frames in which a face that is not found any more fades
_THUMB, _OTHER = 16, 24.0  # pixels of a face's thumbnail, and grey levels by which another picture differs


@dataclass
class FacesParams(Params):
    """What can be set of `FaceEffect`."""

    strength: float = parameter(1.0, minimum=0.0, maximum=1.0, help="how much of the network's face is seen")
    detector: str = parameter(
        "", kind="file", form="the path of a YuNet model", help="what finds faces; none: the bundled one"
    )
    score: float = parameter(0.7, minimum=0.1, maximum=1.0, help="how sure the detector must be of a face")
    most: int = parameter(8, minimum=1, maximum=64, help="faces in a frame that are shown to the network, surest first")
    smallest: int = parameter(24, minimum=1, maximum=4096, help="pixels of the width of a face that is worth it")
    steady: float = parameter(0.8, minimum=0.0, maximum=1.0, help="how much the detector's jitter is damped")


@dataclass
class _Track:
    """A face that is followed: its landmarks, steadied, and in how many frames it was not found since."""

    landmarks: Points
    thumb: NDArray[np.float32]
    lost: int = 0


class FaceEffect(ModelEffect):
    """Restores faces, or whatever its network was taught of aligned ones: ``(H, W, 3)`` -> the same size.

    What is outside the faces stays the same to the byte. A face is followed from frame to frame, so that what the
    network is shown does not jitter.

    Args:
        model: A model of images that keeps their size, of one square size or of any (512 is taken then).
        params: What can be set while it runs.
        find: What finds the faces of an image, instead of the detector that `params` names.

    Raises:
        NotFound: The detector that is named is not there.
        MaskError: The detector is no YuNet model.
    """

    model: ImageModel
    params: FacesParams

    def __init__(self, model: ImageModel, params: FacesParams, *, find: Finder | None = None) -> None:
        super().__init__(model, params)
        self._side = self.card.fixed_height or _SIDE
        self._template: Points = TEMPLATE * np.float32(self._side / _SIDE)
        self._alpha = _feathered(self._side)
        self._opened = lru_cache(maxsize=1)(Faces)
        self._tracks: list[_Track] = []
        self._find = find
        if find is None:
            self._detector()

    def compute(self, image: Image, time: float | None) -> Image:
        """Restore the faces of `image`."""
        if self.params.strength == 0.0:
            return image.copy()
        found = [one for one in (self._find or self._detector().detect)(image)
                 if one.score >= self.params.score and one.box[2] >= self.params.smallest]  # fmt: skip
        self._follow(image, found[: self.params.most])
        result = image.copy()
        for track in self._tracks:
            matrix = similarity(track.landmarks, self._template)
            face: Image = self.model(upright(image, matrix, self._side)[None])[0][0]
            share = self.params.strength * (1.0 - track.lost / (_HOLD + 1))
            put_back(result, face, matrix, np.asarray(cv2.convertScaleAbs(self._alpha, alpha=share), np.uint8))
        return result

    def reset(self) -> None:
        """Forget the frames before, and the faces that are followed."""
        with self._lock:
            super().reset()
            self._tracks = []

    def arguments(self) -> Mapping[str, object]:
        """What finds the faces, where that was given."""
        return {} if self._find is None else {"find": self._find}

    def identity(self) -> Mapping[str, str | None]:
        """Tell the model and the detector by their SHA-256, and where the model runs."""
        detector = "given" if self._find else file_digest(self._detector().model)
        return {**super().identity(), "detector": detector}

    def _detector(self) -> Faces:
        return self._opened(self.params.detector or None, score=0.1)

    def _follow(self, image: Image, faces: Iterable[Face]) -> None:
        """Bring the tracks to where the faces are now; those that are not found any more fade, unless all is new."""
        before, now = list(self._tracks), []
        for face in faces:
            eyes = float(np.hypot(*(face.landmarks[0] - face.landmarks[1])))
            near = min(before, key=lambda one: _apart(one.landmarks, face.landmarks), default=None)
            if near is not None and _apart(near.landmarks, face.landmarks) < eyes:
                before.remove(near)
                landmarks = self._steadied(near.landmarks, face.landmarks, eyes)
            else:
                landmarks = face.landmarks
            now.append(_Track(landmarks, self._thumb(image, landmarks)))
        for track in before:
            same = np.abs(self._thumb(image, track.landmarks) - track.thumb).mean() < _OTHER
            if same and track.lost < _HOLD and self.params.steady > 0.0:
                now.append(_Track(track.landmarks, track.thumb, track.lost + 1))
        self._tracks = now

    def _steadied(self, before: Points, now: Points, eyes: float) -> Points:
        """Landmarks between those `before` and those of `now`: nearer to `now` the further they moved."""
        moved = _apart(before, now) / max(eyes, 1.0)
        share = np.clip((moved - _STILL) / (_MOVED - _STILL), _LEAST, 1.0)
        share = 1.0 - self.params.steady * (1.0 - share)
        return np.asarray(before + np.float32(share) * (now - before), np.float32)

    def _thumb(self, image: Image, landmarks: Points) -> NDArray[np.float32]:
        small = similarity(landmarks, TEMPLATE * np.float32(_THUMB / _SIDE))
        return upright(image, small, _THUMB).astype(np.float32)


def _apart(one: Points, other: Points) -> float:
    """How far the middle of the one is from that of the other, in pixels."""
    return float(np.hypot(*(one.mean(0) - other.mean(0))))


def _feathered(side: int) -> Plane:
    """What of a square is put back: all but its edge, which fades to nothing."""
    edge = np.minimum(np.arange(side), np.arange(side)[::-1]) / (_FEATHER * side)
    near = np.minimum(edge[:, None], edge[None, :]).clip(0.0, 1.0)
    return np.asarray(np.round(255 * near * near * (3 - 2 * near)), np.uint8)


def build(model: Model, params: Mapping[str, object]) -> FaceEffect:
    """Make the effect of a loaded model; `find` among `params` may be a function that finds faces (see `FaceEffect`).

    Raises:
        ModelError: For a model that does not keep an image's size, or that takes no square.
        ParameterError: For a parameter that does not exist, or cannot have that value.
        NotFound: Where the detector that is named is not there.
    """
    if not isinstance(model, ImageModel) or model.card.scale != 1:
        raise ModelError(f"{model.path}: changes the size of the picture; faces need a model that keeps it")
    if model.card.fixed_height != model.card.fixed_width:
        size = f"{model.card.fixed_width}x{model.card.fixed_height}"
        raise ModelError(f"{model.path}: takes {size}; aligned faces are square")
    find = params.get("find")
    if find is not None and not callable(find):
        raise ParameterError(f"find {find!r} must be a function: image -> faces")
    return FaceEffect(model, FacesParams.of(**{key: one for key, one in params.items() if key != "find"}), find=find)
