"""Subtitles on their way into another file: the words, and when they are shown, in the whole and in a part of it."""

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from gancam.sinks.video import VideoOptions, VideoWriter
from gancam.sources import VideoFile
from tests.helpers.clips import Said, packets_of, times_of, with_cues
from tests.helpers.jobs import process

MILLI = Fraction(1, 1000)
TALK = [(100, 300, b"Hello"), (350, 650, b"two")]
CROWD = [(50, 350, b"Hello"), (150, 500, b"both"), (300, 750, b"two"), (600, 700, b"end")]
PART = {"start": Fraction(1, 5), "end": Fraction(3, 5)}


def with_text(folder: Path, codec: str, said: Said) -> Path:
    """A clip with `said` as words in the form of `codec`."""
    if codec == "mov_text":
        made = [(begin, end, len(words).to_bytes(2, "big") + words) for begin, end, words in said]
        return with_cues(folder / "a.mp4", codec, made)
    head = b"0,0,Default,,0,0,0,," if codec == "ass" else b""
    return with_cues(folder / "a.mkv", codec, [(begin, end, head + words) for begin, end, words in said])


def shown(path: Path) -> list[list[str]]:
    """The words that are shown at every tenth of a second of the picture (in the middle of each), sorted."""
    with av.open(path) as container:
        text = container.streams.subtitles[0]
        form = text.codec_context.name
        told = []
        for packet in container.demux(text):
            if packet.pts is not None and packet.time_base is not None:
                words = bytes(packet)[2:] if form == "mov_text" else bytes(packet).split(b",")[-1]
                begin, lasts = packet.pts * packet.time_base, (packet.duration or 0) * packet.time_base
                told.append((begin, begin + lasts, words.decode().splitlines()))
    times = times_of(path)
    moments = [times[0] + Fraction(2 * tick + 1, 20) for tick in range(round((times[-1] - times[0]) * 10))]
    return [sorted(word for a, b, words in told if a <= moment < b for word in words) for moment in moments]


def ends(path: Path) -> tuple[Fraction, Fraction]:
    """When the first cue begins and the last one ends."""
    with av.open(path) as container:
        told = [
            (packet.pts * packet.time_base, packet.duration * packet.time_base)
            for packet in container.demux(container.streams.subtitles[0])
            if packet.pts is not None and packet.time_base is not None and packet.duration is not None
        ]
    return min(begin for begin, _ in told), max(begin + lasts for begin, lasts in told)


@pytest.mark.parametrize("ending", ["mkv", "mp4", "mov"])
@pytest.mark.parametrize("codec", ["subrip", "ass", "webvtt", "mov_text"])
def test_cues_are_cut_with_their_part(tmp_path: Path, codec: str, ending: str) -> None:
    """In MP4 they came at -1.1 s and lasted beyond the end; in Matroska the picture began late for that."""
    source, made = with_text(tmp_path, codec, TALK), tmp_path / f"b.{ending}"
    process(source, made, **PART)
    assert shown(made) == shown(source)[2:6]
    assert ends(made) == (Fraction(0), Fraction(2, 5))
    assert times_of(made)[0] == 0


@pytest.mark.parametrize("part", [{}, PART])
@pytest.mark.parametrize("ending", ["mkv", "mp4", "mov"])
def test_cues_that_are_shown_together(tmp_path: Path, ending: str, part: dict[str, Fraction]) -> None:
    """MP4 holds one text at a time: the second came when the first ended, and the third after that."""
    source, made = with_text(tmp_path, "subrip", CROWD), tmp_path / f"b.{ending}"
    process(source, made, **part)
    assert shown(made) == (shown(source)[2:6] if part else shown(source))
    begins = Fraction(0) if part or ending != "mkv" else 50 * MILLI
    assert ends(made) == (begins, Fraction(2, 5) if part else 750 * MILLI)


def test_what_ends_mp4s_words_is_written_once(tmp_path: Path) -> None:
    """The container writes it itself, and what it was copied from grew by as many each time."""
    first = with_text(tmp_path, "mov_text", TALK)
    for name in ("b.mp4", "c.mp4", "d.mov"):
        process(first, tmp_path / name)
        assert packets_of(tmp_path / name, "subtitle") == packets_of(first, "subtitle")
        first = tmp_path / name


def test_words_without_an_end_are_shown_until_the_next(tmp_path: Path) -> None:
    endless = [(100, 100, b"one"), (300, 300, b"two")]
    source, made = with_text(tmp_path, "subrip", endless), tmp_path / "b.mp4"
    process(source, made, end=Fraction(1, 2))
    assert shown(made) == [[], ["one"], ["one"], ["two"], ["two"]]
    assert ends(made)[1] == Fraction(1, 2)
    process(source, made, overwrite=True, start=Fraction(1, 5))
    assert shown(made) == [["one"], *[["two"]] * 5]


def pgs(number: int, *, new: bool, pictures: int) -> bytes:
    """What begins a subtitle of a Blu-ray, and its end: no more than a muxer looks at."""
    says = bytes([0, 96, 0, 64, 0x10, 0, number, 0x80 if new else 0, 0, 0, pictures])
    return b"\x16" + len(says).to_bytes(2, "big") + says + b"\x80\0\0"


