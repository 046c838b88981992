"""Loudness, moment by moment, of a file and of what a microphone hears."""

import itertools
import math
import os
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from gancam.errors import InputError, NotFound
from gancam.media.live_sound import CHANNELS, Sound
from gancam.media.live_sound import RATE as SOUND_RATE
from gancam.media.messages import cause
from gancam.media.sound import ChannelPlan, SoundConverter, SoundDecoder, channel_plans
from gancam.media.streams import open_file

RATE = 50  # levels a second
_SAMPLES = 16_000  # a second, of which levels are taken
_LOUD = 95  # percentile of all levels that counts as 1
_RISE, _FALL = 0.03, 0.25  # seconds in which a level follows the sound, so that beats are seen and syllables are not
_LOUDEST = 1.5  # level
_FORGET = 20.0  # seconds in which a microphone forgets half of how loud it was
_HUM = 3e-3  # of full scale: what is never louder is no sound


class Loudness:
    """The level of a file's first audio track: 0 for silence, 1 for what is loud in this file, 1.5 at most.

    The file is read whole at once, about a hundred times as fast as it plays. Times are those of its frames, in
    seconds; after the end it begins anew.

    Raises:
        NotFound: there is no such file.
        InputError: it has no sound that can be read.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        if not Path(path).exists():
            raise NotFound(f"{path}: no such file")
        try:
            with open_file(path) as container:
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
        """The length of the sound."""
        return len(self._levels) / RATE

    def level(self, time: float) -> float:
        """Return the level, 0 to 1.5, at `time`."""
        place = int((time - self._start) % self.seconds * RATE)
        return float(self._levels[min(place, len(self._levels) - 1)])

    def heard(self, time: float) -> float:
        """Return the integral of the level from time 0 until `time`, in seconds times level."""
        return self._sum(time - self._start) - self._sum(-self._start)

    def _sum(self, time: float) -> float:
        rounds, rest = divmod(time, self.seconds)
        place = np.interp(rest * RATE, np.arange(len(self._sums)), self._sums)
        return float(rounds * self._sums[-1] + place)


def _powers(container: av.container.InputContainer) -> tuple[np.ndarray, float]:
    """Mean squares of each 1 / RATE second, and the time of the first."""
    stream = container.streams.audio[0]
    plan = channel_plans(container).get(stream.index, ChannelPlan("stereo", "stereo"))
    decoder, converter = SoundDecoder(stream, plan), SoundConverter("flt", "mono", _SAMPLES)
    step = _SAMPLES // RATE
    start: float | None = None
    squares, rest = [], np.empty(0, np.float32)
    try:
        for frame in itertools.chain.from_iterable(map(decoder.decode, container.demux(stream))):
            if start is None and frame.time is not None:
                start = frame.time - (container.start_time or 0) / av.time_base
            for part in converter(frame):
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
    levels = (
        np.minimum(loudness / loud, _LOUDEST) if loud > 1e-4 else np.zeros_like(loudness)
    )  # digital silence and hum
    up, down = (1 - np.exp(-1 / (RATE * seconds)) for seconds in (_RISE, _FALL))
    level = 0.0
    for index, wanted in enumerate(levels.tolist()):
        level += (wanted - level) * (up if wanted > level else down)
        levels[index] = level
    return levels


class Hearing:
    """The level of a sound as it comes: 0 for silence, 1 for what has been loud lately, 1.5 at most.

    Args:
        rate: samples a second.
    """

    def __init__(self, rate: float) -> None:
        self._rate = rate
        self._loud = _HUM
        self.level = 0.0

    def __call__(self, samples: NDArray[np.float32]) -> float:
        """Return the level after `samples`, float32 ``(n,)`` of full scale -1..1."""
        seconds = len(samples) / self._rate
        loudness = float(np.sqrt(np.mean(np.square(samples, dtype=np.float64)))) if len(samples) else 0.0
        # Loud is what is passed a twentieth of the time: up much faster than down, but not with a click.
        share = 1 - math.exp(-seconds / 0.3) if loudness > self._loud else 1 - 0.5 ** (seconds / _FORGET)
        self._loud = max(self._loud + (loudness - self._loud) * share, _HUM)
        wanted = min(loudness / self._loud, _LOUDEST) if loudness > _HUM else 0.0
        self.level += (wanted - self.level) * (1 - math.exp(-seconds / (_RISE if wanted > self.level else _FALL)))
        return self.level


def import_sounddevice() -> ModuleType:
    """Import the package that microphones need. Raises ``InputError`` where it, or PortAudio, is missing."""
    try:
        import sounddevice
    except ImportError:
        raise InputError("a microphone needs an extra package: pip install 'gancam[microphone]'") from None
    except OSError as error:
        raise InputError(f"a microphone needs the library PortAudio ({error}): on Debian, libportaudio2") from error
    module: ModuleType = sounddevice
    return module


class _Listener(ABC):
    """Listens to a microphone, from a thread of PortAudio's, until it is closed: fifty blocks of samples a second."""

    _gone: str  # what is said when the microphone is gone

    def __init__(self, name: str, warn: Callable[[str], None]) -> None:
        self._name, self._warn, self._closing = name, warn, False
        self._device = _find_microphone(name)

    def _begin(self, channels: int, rate: float, kind: str) -> None:
        """Open and start the stream of samples, of NumPy's `kind`. Raises ``InputError``."""
        sounddevice = import_sounddevice()
        try:
            self._stream: Any = sounddevice.InputStream(
                device=self._device["index"], channels=channels, samplerate=rate, blocksize=round(rate / RATE),
                dtype=kind, callback=self._heard, finished_callback=self._finished,
            )  # fmt: skip
            self._stream.start()
        except (sounddevice.PortAudioError, ValueError, OSError) as error:
            raise _unopened(sounddevice, self._name, error) from error

    @abstractmethod
    def _heard(self, samples: Any, frames: int, moments: object, status: object) -> None:
        """Take ``(n, channels)`` samples, on PortAudio's thread."""

    def _finished(self) -> None:
        if not self._closing:
            self._warn(self._gone)

    def close(self) -> None:
        """Stop listening."""
        self._closing = True
        self._stream.close()


