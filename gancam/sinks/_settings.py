"""What a video is to be: what its maker asks for, and how an encoder is set for that."""

import math
import os
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path

import av
from av.codec.context import Flags

from gancam._native import environment
from gancam.errors import SinkError
from gancam.frame import Frame
from gancam.inference.hardware import usable_cores
from gancam.media.colour import sampling
from gancam.media.hdr import HdrMetadata
from gancam.media.info import VideoInfo, check_rate
from gancam.media.live_sound import SoundTap
from gancam.media.messages import cause
from gancam.sinks._canvas import Canvas
from gancam.sinks._codecs import (
    CODECS,
    DEFAULT_QUALITY,
    Codec,
    Container,
    check_quality,
    choose_codec,
    keeps_planes,
    with_chroma,
)
from gancam.sinks.contract import SinkContext
from gancam.sinks.trial import QUIET
from gancam.units import rate_of

BEFORE_ALL = -(1 << 62)  # a tick before any
MOST_TICKS = (1 << 31) - 1  # of a frame, as MP4 can write it
_MOST_SIDE = {"libx264": 16384, "libsvtav1": 16384, "libvpx-vp9": 65536}  # pixels of width and height
_LEAST_SIDE = {"libx265": 64, "libsvtav1": 32}  # below, x265 may write past its memory (40x32), SVT-AV1 never end
_HUGE = 16_000_000  # pixels from which on x264 must not look ahead, or it takes 2.4 GB (7680x4320) instead of 0.9
_LARGE = 1920 * 1088  # pixels above which live pictures are encoded at once: 2560x1440 in 18 ms of one core, not 44
_SMALL = 352 * 288  # pixels up to which they are seen enlarged: x264's crf 3 finer, 40.9 to 42.9 dB in 176x144 noise
_SAMPLINGS = {(1, 1): "4:4:4", (2, 1): "4:2:2", (2, 2): "4:2:0", (4, 1): "4:1:1", (1, 2): "4:4:0"}
_SPARING = ":rc-lookahead=0:sync-lookahead=0:mbtree=0:bframes=0:sliced-threads=1"
_MOST_THREADS = 8  # more buys little and holds more frames in memory


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoOptions:
    """What is asked of a video file.

    Attributes:
        fps: Frames a second: nominal; the times that count are ``Frame.time``.
        size: (width, height) of the frames to come. 4:2:0 needs even numbers, so an odd picture gets its last row or
            column twice, which a note says.
        codec: "h264", "h265", "vp9", "av1", "prores" or "ffv1" (lossless); None: the container's usual (VP9 for WebM,
            else H.264). FFmpeg's name of an encoder in hardware ("h264_nvenc") means that one.
        encoder: "cpu" (the default), hardware ("nvenc", "qsv", "amf", "videotoolbox", "mediafoundation"), or "auto":
            the first hardware that makes a few frames right, else the CPU.
        quality: 0 (small) to 100 (as good as it gets), the same look on every codec.
        chroma: How finely colour is sampled: "420" (what every player takes; the usual of all but ProRes, 4:2:2, and
            FFV1, 4:4:4), "422" or "444", where the codec has that.
        untouched: Whether the frames to come are the source's (of `source_info`), each with its ``Frame.decoded``:
            where the codec can hold those planes (see `keeps`) they are encoded as they are, in the depth and sampling
            they have.
        overwrite: Whether an existing `path` may be replaced. The source itself never is.
        audio_from: A file whose audio tracks go along, and its subtitles, chapters, covers, attachments, data and
            words: copied packet by packet where the container can hold them, else converted or left out (a note says
            so).
        source_info: The source's properties: its colours, pixel aspect, time base and clock are kept.
        part: (start, end) in seconds of ``Frame.time``: what the frames to come are a part of; `start` becomes 0.
        live: Whether the frames cannot be had again. Then the file has its name, and plays, from its first second on,
            and no more than its last is lost if the process is killed or the disk fills. The encoder looks at no
            later frame, so the file is somewhat larger. (An animated picture is made in ``close`` all the same.)
        sound: What is heard while it is written, for its sound track, where there is no `audio_from`.
    """

    fps: float
    size: tuple[int, int]
    codec: str | None = None
    encoder: str | None = None
    quality: float | None = None
    untouched: bool = False
    overwrite: bool = False
    audio_from: str | os.PathLike[str] | None = None
    source_info: VideoInfo | None = None
    part: tuple[Fraction | None, Fraction | None] = (None, None)
    live: bool = False
    sound: SoundTap | None = None
    chroma: str | None = None

    @classmethod
    def of(cls, context: SinkContext, sound: SoundTap | None) -> "VideoOptions":
        """Ask for what suits the frames of `context`, with `sound` where they come without a file that has it."""
        return cls(
            fps=context.fps, size=context.size, codec=context.codec, quality=context.quality, live=context.live,
            overwrite=context.overwrite, audio_from=context.audio_from, source_info=context.source_info, sound=sound,
        )  # fmt: skip

    @property
    def info(self) -> VideoInfo:
        """The source's properties; those that are usual where nothing is known."""
        return self.source_info or VideoInfo(size=self.size)

    def check(self) -> None:
        """Raise ``InputError`` for numbers that make no sense."""
        check_rate(self.fps)
        check_quality(self.quality)


