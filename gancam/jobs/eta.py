"""Estimate how long the rest of a batch takes, and how many workers pay."""

import time
from collections.abc import Sequence
from fractions import Fraction

import av

from gancam.jobs.inputs import BatchItem
from gancam.jobs.spec import ProcessOptions
from gancam.media.streams import open_file, picture_of

PROGRESS_SECONDS = 0.2  # seconds between two events of progress of a file
WATCH_SECONDS = 3.0  # seconds of work after which more workers are considered
WORTHWHILE = 15.0  # seconds of work left from which they pay
_PIXELS_A_BYTE = 2  # of an image file, roughly


def worker_count(*, busy: float, cores: int, left: int, room: int) -> int:
    """Reckon how many workers pay: as many as leave no core idle, give or take a third of one; one a core at most.

    Args:
        busy: Cores that one worker keeps busy. Where others have the cores, or a disk is slow, that is little, and no
            number of workers would change it.
        cores: Cores of this machine.
        left: Files left; there are no more workers than these.
        room: How many workers fit into the memory.

    Returns:
        1 or more.
    """
    return max(min(int(cores / max(busy, 0.1) + 1 / 3), cores, left, room), 1)


class ProgressEstimate:
    """Estimates how long the rest will take, from the seconds that a pixel took, of images and of videos.

    Args:
        items: All that is to be made.
        options: How videos are processed: it may leave parts of them out.
    """

    def __init__(self, items: Sequence[BatchItem], options: ProcessOptions) -> None:
        self._cost = {item: _cost(item, options) for item in items}
        self._left = dict(self._cost)
        self._began: dict[BatchItem, float] = {}
        self._share: dict[BatchItem, tuple[float, float]] = {}  # where it began this time, and where it is
        self._spent = {True: [0.0, 0.0], False: [0.0, 0.0]}  # of images, of videos: seconds and cost

    def begin(self, item: BatchItem) -> None:
        """Take the time from which `item` is worked on."""
        self._began[item] = time.monotonic()

    def reached(self, item: BatchItem, share: float) -> None:
        """Note that this share (0 to 1) of `item` is made; what an earlier run made is not counted as fast work."""
        first = self._share.get(item, (share, share))[0]
        self._share[item] = (first, share)
        self._left[item] = self._cost[item] * (1 - share)

    def end(self, item: BatchItem, *, made: bool = True) -> None:
        """Note that `item` is made, or failed: of one that failed, what it reached was work, and no more."""
        reached = self._share.pop(item, None)
        first, last = reached if reached is not None and not item.is_image else (0.0, float(made))
        spent = self._spent[item.is_image]
        spent[0] += time.monotonic() - self._began.pop(item, time.monotonic())
        spent[1] += self._cost[item] * (last - first)
        self._left[item] = 0.0

    def eta(self, workers: int = 1) -> float | None:
        """Estimate the seconds left with so many workers; None while nothing was measured.

        While no image (or no video) was made yet, its pixels count as those of the other kind.
        """
        now, total = time.monotonic(), 0.0
        spent = {images: list(pair) for images, pair in self._spent.items()}
        for item, (first, share) in self._share.items():
            spent[item.is_image][0] += now - self._began[item]
            spent[item.is_image][1] += self._cost[item] * (share - first)
        for images in (True, False):
            left = sum(cost for item, cost in self._left.items() if item.is_image == images)
            seconds, cost = spent[images] if spent[images][1] else spent[not images]
            if left and not cost:
                return None
            total += left * seconds / cost if left else 0.0
        return round(total / workers, 1)


def _cost(item: BatchItem, options: ProcessOptions) -> float:
    """Count the pixels of a video, guess those of an image; 0 for what cannot be read, and fails at once."""
    try:
        if item.is_image:
            return float(item.source.stat().st_size * _PIXELS_A_BYTE)
        with open_file(item.source) as container:
            stream = picture_of(container)
            if stream is None:
                return 0.0
            rate = Fraction(stream.average_rate or stream.guessed_rate or 25)
            frames = stream.frames or float(Fraction(container.duration or 0, av.time_base) * rate)
            if options.start is not None or options.end is not None:
                seconds = Fraction(frames) / rate
                end = seconds if options.end is None else min(options.end, seconds)
                frames = float(max(end - (options.start or 0), Fraction(0)) * rate)
            return float(frames * stream.codec_context.width * stream.codec_context.height)
    except (av.FFmpegError, OSError, ValueError, IndexError, AttributeError):
        return 0.0
