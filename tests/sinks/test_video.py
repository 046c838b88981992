"""The video sink: picture, time, colour and sound arrive as they left; what cannot be written is said in one line."""

import errno
import itertools
import json
import os
import random
import re
import subprocess
import sys
import tempfile
import tracemalloc
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gancam.errors import GancamError, InputError, NotFound, OutputExists, SinkError
from gancam.frame import Frame
from gancam.media.info import VideoInfo
from gancam.sinks import SinkContext, open_sink
from gancam.sinks.piece_store import PieceStore
from gancam.sinks.video import CONTAINERS, VideoOptions, VideoWriter
from gancam.sources import TestPattern, VideoFile
from tests.helpers.clips import make_clip, packets_of, planes_of, psnr, scenery, times_of
from tests.helpers.links import needs_links


def copy(source: Path, target: Path, *, frames: int | None = None, **options: object) -> Sequence[str]:
    """A faithful copy of `source`, or of its first `frames`, through the runtime's own classes; the notes."""
    with VideoFile(source) as video:
        sink = VideoWriter(
            target,
            VideoOptions(fps=video.fps, size=video.size, source_info=video.info, audio_from=source, **options),  # type: ignore[arg-type]
        )
        for frame in itertools.islice(video, frames):
            sink.write(frame)
        sink.close(interrupted=frames is not None)
    return list(sink.notes)


def write(target: Path, frames: list[Frame] | TestPattern, **options: object) -> Sequence[str]:
    frames = list(frames)
    height, width = frames[0].image.shape[:2]
    with VideoWriter(target, VideoOptions(fps=30, size=(width, height), **options)) as sink:  # type: ignore[arg-type]
        for frame in frames:
            sink.write(frame)
    return list(sink.notes)


def add_sound(picture: Path, sound: Path, target: Path) -> None:
    with (
        VideoFile(picture) as video,
        VideoWriter(target, VideoOptions(fps=30, size=video.size, source_info=video.info, audio_from=sound)) as sink,
    ):
        for frame in video:
            sink.write(frame)


def nothing_left(folder: Path) -> bool:
    return not [name for name in os.listdir(folder) if "partial" in name]


# ---- picture and colour


@pytest.mark.parametrize("full_range", [False, True])
@pytest.mark.parametrize(("matrix", "primaries", "transfer"), [(1, 1, 1), (6, 6, 6), (5, 5, 6), (2, 2, 2)])
def test_a_copy_shows_the_same_colours_and_says_so(
    tmp_path: Path, matrix: int, primaries: int, transfer: int, full_range: bool
) -> None:
    tags = {"matrix": matrix, "primaries": primaries, "transfer": transfer, "full_range": full_range}
    source = make_clip(tmp_path / "a.mp4", images=scenery(count=6), **tags)  # type: ignore[arg-type]
    copy(source, tmp_path / "b.mp4", quality=95)
    for was, now in zip(planes_of(source), planes_of(tmp_path / "b.mp4"), strict=True):
        assert psnr(was[0], now[0]) > 44
        for before, after in zip(was, now, strict=True):
            assert abs(float(before.mean()) - float(after.mean())) < 0.7  # the encoder's own share
    with av.open(tmp_path / "b.mp4") as container:
        context = container.streams.video[0].codec_context
        assert int(context.colorspace) == matrix
        assert int(context.color_primaries) == primaries
        assert int(context.color_trc) == transfer
        assert int(context.color_range) == 1 + full_range or (matrix, full_range) == (2, False)  # the usual is not said


def test_default_quality_is_high(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "a.mp4", images=scenery(320, 192, 8, grain=1), options={"crf": "6"})
    copy(source, tmp_path / "b.mp4")
    scores = [psnr(was[0], now[0]) for was, now in zip(planes_of(source), planes_of(tmp_path / "b.mp4"), strict=True)]
    assert np.mean(scores) > 42


