"""A sound track of what is heard while it is written."""

from fractions import Fraction
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from gancam.media.live_sound import CHANNELS, RATE, SoundBlock, SoundTap
from gancam.sinks._tracks import Packet

_APART = 0.15  # seconds that blocks may come early or late before that is taken for a gap
_LATE = 0.5  # seconds behind the picture after which missing sound is silence


class SteadySound:
    """What a tap has, without gaps, from time 0 on: in step with a picture.

    Args:
        tap: What is heard, on the clock of the output.
    """

    def __init__(self, tap: SoundTap) -> None:
        self._tap = tap
        self.samples = 0  # that were given

    def until(self, seconds: float, *, whole: bool = False) -> NDArray[np.int16]:
        """Give the samples ``(n, 2)`` of what was heard before `seconds`; what is missing since long is silence.

        Args:
            seconds: On the clock of the output.
            whole: Whether all that is missing is silence: at the end.
        """
        parts = [part for block in self._tap.take(seconds) for part in self._joined(block)]
        late = round((seconds - (0.0 if whole else _LATE)) * RATE) - self.samples
        if late > 0:
            parts.append(self._given(np.zeros((late, CHANNELS), np.int16)))
        return np.concatenate(parts) if parts else np.zeros((0, CHANNELS), np.int16)

    def _joined(self, block: SoundBlock) -> list[NDArray[np.int16]]:
        """Join a block to what is there: close a gap with silence, leave out what comes too late."""
        apart, samples = round(block.time * RATE) - self.samples, block.samples
        first = self.samples == 0
        parts = []
        if apart > _APART * RATE or (first and apart > 0):
            parts.append(self._given(np.zeros((apart, CHANNELS), np.int16)))
        elif apart < -_APART * RATE or (first and apart < 0):
            samples = samples[-apart:]
        return [*parts, self._given(samples)]

    def _given(self, samples: NDArray[np.int16]) -> NDArray[np.int16]:
        self.samples += len(samples)
        return samples

    def close(self) -> None:
        """Listen no more."""
        self._tap.close()


class SoundTrack:
    """Encodes what a tap has into a container, in step with the picture.

    Args:
        tap: What is heard, on the clock of the output.
        output: The container that gets it; it must not have been begun.
        encoder: FFmpeg's name.
    """

    def __init__(self, tap: SoundTap, output: av.container.OutputContainer, encoder: str) -> None:
        self._steady = SteadySound(tap)
        stream = output.add_stream(encoder, rate=RATE, layout="stereo")
        assert isinstance(stream, av.AudioStream)
        self._stream: Any = stream
        self._resampler: av.AudioResampler | None = None

    def packets_until(self, seconds: Fraction) -> list[Packet]:
        """Give the packets of what was heard before `seconds`."""
        return self._encode(self._steady.until(float(seconds)))

    def finish(self, seconds: Fraction) -> list[Packet]:
        """Give the rest, up to `seconds`, and what the encoder still holds."""
        packets = self._encode(self._steady.until(float(seconds), whole=True))
        self.close()
        if self._resampler is None:
            return packets
        packets += [packet for frame in self._resampler.resample(None) for packet in self._stream.encode(frame)]
        return [*packets, *self._stream.encode(None)]

    def close(self) -> None:
        """Listen no more."""
        self._steady.close()

    def _encode(self, samples: NDArray[np.int16]) -> list[Packet]:
        if not len(samples):
            return []
        if self._resampler is None:  # not before the encoder is open, which decides the frame size
            context = self._stream.codec_context
            self._resampler = av.AudioResampler(context.format, context.layout, context.rate, context.frame_size)
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples).reshape(1, -1), "s16", "stereo")
        frame.sample_rate, frame.time_base = RATE, Fraction(1, RATE)
        frame.pts = self._steady.samples - len(samples)
        return [packet for made in self._resampler.resample(frame) for packet in self._stream.encode(made)]