@pytest.mark.parametrize(
    ("before", "kept"),
    [
        ([pgs(0, new=True, pictures=1)], 1),
        ([pgs(0, new=True, pictures=1), pgs(1, new=False, pictures=0)], 0),
        ([pgs(0, new=True, pictures=1), pgs(1, new=False, pictures=1)], 2),  # the second needs the first
        ([pgs(0, new=True, pictures=1), pgs(1, new=True, pictures=1)], 1),
    ],
)
def test_a_picture_that_is_shown_until_the_next_is_there_from_the_beginning(
    tmp_path: Path, before: list[bytes], kept: int
) -> None:
    said = [(20 + 40 * number, 20 + 40 * number, data) for number, data in enumerate(before)]
    later = [(300, 300, pgs(2, new=True, pictures=0)), (700, 700, pgs(3, new=True, pictures=1))]
    source, made = with_cues(tmp_path / "a.mkv", "hdmv_pgs_subtitle", [*said, *later]), tmp_path / "b.mkv"
    assert process(source, made, **PART)[1] == []
    want = [(Fraction(0), data) for data in before[len(before) - kept :]]
    assert packets_of(made, "subtitle") == [[*want, (Fraction(1, 10), later[0][2])]]
    assert times_of(made)[0] == 0


def dvd(lasts: int) -> bytes:
    """A subtitle of 2x2 pixels that a DVD shows at once and hides after `lasts` of its units (1024 / 90000 s)."""
    lines = bytes([0x80, 0x00])  # to the end of the line one colour, for both fields
    show = bytes([3, 0x32, 0x10, 4, 0xFF, 0xFF, 5, 0, 0, 1, 0, 0, 1, 6, 0, 4, 0, 4, 1, 0xFF])
    first = 4 + len(lines)
    second = first + 4 + len(show)
    hide = lasts.to_bytes(2, "big") + second.to_bytes(2, "big") + bytes([2, 0xFF])
    body = lines + bytes(2) + second.to_bytes(2, "big") + show + hide
    return (4 + len(body)).to_bytes(2, "big") + first.to_bytes(2, "big") + body


@pytest.mark.parametrize("says", [True, False])
def test_a_dvds_subtitle_is_cut_within(tmp_path: Path, says: bool) -> None:
    unit = Fraction(1024, 90_000)
    data = dvd(44)  # 0.5006 s
    cues = [(begin, begin + round(44 * unit / MILLI) * says, data) for begin in (40, 500)]
    source, made = with_cues(tmp_path / "a.mkv", "dvd_subtitle", cues), tmp_path / "b.mkv"
    process(source, made, **PART)
    with av.open(made) as container:
        found = [
            (packet.pts, container.streams.subtitles[0].codec_context.decode2(packet))
            for packet in container.demux(container.streams.subtitles[0])
            if packet.pts is not None
        ]
    assert [pts for pts, _ in found] == [0, 300]
    for (_, lasted), want in zip(found, (0.5006 - 0.16, 0.1), strict=True):
        assert lasted is not None
        assert lasted.end_display_time == pytest.approx(1000 * want, abs=12)


def test_data_of_the_time_before_are_left_out(tmp_path: Path) -> None:
    source, made = tmp_path / "a.ts", tmp_path / "b.ts"
    with av.open(source, "w") as out:
        picture = out.add_stream("libx264", rate=25, width=64, height=64, pix_fmt="yuv420p")
        data: Any = out.add_data_stream("klv")
        for number in range(25):
            image = np.full((64, 64, 3), number, np.uint8)
            out.mux(picture.encode(av.VideoFrame.from_ndarray(image, "bgr24")))
            if number % 5 == 0:
                packet: Any = av.Packet(b"at %d" % number)
                packet.pts = packet.dts = number
                packet.time_base, packet.stream = Fraction(1, 25), data
                out.mux(packet)
        out.mux(picture.encode(None))
    process(source, made, **PART)
    (there,) = packets_of(made, "data")
    begin = times_of(made)[0]
    assert [(time - begin, data) for time, data in there] == [(0, b"at 5"), (Fraction(1, 5), b"at 10")]


def test_of_an_interrupted_file_the_words_end_with_it(tmp_path: Path) -> None:
    source, made = with_text(tmp_path, "subrip", TALK), tmp_path / "b.mp4"
    with VideoFile(source) as video:
        sink = VideoWriter(
            made, VideoOptions(fps=video.fps, size=video.size, source_info=video.info, audio_from=source)
        )
        for frame in video:
            if frame.index < 15:
                sink.write(frame)
        sink.close(interrupted=True)
    assert ends(made)[1] == Fraction(1, 2)


@pytest.mark.parametrize(
    ("codec", "line"),
    [
        ("ass", rb"0,0,Default,,0,0,0,,{\i1}Wer da?{\i0}\NIch, du"),
        ("subrip", b"{\\an8}<i>Wer da?</i>\r\nIch, du"),
        ("webvtt", b"<v Anna>Wer da?</v>\nIch, du"),
    ],
)
def test_marks_of_subtitles_are_no_words_of_mp4(tmp_path: Path, codec: str, line: bytes) -> None:
    source = with_cues(tmp_path / "b.mkv", codec, [(100, 400, line)])
    process(source, tmp_path / "c.mp4")
    said = [data[2 : 2 + data[1]].decode() for _, data in packets_of(tmp_path / "c.mp4", "subtitle")[0] if data[1]]
    assert said == ["Wer da?\nIch, du"]


def test_words_of_mp4_subtitles_go_into_matroska(tmp_path: Path) -> None:
    source = with_text(tmp_path, "mov_text", [(100, 400, "schön".encode())])
    _, notes = process(source, tmp_path / "c.mkv")
    assert notes == ["subtitle track 1 is converted from mov_text to SubRip, words only: matroska does not take it"]
    assert [data for _, data in packets_of(tmp_path / "c.mkv", "subtitle")[0]] == ["schön".encode()]
