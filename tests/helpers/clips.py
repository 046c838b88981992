"""Small real clips, made with PyAV, and what is in a file."""

from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from gancam._native import environment
from gancam.frame import Frame, Image
from gancam.sinks.trial import QUIET
from gancam.sources import TestPattern

_MILLI = Fraction(1, 1000)


def make_clip(
    path: Path,
    *,
    images: Sequence[Image] | None = None,
    ticks: Sequence[int] | None = None,
    time_base: Fraction = Fraction(1, 15360),
    fps: int = 30,
    codec: str = "libx264",
    options: dict[str, str] | None = None,
    pix_fmt: str = "yuv420p",
    matrix: int = 2,
    primaries: int = 2,
    transfer: int = 2,
    full_range: bool | None = None,
    aspect: Fraction = Fraction(1),
    audio: Sequence[tuple[str, float]] = (),
    languages: Sequence[str] = (),
    form: str | None = None,
    matrix_of_display: tuple[float, float, float, float] | None = None,
) -> Path:
    """Write a clip: `images` (default: 24 of a test pattern) shown at `ticks` of `time_base`, and `audio` tracks.
    Images may have a fourth channel, opacity, where `pix_fmt` holds one.

    `matrix_of_display` has a, b, c, d of a display matrix: what is at (x, y) is shown at (a x + c y, b x + d y).

    `audio` has an encoder and a start in seconds for each track: a tone of 440 Hz, 880 Hz …
    """
    images = images if images is not None else [frame.image for frame in TestPattern((96, 64), fps=fps, frames=24)]
    step = round(1 / (fps * time_base))
    ticks = ticks if ticks is not None else [step * index for index in range(len(images))]
    # libsvtav1 looks once in a process whether it is to write a page to stderr, where other tests want nothing
    with environment(QUIET), av.open(path, "w", format=form) as container:
        stream = container.add_stream(codec, rate=fps, options=options or {"crf": "12", "preset": "veryfast"})
        assert isinstance(stream, av.VideoStream)
        stream.height, stream.width = images[0].shape[:2]
        stream.pix_fmt = pix_fmt
        stream.time_base = time_base
        context = stream.codec_context
        context.time_base = time_base
        context.thread_count = 1  # with more, libx264 makes another file once in some hundred times
        context.sample_aspect_ratio = aspect
        context.colorspace, context.color_primaries, context.color_trc = matrix, primaries, transfer
        context.color_range = 0 if full_range is None else 1 + full_range
        if matrix_of_display is not None:
            a, b, c, d = (round(65536 * value) for value in matrix_of_display)
            stream.set_display_matrix([a, b, 0, c, d, 0, 0, 0, 1 << 30])
        tracks = []
        for number, (encoder, _) in enumerate(audio):
            track = container.add_stream(encoder, rate=48000, layout="mono")
            assert isinstance(track, av.AudioStream)
            if number < len(languages):
                track.metadata["language"] = languages[number]
            tracks.append(track)
        packets = []
        for tick, image in zip(ticks, images, strict=True):
            frame = av.VideoFrame.from_ndarray(image, "bgra" if image.shape[2] == 4 else "bgr24")
            frame = frame.reformat(
                format=pix_fmt,
                dst_colorspace=matrix if matrix in (1, 5, 6) else 5,
                dst_color_range=2 if full_range else 1,
                interpolation="AREA",
            )
            frame.colorspace, frame.color_range = matrix, 0 if full_range is None else 1 + full_range
            frame.color_primaries, frame.color_trc = primaries, transfer
            frame.pts, frame.time_base = tick, time_base
            packets += [(float(p.dts * time_base), p) for p in stream.encode(frame) if p.dts is not None]
        packets += [(float(p.dts * time_base), p) for p in stream.encode(None) if p.dts is not None]
        seconds = float((ticks[-1] + step - ticks[0]) * time_base)
        for number, (track, (_, start)) in enumerate(zip(tracks, audio, strict=True)):
            for packet in _tone(track, 440.0 * (number + 1), seconds, start + float(ticks[0] * time_base)):
                packets.append((float((packet.dts or 0) * (packet.time_base or 0)), packet))
        for _, packet in sorted(packets, key=lambda pair: pair[0]):
            container.mux(packet)
    return path


