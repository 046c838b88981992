"""Which codecs gancam writes, with what settings, and which containers hold them."""

import os
import shlex
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path

import av
from av.codec.codec import UnknownCodecError

from gancam.errors import InputError, SinkError, nearest
from gancam.media.colour import sampling
from gancam.media.info import VideoInfo
from gancam.media.paths import OTHER_VIDEOS
from gancam.sinks._hardware import HARDWARE
from gancam.sinks._tracks import AudioRule
from gancam.sinks.trial import try_encoder

DEFAULT_QUALITY = 80.0


@dataclass(frozen=True, slots=True)
class Container:
    """A file format.

    Attributes:
        format: FFmpeg's name.
        codecs: What it may hold, the usual one first.
        audio: Which sound it holds.
        most_fps: Frames a second that browsers show of an animated picture; 0: it is a video.
    """

    format: str
    codecs: tuple[str, ...]
    audio: AudioRule
    most_fps: int = 0


_MP4_AUDIO = ("aac", "mp3", "ac3", "eac3", "alac", "flac", "opus")
_MOV_AUDIO = ("aac", "mp3", "ac3", "eac3", "alac", "pcm_s16le", "pcm_s24le")
_MP4 = Container("mp4", ("h264", "h265", "av1", "vp9"), AudioRule(_MP4_AUDIO, "aac"))
_MOV = Container("mov", ("h264", "h265", "prores"), AudioRule(_MOV_AUDIO, "aac"))
_MKV = Container("matroska", ("h264", "h265", "vp9", "av1", "ffv1"), AudioRule(None, "libopus"))
_WEBM = Container("webm", ("vp9", "av1"), AudioRule(("opus", "vorbis"), "libopus"))
_TS = Container("mpegts", ("h264", "h265"), AudioRule(("aac", "mp3", "mp2", "ac3", "eac3"), "aac"))
NUT = replace(_MKV, format="nut")
Y4M = Container("yuv4mpegpipe", ("rawvideo",), AudioRule((), ""))
RAW = Container("rawvideo", ("bgr24",), AudioRule((), ""))
CONTAINERS = {".mp4": _MP4, ".m4v": _MP4, ".mov": _MOV, ".mkv": _MKV, ".webm": _WEBM, ".ts": _TS}
_COPIES = (".3g2", ".3gp", ".f4v", ".flv", ".m2t", ".m2ts", ".mts")  # not written, and hold what an MP4 holds
_REMAKES = {  # options of ffmpeg, whose usual ones spoil the picture
    ".avi": "-c:v mjpeg -q:v 3 -c:a pcm_s16le",  # as every editor reads
    ".mxf": "-c:v mpeg2video -q:v 3 -c:a pcm_s16le -ar 48000",
    ".ogv": "-q:v 8",
}
_SILENT = AudioRule((), "")
ANIMATIONS = {  # browsers show a frame for 100 ms where it is to be shown for 10 ms or less
    ".gif": Container("gif", ("gif",), _SILENT, most_fps=50),  # it counts in hundredths of a second
    ".apng": Container("apng", ("apng",), _SILENT, most_fps=90),
    ".webp": Container("webp", ("webp",), _SILENT, most_fps=90),
}


@dataclass(frozen=True, slots=True)
class Codec:
    """An encoder, and how it is used.

    Attributes:
        name: The codec's, as "h264".
        encoder: FFmpeg's name of the encoder.
        options: Gives the encoder's options for a quality of 0 to 100.
        pixels: The pixel format that frames are converted to.
        keeps: Pixel formats that a copy may have instead, its planes as they are; empty: all that the encoder takes.
        fields: Whether pictures of two fields can be told to be so.
        lossless: Whether quality changes nothing.
        alpha: The pixel format that holds opacity too; empty: there is none.
        chroma: The sampling of chroma that `pixels` has; empty for animated pictures, which have no choice.
        finer: The pixel formats of other samplings, and what copies may have instead.
        hardware: Which hardware encodes, by the word of --encoder; empty: the CPU.
        feeds: The pixel format that pictures are repacked to for the encoder; empty: `pixels`.
    """

    name: str
    encoder: str
    options: Callable[[float], dict[str, str]]
    pixels: str = "yuv420p"
    keeps: tuple[str, ...] = ("yuv420p",)
    fields: bool = False
    lossless: bool = False
    alpha: str = ""
    chroma: str = "4:2:0"
    finer: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    hardware: str = ""
    feeds: str = ""


def _animated(name: str) -> Codec:
    """The codec of an animated picture, whose frames wait without loss until all are there."""
    return Codec(
        name, "ffv1", lambda q: {"level": "3", "slicecrc": "1"}, pixels="bgr0", keeps=("bgr0",),
        lossless=name == "apng", alpha="bgra", chroma="",
    )  # fmt: skip


