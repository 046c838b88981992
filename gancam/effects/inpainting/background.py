"""The scene behind what hides it: pixels that were seen before, kept where they are in the scene, not in the frame.

The canvas is the scene in the coordinates of an anchor frame. A pixel is put there when it becomes hidden, from the
frame before, in which it was seen; so nothing is resampled more than twice, however long it stays hidden, and where the
camera rests nothing is resampled at all. What was invented is kept there as well, so that it is invented once.

When it is asked for what is hidden now, the ring of visible pixels around the hole tells how far to believe it: where
the ring has become lighter or darker since, so has what is behind the hole; where the ring shows something else than it
did, something moved, and what the canvas has there holds no more.

A file can be read ahead by a `Prescan`, which keeps what will be uncovered: a `Background` begins canvases with it.
"""

from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np

from gancam.effects.inpainting.arrivals import Copy, unmoved
from gancam.effects.inpainting.canvas import Canvas
from gancam.effects.inpainting.future import FutureBackground
from gancam.effects.inpainting.inventing import Patchwork
from gancam.effects.inpainting.lasting import Lasting
from gancam.effects.inpainting.light import KeptLight, aligned, compare, exposure, in_pixels, lit, witnesses
from gancam.effects.inpainting.regions import HALO, INVENTED, LASTED, RING, SEEN, UNKNOWN, FrameRegion
from gancam.effects.inpainting.warp import cubic, square, translation, whole
from gancam.frame import Image
from gancam.vision.motion import Camera, Grey, Matrix
from gancam.vision.scenes import Dissolves

_LASTING, _MOVING = 60, 12  # frames for which what is known is doubted before it is forgotten; while the camera moves
_PAUSE = 0.25  # seconds that count between two frames, at the most


class Found(NamedTuple):
    """The scene behind a window's hole, as far as it is known."""

    picture: Image  # what is behind it, in the light of now; of no meaning where `state` is UNKNOWN
    state: Grey  # UNKNOWN, INVENTED or SEEN


