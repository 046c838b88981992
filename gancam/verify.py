"""What of one video file is in another: every property, kept, changed or lost."""

import hashlib
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Any, Literal

import av

from gancam.errors import NotFound, SourceError
from gancam.footage import SequencePath, cause, classify
from gancam.sources import ImageFiles, opacity_apart

Verdict = Literal["kept", "changed", "lost"]
_OWN = (
    "encoder",
    "duration",
    "brand",
    "minor_version",
    "handler_name",
    "vendor_id",
    "language",
    "_statistics",
    "number_of",
)
_USUAL = 1, 2, 13  # primaries and transfers that images have without saying so: BT.709, unknown, sRGB


@dataclass(frozen=True, slots=True)
class Finding:
    """One property of the input, and what the output has of it."""

    name: str
    verdict: Verdict
    before: str
    after: str

    def to_dict(self) -> dict[str, str]:
        return asdict(self)


@dataclass
class _Stream:
    kind: str
    codec: str
    words: dict[str, str]
    disposition: int
    times: list[Fraction] = field(default_factory=list)
    digest: Any = field(default_factory=hashlib.sha256)
    packets: int = 0
    data: str = ""


@dataclass
class _Film:
    streams: list[_Stream]
    words: dict[str, str]
    chapters: list[tuple[Fraction, Fraction, str]]
    picture: _Stream
    size: tuple[int, int]
    aspect: Fraction
    colour: dict[str, int]  # empty for images, which are RGB
    rotation: int
    interlaced: bool
    bits: int
    alpha: bool


def verify(before: Path, after: Path) -> list[Finding]:
    """Compare file `after` with the file `before` that it was made from, without decoding more than a frame of each.
    Either may be numbered images (``frame-%06d.png``), whose times are in the file beside them.

    Times are compared from the first frame on, to a millisecond where a container holds no finer ones, else exactly;
    sound and subtitles by their packets' bytes (without the heads that MPEG-TS gives each). The picture itself is not
    compared: effects change it. Raises ``NotFound`` and ``SourceError``.
    """
    was, now = _read(before), _read(after)
    findings = [
        _finding("frames", len(was.picture.times), len(now.picture.times)),
        _times(was.picture.times, now.picture.times),
        _finding("first frame at", _seconds(was.picture.times[:1]), _seconds(now.picture.times[:1])),
    ]
    findings += _colours(was, now)
    turned = was.rotation % 180 != 0 and now.rotation % 180 == 0
    aspect = 1 / was.aspect if turned else was.aspect
    findings.append(_finding("sample aspect", aspect, now.aspect))
    size = was.size[::-1] if turned else was.size
    findings.append(_finding("size", f"{size[0]}x{size[1]}", f"{now.size[0]}x{now.size[1]}"))
    if was.rotation or now.rotation:
        applied = now.rotation == 0
        said = "applied to the picture" if applied else f"{now.rotation} degrees"
        findings.append(Finding("rotation", "kept" if applied else "changed", f"{was.rotation} degrees", said))
    findings.append(_finding("interlaced", was.interlaced, now.interlaced))
    if was.bits > 8 or now.bits > 8:
        less = now.bits < was.bits
        findings.append(Finding("bits a sample", "changed" if less else "kept", str(was.bits), str(now.bits)))
    if was.alpha:
        findings.append(Finding("opacity", "kept" if now.alpha else "lost", "there", "there" if now.alpha else ""))
    findings += _streams(was, now)
    if was.chapters or now.chapters:
        findings.append(_chapters(was.chapters, now.chapters))
    findings += [_finding(f"description: {key}", value, now.words.get(key)) for key, value in was.words.items()]
    return findings


def _colours(was: _Film, now: _Film) -> Iterable[Finding]:
    for name, value in was.colour.items():
        if now.colour:
            yield _finding(name, value, now.colour[name])
        elif name in ("matrix", "full range"):
            yield Finding(name, "kept", str(value), "applied to the picture")
        else:  # who shows an image takes it for BT.709's or sRGB's
            yield Finding(name, "kept" if value in _USUAL else "lost", str(value), "")


def _streams(was: _Film, now: _Film) -> Iterable[Finding]:
    left = [stream for stream in now.streams if stream is not now.picture]
    for number, stream in enumerate(was.streams):
        if stream is was.picture:
            continue
        name = f"stream {number}, {stream.kind}"
        same = [other for other in left if other.kind == stream.kind]
        if not same:
            yield Finding(name, "lost", stream.codec, "")
            continue
        other = same[0]
        left.remove(other)
        copied = (stream.data or stream.digest.hexdigest()) == (other.data or other.digest.hexdigest())
        what = f"{stream.codec}, {stream.packets} packets"
        yield Finding(name, "kept" if copied else "changed", what, f"{other.codec}, {other.packets} packets")
        for key, value in stream.words.items():
            yield _finding(f"{name}: {key}", value, other.words.get(key))
        if stream.disposition & ~1 or other.disposition & ~1:
            yield _finding(f"{name}: disposition", stream.disposition & ~1, other.disposition & ~1)
        if stream.times and other.times and was.picture.times and now.picture.times:
            offsets = [one.times[0] - film.picture.times[0] for one, film in ((stream, was), (other, now))]
            close = abs(offsets[0] - offsets[1]) <= Fraction(1, 1000)
            texts = [f"{float(offset) * 1000:.3f} ms" for offset in offsets]
            yield Finding(f"{name}: offset to the picture", "kept" if close else "changed", *texts)


