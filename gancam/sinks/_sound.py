"""A sound track of what is heard while it is written."""

from fractions import Fraction
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from gancam.media.sound import CHANNELS, RATE, SoundTap
from gancam.sinks._tracks import Packet

_APART = 0.15  # seconds that blocks may come early or late before that is taken for a gap
_LATE = 0.5  # seconds behind the picture after which missing sound is silence


class SoundTrack:
    """Encodes what a tap has, without gaps, in step with the picture.

    Args:
        tap: What is heard, on the clock of the output.
        output: The container that gets it; it must not have been begun.
        encoder: FFmpeg's name.
    """

    def __init__(self, tap: SoundTap, output: av.container.OutputContainer, encoder: str) -> None:
        self._tap = tap
        stream = output.add_stream(encoder, rate=RATE, layout="stereo")
        assert isinstance(stream, av.AudioStream)
        self._stream: Any = stream
        self._resampler: av.AudioResampler | None = None
        self._next = 0  # the sample that is written next

    def packets_until(self, seconds: Fraction) -> list[Packet]:
        """Give the packets of what was heard before `seconds`; what is missing since long is silence."""
        packets: list[Packet] = []
        for block in self._tap.take(float(seconds)):
            packets += self._add(round(block.time * RATE), block.samples)
        late = round((float(seconds) - _LATE) * RATE) - self._next
        return packets + (self._encode(_silence(late)) if late > 0 else [])

    def finish(self, seconds: Fraction) -> list[Packet]:
        """Give the rest, up to `seconds`, and what the encoder still holds."""
        packets = self.packets_until(seconds)
        missing = round(float(seconds) * RATE) - self._next
        if missing > 0:
            packets += self._encode(_silence(missing))
        self.close()
        ready = [] if self._resampler is None else self._resampler.resample(None)
        packets += [packet for frame in ready for packet in self._stream.encode(frame)]
        return packets + (self._stream.encode(None) if self._resampler is not None else [])

    def close(self) -> None:
        """Listen no more."""
        self._tap.close()

    def _add(self, start: int, samples: NDArray[np.int16]) -> list[Packet]:
        """Put samples behind those that are there: close a gap with silence, leave out what comes too late."""
        apart = start - self._next
        packets: list[Packet] = []
        if apart > _APART * RATE or (self._next == 0 and apart > 0):
            packets = self._encode(_silence(apart))
        elif apart < -_APART * RATE or (self._next == 0 and apart < 0):
            samples = samples[-apart:]
        return packets + self._encode(samples)

    def _encode(self, samples: NDArray[np.int16]) -> list[Packet]:
        if not len(samples):
            return []
        if self._resampler is None:  # not before the encoder is open, which decides the frame size
            context = self._stream.codec_context
            self._resampler = av.AudioResampler(context.format, context.layout, context.rate, context.frame_size)
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples).reshape(1, -1), "s16", "stereo")
        frame.sample_rate, frame.pts, frame.time_base = RATE, self._next, Fraction(1, RATE)
        self._next += len(samples)
        return [packet for made in self._resampler.resample(frame) for packet in self._stream.encode(made)]


def _silence(count: int) -> NDArray[np.int16]:
    return np.zeros((count, CHANNELS), np.int16)
