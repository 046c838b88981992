"""How good a page's pictures are: as good as its network carries without delay."""

from collections import deque
from dataclasses import dataclass

from gancam.studio.screen import QUALITY

SLOW = 0.12  # seconds that a picture may take on its way, lately
_SOME = 4  # pictures over which that is averaged
_FIRST_TRY, _LAST_TRY = 12, 400  # pictures after which better ones are tried: doubled where that failed
_FAILED = 60  # pictures after that within which it did
_SMALLER, _HELPED = 0.6, 0.85  # of the bytes, of the time: much smaller pictures that take longer were not what is slow
_HOLD = 600  # pictures for which none are made smaller then: the page or the distance is slow, not the network


@dataclass(frozen=True, slots=True)
class Sharpness:
    """How a picture is sent.

    Attributes:
        quality: Of the JPEG, 1 to 100.
        share: Of the sides that it would have.
    """

    quality: int
    share: float = 1.0


LEVELS = (Sharpness(QUALITY), Sharpness(72), Sharpness(60, 0.7), Sharpness(45, 0.5), Sharpness(35, 0.35))


class Pace:
    """Chooses how pictures are sent by how long those before were on their way.

    Attributes:
        level: Which of `LEVELS` the next picture has.
        travel: Seconds from when the last one was sent until it was shown; 0 before the first.
    """

    def __init__(self) -> None:
        self.level, self.travel = 0, 0.0
        self._underway: deque[tuple[float, int]] = deque()  # when each was sent, and at which level
        self._last = 0.0  # when the one before was shown
        self._took: list[float] = []  # at this level
        self._left: tuple[int, float] | None = None  # the level that was left for being slow, what they took there
        self._calm, self._patience, self._hold = 0, _FIRST_TRY, 0
        self._tried = _FAILED  # pictures since a better level was tried
        self._sizes: dict[int, int] = {}  # bytes of a picture, by level

    def sent(self, now: float, size: int, level: int) -> None:
        """Note that a picture of `size` bytes goes out, made as `level` says."""
        self._underway.append((now, level))
        self._sizes[level] = size

    def shown(self, now: float) -> None:
        """Note that the oldest of those that are under way is shown; what is not under way is no matter."""
        if not self._underway:
            return
        began, level = self._underway.popleft()
        took, self._last, self.travel = now - max(began, self._last), now, now - began
        self._hold, self._tried = max(self._hold - 1, 0), self._tried + 1
        if level != self.level:
            return  # it was made before the change
        self._took = [*self._took[1 - _SOME :], took]
        if len(self._took) == _SOME or took > 4 * SLOW:
            self._choose(sum(self._took) / len(self._took))

    def _choose(self, mean: float) -> None:
        if self._left is not None and len(self._took) == _SOME:
            level, before = self._left
            if self._sizes[self.level] < _SMALLER * self._sizes[level]:
                self._left = None
                if mean > max(_HELPED * before, SLOW):
                    self._hold = _HOLD
                    self._go(level)
                    return
        if mean > SLOW:
            self._worse(mean)
        elif self.level and self._would_take(mean) < 0.7 * SLOW:
            self._calm += 1
            if self._calm >= self._patience:
                self._tried, self._left = 0, None
                self._go(self.level - 1)
        else:
            self._calm = 0

    def _worse(self, mean: float) -> None:
        self._calm = 0
        if self._hold or self.level == len(LEVELS) - 1:
            return
        self._patience = min(2 * self._patience, _LAST_TRY) if self._tried < _FAILED else _FIRST_TRY
        self._left = self._left or (self.level, mean)
        self._go(self.level + 1)

    def _would_take(self, mean: float) -> float:
        """Seconds that a picture of the next better level would take."""
        better = self._sizes.get(self.level - 1)
        return mean * better / max(self._sizes.get(self.level, 1), 1) if better else mean

    def _go(self, level: int) -> None:
        self.level, self._took, self._calm = level, [], 0
