"""A first pass through a file, for what will be uncovered in it."""

import cv2
import numpy as np

from gancam.effects.inpainting.background import Background
from gancam.effects.inpainting.future import FutureBackground, Known
from gancam.effects.inpainting.lasting import usual
from gancam.effects.inpainting.light import relit
from gancam.effects.inpainting.regions import HALO, LASTED, RING, SEEN, FrameRegion
from gancam.effects.inpainting.retrace import Retrace
from gancam.effects.inpainting.warp import cubic, frame_corners, square, translation, whole
from gancam.frame import Image
from gancam.masks.opening import backwards, room_for
from gancam.vision.motion import Grey, Matrix, moved

_SHAKE = 1.0  # pixels: a camera that moves less stands


class Prescan(Background):
    """A first pass through a clip, frame by frame as with a `Background`, that keeps what is uncovered in it."""

    def __init__(self, *, whole: bool = False, people: bool = False) -> None:
        super().__init__(whole=whole, people=people)
        self._opening: list[Image] = []
        self._marked: list[Grey] = []  # in these
        self._steady = True  # whether the camera stood still in them
        self._retrace = Retrace()
        self.future = FutureBackground()
        self._left: list[tuple[int, Matrix | None]] = []  # canvases: their first frames, and the way to the next
        self._since = 0

    @property
    def opening(self) -> list[Image]:
        """The first frames of a clip of people, backwards: who has seen these knows whom the first frame shows."""
        return backwards(self._opening)

    def belonging(self, image: Image, marked: Grey, time: float | None) -> Grey:
        """Return what is `marked`, and what belongs to it; see `Background`."""
        opens = self.people and room_for(len(self._opening), image)
        kept = image.copy() if self.people else image  # one copy for both
        if opens:
            self._opening.append(kept)
            self._marked.append(np.asarray(marked != 0, np.uint8))
        if self.people and time is not None:
            self._retrace.look(kept, marked, time)
        whole, corners = super().belonging(image, marked, time), frame_corners((image.shape[1], image.shape[0]))
        self._steady &= not opens or np.abs(moved(corners, self.camera.matrix) - corners).max() < _SHAKE
        return whole

    def finish(self) -> FutureBackground:
        """Return what is uncovered in the clip, that of a later canvas in those before it, too. Call it at its end."""
        self._retrace.finish()
        self.future.earlier = self._retrace.earlier
        self._leave(None)
        self._canvas.clear()
        next_one: Known | None = None
        for frame, step in reversed(self._left):
            mine = self.future.at(frame)
            if step is not None and next_one is not None:
                back, size = np.asarray(np.linalg.inv(step), np.float64), next_one.state.shape[::-1]
                picture = cubic(next_one.picture, back, size)
                seen = whole(cv2.erode(next_one.state, square(1)) > 0, back, size).astype(np.uint8) * np.uint8(SEEN)
                if mine is not None:
                    picture = relit(picture, mine.picture, (seen > 0) & (mine.state > 0))
                    cv2.copyTo(mine.picture, mine.state, picture)
                    seen |= mine.state
                mine = Known(picture, seen)
                self.future.put(frame, mine)
            next_one = mine
        return self.future

    def _leave(self, step: Matrix | None) -> None:
        canvas = self._canvas
        if canvas:
            opening = None if self._left or not self._steady else usual(self._opening, self._marked)
            if opening is not None:
                cv2.copyTo(*opening, canvas.inner(canvas.picture))
                canvas.inner(canvas.state)[opening[1] > 0] = LASTED
            if self._lasting is not None:  # what lasts in the whole clip is worth more
                lasted = self._lasting.sure
                cv2.copyTo(self._lasting.picture, lasted, canvas.inner(canvas.picture))
                canvas.inner(canvas.state)[lasted > 0] = LASTED
            self.future.put(self._since, Known(canvas.picture, canvas.state))
            self._left.append((self._since, step))

    def _foresee(self) -> None:
        self._since = self._frames

    def _hide(self, window: FrameRegion, hidden: Grey) -> None:
        """It looks the other way."""

    def _uncover(self, image: Image, hidden: Grey) -> None:
        before = self._before
        if before is None or not cv2.hasNonZero(before.hidden):
            return
        still = self.camera.still and bool((before.matrix == self.camera.matrix).all())
        if still and np.array_equal(before.hidden, hidden):
            return
        window = FrameRegion.around(cv2.boundingRect(before.hidden), RING, hidden.shape)
        was = np.asarray(cv2.dilate(before.hidden[window.place], square(RING)), np.uint8)
        taken = self._unmoved(before.hidden, hidden, image)
        if taken is not None:
            was &= np.asarray(1 - cv2.dilate(taken[window.place], square(RING)), np.uint8)
        if still:
            rows, columns = self._canvas.at_rest(window)
            picture = image[window.place]
            clear = cv2.dilate(hidden, square(HALO))[window.place] == 0
        else:
            rows, columns = self._canvas.extent(window, self.camera.matrix)
            size = columns.stop - columns.start, rows.stop - rows.start
            if min(size) <= 0:
                return
            corner = translation(-columns.start, -rows.start)
            there = corner @ self._canvas.from_frame(self.camera.matrix)
            picture = cubic(image, there, size)
            clear = whole(cv2.dilate(hidden, square(HALO + 2)) == 0, there, size)
            here = corner @ self._canvas.from_frame(before.matrix) @ translation(window.left, window.top)
            was = np.asarray(cv2.warpPerspective(was, here, size, flags=cv2.INTER_NEAREST), np.uint8)
        fresh = (was > 0) & clear & (self._canvas.state[rows, columns] != SEEN)
        self._canvas.put(picture, fresh, clear, rows, columns)
