"""Where somebody goes whom a window follows: it has to be there before them."""

from gancam.masks.people.regions import Window, united

_QUICK = 0.06  # of their longer side, in a frame: who is slower stays well within the window
_AHEAD = 2  # frames by which the window is ahead of them
_GUESSES = 4  # frames in which they were not seen, after which they may have stopped


class Course:
    """The way that somebody takes through the frame."""

    def __init__(self) -> None:
        self._last: Window | None = None
        self._step = 0.0, 0.0  # pixels a frame
        self._unseen = 0

    def __call__(self, person: Window | None, size: tuple[int, int]) -> Window | None:
        """Return the box that a window is to be laid around: with where the `person` will be, if they are quick.

        Args:
            person: the box around them in this frame; None: they were not found, and are where they would be by now.
            size: width and height of the frame.

        Returns:
            None: as it is.
        """
        if person is None:
            self._unseen += 1
            if self._last is None or self._unseen > _GUESSES or not self.quick:
                return None
            return self._within(_moved(self._last, self._step, self._unseen), size)
        if self._last is not None:
            frames = self._unseen + 1
            step = [(_middle(person, axis) - _middle(self._last, axis)) / frames for axis in (0, 1)]
            self._step = (self._step[0] + step[0]) / 2, (self._step[1] + step[1]) / 2
        self._last, self._unseen = person, 0
        return self._within(_moved(person, self._step, _AHEAD), size, person) if self.quick else person

    @property
    def quick(self) -> bool:
        """Whether they went quickly when they were last seen."""
        return self._last is not None and max(map(abs, self._step)) > _QUICK * max(self._last[2:])

    def _within(self, there: Window, size: tuple[int, int], person: Window | None = None) -> Window | None:
        """The part of the frame that holds them `there`, and where they are; None: they have left it."""
        left, top = max(there[0], 0), max(there[1], 0)
        right, bottom = min(there[0] + there[2], size[0]), min(there[1] + there[3], size[1])
        if right - left < 2 or bottom - top < 2:
            return person
        inside = left, top, right - left, bottom - top
        return inside if person is None else united([person, inside])


def _middle(box: Window, axis: int) -> float:
    return box[axis] + box[axis + 2] / 2


def _moved(box: Window, step: tuple[float, float], frames: int) -> Window:
    return round(box[0] + step[0] * frames), round(box[1] + step[1] * frames), box[2], box[3]
