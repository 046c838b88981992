"""Those who are small in a frame, looked at closer: windows that follow them are shown to the network instead of it."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from gancam.frame import Image
from gancam.masks.faces import Faces
from gancam.masks.people.belief import Belief, near_parts, without_isles
from gancam.masks.people.course import Course
from gancam.masks.people.deciding import decided
from gancam.masks.people.looks import Looks, Opinion
from gancam.masks.people.movers import Movers, moves
from gancam.masks.people.regions import (
    Window,
    alike,
    area,
    boxes_above,
    carried,
    holds,
    is_close,
    is_cut_off,
    network_size,
    overlap,
    people_in,
    shown,
    tile_of,
    united,
    window_around,
)
from gancam.masks.people.seams import View, is_cut, joined
from gancam.masks.people.upper import with_upper_half
from gancam.masks.people.walls import without_walls
from gancam.vision.matting import matte

_IS, _MAY_BE = 0.45, 0.25  # the probability from which on it is somebody, and from which a wide mask says so
EVERY = 15  # frames after which the whole frame is searched again for people who are small in it
_SEED = 0.5  # a probability in the whole frame which is worth a closer look
_FACE = 640  # pixels of the frame's longer side for the search for faces: they are found from 10 of these on
_NEAR_FACE = 256  # the same where there are none: large and dark ones are found in this, lit
_LIT = np.asarray(255 * (np.arange(256) / 255) ** 0.6, np.uint8)  # levels as they are then
_BODY = 1.5, 0.7, 4.0, 6.0  # widths to the left of a face, heights above it; widths and heights of who has it
_SURE, _FILLS = 0.8, 0.04  # what a closer look must be of somebody, and the share of the window that they fill
_MOVING = 0.65  # the first of these for somebody who is followed and moves
_TALL = 1 / 20  # of the frame's height: who is smaller is nobody
_MET = 1 / 12  # the same of what comes and may be somebody, where there is no time
_ENTER, _LEAVE = 0.5, 0.6  # of the frame: a closer look is worth it for windows under that, and not any more over that
_AS_WELL = 0.8  # of those who are followed, that the whole frame must show for them not to be any more
_MUCH = 0.6  # of a window: it becomes smaller where that is enough
_MOST = 6  # closer looks a frame
_TRIES = 8  # closer looks in the first frame at what is seen in such parts; one in others
_FORGETS = 60  # frames after which what was nobody may be somebody
OFTEN = 5  # the same, and for the search in the whole frame, where there is time
_TILES = 3  # parts of the frame a side, which overlap by half, that are searched
_SCANS = 2  # frames after which the next of them is, where there is no time
_LEAST = 1 / 40  # of the frame's height: what is less is not looked at
_UPRIGHT = 1.3  # times as tall as wide
_AGAIN = 4  # frames after which is looked again at what something else found, and may be somebody
_DOUBTS, _SOON = 5, 2  # frames after which is looked again at those of whom is not known who they are, and who move


@dataclass
class Region:
    """A part of the frame that is looked at closer."""

    window: Window
    opinion: Opinion
    before: NDArray[np.float32] | None = None  # what was found there in the last frame
    missed: int = 0  # frames since somebody was found there
    course: Course = field(default_factory=Course)
    belief: Belief = field(default_factory=Belief)

    def joined(self, other: "Region", looks: Looks, work_size: int) -> "Region":
        """One around both."""
        both = Region(united([self.window, other.window]), Opinion(looks))
        size = network_size(*both.window[2:], work_size)
        for one in (self, other):
            one.belief.move(one.window, both.window, size)
            both.belief.add(one.belief)
        return both

    def move(self, window: Window, size: tuple[int, int]) -> None:
        """Look at `window` from now on; `size`: width and height of what the network is shown of it."""
        if self.before is not None:
            self.before = carried(self.before, self.window, window, (size[1], size[0]))
        self.belief.move(self.window, window, size)
        self.opinion.move(self.window, window, size)
        self.window = window

    def go_along(self, right: int, down: int, size: tuple[int, int]) -> None:
        """What was found lies so many pixels of the frame farther right and down, while the window stays.

        `size`: width and height of what the network is shown of it.
        """
        left, top, width, height = self.window
        there = left - right, top - down, width, height
        if self.before is not None:
            self.before = carried(self.before, self.window, there, size[::-1])
        self.belief.move(self.window, there, size)
        self.opinion.move(self.window, there, size)


class CloserLooks:
    """Looks closer at those who are small in the frames of a video, and follows them.

    Every `EVERY` frames ``search`` looks for them in what the network makes of the whole frame, and for their faces;
    ``go_on`` looks in one part of each frame, or where something else saw somebody come.

    Args:
        looks: The network.
        work_size: Pixels of the longer side that it is shown.

    Attributes:
        regions: What is looked at closer now.
        is_near: Whether somebody fills so much of the frame that nobody is searched.
        fills: Whether a window that followed somebody would have to: the whole frame may show them as well.
        cuts: Whether a window cuts somebody off, of whom the whole frame may show the rest.
        movers: What moves: to be shown each frame.
        patient: Whether there is time to look more often.
    """

    def __init__(self, looks: Looks, work_size: int) -> None:
        self._look, self._work_size = looks, work_size
        self._faces: tuple[Faces, Faces] | None = None
        self.movers, self.patient = Movers(), False
        self.reset()
        self.begin(0, hold=0.0, wide=False, is_image=False)

    def reset(self) -> None:
        """Forget the frames before."""
        self.regions: list[Region] = []
        self.is_near = self.fills = self.cuts = False
        self._views: list[View] = []  # of the frame at hand
        self.movers.reset()
        self._refused: list[Window] = []  # what a closer look showed to be nobody
        self._expected: Sequence[Window] = ()  # what may be somebody
        self._met: list[tuple[int, Window]] = []  # of these, what was looked at, and in which frame

    def begin(self, tick: int, *, hold: float, wide: bool, is_image: bool) -> None:
        """Turn to the next frame.

        Args:
            tick: Frames since the scene began.
            hold: How much of the frame before stays where nothing is certain.
            wide: Whether rather too much is marked than too little.
            is_image: Whether it is an image by itself.
        """
        self._tick, self._hold, self._wide, self._is_image = tick, hold, wide, is_image
        self._seen: list[Window] | None = None  # faces in this frame, once they were looked for

    def believed(
        self, region: Region, found: NDArray[np.float32], image: Image, *, at_once: bool = False
    ) -> NDArray[np.float32]:
        """What was `found` of `region`, without what is nobody."""
        looks, known = (at_once or self._tick % often == 0 for often in (_DOUBTS, EVERY))
        looks |= self._tick == 1  # now is known what moves
        return region.belief(
            found,
            region.window,
            region.opinion.both,
            lambda: self.faces_of(image),
            looks=looks,
            known=known,
            moved=lambda: self.movers.share(_whole(image), region.window, found.shape),
            soon=self._tick % _SOON == 0,
            sheds=not self._wide,
        )

    def decided(
        self,
        found: NDArray[np.float32],
        small: Image,
        before: NDArray[np.float32] | None,
        still: NDArray[np.float32] | None,
    ) -> NDArray[np.float32]:
        """What was `found` of `small`, without the wall beside people, decided."""
        if self._wide:
            return decided(near_parts(found), before, still, self._hold, _MAY_BE)
        return decided(without_walls(found, small), before, still, self._hold, _IS)

    def search(self, image: Image, found: NDArray[np.float32], sure: NDArray[np.float32]) -> None:
        """Begin to look closer at those who are small in `image`, unless somebody fills much of it.

        Args:
            image: the frame.
            found: what the network says of the whole of it.
            sure: the same of those who are somebody.
        """
        frame = _whole(image)
        most = self._most(frame)
        self.is_near = any(area(window_around(box, frame[2:])) > most for box in boxes_above(sure, frame, 0.5))
        if self.is_near:
            self.regions = []
            return
        for box in boxes_above(found, frame, _SEED)[:_MOST] + self._bodies(image)[:_MOST]:
            self._approach(image, box, upright=False)
        self._join(image)

    def go_on(self, image: Image) -> None:
        """Look for others than those who are followed, in a part of `image`, unless somebody fills much of it."""
        scans = self._tick % _SCANS == 0
        if not self.is_near and (scans or self.patient):
            self._scan(image)
        if not self.is_near and not scans:
            self._meet(image)

    def _scan(self, image: Image) -> None:
        """Look for those who are small in `image` in one part of it, in all of the first."""
        size = image.shape[1], image.shape[0]
        if self._tick % (OFTEN if self.patient else _FORGETS) == 0:
            self._refused = []
        tries, turn = _TRIES if self._tick == 0 else 1, self._tick // (1 if self.patient else _SCANS)
        for at in range(_TILES**2) if self._tick == 0 else [turn % _TILES**2]:
            tile = tile_of(size, at % _TILES, at // _TILES, _TILES)
            small = shown(image, tile, self._work_size)
            found = self._look(small)
            if not any(self._is_news(box) for box in boxes_above(found, tile, _SEED)):
                continue
            for box in boxes_above(np.minimum(found, self._look(small, turned=True)), tile, _SEED):
                if tries and min(box[2:]) >= _LEAST * size[1] and box[3] > box[2] / 2 and self._is_news(box):
                    tries -= 1
                    if not self._approach(image, box, upright=True):
                        self._refused.append(box)
        self._join(image)

    def expect(self, boxes: Sequence[Window]) -> None:
        """Look closer at these places in the next frame: something came there (left, top, width, height)."""
        self._expected = boxes

    def _meet(self, image: Image) -> None:
        """Look closer at one of what may be somebody, where it was not looked in the last frames."""
        self._met = [(tick, box) for tick, box in self._met if self._tick - tick < _AGAIN]
        least = (_TALL if self.patient else _MET) * image.shape[0]
        for box in self._expected:
            if (
                box[3] >= least
                and not any(holds(one.window, box) for one in self.regions)
                and not any(alike(box, other) for _, other in self._met)
            ):
                self._met.append((self._tick, box))
                self._approach(image, box, upright=True)
                self._join(image)
                return

    def _is_news(self, box: Window) -> bool:
        """Whether nobody has looked closer at `box` yet."""
        return not any(holds(region.window, box) for region in self.regions) and not any(
            alike(box, other) for other in self._refused
        )

    def _most(self, frame: Window) -> float:
        """How large the window around somebody may be for a closer look to be worth it."""
        return (_LEAVE if self.regions else _ENTER) * area(frame)

    def _approach(self, image: Image, box: Window, *, upright: bool) -> bool:
        """Begin to look closer at `box`; say whether somebody is there."""
        if any(holds(region.window, box) for region in self.regions):
            return True
        region = self._confirmed(image, box, upright=upright) if len(self.regions) < _MOST else None
        if region is None or area(region.window) > self._most(_whole(image)):
            return False
        self.regions.append(region)
        return True

    def faces_of(self, image: Image) -> list[Window]:
        """Boxes of the faces in `image`, the frame at hand."""
        if self._seen is None:
            if self._faces is None:
                self._faces = Faces(long=_FACE), Faces(long=_NEAR_FACE)
            found = self._faces[0].detect(image) or self._faces[1].detect(np.asarray(cv2.LUT(image, _LIT), np.uint8))
            self._seen = [(round(x), round(y), round(width), round(height)) for (x, y, width, height), _, _ in found]
        return self._seen

    def _bodies(self, image: Image) -> list[Window]:
        """About where those are whose faces are seen in `image`."""
        boxes = []
        for x, y, width, height in self.faces_of(image):
            left, top = max(round(x - _BODY[0] * width), 0), max(round(y - _BODY[1] * height), 0)
            right, bottom = round(x + (_BODY[2] - _BODY[0]) * width), round(y + (_BODY[3] - _BODY[1]) * height)
            boxes.append((left, top, min(right, image.shape[1]) - left, min(bottom, image.shape[0]) - top))
        return [box for box in boxes if min(box[2:]) > 0]

    def _confirmed(self, image: Image, box: Window, *, upright: bool) -> Region | None:
        """What is around the person of whom `box` shows a part; None where a closer look shows nobody.

        Args:
            image: the frame.
            box: part of it.
            upright: whether who shows no face must be seen whole, and stand or sit upright.
        """
        size = image.shape[1], image.shape[0]
        window, best = window_around(box, size), None
        for _ in range(4):
            found = self._look(shown(image, window, self._work_size))
            person = people_in(found, window)
            if person is None:
                break
            best = best if _somebody(found, window, size) is None else window
            last, window = window, window_around(person, size, window)
            if best == last and not is_cut_off(person, last, size) and area(window) >= _MUCH * area(last):
                break
        if best is None:
            return None
        region = Region(best, Opinion(self._look))
        found = region.opinion(shown(image, best, self._work_size), None, self._tick - 1)
        sure = self.believed(region, found, image, at_once=True)
        person = _somebody(sure, best, size)
        if person is not None and not any(holds(person, face) for face in self.faces_of(image)):
            largest = boxes_above(sure, best, 0.5)[0]
            if is_cut_off(largest, best, size):
                return None
            if upright and (not holds(largest, box) or largest[3] < _UPRIGHT * largest[2]):
                return None
        return None if person is None else region

    def opacity(self, image: Image, still: NDArray[np.float32] | None) -> NDArray[np.uint8] | None:
        """Opacity of `image` from windows that follow people; None where there is none left.

        Then the next frame is to be searched. `still`: how surely nothing moved, of the whole frame.
        """
        self.fills = self.cuts = False
        self._views = []
        size = image.shape[1], image.shape[0]
        for region in self.regions:
            found, small = self._followed(region, image, still)
            region.before = self.decided(found, small, region.before, self._rests(still, image, region, found.shape))
            left, top, width, height = region.window
            seen = without_isles(region.before)
            opacity = matte(seen, small, image[top : top + height, left : left + width])
            self._views.append(View(region.window, seen, opacity))
            self.cuts |= is_cut(seen, region.window, size)
        self.regions = [region for region in self.regions if region.missed <= EVERY]
        if not self.regions:
            return None
        self._join(image)
        return joined(self._views, None, size)

    def with_whole(self, whole: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return opacity of the frame at hand from its windows, and from the `whole` of it: ``(H, W)``, 0 to 255."""
        return joined(self._views, whole, (whole.shape[1], whole.shape[0]))

    def leave(self, nearer: NDArray[np.uint8], whole: NDArray[np.uint8]) -> bool:
        """Follow nobody any more if the whole frame shows them as well; say whether it does.

        Args:
            nearer: opacity from the windows that follow them, 0 to 255.
            whole: the same from the whole frame.
        """
        known = np.asarray(nearer > 127, np.uint8)
        if cv2.countNonZero(cv2.bitwise_and(whole, whole, mask=known)) < _AS_WELL * cv2.countNonZero(known):
            return False
        self.regions = []
        return True

    def _rests(
        self, still: NDArray[np.float32] | None, image: Image, region: Region, shape: tuple[int, ...]
    ) -> NDArray[np.float32] | None:
        """How surely nothing moved in `region` of `image`, as large as what is found there."""
        return None if still is None else carried(still, _whole(image), region.window, shape)

    def _followed(
        self, region: Region, image: Image, still: NDArray[np.float32] | None
    ) -> tuple[NDArray[np.float32], Image]:
        """What is found in `region`, once its window is where somebody is, and what the network was shown."""
        size = image.shape[1], image.shape[0]
        small = shown(image, region.window, self._work_size)
        turned = region.opinion.turned
        found = region.opinion(small, self._rests(still, image, region, small.shape[:2]), self._tick)
        if self._is_image:
            found = with_upper_half(found, image, region.window, self._look, self._work_size, adds=self._wide)
        found = self.believed(region, found, image)
        person = _somebody(found, region.window, size)
        if person is None and self._looks_again(region, image):
            found = self.believed(region, region.opinion.alike(), image)
            person = _somebody(found, region.window, size, _MOVING)
        region.missed = 0 if person is not None else region.missed + 1
        person = region.course(person, size)
        if person is None:
            return found, small
        wanted = window_around(person, size, region.window)
        narrower = self._tick % EVERY == 0 and area(wanted) < _MUCH * area(region.window)
        if area(wanted) > _LEAVE * area(_whole(image)):
            self.fills = True  # it stays, since the network sees in a larger one what it does in the whole frame
        elif narrower or is_close(person, region.window, size):
            nearer = shown(image, wanted, self._work_size)
            seen = self._look(nearer, turned=turned)
            if _somebody(seen, wanted, size) is not None:  # else the network is mistaken: it was shown them better
                region.move(wanted, network_size(*wanted[2:], self._work_size))
                return self.believed(region, region.opinion.again(nearer, seen), image), nearer
        return found, small

    def _looks_again(self, region: Region, image: Image) -> bool:
        """Whether what both looks say of `image` alone is worth the time: where somebody moves, one soon is wrong."""
        if region.before is None or region.missed > _DOUBTS:
            return False
        where = region.before > 0.5
        if region.course.quick:
            return True
        return bool(where.any()) and moves(self.movers.share(_whole(image), region.window, where.shape), where)

    def _join(self, image: Image) -> None:
        """Make one region of those that overlap, if that does not fill much of `image`."""
        regions: list[Region] = []
        most = _LEAVE * area(_whole(image))
        for region in self.regions:
            for other in [one for one in regions if overlap(one.window, region.window)]:
                if area(united([region.window, other.window])) > most >= max(area(region.window), area(other.window)):
                    continue
                regions.remove(other)
                region = region.joined(other, self._look, self._work_size)
            regions.append(region)
        self.regions = regions


def _whole(image: Image) -> Window:
    """The window that is all of `image`."""
    return 0, 0, image.shape[1], image.shape[0]


def _somebody(found: NDArray[np.float32], window: Window, size: tuple[int, int], least: float = _SURE) -> Window | None:
    """The box around those who `found`, made of `window`, is sure of; `size`: width and height of the frame."""
    sure = found[found > 0.5]
    if sure.size < _FILLS * found.size or float(sure.mean()) < least:
        return None
    person = people_in(found, window)
    return person if person is not None and person[3] >= _TALL * size[1] else None