class Microphone(_Listener):
    """Calls `turn` with the level of what a microphone hears, fifty times a second, from a hidden thread.

    Needs the extra ``gancam[microphone]``.

    Args:
        turn: called with each level, 0 to 1.5, and with a last 0 when the microphone is gone.
        name: a part of the device's name, or its number; empty for the system's default input.
        warn: called with one line when the microphone is gone.

    Raises:
        InputError: the extra package is missing, or the device cannot be opened.
    """

    _gone = "control: the microphone is gone"

    def __init__(self, turn: Callable[[float], object], *, name: str = "", warn: Callable[[str], None]) -> None:
        super().__init__(name, warn)
        self._turn, rate = turn, float(self._device["default_samplerate"])
        self._hearing = Hearing(rate)
        self._begin(1, rate, "float32")
        self.notes = [f"control: listens to {self._device['name']}"]

    def _heard(self, samples: NDArray[np.float32], frames: int, moments: object, status: object) -> None:
        self._turn(self._hearing(samples[:, 0]))

    def _finished(self) -> None:
        if not self._closing:
            self._turn(0.0)
        super()._finished()


class SoundMicrophone(_Listener):
    """Gives a `Sound` what a microphone hears, from a hidden thread. Needs the extra ``gancam[microphone]``.

    Args:
        sound: Gets it.
        name: A part of the device's name, or its number; empty for the system's default input.
        warn: Called with one line when the microphone is gone.

    Raises:
        InputError: The extra package is missing, or the device cannot be opened.
    """

    _gone = "sound: the microphone is gone; silence is recorded"

    def __init__(self, sound: Sound, *, name: str = "", warn: Callable[[str], None]) -> None:
        super().__init__(name, warn)
        self._sound = sound
        sound.there = True
        self._begin(min(int(self._device["max_input_channels"]), CHANNELS), float(SOUND_RATE), "int16")
        self.notes = [f"sound: records {self._device['name']}"]

    def _heard(self, samples: NDArray[np.int16], frames: int, moments: object, status: object) -> None:
        """Pass on samples, which began when the last of them came, less their length."""
        captured = time.monotonic() - len(samples) / SOUND_RATE - float(self._stream.latency)
        self._sound.put(captured, np.repeat(samples, CHANNELS // samples.shape[1], axis=1))


def _find_microphone(name: str) -> Any:
    """PortAudio's description of a microphone. Raises ``InputError``."""
    sounddevice = import_sounddevice()
    try:
        return sounddevice.query_devices(int(name) if name.isdigit() else name or None, "input")
    except (sounddevice.PortAudioError, ValueError, OSError) as error:
        raise _unopened(sounddevice, name, error) from error


def _unopened(sounddevice: Any, name: str, error: Exception) -> InputError:
    there = [str(one["name"]) for one in sounddevice.query_devices() if one["max_input_channels"]]
    others = f"there are {', '.join(map(repr, there))}" if there else "there is none here"
    return InputError(f"microphone {name or 'by default'}: cannot be opened ({error}); {others}")
