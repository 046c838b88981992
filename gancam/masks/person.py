"""Masks of people."""

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from gancam.frame import Image, ImageLike, check_image
from gancam.inference.catalog import MODELS
from gancam.inference.model import ImageModel
from gancam.masks.faces import Faces
from gancam.masks.mask import Mask, MaskSource
from gancam.masks.regions import (
    Window,
    area,
    boxes_above,
    carried,
    holds,
    is_close,
    is_cut_off,
    overlap,
    people_in,
    united,
    window_around,
)
from gancam.vision.motion import is_cut
from gancam.vision.planes import Planes

_WORK_SIZE = 256  # pixels of the longer side of frames of 16:9 that the network is shown, where its card says nothing
_RADIUS, _FLAT = 3, 100.0  # of the guided filter: its window, and the variance under which there is no edge
_CHANGE = 0.15  # of a probability, which the noise of a camera makes
_NOISE, _MOVED = 7.0, 14.0  # grey levels by which the noise of a camera changes the small picture, and what moves does
_STILL = np.exp(-((np.maximum(np.arange(256) - _NOISE, 0) / _MOVED) ** 2)).astype(np.float32)  # of that change
_MARKED = 60  # of 255: opacity from which on a wide mask marks a pixel: hair, and the blur of a hand
_RIM = 240  # of the shorter side: how far a wide mask reaches beyond that, over what compression smeared of people
_TRAIL = 20  # hundredths of a second for which a pixel stays marked
_GONE = 0.5  # times as many pixels as in the frame before: fewer is a mistake, not somebody who walks out
_KEPT = 1.0  # seconds for which such a mistake may last
_NONE, _ALL = 0.12, 0.92  # what is less is nobody, what is more is all somebody: no haze around heads
_EVERY = 15  # frames after which the whole frame is searched again for people who are small in it
_SEED = 0.5  # a probability in the whole frame which is worth a closer look
_FACE = 640  # pixels of the frame's longer side for the search for faces: they are found from 10 of these on
_BODY = 1.5, 0.7, 4.0, 6.0  # widths to the left of a face, heights above it; widths and heights of who has it
_SURE, _FILLS = 0.8, 0.04  # what a closer look must be of somebody, and the share of the window that they fill
_TALL = 1 / 16  # of the frame's height: who is smaller is nobody
_ENTER, _LEAVE = 0.5, 0.6  # of the frame: a closer look is worth it for windows under that, and not any more over that
_MUCH = 0.6  # of a window: it becomes smaller where that is enough
_MOST = 3  # closer looks a frame


@dataclass
class _Region:
    """A part of the frame that is looked at closer."""

    window: Window
    before: NDArray[np.float32] | None = None  # what was found there in the last frame
    missed: int = 0  # frames since somebody was found there

    def move(self, window: Window, size: tuple[int, int]) -> None:
        """Look at `window` from now on; `size`: width and height of what the network is shown of it."""
        if self.before is not None:
            self.before = carried(self.before, self.window, window, (size[1], size[0]))
        self.window = window