def make_gif(path: Path, sides: Sequence[int]) -> Path:
    """A GIF of 16x16: squares of grey in the corner, of these sides, each of which leaves nothing behind."""
    head = b"GIF89a" + (16).to_bytes(2, "little") * 2 + b"\x81\0\0" + bytes([0, 0, 0, 200, 200, 200] + [0] * 6)
    path.write_bytes(head + b"".join(map(_gif_frame, sides)) + b";")
    return path


def _gif_frame(side: int) -> bytes:
    codes = "".join(f"{code:03b}"[::-1] for code in [4, 1, 1] * (side * side // 2) + [5])  # bits go from the lowest on
    data = bytes(int(codes[at : at + 8][::-1], 2) for at in range(0, len(codes), 8))
    control = b"!\xf9\x04" + bytes([2 << 2 | 1]) + (10).to_bytes(2, "little") + b"\0\0"
    place = b"," + bytes(4) + side.to_bytes(2, "little") * 2 + b"\0"
    return control + place + b"\x02" + bytes([len(data)]) + data + b"\0"


def with_timecode(path: Path, timecode: str | None, codec: str = "libx264") -> Path:
    """A clip of 24 frames as a camera or an editor writes it: with a track of timecode, where such is."""
    with av.open(path, "w") as film:
        made = film.add_stream(codec, rate=25, width=96, height=64, pix_fmt="yuv420p")
        assert isinstance(made, av.VideoStream)
        if timecode is not None:
            made.metadata["timecode"] = timecode
        for frame in TestPattern((96, 64), frames=24):
            film.mux(made.encode(av.VideoFrame.from_ndarray(frame.image, "bgr24")))
        film.mux(made.encode(None))
    return path


def enrich(source: Path, path: Path) -> Path:
    """`source` again as Matroska `path`, with titles, a commentary track, subtitles, a font, two chapters and words."""
    milli = Fraction(1, 1000)
    with av.open(source) as clip, av.open(path, "w") as film:
        made: dict[int, Any] = {
            stream.index: film.add_stream_from_template(stream, opaque=True) for stream in clip.streams
        }
        for stream in clip.streams:
            made[stream.index].metadata["title"] = f"stream {stream.index}"
            made[stream.index].metadata["language"] = stream.metadata.get("language", "und")
        made[max(made)].disposition = av.stream.Disposition.comment
        words: Any = film.add_mux_stream("subrip")
        words.time_base = milli
        words.metadata["language"] = "deu"
        words.disposition = av.stream.Disposition.forced
        film.add_attachment("font.ttf", "font/ttf", b"a font" * 10)
        film.metadata.update({"title": "A film", "MOOD": "sad"})
        chapters: Any = [
            {"id": 1 + half, "start": 400 * half, "end": 400 * half + 400, "time_base": milli,
             "metadata": {"title": f"chapter {half}"}}
            for half in range(2)
        ]  # fmt: skip
        film.set_chapters(chapters)
        for packet in clip.demux():
            if packet.dts is not None:
                packet.stream = made[packet.stream.index]
                film.mux(packet)
        for moment, text in ((0, "hello"), (400, "schön")):
            line: Any = av.Packet(text.encode())
            line.pts = line.dts = moment
            line.duration, line.time_base, line.stream = 300, milli, words
            film.mux(line)
    return path


def _tone(track: av.AudioStream, hertz: float, seconds: float, start: float) -> Iterator["av.Packet[av.AudioStream]"]:
    size = 960
    for first in range(0, round(seconds * 48000), size):
        moments = (first + np.arange(size)) / 48000
        wave = (0.3 * np.sin(2 * np.pi * hertz * moments)).astype(np.float32)[None]
        frame = av.AudioFrame.from_ndarray(wave, format="flt", layout="mono")
        frame.rate = 48000
        frame.pts, frame.time_base = first + round(start * 48000), Fraction(1, 48000)
        yield from track.encode(frame)
    yield from track.encode(None)


Said = Sequence[tuple[int, int, bytes]]  # from, until (milliseconds; the same: it is not said), the packet


def with_cues(path: Path, codec: str, said: Said) -> Path:
    """A clip of 0.8 s with subtitles."""
    plain = make_clip(path.parent / "plain.mp4")
    with av.open(plain) as clip, av.open(path, "w") as out:
        picture = out.add_stream_from_template(clip.streams.video[0], opaque=True)
        words: Any = out.add_mux_stream(codec, time_base=_MILLI)
        packets = []
        for packet in clip.demux():
            if packet.dts is not None:
                packet.stream = picture
                packets.append((packet.dts * Fraction(packet.time_base or 0), packet))
        for begin, end, data in said:
            made: Any = av.Packet(data)
            made.pts = made.dts = begin
            made.duration, made.time_base, made.stream = end - begin, _MILLI, words
            packets.append((begin * _MILLI, made))
        for _, packet in sorted(packets, key=lambda pair: pair[0]):
            out.mux(packet)
    return path


def packets_of(path: Path, kind: str = "audio") -> list[list[tuple[Fraction, bytes]]]:
    """For each track of `kind`: (presentation time, bytes) of each packet."""
    with av.open(path) as container:
        tracks: dict[int, list[tuple[Fraction, bytes]]] = {
            stream.index: [] for stream in container.streams if stream.type == kind
        }
        for packet in container.demux():
            if packet.stream.index in tracks and packet.pts is not None and packet.time_base is not None:
                tracks[packet.stream.index].append((packet.pts * packet.time_base, bytes(packet)))
    return list(tracks.values())


def planes_of(path: Path) -> list[list[Image]]:
    """Y, U and V of every frame, as stored."""
    with av.open(path) as container:
        return [
            [
                np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)[: plane.height, : plane.width]
                for plane in frame.planes
            ]
            for frame in container.decode(video=0)
        ]


def times_of(path: Path) -> list[Fraction]:
    """Presentation time of every frame."""
    with av.open(path) as container:
        return [Fraction(frame.pts or 0) * Fraction(frame.time_base or 0) for frame in container.decode(video=0)]


def psnr(left: NDArray[Any], right: NDArray[Any]) -> float:
    error = float(np.mean((left.astype(np.float64) - right.astype(np.float64)) ** 2))
    return 10 * float(np.log10(255**2 / max(error, 1e-9)))


def scenery(width: int = 96, height: int = 64, count: int = 4, grain: float = 3) -> list[Image]:
    """Smooth coloured pictures that drift, without clipped values: what photographs are like."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    pictures = []
    for shift in range(count):
        waves = [np.sin((x + shift * 2) / (9 + c) + c) + np.cos(y / (7 + 2 * c) - c) for c in range(3)]
        noise = np.random.default_rng(shift).normal(0, grain, (height, width, 1))
        pictures.append((np.stack(waves, axis=2) * 35 + 125 + noise).clip(40, 215).astype(np.uint8))
    return pictures


def ramps(count: int, grain: int = 4) -> list[Frame]:
    """Grey ramps of 160x96 that move, with grain, 30 a second."""
    dice = np.random.default_rng(0)
    ramp = np.broadcast_to(np.arange(160, dtype=np.uint8)[None, :, None], (96, 160, 3))
    return [
        Frame(np.roll(ramp, index, 1) + dice.integers(0, grain, ramp.shape, np.uint8), index, index / 30)
        for index in range(count)
    ]