# Chosen by measurement: a hand-held city view scaled to 1280x720, two cores. CPU time a frame, rate, Y-PSNR:
#
#     libx264 ultrafast  crf 18    6 ms  10.3 Mb/s  44.3 dB      libx265 ultrafast  crf 16   36 ms  3.7 Mb/s  45.2 dB
#     libx264 superfast  crf 16   12 ms   6.7 Mb/s  45.8 dB      libx265 superfast  crf 16   70 ms  4.3 Mb/s  46.4 dB
#     libx264 veryfast   crf 16   17 ms   5.8 Mb/s  45.9 dB      libvpx-vp9 speed 7 crf 23   17 ms  4.0 Mb/s  46.3 dB
#       (no inter partitions)     15 ms   5.7 Mb/s  45.9 dB      libsvtav1 10       crf 18   15 ms  3.5 Mb/s  42.8 dB
#     libx264 medium     crf 18   57 ms   5.0 Mb/s  45.1 dB      libsvtav1 8        crf 23   24 ms  2.8 Mb/s  43.5 dB
#
# For H.264, veryfast without inter partitions comes near superfast's time at veryfast's size (in calm scenes half of
# superfast's). The factors at quality 80 give about the same 42.5-43 dB for a copy of that clip at its own 640x360.
# Without cpu-independent, one run in ten of x264 differs in a few macroblocks (AVX-512), and resumed jobs would too.
_ALL = (
    Codec(
        "h264",
        "libx264",
        lambda q: {
            "preset": "veryfast", "partitions": "i8x8,i4x4", "x264-params": "cpu-independent=1",
            "crf": f"{48 - 0.4 * q:g}",
        },
        fields=True,
        finer={"4:2:2": ("yuv422p",), "4:4:4": ("yuv444p",)},
    ),
    Codec(
        "h265",
        "libx265",
        lambda q: {"preset": "superfast", "x265-params": "log-level=none", "crf": f"{49 - 0.4 * q:g}"},
        keeps=("yuv420p", "yuv420p10le"),
        finer={"4:2:2": ("yuv422p", "yuv422p10le"), "4:4:4": ("yuv444p", "yuv444p10le")},
    ),
    Codec(
        "vp9",
        "libvpx-vp9",
        lambda q: {"deadline": "realtime", "cpu-used": "7", "row-mt": "1", "b": "0", "crf": f"{63 - 0.5 * q:g}"},
        alpha="yuva420p",
        finer={"4:2:2": ("yuv422p",), "4:4:4": ("yuv444p",)},
    ),
    Codec(
        "av1",
        "libsvtav1",
        lambda q: {"preset": "8", "crf": f"{63 - 0.53 * q:g}"},
        keeps=("yuv420p", "yuv420p10le"),
    ),
    Codec(
        "ffv1",
        "ffv1",
        lambda q: {"level": "3", "slicecrc": "1"},
        pixels="bgr0",
        keeps=(),
        fields=True,
        lossless=True,
        alpha="bgra",
        chroma="4:4:4",
    ),
    Codec(
        "prores",
        "prores_ks",
        lambda q: {"profile": "proxy" if q < 40 else "lt" if q < 60 else "standard" if q < 75 else "hq"},
        pixels="yuv422p10le",
        keeps=("yuv422p10le",),
        fields=True,
        alpha="yuva444p10le",
        chroma="4:2:2",
        finer={"4:4:4": ("yuv444p10le",)},
    ),
)  # fmt: skip
CODECS = {codec.name: codec for codec in _ALL}
_RAW = Codec(
    "rawvideo", "rawvideo", lambda q: {}, lossless=True, keeps=("yuv420p", "yuv422p", "yuv444p", "gray"),
    finer={"4:2:2": ("yuv422p",), "4:4:4": ("yuv444p",)},
)  # fmt: skip
_BGR = Codec("bgr24", "rawvideo", lambda q: {}, lossless=True, pixels="bgr24", keeps=("bgr24",), chroma="4:4:4")
_KNOWN = CODECS | {codec.name: codec for codec in (_RAW, _BGR, *map(_animated, ("gif", "apng", "webp")))}
ENCODERS = ("cpu", "auto", *HARDWARE)


def _in_hardware(word: str) -> dict[str, Codec]:
    """The codecs of a kind of hardware, by name."""
    made = HARDWARE[word]

    def codec(name: str) -> Codec:
        ffmpeg = f"{'hevc' if name == 'h265' else name}_{made.ending}"
        return Codec(name, ffmpeg, lambda q: made.options(name, q), hardware=word, feeds=made.feeds)

    return {name: codec(name) for name in made.codecs}


