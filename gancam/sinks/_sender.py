"""The process behind ``gancam.sinks.stream``: raw pictures come in by stdin and go to a URL as low-delay H.264.

It runs apart, without the rest of gancam, because FFmpeg's network calls can neither be interrupted nor given a time
limit through PyAV, which even holds Python's global lock while it connects. A process can be ended.

stdin   one line of JSON, a ``SenderTask``; then for each picture its tick (8 bytes, little-endian, signed) and the
        bytes of its planes as FFmpeg lays them out; or, with the tick SOUND, how many samples come (8 bytes) and
        those, 16 bits a channel, which go on where the last ended, from time 0 on.
stdout  a line of JSON when it is connected, and one at the end: {"busy": seconds, "error": what went wrong or null}.
"""

import json
import signal
import sys
import time
from fractions import Fraction
from typing import Any, BinaryIO, TypedDict

import av

SOUND = -(1 << 62)  # a tick that no picture has
_THREADS = 2  # each encodes a slice of every picture: more makes the slices worse


class PictureFormat(TypedDict):
    """What an encoder is told of pictures; the colours are numbers of H.273."""

    width: int
    height: int
    pix_fmt: str  # FFmpeg's name of the pixel format
    colorspace: int
    color_range: int
    color_primaries: int
    color_trc: int


class SenderTask(TypedDict):
    """The first line of stdin."""

    url: str
    format: str  # FFmpeg's container
    options: dict[str, str]  # of the container
    rate: str  # frames a second, as a fraction
    encoder: dict[str, str]  # options of the encoder
    picture: PictureFormat
    aspect: str  # of a pixel, as a fraction
    ticks: int  # a second
    sound: int  # samples a second of two channels; 0 for none


def set_format(picture: PictureFormat, context: av.VideoCodecContext) -> None:
    """Tell an encoder what its pictures are."""
    context.width, context.height, context.pix_fmt = picture["width"], picture["height"], picture["pix_fmt"]
    context.colorspace, context.color_range = picture["colorspace"], picture["color_range"]
    context.color_primaries, context.color_trc = picture["color_primaries"], picture["color_trc"]


def main() -> None:
    """Do what stdin says."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for who started this
    busy, error = 0.0, None
    try:
        busy = send(json.loads(sys.stdin.buffer.readline()), sys.stdin.buffer)
    except Exception as failure:
        reason = failure.strerror if isinstance(failure, OSError | av.FFmpegError) else None
        words = str(reason or failure) or type(failure).__name__
        error = words.splitlines()[0][:200]
    tell({"busy": busy, "error": error})


def send(task: SenderTask, pictures: BinaryIO) -> float:
    """Encode and send until `pictures` end. Returns how many seconds it worked."""
    time_base = Fraction(1, task["ticks"])
    container = av.open(task["url"], "w", format=task["format"], container_options=task["options"])
    stream = container.add_stream("libx264", rate=Fraction(task["rate"]), options=task["encoder"])
    assert isinstance(stream, av.VideoStream)
    context = stream.codec_context
    stream.time_base = context.time_base = time_base
    context.thread_count = _THREADS
    context.sample_aspect_ratio = Fraction(task["aspect"])
    picture = task["picture"]
    set_format(picture, context)
    sound = _SoundStream(container, task["sound"]) if task["sound"] else None
    container.start_encoding()
    tell({"connected": True})
    busy, last = 0.0, -1
    while len(tick := pictures.read(8)) == 8:
        if sound is not None and int.from_bytes(tick, "little", signed=True) == SOUND:
            if not sound.send(pictures):
                break
            continue
        frame = av.VideoFrame(context.width, context.height, "yuv420p")
        if not _filled(frame, pictures):
            break
        began = time.perf_counter()
        last = max(int.from_bytes(tick, "little", signed=True), last + 1)
        frame.pts, frame.time_base = last, time_base
        frame.colorspace, frame.color_range = picture["colorspace"], picture["color_range"]
        frame.color_primaries, frame.color_trc = picture["color_primaries"], picture["color_trc"]
        for packet in stream.encode(frame):
            container.mux(packet)
        busy += time.perf_counter() - began
    for packet in stream.encode(None):
        container.mux(packet)
    if sound is not None:
        sound.end()
    container.close()
    return busy


def _filled(frame: av.VideoFrame, pictures: BinaryIO) -> bool:
    """Read the planes of `frame`; whether all of it came: who wrote may have been ended in the midst of a picture."""
    for plane in frame.planes:
        view = memoryview(plane)
        if pictures.readinto(view) != len(view):  # type: ignore[attr-defined]
            return False
    return True


class _SoundStream:
    """The sound beside the picture, as AAC."""

    def __init__(self, container: av.container.OutputContainer, rate: int) -> None:
        self._container, self._rate, self._sent = container, rate, 0
        self._stream: Any = container.add_stream("aac", rate=rate, layout="stereo")
        self._resampler: av.AudioResampler | None = None

    def send(self, samples: BinaryIO) -> bool:
        """Encode the samples that come next; whether all of them came."""
        count = int.from_bytes(samples.read(8), "little")
        data = samples.read(4 * count)
        if len(data) != 4 * count:
            return False
        context = self._stream.codec_context
        if self._resampler is None:  # not before the encoder is open, which decides the frame size
            self._resampler = av.AudioResampler(context.format, context.layout, context.rate, context.frame_size)
        frame = av.AudioFrame(format="s16", layout="stereo", samples=count)
        frame.planes[0].update(data.ljust(frame.planes[0].buffer_size, b"\0"))
        frame.sample_rate, frame.pts, frame.time_base = self._rate, self._sent, Fraction(1, self._rate)
        self._sent += count
        for made in self._resampler.resample(frame):
            self._container.mux(self._stream.encode(made))
        return True

    def end(self) -> None:
        """Send what the encoder still holds."""
        if self._resampler is not None:
            self._container.mux(self._stream.encode(None))


def tell(what: dict[str, object]) -> None:
    """Write an answer to stdout."""
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
