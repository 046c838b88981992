"""The process behind ``gancam.sinks.stream``: raw pictures come in by stdin and go to a URL as low-delay H.264.

It runs apart, without the rest of gancam, because FFmpeg's network calls can neither be interrupted nor given a time
limit through PyAV, which even holds Python's global lock while it connects. A process can be ended.

stdin   one line of JSON: url, format, options of the container, rate, encoder (its options), context (attributes of its
        context), aspect (of a pixel), ticks (a second); then for each picture its tick (8 bytes, little-endian,
        signed) and the bytes of its planes as FFmpeg lays them out.
stdout  a line of JSON when it is connected, and one at the end: {"busy": seconds, "error": what went wrong or null}.
"""

import json
import signal
import sys
import time
from fractions import Fraction
from typing import Any, BinaryIO

import av

_THREADS = 2  # each encodes a slice of every picture: more makes the slices worse


def main() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for who started this
    busy, error = 0.0, None
    try:
        busy = send(json.loads(sys.stdin.buffer.readline()), sys.stdin.buffer)
    except Exception as failure:
        words = str(getattr(failure, "strerror", None) or failure) or type(failure).__name__
        error = words.splitlines()[0][:200]
    tell({"busy": busy, "error": error})


def send(task: dict[str, Any], pictures: BinaryIO) -> float:
    """Encode and send until `pictures` end; seconds worked."""
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


def tell(what: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
