"""How loud a file is, moment by moment."""

import os
from pathlib import Path

import av
import numpy as np

from gancam.errors import InputError, NotFound
from gancam.footage import cause

RATE = 50  # levels a second
_SAMPLES = 16_000  # a second, of which levels are taken
_LOUD = 95  # percentile of all levels that counts as 1
_RISE, _FALL = 0.03, 0.25  # seconds in which a level follows the sound, so that beats are seen and syllables are not


class Loudness:
    """The level of a file's first audio track: 0 for silence, 1 for what is loud in this file, 1.5 at most.

    Read whole when made, at about a hundred times its own speed. Times are those of the file's frames, in seconds;
    after the end it begins anew. Raises ``NotFound``, or ``InputError`` for a file without sound that can be read.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        if not Path(path).exists():
            raise NotFound(f"{path}: no such file")
        try:
            with av.open(os.path.abspath(path), metadata_errors="replace") as container:
                if not container.streams.audio:
                    raise InputError(f"{path}: holds no sound")
                powers, start = _powers(container)
        except (av.FFmpegError, OSError, ValueError) as error:
            if isinstance(error, InputError):
                raise
            raise InputError(f"{path}: its sound cannot be read ({cause(error)})") from error
        if not len(powers):
            raise InputError(f"{path}: its sound cannot be read")
        self._start = start
        self._levels = _followed(np.sqrt(powers))
        self._sums = np.concatenate([[0.0], np.cumsum(self._levels) / RATE])

    @property
    def seconds(self) -> float:
        return len(self._levels) / RATE

    def level(self, time: float) -> float:
        place = int((time - self._start) % self.seconds * RATE)
        return float(self._levels[min(place, len(self._levels) - 1)])

    def heard(self, time: float) -> float:
        """The sum of levels from time 0 until `time`, in seconds times level."""
        return self._sum(time - self._start) - self._sum(-self._start)

    def _sum(self, time: float) -> float:
        rounds, rest = divmod(time, self.seconds)
        place = np.interp(rest * RATE, np.arange(len(self._sums)), self._sums)
        return float(rounds * self._sums[-1] + place)


def _powers(container: av.container.InputContainer) -> tuple[np.ndarray, float]:
    """Mean squares of each 1 / RATE second, and the time of the first."""
    resampler = av.AudioResampler("flt", "mono", _SAMPLES)
    step = _SAMPLES // RATE
    start: float | None = None
    squares, rest = [], np.empty(0, np.float32)
    try:
        for frame in container.decode(audio=0):
            if start is None and frame.time is not None:
                start = frame.time - (container.start_time or 0) / av.time_base
            for part in resampler.resample(frame):
                rest = np.concatenate([rest, part.to_ndarray()[0]])
            whole = len(rest) // step * step
            squares.append(np.square(rest[:whole].reshape(-1, step)).mean(1))
            rest = rest[whole:]
    except (av.FFmpegError, IndexError):
        pass  # a damaged end; what came before counts
    return np.concatenate(squares) if squares else np.empty(0), start or 0.0


def _followed(loudness: np.ndarray) -> np.ndarray:
    """As shares of what is loud, rising fast and falling slowly."""
    loud = float(np.percentile(loudness, _LOUD))
    levels = np.minimum(loudness / loud, 1.5) if loud > 1e-4 else np.zeros_like(loudness)  # digital silence and hum
    up, down = (1 - np.exp(-1 / (RATE * seconds)) for seconds in (_RISE, _FALL))
    level = 0.0
    for index, wanted in enumerate(levels.tolist()):
        level += (wanted - level) * (up if wanted > level else down)
        levels[index] = level
    return levels