@dataclass(frozen=True, slots=True)
class EncoderSettings:
    """How frames become packets.

    Attributes:
        path: The output, for messages.
        container: What will hold the packets.
        codec: The codec and its encoder.
        canvas: Makes the encoder's pictures of frames.
        quality: 0 to 100.
        fps: Frames a second, nominal.
        time_base: Seconds of a tick.
        begin: The tick of ``Frame.time`` that becomes 0.
        threads: Of the encoder.
        live: Whether the file must play to its last second, whatever ends the process.
        mastering: What HDR10 says of the source.
    """

    path: Path
    container: Container
    codec: Codec
    canvas: Canvas
    quality: float
    fps: float
    time_base: Fraction
    begin: int
    threads: int
    live: bool = False
    mastering: HdrMetadata = field(default_factory=HdrMetadata)

    @property
    def rate(self) -> Fraction:
        """Frames a second, nominal, as an encoder is told."""
        return rate_of(self.fps)

    @property
    def frame_ticks(self) -> int:
        """Ticks that a frame lasts, nominally."""
        return max(round(1 / (self.fps * self.time_base)), 1)

    @property
    def encoder_options(self) -> dict[str, str]:
        """The options of FFmpeg's encoder."""
        options = self.codec.options(self.quality)
        pixels = self.canvas.size[0] * self.canvas.size[1]
        if self.codec.encoder == "libx264" and (pixels > _HUGE or self.live):
            options["x264-params"] += _SPARING
        if self.codec.encoder == "libx264" and self.live and pixels > _LARGE:
            options |= {"preset": "ultrafast", "partitions": "none"}
        if self.codec.encoder == "libx264" and self.canvas.fields:
            options["x264-params"] += f":{self.canvas.fields}=1"  # by the marks of pictures alone it would be tff
        if self.codec.encoder == "libvpx-vp9" and self.live:
            options["lag-in-frames"] = "0"
        if self.codec.encoder == "libx264" and pixels <= _SMALL:
            options["crf"] = f"{float(options['crf']) - 3:g}"
        if self.codec.encoder == "ffv1" and min(self.canvas.size) < 16:
            large = self.canvas.size[0] > 352 or self.canvas.size[1] > 288  # it takes no fewer than four then
            options["slices"] = "4" if large else "1"  # left to itself it finds no way to slice some of these
        if self.codec.name == "prores" and "444" in self.canvas.pixels:
            options["profile"] = "4444"
        for name, words in self.mastering.encoder_options(self.codec.encoder).items():
            options[name] = ":".join(filter(None, (options.get(name), words)))
        return {name: words for name, words in options.items() if words}

    def tick(self, frame: Frame, last: int) -> int:
        """Give the tick at which `frame` is shown, behind the tick `last`."""
        return max(self.tick_of(frame.time), last + 1)

    def tick_of(self, time: float) -> int:
        """Give the tick of a ``Frame.time``."""
        return round(Fraction(time) / self.time_base) - self.begin

    def ticks_shown(self, frame: Frame, tick: int) -> int:
        """Give how many ticks `frame` is shown, which comes at `tick`; what is nominal where it does not say."""
        if frame.duration is None:
            return self.frame_ticks
        return min(max(self.tick_of(frame.time + frame.duration) - tick, 1), MOST_TICKS)

    def describe(self, context: av.VideoCodecContext) -> None:
        """Tell an encoder what comes, before it is opened."""
        self.canvas.describe(context)
        context.pix_fmt = self.codec.feeds or context.pix_fmt  # PyAV repacks pictures of another format
        context.time_base = self.time_base
        context.thread_count = self.threads
        if self.canvas.fields:
            context.field_order = {"tff": 2, "bff": 3}[self.canvas.fields]  # AVFieldOrder
            context.flags |= Flags.interlaced_dct | Flags.interlaced_me
        if self.codec.name == "h265" and self.container.format in ("mp4", "mov"):
            context.codec_tag = "hvc1"  # Apple's players want it

    def open_encoder(self) -> av.VideoCodecContext:
        """Open an encoder that belongs to no file."""
        context = av.CodecContext.create(self.codec.encoder, "w")
        assert isinstance(context, av.VideoCodecContext)
        context.framerate = self.rate
        context.options = self.encoder_options
        self.describe(context)
        if self.container.format != "mpegts":
            context.flags |= Flags.global_header
        with environment(QUIET):
            context.open(strict=False)
        return context

    def cannot_open(self, error: Exception) -> SinkError:
        """Make the error to raise when the output could not be opened."""
        what = f"{self.codec.encoder} at {self.canvas.size[0]}x{self.canvas.size[1]}"
        if self.codec.hardware:  # which made frames of another size
            cure = "--encoder cpu works everywhere"
            return SinkError(f"{self.path}: {what} cannot be opened ({cause(error)}); {cure}")
        most = _MOST_SIDE.get(self.codec.encoder)
        if most is not None and max(self.canvas.even) > most:
            cure = f"it takes sides of up to {most} pixels; --codec ffv1 (.mkv) takes more"
            return SinkError(f"{self.path}: cannot be written with {what}: {cure}")
        return SinkError(f"{self.path}: cannot be written with {what} ({cause(error)})")