def test_small_pictures_are_kept_finer(tmp_path: Path) -> None:
    mean = []
    for width in (352, 384):
        source = make_clip(tmp_path / f"{width}.mp4", images=scenery(width, 288, 8, grain=3), options={"crf": "1"})
        copy(source, tmp_path / f"b{width}.mp4")
        pairs = zip(planes_of(source), planes_of(tmp_path / f"b{width}.mp4"), strict=True)
        mean.append(np.mean([psnr(was[0], now[0]) for was, now in pairs]))
    assert mean[0] > mean[1] + 1


def test_quality_buys_size(tmp_path: Path) -> None:
    frames = [Frame(image, index, index / 30) for index, image in enumerate(scenery(320, 192, 8))]
    sizes = []
    for quality in (20, 50, 80, 95):
        write(tmp_path / f"{quality}.mp4", frames, quality=quality)
        sizes.append((tmp_path / f"{quality}.mp4").stat().st_size)
    assert sizes == sorted(sizes)
    assert sizes[-1] > 3 * sizes[0]


@pytest.mark.parametrize(("size", "tag"), [((640, 360), 2), ((1280, 720), 6)])
def test_untagged_video_that_grows_to_hd_is_tagged_as_players_took_it(
    tmp_path: Path, size: tuple[int, int], tag: int
) -> None:
    source = make_clip(tmp_path / "a.mp4")
    with (
        VideoFile(source) as video,
        VideoWriter(tmp_path / "b.mp4", VideoOptions(fps=30, size=size, source_info=video.info)) as sink,
    ):
        sink.write(Frame(np.full((size[1], size[0], 3), 90, np.uint8), 0, 0.0))
    with av.open(tmp_path / "b.mp4") as container:
        assert int(container.streams.video[0].codec_context.colorspace) == tag


def test_aspect_ratio_is_kept(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "a.mp4", aspect=Fraction(15, 16))
    for name in ("b.mp4", "b.mkv"):
        copy(source, tmp_path / name)
        with av.open(tmp_path / name) as container:
            assert container.streams.video[0].sample_aspect_ratio == Fraction(15, 16)


