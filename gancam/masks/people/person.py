"""Masks of people."""

from collections.abc import Callable, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from gancam.errors import MaskError
from gancam.frame import Image, ImageLike, check_image
from gancam.inference.catalog import MODELS
from gancam.inference.model import ImageModel
from gancam.masks.mask import Mask, MaskSource, check_number
from gancam.masks.people.belief import without_fancies, without_isles
from gancam.masks.people.closer import EVERY, OFTEN, CloserLooks, Region
from gancam.masks.people.deciding import rests, step_between
from gancam.masks.people.looks import Looks, Opinion
from gancam.masks.people.recoloured import without_lookalikes
from gancam.masks.people.regions import Window, pieces_of, shown
from gancam.masks.people.strays import strays, without_islands
from gancam.masks.people.trail import MARKED, Trail
from gancam.masks.people.upper import with_upper_half
from gancam.vision.matting import matte
from gancam.vision.planes import Planes
from gancam.vision.push_pull import spread
from gancam.vision.scenes import is_cut

_RESTS, _STEADIER = 0.88, 0.05  # of a picture that rests: less, and the camera may move; and how much more with it
_WORK_SIZE = 256  # pixels of the longer side of frames of 16:9 that the network is shown, where its card says nothing
_LONGEST = 960  # pixels of the longer side of the picture in which those in front are replaced by what is around them
_LOOKS = 2  # once more for those behind these
_HALF = 127  # of 255
_LEAST = 0.0005  # of the picture: less is nobody

Look = Callable[[Image], Mask]


