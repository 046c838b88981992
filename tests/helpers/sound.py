"""Small videos with sound in any layout, each channel a tone of its own."""

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.audio.layout import AudioLayout
from numpy.typing import NDArray

from gancam.media.sound import SoundConverter, SoundDecoder, channel_plans
from tests.helpers.clips import scenery

FIRST, STEP = 400, 170  # Hz: the tone of the first channel, and how much higher each next one is
_NAMED = (
    "mono stereo downmix 2.1 3.0 3.0(back) 4.0 quad quad(side) 3.1 5.0 5.0(side) 4.1 5.1 5.1(side) 6.0 6.0(front) "
    "3.1.2 hexagonal 6.1 6.1(back) 6.1(front) 7.0 7.0(front) 7.1 7.1(wide) 7.1(wide-side) 5.1.2 5.1.2(back) octagonal "
    "cube 5.1.4 7.1.2 7.1.4 7.2.3 9.1.4 9.1.6 hexadecagonal binaural 22.2 FL+LFE"
)
LAYOUTS = _NAMED.split()  # all that FFmpeg has names for, and one that it has none for


def sounding(
    path: Path, *, codec: str = "pcm_s16le", layout: str = "stereo", rate: int = 48000, format: str = "s16",
    seconds: float = 0.4,
) -> Path:  # fmt: skip
    """Write four pictures, and a tone for each channel."""
    count = AudioLayout(layout).nb_channels
    moments = np.arange(round(seconds * rate)) / rate
    tones = np.stack([np.sin(2 * np.pi * (FIRST + STEP * place) * moments) for place in range(count)], axis=1) * 0.3
    with av.open(path, "w") as container:
        picture = container.add_stream("mpeg4" if path.suffix == ".avi" else "libx264", rate=10)
        picture.width, picture.height, picture.pix_fmt = 64, 48, "yuv420p"
        track = container.add_stream(codec, rate=rate, layout=layout)
        assert isinstance(track, av.AudioStream)
        for index, image in enumerate(scenery(64, 48, 4)):
            frame = av.VideoFrame.from_ndarray(image, "bgr24").reformat(format="yuv420p")
            frame.pts, frame.time_base = index, Fraction(1, 10)
            container.mux(picture.encode(frame))
        container.mux(picture.encode(None))
        size = 1024
        for first in range(0, len(tones) - size + 1, size):
            part = tones[first : first + size]
            packed: Any = (part * 32767).astype(np.int16) if format.startswith("s16") else part.astype(np.float32)
            packed = np.ascontiguousarray(packed).reshape(1, -1)
            sound = av.AudioFrame.from_ndarray(packed, format.removesuffix("p"), layout)
            sound.rate, sound.pts, sound.time_base = rate, first, Fraction(1, rate)
            container.mux(track.encode(sound))
        container.mux(track.encode(None))
    return path


def channels_of(path: Path) -> tuple[list[str], NDArray[np.float32], int]:
    """Names of the channels of a file's first audio track, its samples, float32 ``(n, channels)``, and their rate."""
    with av.open(path) as container:
        stream = container.streams.audio[0]
        plan = channel_plans(container)[stream.index]
        decoder, converter = SoundDecoder(stream, plan), SoundConverter("flt", plan.layout, None)
        frames = [
            part for packet in container.demux(stream) for one in decoder.decode(packet) for part in converter(one)
        ]
        names = [channel.name for channel in AudioLayout(plan.layout).channels]
        samples = np.concatenate([frame.to_ndarray().reshape(-1, len(names)) for frame in frames])
        return names, samples, frames[0].rate


def tones_of(path: Path, count: int) -> dict[str, set[int]]:
    """Which of `count` tones are heard in each channel of a file, by the channel's name."""
    names, samples, rate = channels_of(path)
    middle = samples[len(samples) // 4 : len(samples) * 3 // 4]
    spectrum = np.abs(np.fft.rfft(middle * np.hanning(len(middle))[:, None], axis=0)) / len(middle)
    heard = {}
    for place, name in enumerate(names):
        bins = [round((FIRST + STEP * tone) * len(middle) / rate) for tone in range(count)]
        heard[name] = {tone for tone, at in enumerate(bins) if spectrum[max(at - 1, 0) : at + 2, place].max() > 0.01}
    return heard