class Person(MaskSource):
    """People near the camera, as MediaPipe's selfie segmentation sees them: bundled, nothing to name.

    Those who are small in the frame are looked at closer: windows around them follow them, and are shown to the network
    instead of the frame. Every 15 frames the whole is searched for others, by the network and by their faces, where
    nobody fills much of the frame.

    What the network is not sure of (as MediaPipe does it), or what hardly changed, stays as it was in the frame before,
    so that edges do not tremble, but where the picture itself changed, and at a cut; they are then laid along those of
    the frame (fast guided filter, https://arxiv.org/abs/1505.00996).

    Args:
        model: The open network; None opens the bundled one on the CPU.
        hold: 0 to 1: how much of the frame before stays there.
        wide: Rather mark too much than show somebody: what may be hair is marked, and some pixels around, each stays so
            for a fifth of a second, and where most of what was marked is gone from one frame to the next, all of it
            stays for a second.
            Frames without a time are taken to be 1/30 s apart.
    """

    def __init__(self, model: ImageModel | None = None, *, hold: float = 0.7, wide: bool = False) -> None:
        self._model = model if model is not None else ImageModel(MODELS / "background.onnx", device="cpu")
        self._work_size = self._model.card.work_size or _WORK_SIZE
        self.hold, self.wide, self._planes = hold, wide, Planes()
        self._frame: Window = (0, 0, 0, 0)  # the whole of the last frame
        self._small: Image | None = None  # as the network is shown that
        self._before: NDArray[np.float32] | None = None  # what was found in the whole of it
        self._regions: list[_Region] = []  # else only there
        self._age = 0  # frames since the scene began
        self._faces: Faces | None = None
        self._left: Mask = np.zeros((0, 0), np.uint8)  # hundredths of a second for which a pixel is still marked
        self._many = 0  # pixels in which somebody was seen last
        self._missed = self._clock = 0.0  # seconds for which they have been gone; time of the last frame

    def __call__(self, image: Image, *, time: float | None = None) -> Mask:
        """Return 1 where a person is in `image`, else 0."""
        opacity = self.opacity(image)
        return self._widened(opacity, time) if self.wide else np.asarray(opacity > 127, np.uint8)

    def _widened(self, opacity: NDArray[np.uint8], time: float | None) -> Mask:
        now = self._clock + 1 / 30 if time is None else time
        passed, self._clock = max(now - self._clock, 0.0), now
        rim = 2 * max(round(min(opacity.shape) / _RIM), 1) + 1
        around = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (rim, rim))
        seen = np.asarray(cv2.dilate(cv2.threshold(opacity, _MARKED, _TRAIL, cv2.THRESH_BINARY)[1], around), np.uint8)
        if self._left.shape != seen.shape:
            self._left, self._many, self._missed = np.zeros_like(seen), 0, 0.0
        many = cv2.countNonZero(seen)
        self._missed = self._missed + passed if many < _GONE * self._many else 0.0
        if self._missed == 0.0 or self._missed > _KEPT:
            self._left -= np.minimum(self._left, np.uint8(min(round(100 * passed), 255)))
            self._many = many
        self._left = np.asarray(cv2.max(self._left, seen), np.uint8)
        return np.asarray(self._left > 0, np.uint8)

    def opacity(self, image: ImageLike) -> NDArray[np.uint8]:
        """Return how much of each pixel of `image` ``(H, W, 3)`` is a person: ``(H, W)``, 0 to 255."""
        image = check_image(image)
        frame = 0, 0, image.shape[1], image.shape[0]
        small = _shown(image, frame, self._work_size)
        if self._small is None or self.hold == 0.0 or self._frame != frame or is_cut(self._small, small):
            self._forget()
        still = None if self._small is None else _still(self._small, small)
        self._frame, self._small = frame, small
        # a recurrent network is shown whole frames, one after another
        due = self._age % _EVERY == 0 and not self._model.card.recurrent
        self._age += 1
        found = self._look(small) if due or self.wide or not self._regions else None
        if due and found is not None:
            self._search(image, found)
        closer = self._closer(image, still) if self._regions else None
        if closer is not None and not self.wide:
            self._before = None
            return closer
        self._before = self._steadied(self._look(small) if found is None else found, self._before, still)
        opacity = _along_edges(self._before, small, image, self._planes)
        return opacity if closer is None else np.asarray(cv2.max(opacity, closer), np.uint8)

    def _look(self, small: Image) -> NDArray[np.float32]:
        """How surely each pixel of what the network is shown is a person, 0 to 1."""
        return np.asarray(self._model(small[None])[0][0][..., 0], np.float32) / np.float32(255)

    def _steadied(
        self, found: NDArray[np.float32], before: NDArray[np.float32] | None, still: NDArray[np.float32] | None
    ) -> NDArray[np.float32]:
        """`found`, which stays as it was `before` where it is not sure or hardly changed and the picture is `still`."""
        if before is None or still is None:
            return found
        change = before - found
        kept = np.maximum(1 - (2 * found - 1) ** 2, np.exp(-((change / _CHANGE) ** 2))) * still
        return np.asarray(found + change * kept * self.hold, np.float32)

    def _search(self, image: Image, found: NDArray[np.float32]) -> None:
        """Begin to look closer at those who are small in `image`, unless somebody fills much of it."""
        size = image.shape[1], image.shape[0]
        frame = 0, 0, *size
        most = (_LEAVE if self._regions else _ENTER) * area(frame)
        if any(area(window_around(box, size)) > most for box in boxes_above(found, frame, 0.5)):
            self._regions = []
            return
        for box in boxes_above(found, frame, _SEED)[:_MOST] + self._bodies(image)[:_MOST]:
            if len(self._regions) < _MOST and not any(holds(region.window, box) for region in self._regions):
                window = self._confirmed(image, box)
                if window is not None and area(window) <= most:
                    self._regions.append(_Region(window))
        self._join()

    def _bodies(self, image: Image) -> list[Window]:
        """About where those are whose faces are seen in `image`."""
        if self._faces is None:
            self._faces = Faces(long=_FACE)
        boxes = []
        for (x, y, width, height), _, _ in self._faces.detect(image):
            left, top = max(round(x - _BODY[0] * width), 0), max(round(y - _BODY[1] * height), 0)
            right, bottom = round(x + (_BODY[2] - _BODY[0]) * width), round(y + (_BODY[3] - _BODY[1]) * height)
            boxes.append((left, top, min(right, image.shape[1]) - left, min(bottom, image.shape[0]) - top))
        return [box for box in boxes if min(box[2:]) > 0]

    def _confirmed(self, image: Image, box: Window) -> Window | None:
        """The window around the person of whom `box` shows a part; None where a closer look shows nobody."""
        size = image.shape[1], image.shape[0]
        window, best = window_around(box, size), None
        for _ in range(4):
            found = self._look(_shown(image, window, self._work_size))
            person = people_in(found, window)
            if person is None:
                break
            best = best if _somebody(found, window, size) is None else window
            last, window = window, window_around(person, size, window)
            if best == last and not is_cut_off(person, last, size) and area(window) >= _MUCH * area(last):
                break
        return best

    def _closer(self, image: Image, still: NDArray[np.float32] | None) -> NDArray[np.uint8] | None:
        """Opacity of `image` from windows that follow people; None where there is none left, or one fills the frame."""
        opacity = np.zeros(image.shape[:2], np.uint8)
        whole = 0, 0, image.shape[1], image.shape[0]
        for region in self._regions:
            found, small = self._followed(region, image)
            rests = None if still is None else carried(still, whole, region.window, found.shape)
            region.before = self._steadied(found, region.before, rests)
            left, top, width, height = region.window
            place = slice(top, top + height), slice(left, left + width)
            cv2.max(opacity[place], _along_edges(region.before, small, image[place], self._planes), dst=opacity[place])
        self._regions = [region for region in self._regions if region.missed <= _EVERY]
        if not self._regions or any(area(region.window) > _LEAVE * area(whole) for region in self._regions):
            self._regions, self._age = [], 0
            return None
        self._join()
        return opacity

    def _followed(self, region: _Region, image: Image) -> tuple[NDArray[np.float32], Image]:
        """What is found in `region`, once its window is where somebody is, and what the network was shown."""
        size = image.shape[1], image.shape[0]
        small = _shown(image, region.window, self._work_size)
        found = self._look(small)
        person = _somebody(found, region.window, size)
        region.missed = 0 if person is not None else region.missed + 1
        if person is None:
            return found, small
        wanted = window_around(person, size, region.window)
        narrower = self._age % _EVERY == 1 and area(wanted) < _MUCH * area(region.window)
        if narrower or is_close(person, region.window, size):
            nearer = _shown(image, wanted, self._work_size)
            seen = self._look(nearer)
            if _somebody(seen, wanted, size) is not None:  # else the network is mistaken: it was shown them better
                region.move(wanted, _size(*wanted[2:], self._work_size))
                return seen, nearer
        return found, small

    def _join(self) -> None:
        """Make one region of those that overlap."""
        regions: list[_Region] = []
        for region in self._regions:
            for other in [one for one in regions if overlap(one.window, region.window)]:
                regions.remove(other)
                region = _Region(united([region.window, other.window]))
            regions.append(region)
        self._regions = regions

    def _forget(self) -> None:
        self._small, self._before, self._regions, self._age = None, None, [], 0

    def reset(self) -> None:
        """Forget the frames before."""
        self._forget()
        self._left = np.zeros((0, 0), np.uint8)
        self._many, self._missed, self._clock = 0, 0.0, 0.0