def prepare(
    path: Path, container: Container, options: VideoOptions, *, seekable: bool = True
) -> tuple[EncoderSettings, list[str]]:
    """Settle how `options` are met.

    Args:
        path: The output, for messages and its extension.
        container: What will hold the packets.
        options: What is asked for.
        seekable: Whether what is written can be completed at its beginning.

    Returns:
        The settings, and notes on what will not be as in the source.

    Raises:
        InputError: A value makes no sense.
        SinkError: The codec cannot be had.
    """
    codec = choose_codec(options.codec, options.encoder, container, path.suffix or container.format)
    codec = with_chroma(codec, options.chroma)
    notes = _chosen(codec) if options.encoder == "auto" else []
    info, name = options.info, container.format
    carried = codec.name in ("h264", "h265") or name in ("mp4", "mov", "yuv4mpegpipe", "rawvideo")
    if info.aspect != 1 and not carried and not (seekable and has_head(container)):
        shape = f"{info.aspect.numerator}:{info.aspect.denominator}"
        where = f"{name} on stdout has it with h264 and h265 alone, a file with all"
        notes += [] if container.most_fps else [f"the shape of its pixels ({shape}) is left out: {where}"]
    if info.mastering != HdrMetadata() and not info.mastering.encoder_options(codec.encoder):
        notes.append(f"its HDR10 metadata is left out: {codec.name} takes none here, h264, h265 and av1 on the CPU do")
    if info.icc:
        notes.append("its colour profile (ICC) is left out: videos hold none, and players take the colours for sRGB")
    canvas = _canvas(path, container, codec, options, notes)
    _check_sides(path, container, codec, canvas)
    if canvas.note:
        notes.append(canvas.note)
    if codec.lossless and options.quality is not None:
        notes.append(f"{codec.name} is lossless: quality {options.quality:g} changes nothing")
    quality = DEFAULT_QUALITY if options.quality is None else float(options.quality)
    fps = float(options.fps)
    time_base = info.time_base or _time_base(rate_of(fps))
    if fps * time_base > 0.5:  # two frames may have one tick of such a clock, as those of Matroska have
        time_base /= math.ceil(4 * fps * time_base)
    if container.format in ("yuv4mpegpipe", "rawvideo"):  # they have no times
        time_base = 1 / rate_of(fps)
    begin = round((options.part[0] or 0) / time_base)
    threads = min(usable_cores(), _MOST_THREADS)
    settings = EncoderSettings(
        path,
        container,
        codec,
        canvas,
        quality,
        fps,
        time_base,
        begin,
        threads,
        live=options.live,
        mastering=info.mastering,
    )
    return settings, notes


