"""The hidden thread that decodes a video file ahead of who asks for its frames."""

import math
import os
import threading
import time
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from gancam.errors import GancamError, InputError, SourceError
from gancam.frame import Frame
from gancam.media.discontinuities import LEAST, Discontinuity, discontinuities
from gancam.media.messages import cause
from gancam.sources.decoders import Decoder, frames_ahead, log
from gancam.sources.extent import LATE, Extent, breaks_off, cut_short, frames_within, shown_ticks
from gancam.sources.truncation import is_truncated
from gancam.threads import BoundedQueue
from gancam.units import counted

_OF_PARENTS: list["Reading"] = []  # in a forked process: freed there, FFmpeg waits for threads that stayed behind
_LONGEST = 86_400.0  # seconds that a picture may stay; what says more is damaged


class Reading:
    """Gives the frames of an open video. It knows nothing of its `VideoFile`, so that that can be dropped unclosed.

    Args:
        path: The file, for messages, and to look at it again where it ends early.
        decoder: Has decoded its first pictures; closed with this.
        extent: How long the file is, and what of it is wanted.
        notes: What there is to say is added.
        worker_seconds: How long decoding took so far.

    Attributes:
        skip: How many frames are left out, from the first; not to be changed once frames were asked for.
        wanted: How many frames are promised, of the range; None where that is not known.
        worker_seconds: How many seconds the decoder has worked.
    """

    def __init__(self, path: Path, decoder: Decoder, extent: Extent, notes: list[str], worker_seconds: float) -> None:
        assert decoder.size is not None
        self._path, self._decoder, self._extent, self._notes = path, decoder, extent, notes
        self._size = decoder.size
        self._from = None if extent.start is None else float(extent.start)  # as Frame.time is
        self._until = None if extent.end is None else float(extent.end)
        self._stop, self._process = threading.Event(), os.getpid()
        self._thread: threading.Thread | None = None
        self._begin = threading.RLock()  # so that nothing is closed while the thread is made and not yet begun
        self._closed = self._ended = False
        self._short = False  # whether frames are missing at the end
        self._discontinuities: list[Discontinuity] | None = None  # once they were looked for
        self._removed = 0.0  # seconds of the discontinuities so far, by which frames come earlier than they say
        self.skip, self.worker_seconds = 0, worker_seconds
        self.wanted = frames_within(extent.frames, extent.fps, extent.start, extent.end)
        self._queue: BoundedQueue[Frame | Exception | None] = BoundedQueue(frames_ahead(self._size))

    @property
    def ended_early(self) -> bool:
        """Whether it was closed before its end."""
        return self._closed and not self._ended

    def frames(self) -> Iterator[Frame]:
        """Give the frames, each once.

        Raises:
            InputError: For a range in which there is none.
            SourceError: For a failure, and where it was read to its end or closed before.
        """
        if self._closed:
            raise SourceError(f"{self._path}: already closed")
        if self._ended:
            raise SourceError(f"{self._path}: already read to its end: open it again to read it once more")
        with self._begin:
            if self._thread is None and not self._closed:
                self._thread = threading.Thread(target=self._run, name="gancam-decode", daemon=True)
                self._thread.start()
        while not self._closed and not self._ended:
            item = self._queue.take()
            if not isinstance(item, Frame):
                self._ended = True
                if item is not None:
                    raise item
                return
            yield item
            del item  # a large picture less in memory while the next is waited for

    def close(self, patience: float | None = None) -> None:
        """End the thread and close the file, at any time and more than once.

        Args:
            patience: Seconds that the thread is waited for; it closes the file itself where they do not do. None for as
                long as it takes.
        """
        self._closed = True
        if os.getpid() != self._process:
            _OF_PARENTS.append(self)
            return
        with self._begin:
            self._stop.set()
        self._queue.wake()
        here = self._thread is threading.current_thread()  # whose garbage collection may come upon the last reference
        if self._thread is not None and self._thread.ident is not None and not here:
            self._thread.join(patience)
        if self._thread is None or not (here or self._thread.is_alive()):
            self._decoder.close()
        self._queue.push(None)  # whoever still waits for a frame is told that none comes

    # The hidden thread, from here on.

    def _run(self) -> None:
        self._read()
        if self._stop.is_set():
            self._decoder.close()

    def _read(self) -> None:
        """Decode until the end, an error, or close()."""
        index = came = 0
        ticks = array("q")  # of hours of video: a set of numbers takes ten times as much
        changed = False
        last, own, usual = -math.inf, 0, 1 / self._extent.fps  # how long the frame before the held one was shown
        held: Frame | None = None  # the frame whose duration is known when the next one comes

        def moment(tick: int) -> float:
            exact = self._extent.seconds(tick) - self._removed
            if exact > last + LEAST:
                exact -= self._discontinuity(last, exact, 1 / self._extent.fps)
            return exact if exact > last else last + 1 / self._extent.fps

        def wanted(tick: int) -> bool:
            return index >= self.skip and (self._from is None or moment(tick) >= self._from)

        try:
            while not self._stop.is_set():
                began = time.perf_counter()
                read = self._decoder.read(wanted)
                self.worker_seconds += time.perf_counter() - began
                if read is None:
                    self._tell_shortage(came, last, ticks)
                    held = None if held is None else replace(held, duration=self._last_duration(held.time, own, usual))
                    break
                image, tick, picture, alpha, own = read
                keep, last = wanted(tick), moment(tick)
                if held is not None:
                    lasts = last - held.time
                    held = replace(held, duration=self._within(held.time, lasts, usual))
                    usual = lasts
                if self._until is not None and last >= self._until:
                    break
                if held is not None and not self._offer(held):
                    return
                held = Frame(image, index, last, alpha=alpha, decoded=picture) if keep and image is not None else None
                index += self._from is None or last >= self._from
                came += 1
                ticks.append(tick)
                if self._decoder.other is not None and not changed:
                    changed = self._tell_change(self._decoder.other, last)
                del read, image, picture, alpha  # which whoever asked for them may give back meanwhile
            if not self._extent.whole and not self._stop.is_set():
                self.wanted = index
            if held is not None and not self._offer(held):
                return
            self._offer(None if index or self._extent.whole else self._nothing_there())
        except Exception as error:  # raised where the frames are asked for
            self._offer(SourceError(f"{self._path}: cannot be decoded after frame {index} ({cause(error)})"))

    def _discontinuity(self, last: float, now: float, usual: float) -> float:
        """How many of the seconds from `last` to `now` did not pass: all but `usual` at a discontinuity, else none."""
        if self._discontinuities is None and last > -math.inf:
            self._discontinuities = discontinuities(self._path)
        before = float(self._extent.origin) + self._removed  # to the file's own clock
        if not any(jump.is_between(last + before, now + before) for jump in self._discontinuities or ()):
            return 0.0
        over = now - last - usual
        self._removed += over
        said = f"its timestamps jump by {over:.0f} s, as in concatenated files: played without the gap"
        self._notes.append(f"{self._path.name}: at {max(last, 0):.1f} s {said}")
        return over

    def _last_duration(self, moment: float, own: int, usual: float) -> float | None:
        """How many seconds the last frame is shown, which comes at `moment` and lasts `own` ticks by its own word."""
        end = None if self._extent.picture_end is None else float(self._extent.picture_end - self._extent.origin)
        if end is not None and 0 < end - moment < _LONGEST and not self._short:
            return self._within(moment, end - moment, usual)
        return self._within(moment, float(own * self._extent.time_base), usual) if own > 0 else None

    def _within(self, moment: float, lasts: float, usual: float) -> float:
        """How long a frame is shown that `lasts` so long in the file, within the range that is wanted."""
        return lasts if self._until is None else cut_short(lasts, self._until - moment, usual)

    def _nothing_there(self) -> GancamError:
        """The error of a range in which no frame was found."""
        start, end = self._extent.start, self._extent.end
        parts = [f"from {float(start):g} s on"] if start is not None else []
        parts += [f"before {float(end):g} s"] if end is not None else []
        return InputError(f"{self._path}: has no frame {' and '.join(parts)}")

    def _offer(self, item: Frame | Exception | None) -> bool:
        """Wait for room in the queue and put `item` there; False once the source is closed."""
        return self._queue.put(item, stopped=self._stop.is_set)

    def _tell_change(self, other: tuple[int, int], moment: float) -> bool:
        was, now = (f"{width}x{height}" for width, height in (self._size, other))
        note = f"{self._path.name}: its pictures become {now} at about {max(moment, 0):.1f} s, they are scaled to {was}"
        log.warning("%s", note)
        self._notes.append(note)
        return True

    def _tell_shortage(self, came: int, last: float, ticks: Sequence[int]) -> None:
        """Say that frames are missing, the last being at `last`; where they were only reckoned, they are what came.

        `ticks` has the times of those that came.
        """
        if self._stop.is_set():
            return
        if self._decoder.veiled:
            self._notes.append(f"{self._path.name}: becomes transparent, which is left out: it is not at first")
        if damaged := self._decoder.damaged:
            self._notes.append(f"{self._path.name}: frames that are damaged in the file, and look so: {damaged}")
        short = self._extent.counted and self._extent.frames is not None and came < self._extent.frames
        if short and (gone := self._in_the_middle(ticks, last)):
            at = f"{gone[0]:.2f} s" if len(gone) == 1 else f"{gone[0]:.2f} to {gone[-1]:.2f} s"
            told = f"{counted(len(gone), 'frame')} in the middle could not be read, at {at}"
            self._notes.append(f"{self._path.name}: {told}")
        elif short and self._extent.frames is not None:
            self._short = True
            self._notes.append(f"the video stops early: {counted(self._extent.frames, 'frame')} promised, {came} came")
        elif is_truncated(self._path):
            self._short = True
            told = f"the file is cut off, {counted(came, 'frame')} came"
            self._notes.append(f"the video stops early: {told}")
        elif self._breaks_off(last):
            self._short = True
            told = f"its file is damaged after {last:.1f} s, {counted(came, 'frame')} came"
            self._notes.append(f"the video stops early: {told}")
        if self._extent.whole and (not self._extent.counted or came > (self._extent.frames or 0)):
            self.wanted = came

    def _in_the_middle(self, ticks: Sequence[int], last: float) -> list[float]:
        """The times of all frames that are missing, where none is behind `last`; else none."""
        came = set(ticks)
        ticks_promised = (tick * self._extent.fields for tick in shown_ticks(self._path, self._decoder.index))
        gone = [self._extent.seconds(tick) for tick in ticks_promised if tick not in came]
        return [] if any(moment > last for moment in gone) else sorted(gone)

    def _breaks_off(self, last: float) -> bool:
        """Tell whether the last frame, at `last`, is so only because no more can be read of the file."""
        end, clock = self._extent.container_end, last + float(self._extent.origin)
        return end is not None and float(end) - clock > LATE and breaks_off(self._path, max(clock, 0.0))
