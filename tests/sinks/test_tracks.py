"""What lies beside the picture: every stream, chapter and word arrives, or is said to stay behind."""

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import pytest

from gancam.sinks.video import VideoOptions, VideoWriter
from gancam.sources import VideoFile
from tests.helpers.clips import enrich, make_clip, packets_of, with_timecode
from tests.helpers.jobs import process


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("film")
    audio = [("aac", 0.0), ("libmp3lame", 0.1)]
    return enrich(make_clip(folder / "a.mp4", audio=audio, languages=["eng", "fra"]), folder / "film.mkv")


@pytest.mark.parametrize(("target", "kinds"), [("b.mov", 2), ("b.mp4", 2), ("b.mkv", 1)])
def test_timecode_goes_along(tmp_path: Path, target: str, kinds: int) -> None:
    source = with_timecode(tmp_path / "a.mov", "01:00:00:20")
    for options, timecode in (({}, "01:00:00:20"), ({"start": Fraction(2, 5)}, "01:00:01:05")):
        assert process(source, tmp_path / target, overwrite=True, **options)[1] == []
        with av.open(tmp_path / target) as container:
            words = {key.lower(): value for key, value in container.streams.video[0].metadata.items()}
            assert words["timecode"] == timecode
            assert len(container.streams) == kinds


def test_timecode_that_cannot_be_is_told(tmp_path: Path) -> None:
    source = with_timecode(tmp_path / "a.mov", "01:00:00:20")
    _, said = process(source, tmp_path / "b.ts")
    assert said == ["its timecode (01:00:00:20) is left out: mpegts has no place for it"]


def copy(source: Path, target: Path) -> list[str]:
    with VideoFile(source) as video:
        sink = VideoWriter(
            target, VideoOptions(fps=video.fps, size=video.size, source_info=video.info, audio_from=source)
        )
        said = list(sink.notes)  # before the work
        for frame in video:
            sink.write(frame)
        sink.close()
    assert sink.notes == said
    return said


def streams(path: Path) -> list[tuple[Any, ...]]:
    """Kind, title, language and disposition of each stream."""
    with av.open(path) as container:
        return [
            (
                s.type,
                s.metadata.get("title", s.metadata.get("name")),
                s.metadata.get("language", "und"),
                int(s.disposition),
            )
            for s in container.streams
        ]


def chapters(path: Path) -> list[tuple[Fraction, Fraction, str]]:
    with av.open(path) as container:
        return [
            (
                c["start"] * Fraction(c["time_base"] or 0),
                c["end"] * Fraction(c["time_base"] or 0),
                c["metadata"]["title"],
            )
            for c in container.chapters()
        ]


def test_matroska_keeps_everything(film: Path, tmp_path: Path) -> None:
    assert copy(film, tmp_path / "b.mkv") == []
    assert streams(tmp_path / "b.mkv") == streams(film)
    assert chapters(tmp_path / "b.mkv") == chapters(film)
    for kind in ("audio", "subtitle"):
        for was, now in zip(packets_of(film, kind), packets_of(tmp_path / "b.mkv", kind), strict=True):
            assert was == now
    with av.open(tmp_path / "b.mkv") as container:
        assert {"title": "A film", "MOOD": "sad"}.items() <= container.metadata.items()
        attachment: Any = container.streams[4]
        assert (attachment.metadata["filename"], attachment.data) == ("font.ttf", b"a font" * 10)


def test_a_part_that_begins_within_a_chapter_keeps_all_tracks(film: Path, tmp_path: Path) -> None:
    """Its chapter began before 0, which Matroska refuses, and sound, subtitles and the rest went with it."""
    part = (Fraction(3, 10), Fraction(6, 10))
    _, notes = process(film, tmp_path / "b.mkv", start=part[0], end=part[1])
    assert notes == []
    assert [one[0] for one in streams(tmp_path / "b.mkv")] == [one[0] for one in streams(film)]
    begins = [(start, end) for start, end, _ in chapters(tmp_path / "b.mkv")]
    assert begins == [(0, Fraction(1, 10)), (Fraction(1, 10), Fraction(3, 10))]