def _chosen(codec: Codec) -> list[str]:
    """Say which encoder was chosen by itself."""
    where = codec.hardware or f"the CPU, as no hardware that makes {codec.name} works here"
    return [f"--encoder auto: {codec.encoder} ({where})"]


def has_head(container: Container) -> bool:
    """Say whether such a file must be completed at its beginning, to tell the shape of its pixels."""
    return container.format in ("matroska", "webm")


def _canvas(path: Path, container: Container, codec: Codec, options: VideoOptions, notes: list[str]) -> Canvas:
    info, where = options.info, os.fspath(path)
    if options.untouched and keeps_planes(codec, info):
        pixels = info.pixels.replace("yuvj", "yuv")
        return Canvas(options.size, where, info, pixels=pixels, untouched=True, fields=codec.fields)
    if codec.encoder == "prores_ks":  # it has no place to say that the range is full
        info = replace(info, colour=replace(info.colour, full_range=False))
    if info.alpha and not codec.alpha:
        keepers = [name for name in container.codecs if name != codec.name and _is_veiled(name, container)]
        others = "vp9 in 4:2:0 (.webm), ffv1 (.mkv), prores (.mov) and PNG images do"
        others = f"--codec {' or '.join(keepers)} keeps it" if keepers else others
        notes.append(f"its transparency is left out: {codec.name} holds none here, {others}")
    pixels = codec.alpha if info.alpha and codec.alpha else codec.pixels
    canvas = Canvas(options.size, where, info, pixels=pixels, fields=codec.fields)
    if options.chroma is None:
        notes += _coarser_chroma(container, codec, info, canvas)
    return canvas


def _check_sides(path: Path, container: Container, codec: Codec, canvas: Canvas) -> None:
    """Raise ``SinkError`` for pictures that are too small for an encoder."""
    if min(canvas.even) < (least := _LEAST_SIDE.get(codec.encoder, 1)):
        what = f"{codec.name} needs sides of {least} pixels, and this is {canvas.even[0]}x{canvas.even[1]}"
        raise SinkError(f"{path}: {what}: --codec {container.codecs[0]} takes fewer")


def _is_veiled(name: str, container: Container) -> bool:
    """Whether a codec that `container` holds has opacity there, and can be had here."""
    try:
        return bool(choose_codec(name, None, container, container.format).alpha)
    except SinkError:
        return False


def _coarser_chroma(container: Container, codec: Codec, info: VideoInfo, canvas: Canvas) -> list[str]:
    """Say that the source has chroma of more samples than `canvas`; nothing where it has not."""
    if not info.pixels or info.pixels == "pal8" or info.pixels.startswith(("gray", "ya", "mono")):
        return []
    (across, down), (left_across, left_down) = sampling(info.pixels), sampling(canvas.pixels)
    (width, height), (made_width, made_height) = info.size, canvas.even
    if width // across <= made_width // left_across and height // down <= made_height // left_down:
        return []
    wanted = "4:4:4" if across == 1 else "4:2:2"
    was = "RGB" if av.VideoFormat(info.pixels, 16, 16).is_rgb else _SAMPLINGS.get((across, down), "finer")
    option = f"--chroma {wanted.replace(':', '')}"
    others = [name for name in container.codecs if name in CODECS and wanted in CODECS[name].finer]
    if codec.hardware:
        option = f"--encoder cpu {option}"
    elif wanted not in codec.finer and others:
        option = f"--codec {others[0]} {option}"
    if info.alpha and codec.alpha == "yuva420p":
        option += " (and leaves its transparency out)"
    return [f"the resolution of its colours ({was}) is reduced to {codec.chroma}, as is usual: {option} keeps it"]


def _time_base(rate: Fraction) -> Fraction:
    """One that holds both a constant `rate` and arbitrary times well."""
    ticks = math.lcm(90_000, rate.numerator)
    return Fraction(1, ticks if ticks <= 1_000_000 else 90_000)