_MADE = {word: _in_hardware(word) for word in HARDWARE}  # by the word of --encoder, and by name
_ENDINGS = {made.ending: word for word, made in HARDWARE.items()}
_ALIASES = {"avc": "h264", "x264": "h264", "hevc": "h265", "x265": "h265", "vp09": "vp9", "svtav1": "av1"}


def hardware_codecs() -> list[Codec]:
    """List all codecs that hardware may make, whether it is here or not."""
    return [codec for made in _MADE.values() for codec in made.values()]


def choose_codec(codec: str | None, encoder: str | None, container: Container, ending: str) -> Codec:
    """Find the codec that a user's words mean.

    Args:
        codec: Its name or an alias, or FFmpeg's name of an encoder in hardware; None for the container's usual.
        encoder: One of `ENCODERS`; None for "cpu". "auto" takes the first hardware whose trial succeeds, else the CPU.
        container: What is to hold it.
        ending: How the container's files end, for messages.

    Raises:
        InputError: There is no such codec or encoder.
        SinkError: It cannot be had here, or the container does not hold it.
    """
    if encoder not in (None, *ENCODERS):
        meant = nearest(encoder or "", ENCODERS)
        raise InputError(f"no encoder {encoder!r}{meant}; there are {', '.join(ENCODERS)}")
    name = container.codecs[0] if codec is None else codec.lower().replace(".", "")
    before, _, last = name.rpartition("_")
    if before and last in _ENDINGS:
        name, encoder = before, _ENDINGS[last]
    name = _ALIASES.get(name, name)
    have = [known for known, made in _KNOWN.items() if _has_encoder(made.encoder)]
    if name not in _KNOWN:
        named = [one for one in have if one not in (_RAW.name, _BGR.name)]  # which have no file
        raise InputError(f"no codec {codec!r}{nearest(name, named)}; this build has {', '.join(named)}")
    if name not in have:
        wants = _KNOWN[name].encoder
        raise SinkError(f"this build of PyAV has no {wants}, so no {name}; it has {', '.join(have)}")
    if name not in container.codecs:
        others = [other for other, made in (CONTAINERS | ANIMATIONS).items() if name in made.codecs]
        others = others or [f"--format {'y4m' if name == 'rawvideo' else 'rawvideo'} to stdout"]
        holds_these = ", ".join(container.codecs)
        raise SinkError(f"{ending} cannot hold {name}; it holds {holds_these} (for {name}: {', '.join(others)})")
    if encoder == "auto":
        for made in _MADE.values():
            if name in made and not trouble(made[name]):
                return made[name]
    elif encoder not in (None, "cpu"):
        return _proven(encoder, name)
    beside = name == "vp9" and container.format not in ("webm", "matroska")  # it has its opacity beside the picture
    return replace(_KNOWN[name], alpha="") if beside else _KNOWN[name]


def _proven(word: str, name: str) -> Codec:
    """The codec `name` made by hardware, which a trial has shown to work. Raises ``SinkError``."""
    made = _MADE[word]
    if name not in made:
        raise SinkError(f"--encoder {word}: makes {', '.join(made)}, not {name}; --encoder cpu makes it")
    if wrong := trouble(made[name]):
        cure = f"that takes {HARDWARE[word].needs}; --encoder cpu works everywhere"
        raise SinkError(f"--encoder {word}: {made[name].encoder} does not work here ({wrong}): {cure}")
    return made[name]


@cache
def _trial(encoder: str, pixels: str, options: tuple[tuple[str, str], ...]) -> str:
    return try_encoder(encoder, pixels, dict(options))


def trouble(codec: Codec) -> str:
    """Say what goes wrong where `codec` makes a few frames here; empty where nothing does. Tried once in a process."""
    return _trial(codec.encoder, codec.feeds or codec.pixels, tuple(codec.options(DEFAULT_QUALITY).items()))


def parse_chroma(text: str | None) -> str | None:
    """Read a sampling of chroma, as 444 or 4:4:4. Raises ``InputError`` for any other."""
    words = {name.replace(":", ""): name for name in ("4:2:0", "4:2:2", "4:4:4")}
    found = None if text is None else words.get(text.replace(":", "").strip())
    if text is not None and found is None:
        raise InputError(f"chroma is {text!r}: needs 420, 422 or 444")
    return found


