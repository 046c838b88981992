"""Copies that change nothing: lossless codecs, planes passed on as they are; and what each encoder needs."""

import itertools
import struct
import zlib
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from gancam.errors import InputError, SinkError
from gancam.frame import Frame
from gancam.jobs.process import process_video
from gancam.jobs.spec import ProcessOptions
from gancam.pipeline import Report
from gancam.sinks._matroska import set_aspect
from gancam.sinks._settings import VideoOptions, prepare
from gancam.sinks.video import CONTAINERS, VideoWriter
from gancam.sources import TestPattern, VideoFile
from gancam.tools.verify import verify
from tests.helpers.clips import enrich, make_clip, planes_of, psnr, scenery, times_of
from tests.helpers.jobs import Echo, cut_short


def copy(source: Path, target: Path, **options: object) -> list[str]:
    said: list[str] = []
    process_video(source, target, [], ProcessOptions(**options), Report(), notify=said.append)  # type: ignore[arg-type]
    return said


def samples_of(path: Path) -> list[list[NDArray[np.uint8]]]:
    """The planes of every frame, as bytes, without padding."""
    with av.open(path) as container:
        return [
            [
                np.frombuffer(memoryview(plane), np.uint8).reshape(plane.height, -1)[
                    :, : plane.width * max(1, (frame.format.components[0].bits + 7) // 8)
                ]
                for plane in frame.planes
            ]
            for frame in container.decode(video=0)
        ]


def turn(path: Path, quarters: int) -> None:
    """Write a rotation tag into the MP4 `path`."""
    one, data = 0x10000, path.read_bytes()
    upright = struct.pack(">9i", one, 0, 0, 0, one, 0, 0, 0, 0x40000000)
    matrix = {1: (0, one, 0, -one, 0), 2: (-one, 0, 0, 0, -one), 3: (0, -one, 0, one, 0)}[quarters]
    at = data.index(upright, data.index(b"tkhd"))
    path.write_bytes(data[:at] + struct.pack(">9i", *matrix, 0, 0, 0, 0x40000000) + data[at + 36 :])


def same(was: Path, now: Path) -> bool:
    """Whether OpenCV sees the same pictures."""
    with VideoFile(was) as before, VideoFile(now) as after:
        pairs = list(itertools.zip_longest(before, after))
        return all(a is not None and b is not None and np.array_equal(a.image, b.image) for a, b in pairs)


@pytest.mark.parametrize("size", [(96, 64), (51, 37), (7, 5)])
@pytest.mark.parametrize(
    "pixels", ["yuv420p", "yuv422p", "yuv444p", "yuv440p", "gray", "bgr0", "yuv420p10le", "yuv444p16le"]
)
def test_ffv1_has_the_same_planes(tmp_path: Path, pixels: str, size: tuple[int, int]) -> None:
    images = [frame.image for frame in TestPattern(size, frames=9)]
    source = make_clip(
        tmp_path / "a.mkv", images=images, codec="ffv1", options={"g": "4", "slices": "1"}, pix_fmt=pixels
    )
    assert copy(source, tmp_path / "b.mkv", codec="ffv1") == []
    assert same(source, tmp_path / "b.mkv")
    for was, now in zip(samples_of(source), samples_of(tmp_path / "b.mkv"), strict=True):
        assert all(np.array_equal(a, b) for a, b in zip(was, now, strict=True))
    assert times_of(source) == times_of(tmp_path / "b.mkv")
    with av.open(tmp_path / "b.mkv") as container:
        assert container.streams.video[0].codec_context.name == "ffv1"


@pytest.mark.parametrize("full_range", [False, True])
def test_ffv1_of_what_cameras_make(tmp_path: Path, full_range: bool) -> None:
    source = make_clip(tmp_path / "a.mp4", images=scenery(count=30), full_range=full_range, matrix=6)
    copy(source, tmp_path / "b.mkv", codec="ffv1")
    assert same(source, tmp_path / "b.mkv")
    for was, now in zip(planes_of(source), planes_of(tmp_path / "b.mkv"), strict=True):
        assert all(np.array_equal(a, b) for a, b in zip(was, now, strict=True))


@pytest.mark.parametrize("quarters", [1, 2, 3])
@pytest.mark.parametrize("pixels", ["yuv420p", "yuv422p"])
def test_rotation_is_applied_to_the_planes(tmp_path: Path, quarters: int, pixels: str) -> None:
    source = make_clip(tmp_path / "a.mp4", images=scenery(), pix_fmt=pixels)
    turn(source, quarters)
    with VideoFile(source) as video:
        assert video.size == ((64, 96) if quarters % 2 else (96, 64))
    copy(source, tmp_path / "b.mkv", codec="ffv1")
    assert same(source, tmp_path / "b.mkv")
    with av.open(tmp_path / "b.mkv") as container:
        (first, *_) = container.decode(video=0)
        assert first.rotation == 0
        assert first.format.name == ("bgr0" if pixels == "yuv422p" and quarters % 2 else pixels)


def test_ffv1_of_an_effect_has_just_its_pictures(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "a.mkv", images=scenery(51, 37), codec="ffv1", options={"g": "1"}, pix_fmt="bgr0")
    process_video(
        source, tmp_path / "b.mkv", [Echo()], ProcessOptions(codec="ffv1"), Report(), notify=lambda note: None
    )
    echo = Echo()
    with VideoFile(source) as before, VideoFile(tmp_path / "b.mkv") as after:
        for was, now in zip(before, after, strict=True):
            assert np.array_equal(echo(was.image), now.image)


def test_a_lossless_copy_goes_on_where_it_was_cut(tmp_path: Path) -> None:
    images = [frame.image for frame in TestPattern((96, 64), frames=200)]
    source, out = make_clip(tmp_path / "a.mp4", images=images), tmp_path / "b.mkv"
    cut_short(source, out, 130, codec="ffv1")
    assert f"{out}: continues after 120 frames" in copy(source, out, codec="ffv1", resume=True)
    assert same(source, out)


def test_ten_bits_go_through_where_nothing_touches_them(tmp_path: Path) -> None:
    source = make_clip(
        tmp_path / "a.mp4", codec="libx265", pix_fmt="yuv420p10le", options={"x265-params": "log-level=0"}
    )
    for codec, ending in (("ffv1", ".mkv"), ("h265", ".mp4"), ("av1", ".mp4")):
        out = tmp_path / f"{codec}{ending}"
        assert copy(source, out, codec=codec) == []
        with av.open(out) as container:
            assert next(container.decode(video=0)).format.name == "yuv420p10le"
    assert copy(source, tmp_path / "b.mp4") == [
        "a.mp4: its 10 bits a sample are read as 8 (--codec h265 keeps all in a copy)"
    ]
    copy(source, tmp_path / "eight.mkv", codec="ffv1", eight_bit=True)
    with av.open(tmp_path / "eight.mkv") as container:
        assert next(container.decode(video=0)).format.name == "bgr0"


@pytest.mark.parametrize(
    ("pixels", "out", "codec", "cure"),
    [
        ("yuv444p", "b.mp4", None, "(4:4:4) is reduced to 4:2:0, as is usual: --chroma 444 keeps it"),
        ("yuv422p", "b.mp4", "h265", "(4:2:2) is reduced to 4:2:0, as is usual: --chroma 422 keeps it"),
        ("bgr0", "b.webm", "av1", "(RGB) is reduced to 4:2:0, as is usual: --codec vp9 --chroma 444 keeps it"),
        ("yuv444p", "b.mov", "prores", "(4:4:4) is reduced to 4:2:2, as is usual: --chroma 444 keeps it"),
    ],
)
def test_finer_colours_are_told_and_kept_where_asked(
    tmp_path: Path, pixels: str, out: str, codec: str | None, cure: str
) -> None:
    rgb = pixels == "bgr0"
    source = make_clip(
        tmp_path / "a.mkv", images=scenery(count=3), codec="ffv1" if rgb else "libx264", options={}, pix_fmt=pixels
    )
    assert copy(source, tmp_path / out, codec=codec) == [f"the resolution of its colours {cure}"]
    words = cure.split()
    codec = words[words.index("--codec") + 1] if "--codec" in words else codec
    chroma = words[words.index("--chroma") + 1]
    for effects in ([], [Echo()]):
        said: list[str] = []
        options = ProcessOptions(codec=codec, chroma=chroma, quality=100, overwrite=True)
        process_video(source, tmp_path / out, effects, options, Report(), notify=said.append)
        assert said == []
        echo = Echo()
        with VideoFile(source) as before, VideoFile(tmp_path / out) as after:
            assert f"yuv{chroma}p" in after.info.pixels
            for was, now in zip(before, after, strict=True):
                assert psnr(echo(was.image) if effects else was.image, now.image) > 36


def test_a_chroma_that_cannot_be_is_told(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "a.mkv")
    for codec, chroma, says in (
        ("av1", "444", "av1 is written as 4:2:0, not as 4:4:4, which h264, h265, vp9, ffv1, prores can be"),
        ("prores", "420", "prores is written as 4:2:2 or 4:4:4, not as 4:2:0"),
        (None, "4:1:1", "chroma is '4:1:1': needs 420, 422 or 444"),
    ):
        with pytest.raises(InputError, match=says):
            copy(source, tmp_path / ("b.mov" if codec == "prores" else "b.mkv"), codec=codec, chroma=chroma)


def test_chroma_as_fine_as_the_source_needs_no_word(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "a.mp4", images=scenery(count=2), pix_fmt="yuv422p")
    with VideoFile(source) as video:
        large = VideoOptions(fps=30, size=(192, 128), source_info=video.info)
    assert prepare(tmp_path / "b.mp4", CONTAINERS[".mp4"], large)[1] == []


@pytest.mark.parametrize("order", ["tff", "bff"])
@pytest.mark.parametrize(("out", "codec"), [("b.mp4", None), ("b.ts", "h264"), ("b.mkv", "ffv1"), ("b.mov", "prores")])
def test_fields_stay_fields_in_their_order(tmp_path: Path, order: str, out: str, codec: str | None) -> None:
    options = {"x264-params": f"{order}=1", "crf": "1", "preset": "veryfast"}
    source = make_clip(tmp_path / "a.mkv", images=scenery(count=4), options=options)
    said: list[str] = []
    for effects in ([], [Echo()]):
        process_video(
            source, tmp_path / out, effects, ProcessOptions(codec=codec, overwrite=True), Report(), notify=said.append
        )
        with VideoFile(source, deinterlace=True) as before, VideoFile(tmp_path / out, deinterlace=True) as after:
            for was, now in zip(before, after, strict=True):
                assert psnr(was.image[24:], now.image[24:]) > 32
        with VideoFile(tmp_path / out) as after:
            assert after.info.fields == order


def test_fields_that_are_scaled_are_none_any_more(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "a.mkv", images=scenery(count=2), options={"x264-params": "tff=1"})
    with (
        VideoFile(source) as video,
        VideoWriter(tmp_path / "b.mp4", VideoOptions(fps=30, size=(192, 128), source_info=video.info)) as sink,
    ):
        for frame in video:
            sink.write(frame.with_image(np.repeat(np.repeat(frame.image, 2, 0), 2, 1)))
    with VideoFile(tmp_path / "b.mp4") as after:
        assert not after.info.interlaced


@pytest.mark.parametrize("full_range", [False, True])
def test_prores_shows_the_same_colours(tmp_path: Path, full_range: bool) -> None:
    source = make_clip(tmp_path / "a.mp4", images=scenery(grain=0.5), matrix=1, full_range=full_range)
    said = copy(source, tmp_path / "b.mov", codec="prores")
    assert said == []
    with VideoFile(source) as before, VideoFile(tmp_path / "b.mov") as after:
        for was, now in zip(before, after, strict=True):
            assert psnr(was.image, now.image) > 44
            assert np.abs(was.image.astype(float).mean((0, 1)) - now.image.astype(float).mean((0, 1))).max() < 0.6
    with av.open(tmp_path / "b.mov") as container:
        assert container.streams.video[0].codec_context.profile == "HQ"


def test_quality_of_prores_is_its_profile(tmp_path: Path) -> None:
    images = scenery(320, 192)
    sizes = []
    for quality in (20, 50, 70, 80):
        with VideoWriter(
            tmp_path / "a.mov", VideoOptions(fps=30, size=(320, 192), codec="prores", quality=quality)
        ) as sink:
            for index, image in enumerate(images):
                sink.write(Frame(image, index, index / 30))
        sizes.append((tmp_path / "a.mov").stat().st_size)
        (tmp_path / "a.mov").unlink()
    assert sizes == sorted(set(sizes))


def test_a_copy_in_h264_loses_only_what_the_encoder_takes(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "a.mp4", images=scenery(320, 192, 8, grain=1), options={"crf": "6"})
    copy(source, tmp_path / "b.mp4", quality=100)
    for was, now in zip(planes_of(source), planes_of(tmp_path / "b.mp4"), strict=True):
        assert min(psnr(a, b) for a, b in zip(was, now, strict=True)) > 47


def test_quality_means_nothing_to_a_lossless_codec_which_is_said(tmp_path: Path) -> None:
    assert copy(make_clip(tmp_path / "a.mp4"), tmp_path / "b.mkv", codec="ffv1", quality=50) == [
        "ffv1 is lossless: quality 50 changes nothing"
    ]


def test_a_codec_is_one_that_the_container_holds(tmp_path: Path) -> None:
    with pytest.raises(SinkError, match=r"\.mp4 cannot hold ffv1; it holds .* \(for ffv1: \.mkv\)"):
        copy(make_clip(tmp_path / "a.mp4"), tmp_path / "b.mp4", codec="ffv1")


@pytest.mark.parametrize("effects", [False, True])
def test_a_stream_that_changes_its_size_is_scaled_to_the_first(tmp_path: Path, effects: bool) -> None:
    base = Fraction(1, 90000)
    one = make_clip(tmp_path / "one.ts", time_base=base)
    large = [frame.image for frame in TestPattern((160, 96), frames=24)]
    ticks = [90000 + 3000 * index for index in range(24)]
    two = make_clip(tmp_path / "two.ts", images=large, ticks=ticks, time_base=base)
    both, out = tmp_path / "both.ts", tmp_path / "out.mp4"
    both.write_bytes(one.read_bytes() + two.read_bytes())
    process_video(both, out, [Echo()] if effects else [], ProcessOptions(), Report(), notify=lambda note: None)
    with VideoFile(out) as video:
        assert video.size == (96, 64)
        assert [TestPattern.index_in(frame.image) for frame in video][-24:] == list(range(24))


@pytest.mark.parametrize("codec", ["h264", "ffv1"])
def test_damage_in_the_middle_costs_only_what_was_damaged(tmp_path: Path, codec: str) -> None:
    images = [frame.image for frame in TestPattern((96, 64), frames=120)]
    source = make_clip(tmp_path / "a.mkv", images=images, options={"g": "10", "crf": "20"})
    data = bytearray(source.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 400] = bytes(400)
    (tmp_path / "hurt.mkv").write_bytes(data)
    out = tmp_path / "out.mkv"
    copy(tmp_path / "hurt.mkv", out, codec=codec)
    with VideoFile(out) as video:
        seen = [TestPattern.index_in(frame.image) for frame in video]
    assert 60 < len(seen) <= 120
    assert seen[-1] == 119


@pytest.mark.parametrize(
    ("codec", "ending"),
    [("h264", ".mkv"), ("vp9", ".mp4"), ("av1", ".mp4"), ("prores", ".mov"), ("ffv1", ".mkv"), ("vp9", ".webm"),
     ("av1", ".mkv"), ("h265", ".mkv"), ("av1", ".webm")],
)  # fmt: skip
@pytest.mark.parametrize("aspect", [Fraction(15, 16), Fraction(16, 11), Fraction(3, 1)])
def test_the_shape_of_pixels_is_kept(tmp_path: Path, codec: str, ending: str, aspect: Fraction) -> None:
    plain = make_clip(tmp_path / "plain.mp4", aspect=aspect, audio=[("aac", 0.0)])
    source, out = enrich(plain, tmp_path / "a.mkv"), tmp_path / f"b{ending}"
    process_video(source, out, [], ProcessOptions(codec=codec), report := Report(), notify=report.notes.append)
    if ending == ".webm" and aspect == Fraction(16, 11):
        aspect = Fraction(140, 96)  # whole pixels of the width shown: the nearest is all that WebM holds
    with av.open(out) as container:
        assert container.streams.video[0].sample_aspect_ratio == aspect
        assert len(container.chapters()) == 2
        assert len(list(container.decode(video=0))) == 24
        container.seek(500_000)
        assert next(container.decode(video=0)).pts is not None
    assert not any("shape" in note for note in report.notes)
    if ending == ".mkv":
        data = out.read_bytes()
        start = data.index(bytes.fromhex("1654ae6b"), 130) + 6  # of the tracks, behind what says where they are
        end = start + (int.from_bytes(data[start - 2 : start], "big") & 0x3FFF)
        assert zlib.crc32(data[start + 6 : end]) == int.from_bytes(data[start + 2 : start + 6], "little")
    if ending != ".webm":
        found = {finding.name: finding.verdict for finding in verify(source, out)}
        assert found["sample aspect"] == found["frame times"] == found["chapters"] == "kept"


@pytest.fixture(scope="module")
def lossless(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_clip(tmp_path_factory.mktemp("lossless") / "a.mkv", codec="ffv1", options={})


@settings(max_examples=60)
@given(place=st.integers(0, 700), value=st.integers(0, 255), cut=st.integers(0, 2000))
@example(place=366, value=0, cut=632)  # a width of hundreds of digits
def test_a_head_that_is_not_understood_is_left_alone(lossless: Path, place: int, value: int, cut: int) -> None:
    path = lossless.with_name("hurt.mkv")
    hurt = bytearray(lossless.read_bytes())
    hurt[place % len(hurt)] = value
    path.write_bytes(hurt[:cut])
    done = set_aspect(path, Fraction(16, 11))
    assert len(path.read_bytes()) == len(hurt[:cut])
    assert done or path.read_bytes() == hurt[:cut]


def test_only_a_file_of_matroska_gets_a_shape(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "a.mp4")
    before = path.read_bytes()
    assert not set_aspect(path, Fraction(2))
    assert path.read_bytes() == before


def test_a_shape_that_cannot_be_written_to_a_pipe_is_told(tmp_path: Path) -> None:
    source, out = make_clip(tmp_path / "a.mp4", aspect=Fraction(15, 16)), tmp_path / "b.mkv"
    for codec, told in (("ffv1", True), ("h264", False)):
        with out.open("wb") as file:
            said = copy(source, out, codec=codec, pipe=file.fileno())
        assert any("the shape of its pixels (15:16) is left out" in note for note in said) == told
        with av.open(out) as container:
            assert (container.streams.video[0].sample_aspect_ratio == Fraction(15, 16)) != told


@pytest.mark.parametrize("codec", ["h265", "av1"])
def test_what_hdr10_says_of_display_and_light_is_kept(tmp_path: Path, codec: str) -> None:
    told = "master-display=G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,50):max-cll=1000,400"
    source = make_clip(
        tmp_path / "a.mkv", codec="libx265", pix_fmt="yuv420p10le", matrix=9, primaries=9, transfer=16,
        options={"x265-params": f"log-level=none:{told}"},
    )  # fmt: skip
    copy(source, tmp_path / "b.mp4", codec=codec)
    with VideoFile(source) as was, VideoFile(tmp_path / "b.mp4") as now:
        before, after = was.info.mastering, now.info.mastering
    assert before.light == after.light == (1000, 400)
    assert before.display is not None
    assert after.display is not None
    assert before.display[1] == Fraction(16000, 50_000)
    assert all(abs(a - b) < Fraction(1, 1000) for a, b in zip(before.display, after.display, strict=True))


@pytest.mark.parametrize("full_range", [False, True])
@pytest.mark.parametrize("pixels", ["yuv420p10le", "yuv420p12le"])
def test_a_copy_with_fewer_bits_changes_no_colour(tmp_path: Path, pixels: str, full_range: bool) -> None:
    grey = [np.full((64, 96, 3), level, np.uint8) for level in (40, 128, 200)]
    source = make_clip(
        tmp_path / "a.mkv", images=grey, codec="ffv1", options={}, pix_fmt=pixels, full_range=full_range, matrix=1
    )
    copy(source, tmp_path / "b.mp4", quality=100)
    scale = 1 << (int(pixels[-4:-2]) - 8)
    for was, now in zip(samples_of(source), samples_of(tmp_path / "b.mp4"), strict=True):
        for before, after in zip(was, now, strict=True):
            assert abs(float(after.mean()) - float(before.view(np.uint16).mean()) / scale) < 1
            assert np.ptp(after) <= 2  # what is between two levels is dithered
        assert [int(plane[20, 20]) for plane in now[1:]] == [128, 128]