class Person(MaskSource):
    """Masks people near the camera, by default with the bundled network, MediaPipe's selfie segmentation.

    People who are small in the frame are segmented in windows that follow them instead. Every 15 frames, unless someone
    fills much of the frame, the whole is searched for more people, by the network and by their faces.

    To keep edges steady, pixels where the network is unsure (as in MediaPipe) or its output hardly changed keep their
    earlier value, except where the picture changed, and at a cut; edges are then refined by the colours on both sides
    (`gancam.vision.matting`).

    Args:
        model: The open network; None opens the bundled one on the CPU.
        hold: Weight of the previous frame in those pixels, 0 to 1. With 0, a frame without a time is a still image.
        wide: Mark generously, so that nobody is left visible: possible hair, a margin of some pixels, and more around
            the feet of people standing in the picture. Each pixel stays marked for a fifth of a second; if most of the
            mask vanishes from one frame to the next, all of it stays for a second. Frames without a time are assumed
            to be 1/30 s apart. In a still image (the first frame of its scene, without a time), parts of people that
            the network missed (`people.strays`) and people hidden behind others (see `behind`) are marked, too.

    Raises:
        MaskError: `model` is not an open image model, or `hold` is out of range.
    """

    def __init__(self, model: ImageModel | None = None, *, hold: float = 0.7, wide: bool = False) -> None:
        if model is not None and not isinstance(model, ImageModel):
            raise MaskError(f"model is {type(model).__name__}: needs an open one of images, as gancam.Model(path) is")
        model = model if model is not None else ImageModel(MODELS / "background.onnx", device="cpu")
        self._model, self._look = model, Looks(model)
        self._work_size = model.card.work_size or _WORK_SIZE
        self.hold, self.wide = check_number(hold, "hold", 0, 1), wide
        self._whole = Region((0, 0, 0, 0), Opinion(self._look))  # of the last frame
        self._closer = CloserLooks(self._look, self._work_size)
        self._small: Image | None = None  # as the network is shown that
        self._age = 0  # frames since the scene began
        self._is_image = False  # whether this frame is an image by itself
        self._trail = Trail()
        self._planes = Planes()

    def __call__(self, image: Image, *, time: float | None = None) -> Mask:
        """Return 1 where a person is in `image`, else 0."""
        opacity = self.opacity(image, time=time)
        if not self.wide:
            return np.asarray(opacity > 127, np.uint8)
        if self._is_image:
            opacity = self._alone(image, opacity)
        return self._trail(opacity, time)

    def opacity(self, image: ImageLike, *, time: float | None = None) -> NDArray[np.uint8]:
        """Return how much of each pixel of `image` ``(H, W, 3)`` is a person: uint8 ``(H, W)``, 0 to 255.

        The first frame of a scene, if it has no `time`, is treated as a still image and searched again with the people
        already found removed, since the network may see only those in front.
        """
        image = check_image(image)
        found = self._found_in(image, time)
        if not self._is_image or self.wide:
            return found
        return np.asarray(
            cv2.max(found, behind(image, found, lambda rest: Person(self._model)._found_in(rest, None))), np.uint8
        )

    def _found_in(self, image: Image, time: float | None) -> NDArray[np.uint8]:
        """The same in one look at all of it."""
        found = self._seen_in(image, time)
        if not self._is_image:
            return found
        return without_lookalikes(found, image, self._look, self._work_size, lambda: self._closer.faces_of(image))

    def _seen_in(self, image: Image, time: float | None) -> NDArray[np.uint8]:
        """The same, with what looks like somebody for its colours alone."""
        frame = 0, 0, image.shape[1], image.shape[0]
        small = shown(image, frame, self._work_size)
        if not self._goes_on(small) or self._whole.window != frame or (self.hold == 0.0 and time is None):
            self._forget()
        still = None if self._small is None else rests(self._small, small)
        self._closer.movers.look(self._small, small, still)
        self._whole.window, beside = frame, still
        if still is not None and self._small is not None and float(still.mean()) < _RESTS:
            beside = self._gone_along(self._small, small, still)
        mixed, near = (beside, still) if self.hold else (None, None)  # with what is said of this frame, and of windows
        self._small = small
        alone = self._look.alone  # else it is a recurrent network, which is shown whole frames, one after another
        tick, due = self._age, self._age % (OFTEN if self._closer.patient else EVERY) == 0 and alone
        self._is_image = time is None and tick == 0 and alone
        self._age += 1
        closer = self._closer
        closer.begin(tick, hold=self.hold, wide=self.wide, is_image=self._is_image)
        found = seen = self._whole.opinion(small, mixed, tick) if due or self.wide or not closer.regions else None
        if seen is not None and self._is_image:
            seen = with_upper_half(seen, image, frame, self._look, self._work_size, adds=self.wide)
        if seen is not None and alone and not (self.wide and self._is_image):
            found = closer.believed(self._whole, seen, image, at_once=self.wide)
        elif seen is not None and alone:
            both, faces = self._whole.opinion.both, lambda: closer.faces_of(image)
            found = without_fancies(seen, frame, both, faces)
        if due and seen is not None and found is not None:
            closer.search(image, seen, found)
        if alone:
            closer.go_on(image)
        followed, nearer = bool(closer.regions), closer.opacity(image, near)
        if nearer is not None and not self.wide and not closer.fills and not closer.cuts:
            self._whole.before = None
            return nearer
        if found is None:
            found = closer.believed(self._whole, self._whole.opinion(small, mixed, tick), image)
        self._whole.before = closer.decided(found, small, self._whole.before, mixed)
        opacity = matte(without_isles(self._whole.before), small, image, self._planes)
        if followed and (nearer is None or (closer.fills and closer.leave(nearer, opacity))):
            self._age = -(-self._age // EVERY) * EVERY  # searched in the next frame
        if nearer is None or self.wide:
            return opacity if nearer is None else np.asarray(cv2.max(opacity, nearer), np.uint8)
        return closer.with_whole(opacity)

    def _alone(self, image: Image, opacity: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Of an image by itself: who is in it, what was left of them, and others behind them.

        What may be somebody is, where somebody surely is part of it: else flowers and cliffs would be.
        """

        def sure(picture: Image) -> Mask:
            return np.asarray(Person(self._model)._found_in(picture, None) > 127, np.uint8)

        def look(picture: Image) -> Mask:
            return pieces_of(_marked(Person(self._model, wide=True).opacity(picture)), sure(picture))

        marked = pieces_of(_marked(opacity), sure(image))
        opacity = opacity & marked
        marked |= strays(image, marked, np.maximum(*self._whole.opinion.both()))
        return without_islands(np.asarray(cv2.max(opacity, marked | behind(image, marked, look)), np.uint8))

    def _goes_on(self, small: Image) -> bool:
        """Whether `small` is of the scene of the frame before; what is marked for longer than it is seen goes along."""
        if self._small is None:
            return False
        if is_cut(self._small, small):
            self._trail.reset()
            return False
        self._trail.carry(self._small, small)
        return True

    def _gone_along(self, before: Image, small: Image, still: NDArray[np.float32]) -> NDArray[np.float32]:
        """How surely nothing moved beside the camera, with which what is known of the whole frame goes along."""
        step = step_between(before, small)
        if step is None:
            return still
        size = small.shape[1], small.shape[0]
        place = np.array([[1, 0, step[0]], [0, 1, step[1]]], np.float64)
        moved = cv2.warpAffine(before, place, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        beside = rests(np.asarray(moved, np.uint8), small)
        if float(beside.mean()) < float(still.mean()) + _STEADIER:
            return still
        right, down = (round(one * self._whole.window[axis + 2] / size[axis]) for axis, one in enumerate(step))
        self._whole.go_along(right, down, size)
        return beside

    def expect(self, boxes: Sequence[Window]) -> None:
        """Look closer at these boxes (left, top, width, height) in the next frame, where something appeared."""
        self._closer.expect(boxes)

    def prefer_quality(self) -> None:
        """Search for people more often from now on, since speed does not matter."""
        self._closer.patient = True

    def _forget(self) -> None:
        self._whole = Region((0, 0, 0, 0), Opinion(self._look))
        self._small, self._age = None, 0
        self._closer.reset()

    def reset(self) -> None:
        """Forget earlier frames."""
        self._forget()
        self._trail.reset()


def _marked(opacity: NDArray[np.uint8]) -> Mask:
    """255 where so much of a pixel is somebody that a wide mask marks it, else 0."""
    return np.asarray(cv2.threshold(opacity, MARKED, 255, cv2.THRESH_BINARY)[1], np.uint8)


def behind(image: Image, marked: Mask, look: Look) -> Mask:
    """Return how much of each pixel of `image` shows people whom the `marked` ones kept from being detected.

    A network that sees somebody near takes who is smaller, or out of focus behind them, for the background of a
    portrait; they are seen once those in front are taken out of the picture.

    Args:
        image: uint8 ``(H, W, 3)`` BGR.
        marked: how much of each pixel is somebody, uint8 ``(H, W)``; more than half of it: nobody else is.
        look: says the same of a picture.
    """
    found, known = np.zeros_like(marked), marked > _HALF
    for _ in range(_LOOKS):
        if not known.any() or known.all():
            break
        more = np.where(known, np.uint8(0), look(_without(image, known)))
        if np.count_nonzero(more > _HALF) < _LEAST * more.size:
            break
        found = np.maximum(found, more)
        known |= more > _HALF
    return found


def _without(image: Image, known: NDArray[np.bool_]) -> Image:
    """`image` with what is around them where people are known to be."""
    shrink = max(max(known.shape) / _LONGEST, 1.0)
    size = max(round(known.shape[1] / shrink), 1), max(round(known.shape[0] / shrink), 1)
    small = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.float32)
    seen = cv2.resize(np.where(known, np.uint8(0), np.uint8(255)), size, interpolation=cv2.INTER_AREA) == 255
    smooth = spread(small, np.asarray(seen, np.float32)).clip(0, 255).astype(np.uint8)
    whole = cv2.resize(smooth, known.shape[::-1], interpolation=cv2.INTER_LINEAR)
    return np.where(known[..., None], np.asarray(whole, np.uint8), image)