class Background:
    """The scene behind the holes of a clip.

    For every frame, in order: ``observe``, then ``lookup`` and ``store`` for each window with holes, then ``remember``;
    or ``skip`` alone where nothing is hidden. Frames of another size, and those that cannot be related to the ones
    before (a cut), and those in which scenes dissolve into each other, start it anew.

    Args:
        future: what will be uncovered, from a `Prescan` of the same clip.
        whole: masks begin before what they hide appears, and end after it is gone, however slowly it does either.
        people: they may come late and mark a part: what only passes is no scene, see `Lasting`.
    """

    def __init__(self, future: FutureBackground | None = None, *, whole: bool = False, people: bool = False) -> None:
        self.camera, self._dissolves = Camera(), Dissolves()
        self._future, self._whole, self.people = future, whole, people
        self._lasting: Lasting | None = None  # of a camera that rests at its anchor
        self._aside: Lasting | None = None  # the same, while it does not
        self._followed = False  # whether the present frame has been
        self._time = 0.0  # of the last frame
        self._frames = 0  # that came
        self._upon: Grey | None = None  # of what is hidden now: the thing itself was there before it was
        self.cuts = 0  # how often it began anew, after the first time
        self._patchwork = Patchwork()
        self._before: Copy | None = None
        self._earlier: Copy | None = None  # the copy before that
        self._rested = 0  # frames since anything was hidden
        self._canvas = Canvas()
        self._light = KeptLight()  # to show the canvas in

    @property
    def before(self) -> tuple[Image, Grey, Matrix] | None:
        """The last copy of a frame, what was hidden in it, and the way from there to the frame that was observed last.

        None at the start and at a cut.
        """
        if self._before is None:
            return None
        way = self.camera.matrix @ np.linalg.inv(self._before.matrix)
        return self._before.image, self._before.hidden, way

    def skip(self, image: Image) -> None:
        """Take in the next frame, in which nothing is hidden. It is copied, in case the next hides it."""
        followed, self._followed = self._followed, False
        self._frames += not followed
        self._lasting = self._lasting if followed else None  # which has not seen it
        if self._rested == 0 and self._canvas:
            if not followed:
                self._follow(image, None)
            self._uncover(image, np.zeros(image.shape[:2], np.uint8))
        self._copy(image, None)
        self._rested += 1

    def belonging(self, image: Image, marked: Grey, time: float | None) -> Grey:
        """Return what is `marked` in the next frame, 0 or not, and what belongs to it: before ``skip`` or ``observe``.

        That is itself where masks are not of people, or the camera moves. A time of None is 1/30 s after the last.
        """
        if not self.people:
            return marked
        marked = marked if self._future is None else self._future.earlier.with_them(marked, time)
        self._frames += 1
        self._follow(image, marked)
        self._followed = True
        now = self._time + 1 / 30 if time is None else time
        passed, self._time = min(max(now - self._time, 0.0), _PAUSE), now
        if not self.camera.still:
            self._lasting, self._aside = None, self._lasting or self._aside
            return marked
        self._lasting, self._aside = self._lasting or self._aside or Lasting(image), None
        self._lasting.look(image, passed, marked)
        return self._lasting.belonging(marked)

    @property
    def strangers(self) -> Sequence[tuple[int, int, int, int]]:
        """Where somebody may be in the last frame who was not marked: left, top, width and height."""
        return () if self._lasting is None else self._lasting.strangers

    def observe(self, image: Image, hidden: Grey, windows: Sequence[FrameRegion], stale: Grey | None = None) -> None:
        """Take in the next frame.

        Args:
            image: uint8 ``(H, W, 3)`` BGR.
            hidden: 1 where it shows what is not the scene, else 0, uint8 ``(H, W)``.
            windows: parts of it that hold all that is hidden.
            stale: 1 where the frames before showed a trace of what is hidden now, likewise; None: nowhere.
        """
        if not self._followed:
            for copy in (self._earlier if self._rested > 1 else None, self._before if self._rested else None):
                if copy is not None:
                    if not self.camera.observe(copy.image) or not self._canvas:
                        self._begin(copy.image.shape)
                    copy.matrix = self.camera.matrix
            self._frames += 1
            self._follow(image, hidden)
            self._lasting = None
        self._rested, self._followed = 0, False
        if stale is not None:
            self._forget(stale, windows)
        self._patchwork.look(None if self.before is None else self.before[2], hidden, people=self.people)
        if self._patchwork.anew:
            self._canvas.state[self._canvas.state == INVENTED] = UNKNOWN
        self._upon = self._unmoved(hidden, None if self._before is None else self._before.hidden, image)
        if self._upon is not None and self._lasting is not None:
            self._upon = self._lasting.doubted(self._upon)
        for window in windows:
            self._hide(window, hidden)
        self._uncover(image, hidden)

    def _follow(self, image: Image, hidden: Grey | None) -> None:
        """Where the camera is now."""
        follows, dissolved = self.camera.observe(image, hidden), self._dissolves.look(image)
        if dissolved:
            self.camera.anchor_here()
        if not follows or dissolved or not self._canvas:
            self.cuts += bool(self._canvas)
            self._before = self._earlier = None
            self._begin(image.shape)
        elif self._canvas.is_far(image.shape, self.camera.matrix):
            self._move_anchor()

    def lookup(self, window: FrameRegion, image: Image, hidden: Grey) -> Found:
        """Return what is known about the hole in `window` of the frame that was observed last."""
        now, inside = image[window.place], hidden[window.place] > 0
        picture, state = self._canvas.read(window, self.camera)
        if not self.camera.still:
            picture, state = aligned(picture, state, now, inside)
        ring = (cv2.dilate(inside.view(np.uint8), square(RING)) > 0) & ~inside & (state > 0)
        exposed = self._light.exposure(window, exposure(picture, now, ring))
        picture = exposed(picture)
        light, doubted, stale = compare(picture, now, ring, inside, at_rest=self.camera.still)
        used = self._light.cells(window, light)
        picture = lit(picture, used)
        doubted, stale = (
            np.asarray(cv2.resize(cells, in_pixels(cells), interpolation=cv2.INTER_NEAREST), np.uint8)
            for cells in (doubted, stale)
        )
        doubted, stale = (pixels[: window.size[1], : window.size[0]] for pixels in (doubted, stale))
        doubted |= stale & (state == INVENTED)
        if self.camera.still:
            self._canvas.doubts[self._canvas.at_rest(window)][doubted == 0] = 0
        state[(doubted > 0) | ~inside] = UNKNOWN
        return Found(picture, state)

    def store(self, window: FrameRegion, picture: Image, image: Image, hidden: Grey, invented: Grey) -> None:
        """Keep what is `invented` of a finished window, and the ring around that of the frame.

        What was known there and is doubted stays while the camera rests, until it has been doubted for `_LASTING`
        frames; what was seen stays for `_MOVING` frames also while it moves.

        Args:
            window: the part of the frame.
            picture: the finished window.
            image: the frame that was observed last.
            hidden: 1 where that shows what is not the scene.
            invented: 1 where `picture` is invented, of the window's size.
        """
        if not invented.any():
            return
        if self._before is not None:
            self._patchwork.add(invented, self._before.hidden[window.place])
        ring = (cv2.dilate(invented, square(RING)) > 0) & (hidden[window.place] == 0)
        state = np.where(invented > 0, INVENTED, np.where(ring, SEEN, LASTED * hidden[window.place])).astype(np.uint8)
        shown = np.where(ring[..., None], image[window.place], picture)
        # as it will be lit when it is recalled
        source = self._light.taken_from(window, shown)
        if self.camera.still:
            rows, columns = self._canvas.at_rest(window)
        else:
            rows, columns = self._canvas.extent(window, self.camera.matrix)
            size = columns.stop - columns.start, rows.stop - rows.start
            if min(size) <= 0:
                return
            there = translation(-columns.start, -rows.start) @ np.linalg.inv(
                self._canvas.to_window(window, self.camera.matrix)
            )
            source = cubic(source, there, size)
            state = np.asarray(cv2.warpPerspective(state, there, size, flags=cv2.INTER_NEAREST), np.uint8)
        canvas = self._canvas
        known, doubts = canvas.state[rows, columns], canvas.doubts[rows, columns]
        again = (state == INVENTED) & (known > 0 if self.camera.still else known == SEEN)
        doubts[again] += 1
        gone = again & (doubts >= (_LASTING if self.camera.still else _MOVING))
        free = (known == 0) | (cv2.dilate(gone.view(np.uint8), square(RING)) > 0)
        put = (state == INVENTED) & (~again | free)
        new = put | ((state == SEEN) & (free | witnesses(put, (state == LASTED) | (again & ~put))))
        cv2.copyTo(source, new.astype(np.uint8), canvas.picture[rows, columns])
        known[new], doubts[new] = state[new], 0

    def appeared(self, hidden: Grey) -> Grey:
        """Return what of the `hidden` (1) in the frame observed last was not in the one before, or is invented anew."""
        if self._before is None or self._patchwork.anew:
            return hidden
        return np.asarray(hidden & (1 - self._before.hidden), np.uint8)

    def remember(self, image: Image, hidden: Grey) -> None:
        """Copy the frame: the next one may hide what it shows."""
        self._copy(image, hidden)

    def _copy(self, image: Image, hidden: Grey | None) -> None:
        self._before, self._earlier = self._earlier, self._before
        if self._before is None or self._before.image.shape != image.shape:
            self._before = Copy(image.copy(), np.zeros(image.shape[:2], np.uint8), self.camera.matrix)
        else:
            np.copyto(self._before.image, image)
        if hidden is None:
            self._before.hidden[:] = 0
        else:
            np.copyto(self._before.hidden, hidden)
        if self._lasting is not None:
            self._lasting.learn(self._before.image, hidden)
        self._before.matrix = self.camera.matrix

    # Where things are

    def _begin(self, shape: tuple[int, ...]) -> None:
        """An empty canvas around the frame that is the camera's anchor now, but for what is known of later."""
        self._leave(None)
        self._canvas.begin(shape)
        self._light.begin(shape)
        self._lasting, self._aside = None, None
        self._foresee()

    def _move_anchor(self) -> None:
        """Take the present frame for the anchor."""
        step = self._canvas.step(self.camera.matrix)
        self._leave(step)
        self._canvas.move(step)
        for copy in (self._before, self._earlier):
            if copy is not None:
                copy.matrix = copy.matrix @ np.linalg.inv(self.camera.matrix)
        self.camera.anchor_here()
        self._lasting = self._aside = None
        self._foresee()

    def _leave(self, step: Matrix | None) -> None:
        """A canvas is left, for one that is seen from elsewhere, by `step` from this one, or for an empty one."""

    def _forget(self, stale: Grey, windows: Sequence[FrameRegion]) -> None:
        """Forget what was seen at places of the frame, and a little beside: it was no scene."""
        stale = np.asarray(cv2.dilate(stale, square(HALO)), np.uint8)
        for copy in (self._before, self._earlier):
            if copy is not None and copy.hidden.shape == stale.shape:
                copy.hidden |= stale
        for window in windows:
            rows, columns = self._canvas.extent(window, self.camera.matrix)
            size = columns.stop - columns.start, rows.stop - rows.start
            if min(size) > 0 and cv2.hasNonZero(stale[window.place]):
                there = translation(-columns.start, -rows.start) @ np.linalg.inv(
                    self._canvas.to_window(window, self.camera.matrix)
                )
                gone = cv2.warpPerspective(stale[window.place], there, size, flags=cv2.INTER_NEAREST)
                self._canvas.state[rows, columns][gone > 0] = UNKNOWN

    def _foresee(self) -> None:
        """Put into a new canvas what is known of later and not yet."""
        known = None if self._future is None else self._future.at(self._frames)
        canvas = self._canvas
        if known is not None and known.state.shape == canvas.state.shape:
            canvas.fill(known.picture, known.state)
            lasted = canvas.inner(known.state) == LASTED
            if self.people and self.camera.still and lasted.any():
                self._lasting = Lasting(canvas.inner(known.picture), lasted.view(np.uint8))

    def _uncover(self, image: Image, hidden: Grey) -> None:
        """What was hidden in the frame before may be seen now."""

    # Putting in and taking out

    def _unmoved(self, hidden: Grey, other: Grey | None, image: Image) -> Grey | None:
        """Where what is `hidden`, and was not or will not be in the `other`, is a thing that stands there with neither.

        That is 1 there; None: nowhere.
        """
        if self._whole or self._before is None or other is None:
            return None
        return unmoved(hidden, other, Copy(image, hidden, self.camera.matrix), self._before, self._earlier)

    def _hide(self, window: FrameRegion, hidden: Grey) -> None:
        """Put into the canvas what the frame before shows of what is hidden now, and of the ring around that.

        What is right beside a hole is taken only where nothing else is known: it may show the edge of what hides it.
        """
        before = self._before
        if before is None:
            return
        now, then = hidden[window.place], before.hidden[window.place]
        same = bool((before.matrix == self.camera.matrix).all())
        if same and np.array_equal(now, then):
            return
        wanted, lasts = np.asarray(cv2.dilate(now, square(RING)), np.uint8), np.zeros((), np.bool_)
        if same and self.camera.still:
            rows, columns = self._canvas.at_rest(window)
            picture, shown = before.image[window.place], then == 0
            clear = cv2.dilate(then, square(HALO)) == 0
            if self._lasting is not None:  # of which the copy of the frame before holds nothing else
                lasts = shown & (self._lasting.to_know(hidden)[window.place] > 0)
            upon = None if self._upon is None else self._upon[window.place]
        else:
            rows, columns = self._canvas.extent(window, self.camera.matrix)
            size = columns.stop - columns.start, rows.stop - rows.start
            if min(size) <= 0:
                return
            corner = translation(-columns.start, -rows.start)
            there = corner @ self._canvas.from_frame(before.matrix)
            picture = cubic(before.image, there, size)
            shown = whole(cv2.dilate(before.hidden, square(2)) == 0, there, size)  # a kernel reaches so far
            clear = cv2.erode(shown.astype(np.uint8), square(HALO)) > 0
            here = corner @ np.linalg.inv(self._canvas.to_window(window, self.camera.matrix))
            upon = np.zeros_like(now) if self._upon is None else self._upon[window.place]
            now, wanted, upon = (
                np.asarray(cv2.warpPerspective(x, here, size, flags=cv2.INTER_NEAREST), np.uint8)
                for x in (now, wanted, upon)
            )
        state = self._canvas.state[rows, columns]
        if upon is not None:
            state[upon > 0], wanted = UNKNOWN, wanted & (1 - upon)
        behind = clear & (now > 0)
        behind |= clear & witnesses(behind, (now > 0) & (state > 0) & ~behind) & (not self.people)
        fresh = (wanted > 0) & ((shown & (state != SEEN)) | behind | lasts)
        self._canvas.put(picture, fresh, shown, rows, columns)