def test_a_language_of_sound_is_known_to_mov_too(tmp_path: Path) -> None:
    spoken = {"deu": "ger", "nld": "dut", "swe": "sve", "zho": "chi", "fre": "fra", "ita": "ita"}
    audio = [("aac", 0.0)] * len(spoken)
    process(make_clip(tmp_path / "a.mkv", audio=audio, languages=list(spoken)), tmp_path / "b.mov")
    assert [one[2] for one in streams(tmp_path / "b.mov")[1:]] == list(spoken.values())


@pytest.mark.parametrize("ending", ["mp4", "mov"])
def test_mp4_keeps_what_it_can_and_the_rest_is_said(film: Path, tmp_path: Path, ending: str) -> None:
    notes = copy(film, tmp_path / f"b.{ending}")
    assert notes == [
        f"left out of its description, {ending} has no place: MOOD",
        f"subtitle track 1 is converted from SubRip to mov_text, words only: {ending} does not take it",
        f"attachment track 1 (font.ttf) is left out: {ending} holds none",
    ]
    now = [one[:2] for one in streams(tmp_path / f"b.{ending}") if one[0] in ("video", "audio")]
    assert now == [one[:2] for one in streams(film)[:3]]
    assert chapters(tmp_path / f"b.{ending}") == chapters(film)
    again = tmp_path / "again.mkv"
    back = "subtitle track 1 is converted from mov_text to SubRip, words only: matroska does not take it"
    assert copy(tmp_path / f"b.{ending}", again) == [back]
    assert chapters(again) == chapters(film)
    assert packets_of(again, "subtitle") == packets_of(film, "subtitle")
    assert streams(again)[3][2] == ("deu" if ending == "mp4" else "ger")


def described_as(path: Path, words: dict[str, str]) -> Path:
    """A clip with words as a phone writes them."""
    clip = make_clip(path.with_name("plain.mp4"))
    options = {"movflags": "use_metadata_tags"} if "title" not in words else {}
    with av.open(clip) as read, av.open(path, "w", options=options) as made:
        stream = made.add_stream_from_template(read.streams.video[0])
        made.metadata.update(words)
        for packet in read.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                made.mux(packet)
    return path


@pytest.mark.parametrize("target", ["b.mp4", "b.mov"])
@pytest.mark.parametrize(
    ("words", "lost"),
    [
        ({"location": "-15.8355-048.0153/", "com.android.version": "9"}, ""),
        ({"location": "+46.3058+006.2377+372.500/"}, ""),
        ({"com.apple.quicktime.model": "a phone", "com.apple.quicktime.location.ISO6709": "+46.3058+006.2377/"}, ""),
        ({"title": "At the sea", "location": "+46.3058+006.2377/", "com.android.version": "9"}, "com.android.version"),
        ({"title": "At the sea", "location": "by the pier"}, "location"),
    ],
)
def test_mp4_keeps_where_a_phone_was(tmp_path: Path, target: str, words: dict[str, str], lost: str) -> None:
    """A place was left out with the word that MP4 has none for it."""
    source = tmp_path / ("a.mkv" if lost else "a.mp4")  # which holds all
    _, said = process(described_as(source, words), tmp_path / target)
    form = target.removeprefix("b.")
    assert [one.lower() for one in said] == (
        [f"left out of its description, {form} has no place: {lost}"] if lost else []
    )
    with av.open(tmp_path / target) as container:
        kept = {key.lower(): value for key, value in container.metadata.items()}
    for key, value in words.items():
        if key == "location" != lost:
            assert float(kept[key][:8]) == float(value[:8])
            assert float(kept[key].rstrip("/")[8:17]) == float(value.rstrip("/")[8:17])
        elif key != lost:
            assert kept[key.lower()] == value


def test_a_transport_stream_says_what_it_cannot_hold(film: Path, tmp_path: Path) -> None:
    notes = " ".join(copy(film, tmp_path / "b.ts"))
    for word in ("2 chapters", "title, MOOD", "subtitle track 1", "attachment track 1"):
        assert word in notes


def test_what_mxf_says_of_its_writer_is_no_description(tmp_path: Path) -> None:
    with_timecode(tmp_path / "a.mxf", None, codec="mpeg2video")
    assert process(tmp_path / "a.mxf", tmp_path / "b.mp4")[1] == []
