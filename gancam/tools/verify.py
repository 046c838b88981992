"""Compare a video file with the one that it was made from: every property, kept, changed or lost."""

import itertools
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path
from typing import Literal

import av
import numpy as np

from gancam.media.colour import code_name, sampling
from gancam.media.orientation import EIGHT, Orientation
from gancam.media.paths import SequencePath, classify
from gancam.media.streams import open_file
from gancam.sources import AnimatedImage, ImageFiles, VideoFile
from gancam.tools._contents import Chapter, Media, Part, Sight, Stream, read_media
from gancam.units import counted

NEAR = Fraction(1, 1000)  # seconds: what is no difference, as some containers hold no finer times
_TOLD = 3  # places where frames are missing that are told one by one
Verdict = Literal["kept", "changed", "lost"]
_ALIKE, _CLEARLY = 0.7, 0.3  # correlation of two pictures that are the same but for an effect; and how much more so
_FRAME_SLACK = Fraction(2, 1000)  # seconds: two ticks of Matroska's clock
_CODEC_SLACK = Fraction(1, 10)  # seconds: what an encoder of sound adds before and behind
_USUAL = 1, 2, 13  # primaries and transfers that images have without saying so: BT.709, unspecified, sRGB
_SAMPLINGS = {(1, 1): "4:4:4", (2, 1): "4:2:2", (2, 2): "4:2:0", (1, 2): "4:4:0", (4, 1): "4:1:1", (4, 4): "4:1:0"}


def compare_times(was: Sequence[Fraction], now: Sequence[Fraction]) -> tuple[bool, str]:
    """Compare when the frames come that two videos have, and tell which of the first are missing in the second.

    Args:
        was: When the frames of the first come, in seconds, in order; not empty.
        now: Those of the second, likewise; it may begin elsewhere on its clock.

    Returns:
        Whether the frames of the second that the first has, all but those beyond its number, have their times to a
        millisecond; and what there is to say.
    """
    pairs = _pair_times(was, now)
    worst = max((abs(was[place] - moment) for place, moment in pairs.items()), default=Fraction(0))
    gone, new = [place for place in range(len(was)) if place not in pairs], len(now) - len(pairs)
    said = "exact" if worst == 0 else f"up to {float(worst) * 1000:.3f} ms off"
    if gone or new:
        are = f"{len(pairs)} frames have their times" if worst == 0 else f"{len(pairs)} frames: {said}"
        missing = [f"{len(gone)} missing: {_told_places(was, gone)}"] if gone else []
        said = "; ".join([are, *missing, *([f"{new} new"] if new else [])])
    return worst <= NEAR and (not new or len(now) > len(was)), said


def _pair_times(was: Sequence[Fraction], now: Sequence[Fraction]) -> dict[int, Fraction]:
    """Give the times `now`, on the clock of `was`, by the places in `was` that are nearest, within half a frame.

    Where that suits few, and there are as many of both, they are paired one after the other.
    """
    moves = [was[0] - now[0], Fraction(0), was[-1] - now[-1]]  # where its first, none or its last frames are missing
    pairs = max((_paired(was, [one + move for one in now]) for move in moves), key=lambda made: _likeness(was, made))
    if len(was) == len(now) and 10 * _likeness(was, pairs)[0] < 9 * len(was):
        return {place: moment + moves[0] for place, moment in enumerate(now)}
    return pairs