def _somebody(found: NDArray[np.float32], window: Window, size: tuple[int, int]) -> Window | None:
    """The box around those who `found`, made of `window`, is sure of; `size`: width and height of the frame."""
    sure = found[found > 0.5]
    if sure.size < _FILLS * found.size or float(sure.mean()) < _SURE:
        return None
    person = people_in(found, window)
    return person if person is not None and person[3] >= _TALL * size[1] else None


@lru_cache(maxsize=8)
def _size(width: int, height: int, work_size: int) -> tuple[int, int]:
    """Width and height, in multiples of 16, that the network is shown a frame, or a window of it, at.

    They are as many pixels as 16:9 has whose longer side is `work_size`.
    """
    shrink = (work_size * work_size * 9 / 16 / (width * height)) ** 0.5
    across, down = (max(round(side * shrink / 16), 2) * 16 for side in (width, height))
    return min(across, 1024), min(down, 1024)


def _shown(image: Image, window: Window, work_size: int) -> Image:
    """What the network is shown of `window`."""
    left, top, width, height = window
    size = _size(width, height, work_size)
    how = cv2.INTER_AREA if size[0] < width else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(image[top : top + height, left : left + width], size, interpolation=how), np.uint8)


def _still(before: Image, now: Image) -> NDArray[np.float32]:
    """How surely nothing moved between two small pictures, 0 to 1."""
    blue, green, red = cv2.split(cv2.absdiff(before, now))
    moved = cv2.blur(cv2.max(cv2.max(blue, green), red), (3, 3))
    return np.asarray(cv2.LUT(moved, _STILL), np.float32)