def _times(was: list[Fraction], now: list[Fraction]) -> Finding:
    """Whether the frames that are there come when they came."""
    if not now:
        return Finding("frame times", "lost", f"{len(was)} times", "")
    worst = max((abs((a - was[0]) - (b - now[0])) for a, b in zip(was, now, strict=False)), default=Fraction(0))
    said = "exact" if worst == 0 else f"up to {float(worst) * 1000:.3f} ms off"
    return Finding("frame times", "kept" if worst <= Fraction(1, 1000) else "changed", f"{len(was)} times", said)


def _chapters(was: list[tuple[Fraction, Fraction, str]], now: list[tuple[Fraction, Fraction, str]]) -> Finding:
    close = len(was) == len(now) and all(
        a[2] == b[2] and max(abs(a[0] - b[0]), abs(a[1] - b[1])) <= Fraction(1, 1000)
        for a, b in zip(was, now, strict=True)
    )
    verdict: Verdict = "kept" if close else "changed" if now else "lost"
    return Finding("chapters", verdict, str(len(was)), str(len(now)))


def _finding(name: str, before: object, after: object) -> Finding:
    verdict: Verdict = "kept" if before == after else "lost" if after is None else "changed"
    return Finding(name, verdict, str(before), "" if after is None else str(after))


def _seconds(times: list[Fraction]) -> str:
    return f"{float(times[0]):.3f} s" if times else "never"


def _read(path: Path) -> _Film:
    if isinstance(classify(path), SequencePath):
        return _images(path)
    if not path.exists():
        raise NotFound(f"{path}: no such file")
    try:
        with av.open(os.path.abspath(path), metadata_errors="replace") as container:
            return _film(path, container)
    except (av.FFmpegError, OSError, ValueError, IndexError) as error:
        raise SourceError(f"{path}: not a video, or damaged ({cause(error)})") from error


def _images(path: Path) -> _Film:
    with ImageFiles(path) as source:
        picture = _Stream("video", path.suffix[1:], {}, 0, source.times)
        return _Film(
            streams=[picture], words={}, chapters=[], picture=picture, size=source.size, aspect=Fraction(1), colour={},
            rotation=0, interlaced=False, bits=8, alpha=source.footage.alpha,
        )  # fmt: skip


def _film(path: Path, container: av.container.InputContainer) -> _Film:
    streams: dict[int, _Stream] = {}
    video: Any = None
    chapters = [
        (
            c["start"] * Fraction(c["time_base"] or 0),
            c["end"] * Fraction(c["time_base"] or 0),
            c["metadata"].get("title", ""),
        )
        for c in container.chapters()
    ]
    for stream in container.streams:
        names = stream.metadata.get("handler_name", "")
        if stream.type == "data" and chapters and "Text" in names + "Text" * ("Subtitle" in names):
            continue  # the chapters' names
        codec = stream.codec_context.name if stream.codec_context is not None else "none"
        made = _Stream(stream.type, codec, _words(stream.metadata), int(stream.disposition))
        language = stream.metadata.get("language", "und")
        if language != "und":
            made.words["language"] = language
        if stream.type == "attachment":
            made.data = hashlib.sha256(stream.data).hexdigest()  # type: ignore[attr-defined]
        streams[stream.index] = made
        if stream.type == "video" and video is None and not stream.disposition & av.stream.Disposition.attached_pic:
            video = stream
    if video is None:
        raise SourceError(f"{path}: holds no video")
    first: list[av.VideoFrame] = list(islice(container.decode(video), 1))
    with av.open(os.path.abspath(path), metadata_errors="replace") as again:
        for packet in again.demux():
            known = streams.get(packet.stream.index)
            if known is None or not packet.size:
                continue
            known.packets += 1
            if packet.pts is not None and packet.time_base is not None:
                known.times.append(packet.pts * packet.time_base)
            if packet.stream.type != "video":
                data = bytes(packet)
                if known.codec == "aac" and data[0] == 0xFF and data[1] & 0xF6 == 0xF0:
                    data = data[7 if data[1] & 1 else 9 :]
                known.digest.update(data)
    for known in streams.values():
        known.times.sort()
    context = video.codec_context
    colour = {
        "matrix": int(context.colorspace), "primaries": int(context.color_primaries),
        "transfer": int(context.color_trc), "full range": int(context.color_range) == 2,
    }  # fmt: skip
    parts = first[0].format.components if first else ()
    return _Film(
        streams=list(streams.values()),
        words=_words(container.metadata),
        chapters=chapters,
        picture=streams[video.index],
        size=(context.width, context.height),
        aspect=Fraction(video.sample_aspect_ratio or 1) or Fraction(1),
        colour=colour,
        rotation=first[0].rotation if first else 0,
        interlaced=bool(first and first[0].interlaced_frame),
        bits=max((part.bits for part in parts), default=8),
        alpha=any(part.is_alpha for part in parts) or opacity_apart(video),
    )


def _words(metadata: dict[str, str]) -> dict[str, str]:
    """What people wrote, by name in small letters."""
    words = {key.lower(): value for key, value in metadata.items()}
    if "name" in words:
        words.setdefault("title", words.pop("name"))
    return {key: value for key, value in words.items() if not any(own in key for own in _OWN)}