@settings(max_examples=25)
@given(width=st.integers(1, 70), height=st.integers(1, 70), ending=st.sampled_from([".mp4", ".mkv"]))
def test_any_size_can_be_written_and_shows_what_it_should(width: int, height: int, ending: str) -> None:
    y, x = np.mgrid[0:height, 0:width]
    image = np.stack([60 + x, 190 - y, 100 + (x + y) // 2], axis=2).astype(np.uint8)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"a{ending}"
        notes = write(path, [Frame(image, index, index / 30) for index in range(3)], quality=95)
        with VideoFile(path) as source:
            frames = list(source)
            size = source.size
        assert nothing_left(Path(folder))
    assert len(frames) == 3
    assert size == (width + width % 2, height + height % 2)
    assert bool(notes) == (size != (width, height))
    assert all(f"{size[0]}x{size[1]}" in note for note in notes)
    for frame in frames:
        shown = frame.image[:height, :width].astype(int)
        assert np.abs(shown - image).mean() < 4
        np.testing.assert_allclose(frame.image[-1].mean(0), shown[-1].mean(0), atol=6)


@pytest.mark.parametrize(
    ("codec", "ending"),
    [(codec, ending) for ending, holder in CONTAINERS.items() for codec in holder.codecs if ending != ".m4v"],
)
def test_every_codec_in_every_container(
    tmp_path: Path, codec: str, ending: str, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / f"a{ending}"
    write(path, TestPattern((96, 64), frames=12), codec=codec)
    with VideoFile(path) as source:
        frames = list(source)
    assert [TestPattern.index_in(frame.image) for frame in frames] == list(range(12))
    assert np.allclose([frame.time for frame in frames], np.arange(12) / 30, atol=0.0006)
    assert psnr(frames[5].image, TestPattern((96, 64)).image(5)) > 24
    assert capfd.readouterr() == ("", "")


# ---- time


@pytest.mark.parametrize("start", [0.0, 0.777])
@pytest.mark.parametrize("base", [90000, 30000, 23_040_000, 600, 1_000_003])
def test_variable_frame_times_are_kept_exactly(tmp_path: Path, base: int, start: float) -> None:
    rng = random.Random(base)
    ticks = [round(start * base)]
    ticks += [ticks[0] + step for step in itertools.accumulate(rng.randint(base // 90, base // 4) for _ in range(19))]
    images = [frame.image for frame in TestPattern((64, 48), frames=20)]
    source = make_clip(
        tmp_path / "a.mkv" if base == 1000 else tmp_path / "a.mp4",
        images=images,
        ticks=ticks,
        time_base=Fraction(1, base),
    )
    copy(source, tmp_path / "b.mp4")
    assert times_of(tmp_path / "b.mp4") == times_of(source)
    copy(source, tmp_path / "b.mkv")
    for was, now in zip(times_of(source), times_of(tmp_path / "b.mkv"), strict=True):
        assert abs(was - now) <= Fraction(1, 2000)


@pytest.mark.parametrize("fps", [23.976, 24, 25, 29.97, 30, 50, 59.94, 60, 12.5, 15])
def test_constant_rates_are_exact_without_a_source(tmp_path: Path, fps: float) -> None:
    exact = {23.976: Fraction(24000, 1001), 29.97: Fraction(30000, 1001), 59.94: Fraction(60000, 1001)}
    rate = exact.get(fps, Fraction(fps))
    frames = [Frame(image, index, float(index / rate)) for index, image in enumerate(scenery(count=5))]
    with VideoWriter(tmp_path / "a.mp4", VideoOptions(fps=float(rate), size=(96, 64))) as sink:
        for frame in frames:
            sink.write(frame)
    assert times_of(tmp_path / "a.mp4") == [index / rate for index in range(5)]
    with av.open(tmp_path / "a.mp4") as container:
        stream = container.streams.video[0]
        assert stream.average_rate == rate
        assert Fraction(stream.duration or 0) * Fraction(stream.time_base or 0) == 5 / rate


@pytest.mark.parametrize("ending", ["mp4", "mov", "mkv", "webm", "ts"])
@pytest.mark.parametrize("begins", [-0.1, -3.0])
def test_a_file_of_frames_from_before_0_begins_at_0(tmp_path: Path, ending: str, begins: float) -> None:
    """None is lost, and it is said; files without a note begin as their frames do."""
    path = tmp_path / f"a.{ending}"
    frames = [Frame(np.full((48, 64, 3), 60 * at, np.uint8), at, begins + at / 10) for at in range(3)]
    notes = write(path, frames)
    assert notes == [f"the first frame is at {begins:g} s, and a file begins at 0: all are so much later in it"]
    with VideoFile(path) as video:
        made = [(frame.time, float(frame.image.mean())) for frame in video]
    np.testing.assert_allclose(made, [(at / 10, 60 * at) for at in range(3)], atol=6)
    np.testing.assert_allclose([time for time, _ in made], [0, 0.1, 0.2], atol=1e-3)


def test_what_of_a_picture_comes_before_its_sound_in_mp4_is_told(tmp_path: Path) -> None:
    sound = make_clip(tmp_path / "sound.mp4", audio=[("aac", 0.0)])
    path = tmp_path / "a.mp4"
    frames = [Frame(np.full((48, 64, 3), 60 * at, np.uint8), at, (at - 1) / 10) for at in range(3)]
    notes = write(path, frames, audio_from=sound)
    assert "the first frame is at -0.1 s, and what comes before 0 s is left out: .mkv keeps it" in notes


def test_times_that_stand_still_or_go_back_move_one_tick(tmp_path: Path) -> None:
    moments = [0.0, 0.1, 0.1, 0.05, 0.2, 0.2]
    frames = [Frame(image, index, moments[index]) for index, image in enumerate(scenery(count=6))]
    write(tmp_path / "a.mp4", frames)
    tick = Fraction(1, 90000)
    tenth = Fraction(1, 10)
    assert times_of(tmp_path / "a.mp4") == [0, tenth, tenth + tick, tenth + 2 * tick, 2 * tenth, 2 * tenth + tick]


def test_mp4_starts_fast(clip: Path, tmp_path: Path) -> None:
    copy(clip, tmp_path / "b.mp4")
    data = (tmp_path / "b.mp4").read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")


# ---- sound


@pytest.mark.parametrize("start", [0.0, 0.25])
@pytest.mark.parametrize("target", ["b.mp4", "b.mkv", "b.mov"])
def test_audio_packets_are_copied_bit_for_bit_at_their_times(tmp_path: Path, target: str, start: float) -> None:
    source = make_clip(
        tmp_path / "a.mp4", audio=[("aac", start), ("aac", 0.1), ("libmp3lame", 0.0)], languages=["eng", "fra", "spa"]
    )
    assert copy(source, tmp_path / target) == []
    was, now = packets_of(source), packets_of(tmp_path / target)
    assert len(now) == 3
    for before, after in zip(was, now, strict=True):
        assert [data for _, data in before] == [data for _, data in after]
        shift = times_of(tmp_path / target)[0] - times_of(source)[0]  # Matroska's, where AAC begins before 0
        assert shift == 0 or target == "b.mkv"
        slack = Fraction(1, 1000) if target == "b.mkv" else Fraction(1, 48000)  # of Matroska's clock, of edit lists
        assert max(abs(x + shift - y) for (x, _), (y, _) in zip(before, after, strict=True)) <= slack
    with av.open(tmp_path / target) as container:
        assert [stream.language for stream in container.streams.audio] == ["eng", "fra", "spa"]


@pytest.mark.parametrize("source_start", [0.0, 3.0])
def test_offset_between_sound_and_picture_survives_a_transport_stream(tmp_path: Path, source_start: float) -> None:
    ticks = [round(source_start * 90000) + 3000 * index for index in range(24)]
    source = make_clip(tmp_path / "a.ts", ticks=ticks, time_base=Fraction(1, 90000), audio=[("aac", 0.2)])
    copy(source, tmp_path / "b.mp4")
    was = packets_of(source)[0][0][0] - times_of(source)[0]
    now = packets_of(tmp_path / "b.mp4")[0][0][0] - times_of(tmp_path / "b.mp4")[0]
    assert abs(was - now) < Fraction(1, 1000)


def test_audio_goes_into_a_transport_stream_untouched(tmp_path: Path) -> None:
    """MP2 too, which broadcasts have."""
    sound = [("aac", 0.1), ("libmp3lame", 0.0), ("mp2", 0.0)]
    source = make_clip(tmp_path / "a.mkv", audio=sound, languages=["eng", "fra", "deu"])
    assert copy(source, tmp_path / "b.ts") == []
    was, now = packets_of(source), packets_of(tmp_path / "b.ts")
    for before, after in zip(was, now, strict=True):
        for (_, data), (_, carried) in zip(before, after, strict=True):
            assert carried.endswith(data)  # AAC has a head of 7 bytes there
        shifts = [there - here for (here, _), (there, _) in zip(before, after, strict=True)]
        shift = times_of(tmp_path / "b.ts")[0] - times_of(source)[0]
        assert max(abs(one - shift) for one in shifts) < Fraction(1, 1000)


def test_audio_lies_beside_its_picture_in_the_file(tmp_path: Path) -> None:
    images = [frame.image for frame in TestPattern((64, 48), frames=150)]
    source = make_clip(tmp_path / "a.mkv", images=images, time_base=Fraction(1, 1000), audio=[("aac", 0.0)])
    copy(source, tmp_path / "b.mkv")
    with av.open(tmp_path / "b.mkv") as container:
        last = {"video": 0.0, "audio": 0.0}
        for packet in container.demux():
            if packet.dts is not None:
                last[packet.stream.type] = float(packet.dts * packet.time_base)
                assert abs(last["video"] - last["audio"]) < 0.3
    assert last["audio"] > 4.9


@pytest.mark.parametrize(("start", "encoder"), [(0.0, "aac"), (0.25, "aac"), (0.0, "libmp3lame")])
def test_audio_that_does_not_fit_is_transcoded_and_a_note_says_so_first(
    tmp_path: Path, start: float, encoder: str
) -> None:
    images = [frame.image for frame in TestPattern((64, 48), frames=60)]
    source = make_clip(tmp_path / "a.mkv", images=images, time_base=Fraction(1, 1000), audio=[(encoder, start)])
    with VideoFile(source) as video:
        sink = VideoWriter(
            tmp_path / "b.webm", VideoOptions(fps=30, size=video.size, source_info=video.info, audio_from=source)
        )
        name = "aac" if encoder == "aac" else "mp3"
        assert sink.notes == [f"audio track 1 is transcoded from {name} to Opus: webm does not take it"]
        for frame in video:
            sink.write(frame)
        sink.close()
    with av.open(tmp_path / "b.webm") as container:
        stream = container.streams.audio[0]
        assert stream.codec_context.name == "opus"
        first, waves = None, []
        for part in container.decode(stream):
            first = float(part.time or 0) if first is None else first
            waves.append(part.to_ndarray().reshape(-1))
    wave = np.concatenate(waves)
    assert first == pytest.approx(start, abs=0.03)
    assert len(wave) / 48000 == pytest.approx(2.0, abs=0.05)
    spectrum = np.abs(np.fft.rfft(wave[4800:-4800]))
    assert np.argmax(spectrum) * 48000 / len(wave[4800:-4800]) == pytest.approx(440, abs=3)


def test_opus_goes_into_mp4_and_vorbis_free_webm_untouched(tmp_path: Path) -> None:
    source = make_clip(
        tmp_path / "a.webm",
        codec="libvpx-vp9",
        options={"crf": "30"},
        time_base=Fraction(1, 1000),
        audio=[("libopus", 0.0)],
    )
    for target in ("b.mp4", "b.webm", "b.mkv"):
        assert copy(source, tmp_path / target) == []
        was, now = packets_of(source)[0], packets_of(tmp_path / target)[0]
        assert [data for _, data in was] == [data for _, data in now]


def test_an_interrupted_video_ends_with_its_audio_and_plays(tmp_path: Path) -> None:
    images = [frame.image for frame in TestPattern((64, 48), frames=120)]
    source = make_clip(tmp_path / "a.mp4", images=images, audio=[("aac", 0.0)])
    copy(source, tmp_path / "b.mp4", frames=45)
    assert len(times_of(tmp_path / "b.mp4")) == 45
    sound = packets_of(tmp_path / "b.mp4")[0]
    assert 1.4 < sound[-1][0] < 1.5
    assert [data for _, data in sound] == [data for _, data in packets_of(source)[0][: len(sound)]]
    assert nothing_left(tmp_path)


def test_sound_longer_than_the_picture_is_kept_whole(tmp_path: Path) -> None:
    picture = make_clip(tmp_path / "a.mp4")
    sound = make_clip(tmp_path / "s.mp4", images=scenery(count=90), audio=[("aac", 0.0)])
    add_sound(picture, sound, tmp_path / "b.mp4")
    assert [data for _, data in packets_of(tmp_path / "b.mp4")[0]] == [data for _, data in packets_of(sound)[0]]


def test_damaged_sound_does_not_cost_the_picture(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "a.ts", time_base=Fraction(1, 90000), audio=[("aac", 0.0)])
    data = bytearray(source.read_bytes())
    for _ in range(60):  # any packet of the transport stream may be hit, but never its head
        data[random.Random(len(data)).randrange(2000, len(data))] ^= 0xFF
    (tmp_path / "damaged.ts").write_bytes(data)
    sound = tmp_path / "damaged.ts"
    add_sound(source, sound, tmp_path / "b.webm")
    assert len(times_of(tmp_path / "b.webm")) == 24


# ---- names and what stands there already


def test_the_name_appears_when_the_file_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    with VideoWriter(path, VideoOptions(fps=30, size=(96, 64))) as sink:
        for frame in TestPattern((96, 64), frames=5):
            sink.write(frame)
        assert os.listdir(tmp_path) == [".a.partial.mp4"]
    assert os.listdir(tmp_path) == ["a.mp4"]


def test_an_existing_file_is_refused_or_replaced_at_the_very_end(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(b"precious")
    with pytest.raises(OutputExists, match="exists"):
        VideoWriter(path, VideoOptions(fps=30, size=(96, 64)))
    with VideoWriter(path, VideoOptions(fps=30, size=(96, 64), overwrite=True)) as sink:
        for frame in TestPattern((96, 64), frames=5):
            sink.write(frame)
        assert path.read_bytes() == b"precious"
    assert len(times_of(path)) == 5


def test_without_frames_nothing_is_left_and_nothing_replaced(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(b"precious")
    VideoWriter(path, VideoOptions(fps=30, size=(96, 64), overwrite=True)).close()
    with VideoWriter(tmp_path / "b.mp4", VideoOptions(fps=30, size=(96, 64))):
        pass
    assert os.listdir(tmp_path) == ["a.mp4"]
    assert path.read_bytes() == b"precious"


def test_a_file_that_appears_meanwhile_is_not_clobbered_and_the_work_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    sink = VideoWriter(path, VideoOptions(fps=30, size=(96, 64)))
    for frame in TestPattern((96, 64), frames=5):
        sink.write(frame)
    path.write_bytes(b"precious")
    with pytest.raises(OutputExists, match=r"\.a\.partial\.mp4"):
        sink.close()
    assert path.read_bytes() == b"precious"
    assert len(times_of(tmp_path / ".a.partial.mp4")) == 5


@needs_links
def test_the_source_is_never_the_output(clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = clip.read_bytes()
    (tmp_path / "soft.mp4").symlink_to(clip)
    os.link(clip, tmp_path / "hard.mp4")
    monkeypatch.chdir(tmp_path)
    for name in ["clip.mp4", "./clip.mp4", str(clip), "soft.mp4", "hard.mp4"]:
        for overwrite in (False, True):
            with pytest.raises(SinkError, match="same file as the input"):
                VideoWriter(name, VideoOptions(fps=30, size=(96, 64), audio_from=clip, overwrite=overwrite))
            with pytest.raises(SinkError, match="same file as the input"):
                VideoWriter(
                    name,
                    VideoOptions(
                        fps=30, size=(96, 64), source_info=VideoInfo((96, 64), path=clip), overwrite=overwrite
                    ),
                )
    clip.rename(tmp_path / ".out.partial.mp4")
    with pytest.raises(SinkError, match="same file as the input"):
        VideoWriter("out.mp4", VideoOptions(fps=30, size=(96, 64), audio_from=tmp_path / ".out.partial.mp4"))
    assert (tmp_path / ".out.partial.mp4").read_bytes() == before


def test_two_writers_of_one_file_do_not_mix(tmp_path: Path) -> None:
    with VideoWriter(tmp_path / "a.mp4", VideoOptions(fps=30, size=(96, 64))) as sink:
        with pytest.raises(SinkError, match="another output of this run"):
            VideoWriter(tmp_path / "a.mp4", VideoOptions(fps=30, size=(96, 64)))
        for frame in TestPattern((96, 64), frames=5):
            sink.write(frame)
    assert len(times_of(tmp_path / "a.mp4")) == 5


def test_a_partial_file_of_a_crash_is_no_obstacle(tmp_path: Path) -> None:
    (tmp_path / ".a.partial.mp4").write_bytes(b"rubbish" * 100_000)
    write(tmp_path / "a.mp4", TestPattern((96, 64), frames=5))
    assert os.listdir(tmp_path) == ["a.mp4"]
    assert len(times_of(tmp_path / "a.mp4")) == 5


def test_strange_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ["-y.mp4", "file:x.mkv", "a%03d.mp4", "two words.MP4", "映画 ü.mp4", "x" * 251 + ".mp4", ".hidden.mp4"]:
        write(Path(name), TestPattern((64, 48), frames=2))
        assert len(times_of(tmp_path / name)) == 2
    assert nothing_left(tmp_path)


def test_what_cannot_be_written_is_one_clear_line(tmp_path: Path, clip: Path) -> None:
    (tmp_path / "folder.mp4").mkdir()
    (tmp_path / "file").touch()
    size = (96, 64)
    cases: list[tuple[str, dict[str, object], type[GancamError], str]] = [
        ("a.xyz", {}, SinkError, "unknown video extension"),
        ("a", {}, SinkError, "has no extension, which would name its format"),
        ("nowhere/a.mp4", {}, SinkError, "there is no folder"),
        ("file/a.mp4", {}, SinkError, "there is no folder"),
        ("folder.mp4", {"overwrite": True}, SinkError, "is a folder"),
        ("a.mp4", {"codec": "h246"}, InputError, "did you mean 'h26"),
        ("a.mp4", {"codec": "quicktime"}, InputError, "this build has"),
        ("a.webm", {"codec": "h264"}, SinkError, "holds vp9, av1"),
        ("a.mp4", {"quality": 101}, InputError, "0 to 100"),
        ("a.mp4", {"fps": 0.0}, InputError, "fps is 0"),
        ("a.mp4", {"size": (0, 5)}, InputError, "of at least 1"),
        ("a.mp4", {"audio_from": tmp_path / "none.mp4"}, NotFound, "no such file"),
        ("a.mp4", {"audio_from": tmp_path / "file"}, SinkError, "audio cannot be read"),
        ("a.mp4", {"size": (40000, 40000)}, SinkError, "cannot be written"),
    ]
    before = sorted(os.listdir(tmp_path))
    for name, options, kind, words in cases:
        with pytest.raises(GancamError) as caught:
            VideoWriter(tmp_path / name, VideoOptions(**{"fps": 30, "size": size, **options}))  # type: ignore[arg-type]
        assert caught.type is kind, (name, caught.value)
        assert words in str(caught.value)
        assert "\n" not in str(caught.value)
    assert sorted(os.listdir(tmp_path)) == before
    if os.path.isdir("/proc"):
        with pytest.raises(SinkError, match="cannot be written in /proc"):
            VideoWriter("/proc/a.mp4", VideoOptions(fps=30, size=size))


def test_codec_names_people_use(tmp_path: Path) -> None:
    meant = {"H.264": "h264", "HEVC": "hevc", "x265": "hevc", "AVC": "h264", "AV1": "av1", "VP9": "vp9"}
    for name, codec in meant.items():
        write(tmp_path / f"{name}.mp4", TestPattern((96, 64), frames=4), codec=name)
        with av.open(tmp_path / f"{name}.mp4") as film:
            assert film.streams.video[0].codec.canonical_name == codec, name


def test_open_sink_by_name(tmp_path: Path) -> None:
    for name in ("a.mp4", "a.MKV", "a.webm"):
        sink = open_sink(tmp_path / name, SinkContext(fps=30, size=(96, 64)))
        assert isinstance(sink, VideoWriter)
        sink.close()
    with pytest.raises(SinkError, match="no such output"):
        open_sink("windo", SinkContext(fps=30, size=(96, 64)))


# ---- when things go wrong


def test_a_frame_of_another_size_is_refused_and_the_rest_is_kept(tmp_path: Path) -> None:
    with VideoWriter(tmp_path / "a.mp4", VideoOptions(fps=30, size=(96, 64))) as sink:
        for frame in TestPattern((96, 64), frames=3):
            sink.write(frame)
        with pytest.raises(InputError, match=r"frame 3 is 64x48, but .* 96x64"):
            sink.write(Frame(TestPattern((64, 48)).image(3), 3, 0.1))
    assert len(times_of(tmp_path / "a.mp4")) == 3


def test_after_close_no_frame_is_taken_and_closing_again_does_nothing(tmp_path: Path) -> None:
    sink = VideoWriter(tmp_path / "a.mp4", VideoOptions(fps=30, size=(96, 64)))
    frame = next(iter(TestPattern((96, 64))))
    sink.write(frame)
    assert not sink.closed
    sink.close()
    sink.close()
    assert sink.closed
    with pytest.raises(SinkError, match="closed"):
        sink.write(frame)


FULL_DISK = """
import json, os, resource, sys, threading
resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000))
import numpy as np
from gancam.errors import SinkError
from gancam.frame import Frame
from gancam.sinks.video import VideoOptions, VideoWriter
rng, said = np.random.default_rng(0), []
sink = VideoWriter(sys.argv[1], VideoOptions(fps=30, size=(320, 240), overwrite=True))
try:
    for index in range(int(sys.argv[2])):
        sink.write(Frame(rng.integers(0, 256, (240, 320, 3), np.uint8), index, index / 30))
except SinkError as error:
    said.append(f"write: {error}")
try:
    sink.close()
except SinkError as error:
    said.append(f"close: {error}")
print(json.dumps([said, threading.active_count(), os.listdir(os.path.dirname(sys.argv[1]))]))
"""


def test_a_full_disk_is_told_as_that_when_an_output_begins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a GIF it was told as a fault of ffv1, in which its frames wait."""

    def full(self: PieceStore, extradata: str) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(PieceStore, "begin", full)
    with pytest.raises(SinkError, match=r"a\.gif: cannot be written \(no room left\)$"):
        VideoWriter(tmp_path / "a.gif", VideoOptions(fps=25, size=(96, 64)))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(sys.platform == "win32", reason="no RLIMIT_FSIZE")
@pytest.mark.parametrize(
    ("name", "frames", "when"), [("a.mp4", 200, "write"), ("a.mkv", 200, "write"), ("a.mp4", 3, "close")]
)
def test_a_full_disk_is_one_error_and_leaves_what_was_there(tmp_path: Path, name: str, frames: int, when: str) -> None:
    (tmp_path / name).write_bytes(b"precious")
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", FULL_DISK, str(tmp_path / name), str(frames)],
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    said, threads, files = json.loads(done.stdout)
    assert len(said) == 1
    assert said[0].startswith(when)
    assert "no room left" in said[0]
    assert done.stderr == ""
    assert threads == 1
    assert files == [name]
    assert (tmp_path / name).read_bytes() == b"precious"


@pytest.mark.slow
def test_huge_pictures_are_encoded_in_little_memory(tmp_path: Path) -> None:
    """Of 8192x2304 pixels x264 holds the one at work only: each frame is written before the next one came. One waits
    for it, one may be converted, and one is the caller's."""
    path, size = tmp_path / "huge.mp4", (8192, 2304)
    image = np.zeros((size[1], size[0], 3), np.uint8)
    image[::2] = 200
    tracemalloc.start()
    try:
        with VideoWriter(path, VideoOptions(fps=30, size=size)) as sink:
            for index in range(3):
                sink.write(Frame(image.copy(), index, index / 30))
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert most < 3.5 * image.nbytes
    with av.open(path) as container:
        packets = [packet for packet in container.demux(video=0) if packet.size]
    assert len(packets) == 3
    assert [packet.pts for packet in packets] == [packet.dts for packet in packets]


def test_the_largest_side_of_an_encoder_is_told(tmp_path: Path) -> None:
    said = "libx264 at 16388x16: it takes sides of up to 16384 pixels; --codec ffv1 (.mkv) takes more"
    with (
        pytest.raises(SinkError, match=re.escape(said)),
        VideoWriter(tmp_path / "a.mp4", VideoOptions(fps=30, size=(16388, 16))) as writer,
    ):
        writer.write(Frame(np.zeros((16, 16388, 3), np.uint8), 0, 0.0))


@pytest.mark.parametrize(
    ("name", "codec", "size", "least", "instead"),
    [
        ("a.mp4", "h265", (80, 40), 64, "h264"),
        ("a.mp4", "av1", (66, 16), 32, "h264"),
        ("a.webm", "av1", (16, 66), 32, "vp9"),
    ],
)
def test_the_smallest_side_of_an_encoder_is_told(
    tmp_path: Path, name: str, codec: str, size: tuple[int, int], least: int, instead: str
) -> None:
    """With these x265 ended the process by a fault of memory, and SVT-AV1 never ended."""
    said = f"{codec} needs sides of {least} pixels, and this is {size[0]}x{size[1]}: --codec {instead} takes fewer"
    with pytest.raises(SinkError, match=re.escape(said)):
        VideoWriter(tmp_path / name, VideoOptions(fps=25, size=size, codec=codec))
    with VideoWriter(
        tmp_path / name, VideoOptions(fps=25, size=(max(size[0], least), max(size[1], least)), codec=codec)
    ) as sink:
        for frame in TestPattern((max(size[0], least), max(size[1], least)), frames=6):
            sink.write(frame)
    assert len(times_of(tmp_path / name)) == 6
    assert list(tmp_path.iterdir()) == [tmp_path / name]
