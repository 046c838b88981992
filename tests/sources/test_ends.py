"""How long pictures are shown, to the last one; rates that are very high; frames that are promised."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import pytest

from gancam.errors import SourceError
from gancam.jobs.batch import process_one
from gancam.jobs.local_pool import LocalPool
from gancam.jobs.process import process_video
from gancam.jobs.spec import EffectChainSpec, ProcessOptions
from gancam.media.streams import decode_on_threads
from gancam.pipeline import Report
from gancam.sources import VideoFile
from gancam.sources.truncation import is_truncated
from gancam.tools.verify import verify
from tests.helpers.clips import make_clip, scenery
from tests.helpers.jobs import cut_short

MILLI = Fraction(1, 1000)
HOLDS = [0, 40, 80, 120, 160, 200], 3000  # the last picture stays for three seconds
GAP = [0, 40, 80, 10_120, 10_160, 10_200], 40


def clip(path: Path, ticks: Sequence[int], lasts: int) -> Path:
    """Six pictures at `ticks` (ms), the last one for `lasts`."""
    with av.open(path, "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"bf": "0"})
        stream.width, stream.height, stream.pix_fmt, stream.time_base = 64, 48, "yuv420p", MILLI
        stream.codec_context.time_base = MILLI
        packets = []
        for tick, image in zip(ticks, scenery(64, 48, 6), strict=True):
            frame = av.VideoFrame.from_ndarray(image, "bgr24").reformat(format="yuv420p")
            frame.pts, frame.time_base = tick, MILLI
            packets += stream.encode(frame)
        for packet, end in zip([*packets, *stream.encode(None)], [*ticks[1:], ticks[-1] + lasts], strict=True):
            packet.duration = end - (packet.pts or 0)
            container.mux(packet)
    return path


def shown(path: Path) -> list[tuple[float, float | None]]:
    with VideoFile(path) as source:
        frames = [(round(f.time, 3), None if f.duration is None else round(f.duration, 3)) for f in source]
        assert source.frames == len(frames)
        assert source.notes == []
    return frames


@pytest.mark.parametrize("outside", [".mp4", ".mov", ".mkv", ".webm"])
@pytest.mark.parametrize("inside", [".mp4", ".mkv"])
@pytest.mark.parametrize("of", [HOLDS, GAP], ids=["holds", "gap"])
def test_the_last_picture_is_shown_as_long_as_before(
    tmp_path: Path, of: tuple[list[int], int], inside: str, outside: str
) -> None:
    ticks, lasts = of
    source = clip(tmp_path / f"a{inside}", ticks, lasts)
    assert shown(source)[-1] == (ticks[-1] / 1000, lasts / 1000)
    report = Report()
    process_video(source, tmp_path / f"b{outside}", [], ProcessOptions(), report, notify=lambda note: None)
    assert shown(tmp_path / f"b{outside}") == shown(source)
    assert report.promised == 6
    assert {one.verdict for one in verify(source, tmp_path / f"b{outside}")} == {"kept"}


@pytest.mark.parametrize("way", ["resumed", "with workers", "to images and back", "lossless"])
def test_the_end_is_kept_on_every_way(tmp_path: Path, way: str) -> None:
    source, target = clip(tmp_path / "a.mkv", *HOLDS), tmp_path / "b.mp4"
    wanted = shown(source)[-1]
    options = ProcessOptions()
    if way == "resumed":
        cut_short(source, target, 3)
        options = ProcessOptions(resume=True)
    if way == "with workers":
        process_one(
            source,
            target,
            EffectChainSpec(),
            options,
            notify=lambda event: None,
            make_pool=lambda spec: LocalPool(spec, 2),
        )
    elif way == "to images and back":
        images = tmp_path / "frame-%03d.png"
        process_video(source, images, [], options, Report(), notify=lambda note: None)
        process_video(images, target, [], options, Report(), notify=lambda note: None)
    else:
        if way == "lossless":
            target, options = tmp_path / "b.mkv", ProcessOptions(codec="ffv1")
        process_video(source, target, [], options, Report(), notify=lambda note: None)
    assert shown(target)[-1] == wanted


def test_a_range_cuts_the_last_picture(tmp_path: Path) -> None:
    source = clip(tmp_path / "a.mkv", *HOLDS)
    options = ProcessOptions(start=Fraction(1, 10), end=Fraction(1))
    process_video(source, tmp_path / "b.mp4", [], options, Report(), notify=lambda note: None)
    assert shown(tmp_path / "b.mp4")[-1] == (0.1, 0.8)


def test_verify_tells_an_end_that_moved(tmp_path: Path) -> None:
    before, after = clip(tmp_path / "a.mp4", *HOLDS), clip(tmp_path / "b.mp4", HOLDS[0], 40)
    told = {one.name: one for one in verify(before, after)}["last frame until"]
    assert (told.verdict, told.before, told.after) == ("changed", "3.200 s", "0.240 s")


@pytest.mark.parametrize("ending", [".mp4", ".mkv", ".avi", ".flv", ".ts", ".mov"])
def test_gaps_are_no_missing_frames(tmp_path: Path, ending: str) -> None:
    path = clip(tmp_path / f"a{ending}", *GAP)
    with VideoFile(path) as source:
        assert len(list(source)) == 6
        assert source.notes == []
        assert source.frames == 6


def test_a_matroska_file_that_is_cut_off_says_so(tmp_path: Path) -> None:
    path = clip(tmp_path / "a.mkv", *HOLDS)
    data = path.read_bytes()
    path.write_bytes(data[: data.rindex(b"\x1c\x53\xbb\x6b") - 60])
    with VideoFile(path) as source:
        frames = list(source)
        assert source.notes == [f"the video stops early: the file is cut off, {len(frames)} frames came"]
    assert 0 < len(frames) < 6
    assert (frames[-1].duration or 0) < 1  # not to the end that is promised


def test_an_avi_that_is_cut_off_says_so(tmp_path: Path) -> None:
    """Its index, which comes last, is missing, and more frames came than were promised."""
    whole = make_clip(
        tmp_path / "a.avi", images=scenery(64, 48, 60), fps=25, time_base=Fraction(1, 25), codec="mjpeg", options={},
        pix_fmt="yuvj420p",
    )  # fmt: skip
    with VideoFile(whole) as source:
        assert (len(list(source)), source.frames, source.notes) == (60, 60, [])
    cut = tmp_path / "cut.avi"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size * 6 // 10])
    with VideoFile(cut) as source:
        assert source.frames == 60
        came = len(list(source))
        assert source.frames == came
        assert source.notes == [f"the video stops early: the file is cut off, {came} frames came"]
    assert 20 < came < 45


@pytest.mark.parametrize(
    ("ending", "form", "codec", "sound"),
    [
        (".flv", "flv", "libx264", "aac"),
        (".ts", "mpegts", "libx264", "aac"),
        (".m2ts", "mpegts", "libx264", ""),
        (".mpg", "mpeg", "mpeg2video", "mp2"),
        (".vob", "vob", "mpeg2video", ""),
        (".wmv", "asf", "wmv2", ""),
        (".ogv", "ogg", "libvpx", "libopus"),
        (".mxf", "mxf", "mpeg2video", ""),
        (".mp4", "mp4", "libx264", "aac"),
    ],
)
def test_what_is_cut_off_is_told_of_every_format(
    tmp_path: Path, ending: str, form: str, codec: str, sound: str
) -> None:
    """In whatever place; and of whole files, with junk behind them or not, it is not."""
    whole = make_clip(
        tmp_path / f"a{ending}", images=scenery(64, 48, 60), fps=25, time_base=Fraction(1, 25), codec=codec, form=form,
        options={"auto-alt-ref": "0"} if codec == "libvpx" else {"g": "30"}, audio=[(sound, 0.0)] if sound else [],
    )  # fmt: skip
    if form == "mp4":
        whole = in_fragments(whole, tmp_path / "fragments.mp4")
    data, cut = whole.read_bytes(), tmp_path / f"cut{ending}"
    for more in (b"", b"\0\0", bytes(3000), b"\n"):
        cut.write_bytes(data + more)
        with VideoFile(cut) as source:
            assert (len(list(source)), source.notes) == (60, [])
    found = []
    for length in range(len(data) // 2 + 1, len(data) - 200, len(data) // 30):
        cut.write_bytes(data[:length])
        found.append(is_truncated(cut))
    assert found.count(False) <= 2  # where it ends with a packet, or hardly behind one
    cut.write_bytes(data[: len(data) * 6 // 10 + 1])
    with VideoFile(cut) as source:
        came = len(list(source))
        assert 5 < came <= 60
        assert "the video stops early: " in source.notes[-1]
        assert f"{came} " in source.notes[-1]


def in_fragments(source: Path, path: Path) -> Path:
    """The streams of `source` as MP4 that begins to play before it ends."""
    words = {"movflags": "frag_keyframe+empty_moov", "frag_duration": "400000"}
    with av.open(source) as film, av.open(path, "w", options=words) as made:
        streams = {stream.index: made.add_stream_from_template(stream) for stream in film.streams}
        for packet in film.demux():
            if packet.dts is not None:
                packet.stream = streams[packet.stream.index]
                made.mux(packet)
    return path


def test_an_flv_that_ends_with_a_tag_is_cut_off_where_its_head_tells_of_more(tmp_path: Path) -> None:
    whole = make_clip(tmp_path / "a.flv", images=scenery(64, 48, 60), fps=25, time_base=Fraction(1, 25))
    data, at = whole.read_bytes(), 13
    for _ in range(40):
        at += 15 + int.from_bytes(data[at + 1 : at + 4], "big")
    (tmp_path / "cut.flv").write_bytes(data[:at])
    assert is_truncated(tmp_path / "cut.flv")
    (tmp_path / "live.flv").write_bytes(data[:at].replace(b"\0\x08filesize", b"\0\x08elephant"))
    assert not is_truncated(tmp_path / "live.flv")


@pytest.mark.parametrize("rate", [240, 2000, *(pytest.param(rate, marks=pytest.mark.slow) for rate in (1000, 1200))])
@pytest.mark.parametrize("ending", [".mp4", ".mkv"])
@pytest.mark.parametrize("out", [".mkv", ".mp4", ".webm"])
def test_very_high_rates(tmp_path: Path, rate: int, ending: str, out: str) -> None:
    path = make_clip(
        tmp_path / f"a{ending}", images=scenery(64, 48, 20), ticks=range(20), time_base=Fraction(1, rate), fps=rate
    )
    process_video(path, tmp_path / f"b{out}", [], ProcessOptions(), Report(), notify=lambda note: None)
    with VideoFile(path) as source:
        assert source.fps == rate
    with VideoFile(tmp_path / f"b{out}") as made:
        times = [frame.time for frame in made]
        assert made.fps == pytest.approx(rate, rel=0.15)  # clocks of a millisecond round
    assert len(times) == 20
    assert times[-1] == pytest.approx(19 / rate, abs=0.0015)


def test_a_hole_in_the_middle_is_no_early_end(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "a.mp4", options={"bf": "0", "g": "1", "crf": "12"})
    with av.open(path) as film:
        packets = [(one.pos or 0, one.size) for one in film.demux(video=0) if one.size]
    data = bytearray(path.read_bytes())
    for place in (9, 10):
        at, size = packets[place]
        data[at : at + size] = b"\xff" * size
    path.write_bytes(data)
    with VideoFile(path) as source:
        assert len(list(source)) == 22
        assert "a.mp4: 2 frames in the middle could not be read, at 0.30 to 0.33 s" in source.notes
        assert not [note for note in source.notes if "stops early" in note]


def test_an_mp4_whose_index_was_never_written_is_told_as_that(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "a.mp4")
    data = path.read_bytes()
    assert data.index(b"mdat") < data.index(b"moov")
    path.write_bytes(data[: data.index(b"moov") * 2 // 3])
    for call in (lambda: VideoFile(path), lambda: verify(path, path)):
        with pytest.raises(SourceError, match=r"a\.mp4: its index \(moov\), which is written last, is missing"):
            call()
    path.write_bytes(b"hello")
    with pytest.raises(SourceError, match="not a video, or damaged"):
        VideoFile(path)


def test_damaged_h265_is_decoded_without_a_thread_for_each_frame(tmp_path: Path) -> None:
    """Such threads wait for each other for ever in one of some 400 damaged files, which no test can make happen."""
    kinds = {}
    for codec in ("libx264", "libx265"):
        options = {"x265-params": "log-level=none"} if codec == "libx265" else None
        with av.open(make_clip(tmp_path / f"{codec}.mp4", codec=codec, options=options)) as container:
            decode_on_threads(container.streams.video[0])
            kinds[codec] = container.streams.video[0].thread_type.name
            assert len(list(container.decode(video=0))) == 24
    assert kinds == {"libx264": "AUTO", "libx265": "SLICE"}