def with_chroma(codec: Codec, chroma: str | None) -> Codec:
    """Set `codec` for a sampling of chroma; None for its usual. Raises ``InputError`` for one that it has not."""
    chroma = parse_chroma(chroma)
    if chroma in (None, codec.chroma):
        return codec
    if not codec.chroma:
        raise InputError(f"chroma is of videos, and {codec.name} is an animated picture")
    if chroma not in codec.finer:
        have = " or ".join([codec.chroma, *codec.finer])
        others = [name for name, made in CODECS.items() if chroma == made.chroma or chroma in made.finer]
        of = f"{codec.name} by {codec.hardware}" if codec.hardware else codec.name
        raise InputError(f"{of} is written as {have}, not as {chroma}, which {', '.join(others)} can be")
    formats = codec.finer[chroma]
    alpha = "" if codec.name == "vp9" else codec.alpha  # libvpx takes opacity beside 4:2:0 alone
    return replace(codec, pixels=formats[0], keeps=formats, alpha=alpha, chroma=chroma)


def container_of(path: Path) -> Container:
    """Find the container that the ending of `path` means. Raises ``SinkError`` where it means none."""
    known = CONTAINERS | ANIMATIONS
    ending = path.suffix.lower()
    if ending in OTHER_VIDEOS:
        raise SinkError(unwritten(path))
    if ending not in known:
        what = f"unknown video extension {path.suffix!r}" if ending else "has no extension, which would name its format"
        raise SinkError(f"{path}: {what}; supported: {', '.join(known)}")
    return known[ending]


def unwritten(path: Path) -> str:
    """Say what would do instead of a video `path` whose format is read, but not written."""
    name, ending = shlex.quote(path.name), path.suffix.lower()
    if ending == ".y4m":
        cure = f"gancam process IN - --format y4m > {name} writes it to stdout"
    else:
        made, how = (".mp4", "-c copy") if ending in _COPIES else (".mkv", _REMAKES.get(ending, "-q:v 3"))
        between = shlex.quote(path.stem + made)
        cure = f"ffmpeg makes it of one: write {between} instead, then ffmpeg -i {between} {how} {name}"
    return f"{path}: {ending} is read, but not written; {', '.join(CONTAINERS)} are, and {cure}"


def check_codec(
    path: str | os.PathLike[str], codec: str | None, encoder: str | None, chroma: str | None = None
) -> None:
    """Raise as a ``VideoWriter`` of `path` does for a codec, an encoder or a chroma that cannot be had there."""
    path = Path(path)
    with_chroma(choose_codec(codec, encoder, container_of(path), path.suffix), chroma)


def check_quality(quality: float | None) -> None:
    """Raise ``InputError`` for a quality out of range."""
    if quality is not None and not 0 <= quality <= 100:
        raise InputError(f"quality is {quality}: needs 0 to 100")


def holds(ending: str, codec: str | None) -> bool:
    """Say whether a file of this `ending` can be written, with `codec` (None: the usual).

    Raises:
        InputError: For a codec that does not exist.
    """
    container = (CONTAINERS | ANIMATIONS).get(ending.lower())
    try:
        return container is not None and bool(choose_codec(codec, None, container, ending))
    except SinkError:
        return False


def keeps(
    path: str | os.PathLike[str],
    source_info: VideoInfo,
    *,
    codec: str | None,
    encoder: str | None,
    chroma: str | None = None,
) -> bool:
    """Say whether a ``VideoWriter`` of `path` would keep the planes of untouched frames as they are.

    Args:
        path: The file to be, of which the ending counts.
        source_info: The video that the frames come from.
        codec: As ``VideoWriter`` has it.
        encoder: As ``VideoWriter`` has it.
        chroma: As ``VideoWriter`` has it.

    Raises:
        InputError: There is no such codec or encoder.
        SinkError: It cannot be had here.
    """
    ending = Path(path).suffix
    container = (CONTAINERS | ANIMATIONS | {".y4m": Y4M}).get(ending.lower())
    if container is None:
        return False
    chosen = with_chroma(choose_codec(codec, encoder, container, ending), chroma)
    return keeps_planes(chosen, source_info)


def keeps_planes(codec: Codec, source_info: VideoInfo) -> bool:
    """Say whether `codec` takes the planes of this video as they are."""
    pixels = source_info.pixels.replace("yuvj", "yuv")
    if pixels and pixels == codec.alpha:
        return not any(side % part for side, part in zip(source_info.size, sampling(pixels), strict=True))
    if not codec.keeps:
        return pixels in {form.name for form in av.Codec(codec.encoder, "w").video_formats or ()}
    across, down = sampling(pixels) if pixels in codec.keeps else (1, 1)
    return pixels in codec.keeps and source_info.size[0] % across == 0 and source_info.size[1] % down == 0


def _has_encoder(name: str) -> bool:
    with suppress(UnknownCodecError):
        av.Codec(name, "w")
        return True
    return False
