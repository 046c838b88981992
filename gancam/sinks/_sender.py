"""The process behind ``gancam.sinks.stream``: raw pictures come in by stdin and go to a URL as low-delay H.264.

It runs apart, without the rest of gancam, because FFmpeg's network calls can neither be interrupted nor given a time
limit through PyAV, which even holds Python's global lock while it connects. A process can be ended.

stdin   one line of JSON, a ``SenderTask``; then for each picture its tick (8 bytes, little-endian, signed) and the
        bytes of its planes as FFmpeg lays them out.
stdout  a line of JSON when it is connected, and one at the end: {"busy": seconds, "error": what went wrong or null}.
"""

import json
import signal
import sys
import time
from fractions import Fraction
from typing import BinaryIO, TypedDict

import av

_THREADS = 2  # each encodes a slice of every picture: more makes the slices worse


class SenderTask(TypedDict):
    """The first line of stdin."""

    url: str
    format: str  # FFmpeg's container
    options: dict[str, str]  # of the container
    rate: str  # frames a second, as a fraction
    encoder: dict[str, str]  # options of the encoder
    context: dict[str, int | str]  # attributes of the encoder's context
    aspect: str  # of a pixel, as a fraction
    ticks: int  # a second


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
    for name, value in task["context"].items():
        setattr(context, name, value)
    container.start_encoding()
    tell({"connected": True})
    busy, last = 0.0, -1
    while len(tick := pictures.read(8)) == 8:
        frame = av.VideoFrame(context.width, context.height, "yuv420p")
        for plane in frame.planes:
            view = memoryview(plane)
            if pictures.readinto(view) != len(view):  # type: ignore[attr-defined]
                break
        began = time.perf_counter()
        last = max(int.from_bytes(tick, "little", signed=True), last + 1)
        frame.pts, frame.time_base = last, time_base
        for name in ("colorspace", "color_range", "color_primaries", "color_trc"):
            setattr(frame, name, task["context"][name])
        for packet in stream.encode(frame):
            container.mux(packet)
        busy += time.perf_counter() - began
    for packet in stream.encode(None):
        container.mux(packet)
    container.close()
    return busy


def tell(what: dict[str, object]) -> None:
    """Write an answer to stdout."""
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