def _paired(was: Sequence[Fraction], now: Sequence[Fraction]) -> dict[int, Fraction]:
    gaps = sorted(later - one for one, later in itertools.pairwise(was))
    slack = max(gaps[len(gaps) // 2] / 2 if gaps else NEAR, NEAR)
    made: dict[int, Fraction] = {}

    def around(moment: Fraction) -> list[int]:
        behind = bisect_left(was, moment)
        return [place for place in (behind - 1, behind) if 0 <= place < len(was)]

    # The nearest first, else a new frame between two old ones would take the place of the later.
    for moment in sorted(now, key=lambda one: min(abs(was[place] - one) for place in around(one))):
        near = [place for place in around(moment) if place not in made]
        place = min(near, key=lambda one: abs(was[one] - moment), default=None)
        if place is not None and abs(was[place] - moment) <= slack:
            made[place] = moment
    return made


def _likeness(was: Sequence[Fraction], pairs: Mapping[int, Fraction]) -> tuple[int, Fraction]:
    """How many pairs are near, and how near they all are."""
    off = [abs(was[place] - moment) for place, moment in pairs.items()]
    return sum(one <= NEAR for one in off), -sum(off, Fraction(0))


def _told_places(times: Sequence[Fraction], gone: Sequence[int]) -> str:
    """Say when the frames at the places `gone` of `times` are missing, those in a row together.

    >>> _told_places([Fraction(one, 10) for one in range(9)], [2, 3, 7])
    '0.200 to 0.300 s, 0.700 s'
    """
    runs = [[gone[0], gone[0]]]
    for place in gone[1:]:
        if place == runs[-1][1] + 1:
            runs[-1][1] = place
        else:
            runs.append([place, place])
    told = []
    for first, last in runs[:_TOLD]:
        begin, end = (f"{float(times[place]):.3f}" for place in (first, last))
        told.append(f"{begin} s" if first == last else f"{begin} to {end} s")
    more = len(runs) - _TOLD
    return ", ".join(told) + (f" and in {more} more place{'s' * (more > 1)}" if more > 0 else "")


@dataclass(frozen=True, slots=True)
class Difference:
    """One property of the input, and what the output has of it: the same, something else, or nothing."""

    name: str
    verdict: Verdict
    before: str
    after: str

    def to_dict(self) -> dict[str, str]:
        """Give it ready for JSON."""
        return asdict(self)


def verify(
    before: Path, after: Path, *, start: Fraction | None = None, end: Fraction | None = None
) -> list[Difference]:
    """Compare a file with the one that it was made from, decoding a frame or a few of each.

    Times are compared from the first frame on, to a millisecond where a container holds no finer ones, else exactly;
    sound and subtitles by their packets' bytes (without the heads that MPEG-TS gives each). The picture itself is not
    compared, since effects change it, but for which way up it is shown, and whether it was transparent where it is not.
    All moments are told on the clock of their file, ends too.

    Args:
        before: The input: a video, or numbered images (``frame-%06d.png``), whose times are in the file beside them.
        after: The output, likewise.
        start: It was made of the part of the input from this time on, in seconds, as ``gancam process --from`` has it.
        end: It was made of the part before this time, likewise.

    Returns:
        One entry for each property that the input has.

    Raises:
        NotFound: When one of the files is not there.
        SourceError: When one of them holds no video or is damaged.
        InputError: When nothing of the input is in that part.
    """
    part = Part(start, end)
    was, now = read_media(before, part), read_media(after)
    slack = _FRAME_SLACK if part == Part() else _CODEC_SLACK  # what lies across the end of a part is kept whole
    findings = [
        _counts(len(was.picture.times), len(now.picture.times)),
        _times(was.picture.times, now.picture.times),
        _compare("first frame at", _seconds(was.picture.times[:1]), _seconds(now.picture.times[:1])),
    ]
    findings += _ends("last frame until", (was, was.picture), (now, now.picture), slack)
    for which, media in (("input", was), ("output", now)):
        if media.short:
            came = f"{counted(media.readable, 'frame')} can be read"
            findings.append(Difference(f"end of the {which}", "lost", media.short, came))
    findings += _colours(was, now)
    findings.append(_compare("sample aspect", was.aspect, now.aspect))
    findings.append(_compare("size", f"{was.size[0]}x{was.size[1]}", f"{now.size[0]}x{now.size[1]}"))
    findings += _orientations(was, now)
    findings.append(_compare("interlaced", _yes(was.interlaced), _yes(now.interlaced)))
    if was.bits > 8 or now.bits > 8:
        less = now.bits < was.bits
        findings.append(Difference("bits a sample", "changed" if less else "kept", str(was.bits), str(now.bits)))
    findings += _samplings(was, now)
    if was.alpha and now.alpha:
        findings.append(Difference("opacity", "kept", "there", "there"))
    elif was.alpha:
        lost = _is_transparent(before)
        findings.append(Difference("opacity", "lost" if lost else "kept", "there" if lost else "opaque everywhere", ""))
    if was.timecode or now.timecode:
        findings.append(_compare("timecode", was.timecode or "none", now.timecode))
    findings += _streams(was, now, slack)
    if was.chapters or now.chapters:
        findings.append(_chapters(was.chapters, now.chapters))
    findings += [_compare(f"description: {key}", value, now.metadata.get(key)) for key, value in was.metadata.items()]
    return findings


def _samplings(was: Media, now: Media) -> Iterable[Difference]:
    """Compare how finely colour is sampled, where the input has more of it than video usually has."""
    (across, down), (across_now, down_now) = sampling(was.pixels), sampling(now.pixels)
    if (across, down) == (2, 2) or "gray" in was.pixels:
        return
    sides = [media.size[0] // one for media, one in ((was, across), (now, across_now))]
    rows = [media.size[1] // one for media, one in ((was, down), (now, down_now))]
    less = "gray" in now.pixels or sides[1] < sides[0] or rows[1] < rows[0]
    yield Difference("colour samples", "changed" if less else "kept", _sampled(was.pixels), _sampled(now.pixels))


def _sampled(pixels: str) -> str:
    form = av.VideoFormat(pixels, 16, 16)
    if "gray" in pixels:
        return "none"
    return "RGB" if form.is_rgb or form.has_palette else _SAMPLINGS.get(sampling(pixels), "other")


def _orientations(was: Media, now: Media) -> Iterable[Difference]:
    """Compare which way up the pictures are shown: by what is seen, and where that does not tell, by what is said."""
    seen = _seen_as(was.sight, now.sight)
    if seen:
        yield Difference("orientation", "changed", "upright", f"shown {seen}")
    elif was.orientation != Orientation() or now.orientation != Orientation():
        before, after = ("at an angle" if one.orientation is None else str(one.orientation) for one in (was, now))
        if now.orientation == Orientation():
            yield Difference("orientation", "kept" if was.orientation else "lost", before, "applied to the picture")
        else:
            same = now.orientation == was.orientation
            yield Difference("orientation", "kept" if same else "changed", before, after)


def _seen_as(was: Sight, now: Sight) -> Orientation | None:
    """Find the orientation in which the picture `was` is clearly liker to `now` than as it is; None where none is."""
    if was is None or now is None:
        return None
    likeness = {turn: float(np.corrcoef(turn.apply(was).ravel(), now.ravel())[0, 1]) for turn in EIGHT}
    best = max(likeness, key=lambda turn: likeness[turn])
    return best if best and likeness[best] > _ALIKE and likeness[best] - likeness[Orientation()] > _CLEARLY else None


def _colours(was: Media, now: Media) -> Iterable[Difference]:
    for name, code in was.colour.items():
        said = code_name(name, code)
        if now.colour:
            verdict: Verdict = "kept" if now.colour[name] == code else "changed"
            yield Difference(name, verdict, said, code_name(name, now.colour[name]))
        elif name in ("matrix", "full range"):
            yield Difference(name, "kept", said, "applied to the picture")
        else:  # programs that show an image take it for BT.709 or sRGB
            yield Difference(name, "kept" if code in _USUAL else "lost", said, "")


def _streams(was: Media, now: Media, slack: Fraction) -> Iterable[Difference]:
    left = [stream for stream in now.streams if stream is not now.picture]
    for number, stream in enumerate(was.streams):
        if stream is was.picture:
            continue
        name = f"stream {number}, {stream.kind}"
        same = [other for other in left if other.kind == stream.kind]
        if not same:
            yield Difference(name, "lost", stream.codec, "")
            continue
        other = same[0]
        left.remove(other)
        copied = (stream.data or stream.digest.hex()) == (other.data or other.digest.hex())
        what = f"{stream.codec}, {stream.packets} packets"
        yield Difference(name, "kept" if copied else "changed", what, f"{other.codec}, {other.packets} packets")
        for key, value in stream.metadata.items():
            yield _compare(f"{name}: {key}", value, other.metadata.get(key))
        if stream.disposition & ~1 or other.disposition & ~1:
            yield _compare(f"{name}: disposition", stream.disposition & ~1, other.disposition & ~1)
        yield from _ends(f"{name}: until", (was, stream), (now, other), slack if copied else _CODEC_SLACK)
        if stream.times and other.times and was.picture.times and now.picture.times:
            offsets = [_begin(one, copied) - media.picture.times[0] for one, media in ((stream, was), (other, now))]
            close = abs(offsets[0] - offsets[1]) <= NEAR
            texts = [f"{float(offset) * 1000:.3f} ms" for offset in offsets]
            yield Difference(f"{name}: offset to the picture", "kept" if close else "changed", *texts)


def _begin(stream: Stream, copied: bool) -> Fraction:
    """When a stream begins: a copy by its packets, what was encoded anew by what is played of them."""
    return stream.times[0] if copied or stream.heard is None else stream.heard


def _ends(name: str, was: tuple[Media, Stream], now: tuple[Media, Stream], slack: Fraction) -> Iterable[Difference]:
    """Compare when a stream ends, from the first frame on, where both files say it; told on the file's own clock."""
    if was[1].end is None or now[1].end is None or not was[0].picture.times or not now[0].picture.times:
        return
    firsts, ends = [media.picture.times[0] for media, _ in (was, now)], [was[1].end, now[1].end]
    close = abs((ends[0] - firsts[0]) - (ends[1] - firsts[1])) <= slack
    before, after = (f"{float(end):.3f} s" for end in ends)
    moved = close and abs(firsts[0] - firsts[1]) > _FRAME_SLACK
    yield Difference(
        name, "kept" if close else "changed", before, f"{after}, as the first frame moved" * moved or after
    )


def _counts(was: int, now: int) -> Difference:
    """Compare how many frames there are: fewer are lost."""
    return Difference("frames", "kept" if was == now else "lost" if now < was else "changed", str(was), str(now))


def _times(was: list[Fraction], now: list[Fraction]) -> Difference:
    """Compare when the frames come."""
    if not now or not was:
        return Difference("frame times", "changed" if now else "lost", f"{len(was)} times", f"{len(now)} times")
    kept, said = compare_times(was, now)
    return Difference("frame times", "kept" if kept else "changed", f"{len(was)} times", said)


def _chapters(was: list[Chapter], now: list[Chapter]) -> Difference:
    close = len(was) == len(now) and all(
        a.title == b.title and max(abs(a.start - b.start), abs(a.end - b.end)) <= Fraction(1, 1000)
        for a, b in zip(was, now, strict=True)
    )
    verdict: Verdict = "kept" if close else "changed" if now else "lost"
    return Difference("chapters", verdict, str(len(was)), str(len(now)))


def _compare(name: str, before: object, after: object) -> Difference:
    verdict: Verdict = "kept" if before == after else "lost" if after is None else "changed"
    return Difference(name, verdict, str(before), "" if after is None else str(after))


def _yes(value: bool) -> str:
    return "yes" if value else "no"


def _seconds(times: list[Fraction]) -> str:
    return f"{float(times[0]):.3f} s" if times else "never"


def _is_transparent(path: Path) -> bool:
    """Whether a pixel of a file is, whose form has a place for that: all its pictures are looked at."""
    if path.suffix.lower() == ".gif":  # a VideoFile looks at the first picture alone
        with open_file(path) as container:
            return any((frame.to_ndarray(format="bgra")[..., 3] < 255).any() for frame in container.decode(video=0))
    numbered, webp = isinstance(classify(path), SequencePath), path.suffix.lower() == ".webp"
    with ImageFiles(path) if numbered else AnimatedImage(path) if webp else VideoFile(path) as source:
        return any(frame.alpha is not None and frame.alpha.min() < 255 for frame in source)