def _along_edges(found: NDArray[np.float32], small: Image, image: Image, planes: Planes) -> NDArray[np.uint8]:
    """`found`, made of `small`, at the size of `image`, as a local linear function of that one's luma."""
    guide = cv2.cvtColor(small, cv2.COLOR_BGR2GRAY).astype(np.float32)
    window = (2 * _RADIUS + 1,) * 2
    mean, aim = cv2.blur(guide, window), cv2.blur(found, window)
    slope = (cv2.blur(guide * found, window) - mean * aim) / (cv2.blur(guide * guide, window) - mean * mean + _FLAT)
    offset = aim - slope * mean
    size = image.shape[1], image.shape[0]
    whole, light = (planes(name, image.shape[:2], np.float32) for name in ("whole", "light"))
    np.copyto(light, cv2.blur(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), (3, 3)))  # else a camera's noise shows
    cv2.resize(cv2.blur(slope, window), size, dst=whole, interpolation=cv2.INTER_LINEAR)
    whole *= light
    whole += cv2.resize(cv2.blur(offset, window), size, dst=light, interpolation=cv2.INTER_LINEAR)
    np.maximum(whole, np.float32(_NONE), out=whole)
    scale = 255 / (_ALL - _NONE)
    return np.asarray(cv2.convertScaleAbs(whole, alpha=scale, beta=-_NONE * scale), np.uint8)
