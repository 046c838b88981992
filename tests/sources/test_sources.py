"""Sources: every frame, once, in order, at its time; and one clear error for what cannot be read."""

import itertools
import os
import random
import struct
import sys
import threading
import time
import tracemalloc
from concurrent.futures import ThreadPoolExecutor, wait
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gancam.errors import GancamError, ImageError, InputError, NotFound, SourceError
from gancam.frame import Frame, Image, check_image
from gancam.sinks.video import VideoOptions, VideoWriter
from gancam.sources import Source, Still, TestPattern, VideoFile
from tests.helpers.clips import make_clip, planes_of, psnr, scenery, times_of
from tests.helpers.jobs import process


def all_of(source: Source) -> list[tuple[int, float]]:
    return [(frame.index, frame.time) for frame in source]


def test_a_file_yields_every_frame_once_in_order(clip: Path) -> None:
    with VideoFile(clip) as source:
        assert source.size == (96, 64)
        assert source.fps == 30
        assert source.frames == 24
        frames = list(source)
    assert [frame.index for frame in frames] == list(range(24))
    assert [TestPattern.index_in(frame.image) for frame in frames] == list(range(24))
    assert source.notes == []
    assert source.worker_seconds > 0
    for frame in frames:
        assert check_image(frame.image) is frame.image


@pytest.mark.parametrize("deinterlace", [False, True])
@pytest.mark.parametrize(("name", "codec"), [("a.avi", "libx264"), ("a.wmv", "libx264"), ("a.avi", "mpeg4")])
def test_frames_that_are_not_decoded_in_order_have_their_times(
    tmp_path: Path, name: str, codec: str, deinterlace: bool
) -> None:
    """AVI and ASF may tell no more than when a picture is decoded, and that was taken for when it is shown."""
    options = {"bf": "2", "crf": "12"} if codec == "libx264" else {"bf": "2", "qscale": "2"}
    if deinterlace:  # else whole pictures would stay as they are
        options |= {"x264-params": "tff=1"} if codec == "libx264" else {"flags": "+ildct+ilme"}
    clip = make_clip(tmp_path / name, fps=25, time_base=Fraction(1, 25), codec=codec, options=options)
    with VideoFile(clip, deinterlace=deinterlace) as source:
        frames = list(source)
    assert [TestPattern.index_in(frame.image) for frame in frames] == list(range(24))
    first = frames[0].time
    assert [round(frame.time - first, 3) for frame in frames] == [index / 25 for index in range(24)]
    assert frames[-1].duration == pytest.approx(1 / 25)
    assert source.notes == []


def test_few_large_frames_are_decoded_ahead(tmp_path: Path) -> None:
    """However fast they are decoded: one that is ready, one that waits for room, and the one that was given."""
    size = 3840, 2160
    image = np.zeros((size[1], size[0], 3), np.uint8)
    with VideoWriter(tmp_path / "large.mp4", VideoOptions(fps=30, size=size)) as sink:
        for index in range(8):
            sink.write(Frame(image, index, index / 30))
    tracemalloc.start()
    try:
        with VideoFile(tmp_path / "large.mp4") as source:
            for frame in source:
                cv2.GaussianBlur(frame.image[:500], (0, 0), 3)  # what takes longer than to decode
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert most < 3.5 * image.nbytes


def test_a_frame_does_not_change_after_it_was_yielded(clip: Path) -> None:
    with VideoFile(clip) as source:
        kept = [(frame, frame.image.copy()) for frame in source]
    for frame, copy in kept:
        np.testing.assert_array_equal(frame.image, copy)
    assert len({frame.image.ctypes.data for frame, _ in kept}) == len(kept)


def test_a_source_is_iterated_once(clip: Path) -> None:
    with VideoFile(clip) as source:
        first = [frame.index for frame in itertools.islice(source, 5)]
        rest = [frame.index for frame in source]
        assert first + rest == list(range(24))
        with pytest.raises(SourceError, match="already read to its end: open it again to read it once more"):
            list(source)


@pytest.mark.parametrize("start", [0, 0.777])
@pytest.mark.parametrize(
    ("name", "base"),
    [("a.mp4", 90000), ("a.mp4", 30000), ("a.mkv", 1000), ("a.mp4", 23_040_000), ("a.mov", 1_000_003), ("a.mp4", 600)],
)
def test_variable_frame_times_are_exact(tmp_path: Path, name: str, base: int, start: float) -> None:
    rng = random.Random(base)
    ticks = [round(start * base)]
    ticks += [
        ticks[0] + step for step in itertools.accumulate(rng.randint(base // 90 + 1, base // 4) for _ in range(19))
    ]
    images = [frame.image for frame in TestPattern((64, 48), frames=20)]
    path = make_clip(tmp_path / name, images=images, ticks=ticks, time_base=Fraction(1, base))
    with VideoFile(path) as source:
        times = [moment for _, moment in all_of(source)]
    assert times == [float(moment) for moment in times_of(path)]
    if start == 0:
        assert times == [float(Fraction(tick, base)) for tick in ticks]


@pytest.mark.parametrize("ticks", [None, [0, 500, 512, 2000, 9000, 9001, 9002, 20000]])
def test_what_opencv_cannot_decode_comes_all_the_same(tmp_path: Path, ticks: list[int] | None) -> None:
    images = [frame.image for frame in TestPattern((96, 64), frames=24 if ticks is None else len(ticks))]
    path = make_clip(tmp_path / "a.mp4", codec="libsvtav1", images=images, ticks=ticks, options={"crf": "12"}, matrix=1)
    with VideoFile(path) as source:
        assert source.info.colour.matrix == 1
        frames = list(source)
    assert [TestPattern.index_in(frame.image) for frame in frames] == list(range(len(images)))
    assert [frame.time for frame in frames] == [float(moment) for moment in times_of(path)]
    assert np.abs(frames[3].image.astype(float).mean((0, 1)) - images[3].mean((0, 1))).max() < 3


@pytest.mark.parametrize("matrix", [1, 2, 5, 7, 9])
@pytest.mark.parametrize("full_range", [False, True])
@pytest.mark.parametrize("pix_fmt", ["yuv420p", "yuv422p", "yuv444p", "yuv422p10le", "gray"])
def test_images_are_those_of_opencv(tmp_path: Path, pix_fmt: str, full_range: bool, matrix: int) -> None:
    path = make_clip(tmp_path / "a.mkv", images=scenery(98, 66), pix_fmt=pix_fmt, matrix=matrix, full_range=full_range)
    capture = cv2.VideoCapture(str(path))
    with VideoFile(path) as source:
        for frame in source:
            np.testing.assert_array_equal(frame.image, capture.read()[1])
        assert frame.index == 3
    assert not capture.read()[0]


@pytest.mark.parametrize("matrix", [8, 14])
def test_a_matrix_that_swscale_lacks_is_taken_for_bt601(tmp_path: Path, matrix: int) -> None:
    """OpenCV 5.0 gives memory that was never written."""
    images = scenery()
    path = make_clip(tmp_path / "a.mkv", images=images, matrix=matrix)
    with VideoFile(path) as source:
        assert source.keep_decoded()
        assert source.info.colour.matrix == matrix
        for frame, image in zip(source, images, strict=True):
            assert psnr(frame.image, image) > 30
            assert frame.decoded is not None
            assert frame.decoded.colorspace == matrix


@pytest.mark.parametrize(("codec", "name"), [("libvpx-vp9", "a.webm"), ("libx264", "a.mkv"), ("libx265", "a.mkv")])
def test_damage_does_not_end_a_video(tmp_path: Path, codec: str, name: str) -> None:
    """As it did with OpenCV, whose next frame after a packet that cannot be decoded may be the end."""
    images = [frame.image for frame in TestPattern((320, 180), frames=60)]
    path = make_clip(tmp_path / name, codec=codec, images=images, options={"g": "10"})
    data = bytearray(path.read_bytes())
    for place in range(len(data) // 4, len(data) * 3 // 4, len(data) // 40):
        data[place] ^= 255
    path.write_bytes(data)
    with VideoFile(path) as source:
        frames = list(source)
    assert len(frames) > 40
    assert frames[-1].time > 1.8


@pytest.mark.skipif(os.name == "nt", reason="Windows does not remove a file that is open")
def test_a_file_is_opened_once(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "a.mp4")
    with VideoFile(path) as source:
        path.unlink()
        assert source.keep_decoded()
        frames = list(source)
    assert [TestPattern.index_in(frame.image) for frame in frames] == list(range(24))
    assert all(frame.decoded is not None for frame in frames)


def test_times_of_a_stream_without_clock_follow_the_rate(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "a.h264", form="h264", options={"bf": "0"})
    with VideoFile(path) as source:
        frames = all_of(source)
        assert len(frames) == 24
        assert np.allclose(np.diff([moment for _, moment in frames]), 1 / source.fps)


def test_transport_stream_begins_at_its_own_zero(tmp_path: Path) -> None:
    ticks = [7_000_000 + 3000 * index for index in range(24)]
    path = make_clip(tmp_path / "a.ts", ticks=ticks, time_base=Fraction(1, 90000), audio=[("aac", 0.0)])
    with VideoFile(path) as source:
        assert source.info.origin > 77
        times = [moment for _, moment in all_of(source)]
    assert 0 <= times[0] < 0.1
    assert np.allclose(np.diff(times), 1 / 30, atol=1e-5)


def turn(path: Path, degrees: int) -> None:
    """Write a rotation into the track header of an MP4."""
    data = bytearray(path.read_bytes())
    at = data.index(b"tkhd") + 4 + 40
    cos, sin = {90: (0, 1), 180: (-1, 0), 270: (0, -1)}[degrees]
    one = 1 << 16
    struct.pack_into(">9i", data, at, cos * one, sin * one, 0, -sin * one, cos * one, 0, 0, 0, 1 << 30)
    path.write_bytes(data)


@pytest.mark.parametrize("codec", ["libx264", "libsvtav1"])
@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_rotation_is_applied_once(tmp_path: Path, degrees: int, codec: str) -> None:
    path = make_clip(tmp_path / "a.mp4", aspect=Fraction(4, 3), codec=codec, options={"crf": "12"})
    with VideoFile(path) as source:
        upright = next(iter(source)).image
    turn(path, degrees)
    code = {90: cv2.ROTATE_90_CLOCKWISE, 180: cv2.ROTATE_180, 270: cv2.ROTATE_90_COUNTERCLOCKWISE}[degrees]
    with VideoFile(path) as source:
        assert source.size == ((64, 96) if degrees % 180 else (96, 64))
        assert source.info.aspect == (Fraction(3, 4) if degrees % 180 else Fraction(4, 3))
        np.testing.assert_array_equal(next(iter(source)).image, cv2.rotate(upright, code))


def test_what_cannot_be_read_is_one_clear_line(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "text.mp4").write_text("not a video\n" * 1000)
    (tmp_path / "text.txt").write_text("FFmpeg plays text files as ANSI art\n" * 100)
    (tmp_path / "noise.mkv").write_bytes(random.Random(0).randbytes(100_000))
    cv2.imwrite(str(tmp_path / "still.png"), scenery()[0])
    with av.open(tmp_path / "sound.mp4", "w") as container:
        stream = container.add_stream("aac", rate=48000, layout="mono")
        assert isinstance(stream, av.AudioStream)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 4800), np.float32), "fltp", "mono")
        frame.rate = 48000
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    said = {
        "missing.mp4": "no such file",
        "empty.mp4": "empty",
        "text.mp4": "not a video",
        "text.txt": "not a video",
        "noise.mkv": "not a video",
        "still.png": "still image",
        "sound.mp4": "only audio",
        ".": "a folder",
    }
    if sys.platform != "win32":  # which has no such pipes
        os.mkfifo(tmp_path / "pipe.mp4")
        said["pipe.mp4"] = "not a regular file"
    for name, words in said.items():
        with pytest.raises(GancamError) as caught:
            VideoFile(tmp_path / name)
        assert caught.type is (NotFound if name == "missing.mp4" else SourceError), name
        assert words in str(caught.value), str(caught.value)
        assert str(tmp_path / name) in str(caught.value)
        assert "\n" not in str(caught.value)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.avi", "a.ts"])
def test_cut_and_damaged_files_give_what_is_there_and_say_so(
    tmp_path: Path, name: str, capfd: pytest.CaptureFixture[str]
) -> None:
    base = Fraction(1, 90000 if name.endswith("ts") else 30)
    whole = make_clip(tmp_path / name, time_base=base, audio=[("aac" if name != "a.avi" else "libmp3lame", 0.0)])
    data = whole.read_bytes()
    rng = random.Random(name)
    outcomes = set()
    for trial in range(12):
        cut = bytearray(data[: rng.randrange(1, len(data))])
        if trial % 2:
            for _ in range(20):
                cut[rng.randrange(len(cut))] = rng.randrange(256)
        path = tmp_path / f"cut{whole.suffix}"
        path.write_bytes(cut)
        try:
            with VideoFile(path) as source:
                came = all_of(source)
        except SourceError:
            outcomes.add("refused")
            continue
        outcomes.add("came")
        assert came
        assert [index for index, _ in came] == list(range(len(came)))
        assert all(later > earlier for (_, earlier), (_, later) in itertools.pairwise(came))
        slack = 0 if name.endswith(("mp4", "avi")) else 2
        if source.frames is not None and len(came) < source.frames - slack:
            assert f"{len(came)} came" in "".join(source.notes)
    assert "refused" in outcomes
    assert capfd.readouterr() == ("", "")


def test_a_clip_that_stops_early_says_how_many_came(tmp_path: Path) -> None:
    images = [frame.image for frame in TestPattern((96, 64), frames=90)]
    path = make_clip(tmp_path / "a.mp4", images=images, options={"g": "10"})
    data = bytearray(path.read_bytes())
    body = data.index(b"mdat")
    moov = data.index(b"moov")
    assert body < moov
    half = (body + moov) // 2
    data[half : moov - 4] = bytes(moov - 4 - half)  # the index promises what is no longer there
    path.write_bytes(data)
    with VideoFile(path) as source:
        assert source.frames == 90
        came = len(all_of(source))
    assert 0 < came < 90
    assert source.notes == [f"the video stops early: 90 frames promised, {came} came"]


@pytest.mark.parametrize("keep", [False, True])
@pytest.mark.parametrize(("codec", "form"), [("libx264", "h264"), ("libx265", "hevc"), ("mpeg2video", "mpeg2video")])
def test_a_change_of_picture_size_is_scaled_to_the_first_and_told(
    tmp_path: Path, codec: str, form: str, keep: bool, caplog: pytest.LogCaptureFixture
) -> None:
    parts = [
        make_clip(
            tmp_path / f"{width}.{form}",
            form=form,
            codec=codec,
            images=scenery(width, height, 8),
            options={"bf": "0"},
            time_base=Fraction(1, 30),
        )
        for width, height in ((96, 64), (128, 96), (192, 128))
    ]
    path = tmp_path / f"all.{form}"
    path.write_bytes(b"".join(part.read_bytes() for part in parts))
    with VideoFile(path) as source:
        assert not keep or source.keep_decoded()
        assert {frame.image.shape for frame in source} == {(64, 96, 3)}
    told = [note for note in source.notes if "128x96" in note]
    assert len(told) == 1
    assert told[0].endswith("they are scaled to 96x64")
    assert caplog.messages == told


def test_a_change_of_size_in_webm_is_told(tmp_path: Path) -> None:
    parts = [
        make_clip(tmp_path / f"{width}.webm", codec="libvpx-vp9", images=scenery(width, height, 8))
        for width, height in ((96, 64), (128, 96))
    ]
    path = tmp_path / "both.webm"
    with av.open(parts[0]) as first, av.open(parts[1]) as second, av.open(path, "w") as both:
        stream = both.add_stream_from_template(first.streams.video[0])
        for start, part in ((0, first), (1000, second)):
            for packet in part.demux(video=0):
                if packet.size:
                    packet.pts, packet.dts = (packet.pts or 0) + start, (packet.dts or 0) + start
                    packet.stream = stream
                    both.mux(packet)
    with VideoFile(path) as source:
        assert {frame.image.shape for frame in source} == {(64, 96, 3)}
    assert [note for note in source.notes if "become 128x96 at about 1.0 s" in note]


def test_a_stream_of_one_size_has_nothing_to_tell(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    for codec, name in (("libx264", "a.ts"), ("libx265", "a.mkv"), ("libvpx-vp9", "a.webm"), ("mpeg4", "a.avi")):
        path = make_clip(tmp_path / name, codec=codec, options={"g": "4"}, time_base=Fraction(1, 30))
        with VideoFile(path) as source:
            assert len(list(source)) == 24
        assert source.notes == []
    assert caplog.messages == []


def test_close_is_prompt_whenever_it_comes(tmp_path: Path) -> None:
    images = [frame.image for frame in TestPattern((320, 180), frames=60)]
    path = make_clip(tmp_path / "a.mp4", images=images)
    rng = random.Random(1)
    for _ in range(20):
        source = VideoFile(path)
        take = rng.choice([0, 0, 1, 3, 30, 60])
        for _ in itertools.islice(source, take):
            pass
        if rng.random() < 0.5:
            time.sleep(rng.random() * 0.01)
        source.close()
        source.close()
        assert not [t for t in threading.enumerate() if t.name == "gancam-decode"]
        with pytest.raises(SourceError, match="closed"):
            next(iter(source))


def test_a_file_is_closed_just_when_another_thread_begins_to_read(clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    start, begins, go = threading.Thread.start, threading.Event(), threading.Event()

    def late(thread: threading.Thread) -> None:
        if thread.name == "gancam-decode":
            begins.set()
            assert go.wait(120)
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", late)
    source = VideoFile(clip)
    with ThreadPoolExecutor(2) as pool:
        reading = pool.submit(list, source)
        assert begins.wait(120)
        closing = pool.submit(source.close)
        wait([closing], timeout=0.1)  # until it waits for the other, or has failed
        go.set()
        closing.result(120)
        assert len(reading.result(120)) <= 24


def test_close_frees_who_waits_in_another_thread(clip: Path) -> None:
    source = VideoFile(clip)
    seen: list[int] = []

    def consume() -> None:
        for frame in source:
            seen.append(frame.index)
            time.sleep(0.02)

    thread = threading.Thread(target=consume)
    thread.start()
    time.sleep(0.1)
    source.close()
    thread.join(120)
    assert not thread.is_alive()
    assert seen == list(range(len(seen)))


def test_names_that_look_like_options_protocols_or_patterns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    data = make_clip(tmp_path / "a.mp4").read_bytes()
    for name in ["-y.mp4", "file:x.mp4", "a%03d.mp4", "two words.mp4", "Überraschung 映画.mp4", "x" * 251 + ".mp4"]:
        Path(name).write_bytes(data)
        with VideoFile(name) as source:
            assert len(all_of(source)) == 24, name


def test_no_codec_in_this_build_is_said(clip: Path) -> None:
    data = bytearray(clip.read_bytes())
    at = data.index(b"avc1", data.index(b"stsd"))
    data[at : at + 4] = b"zzzz"
    clip.write_bytes(data)
    with pytest.raises(SourceError, match=r"clip\.mp4"):
        VideoFile(clip)


def test_ten_bits_become_eight_and_a_note_says_so(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "a.mkv", codec="libx265", pix_fmt="yuv420p10le", options={"x265-params": "log-level=0"})
    with VideoFile(path) as source:
        assert source.notes == ["a.mkv: its 10 bits a sample are read as 8"]
        assert len(all_of(source)) == 24


def test_parts_of_a_file_keep_their_times(clip: Path) -> None:
    with VideoFile(clip) as source:
        whole = list(source)
    with VideoFile(clip, start=Fraction(1, 5), end=Fraction(1, 2)) as source:
        source.skip(2)
        part = list(source)
    assert [frame.index for frame in part] == list(range(2, 9))
    for frame, same in zip(part, whole[8:15], strict=True):
        assert frame.time == same.time
        assert np.array_equal(frame.image, same.image)


def test_interlaced_video_is_told_and_made_whole(tmp_path: Path) -> None:
    images = []
    for index in range(8):  # a bright bar that moves between the two fields
        image = np.full((64, 96, 3), 40, np.uint8)
        image[0::2, 8 * index : 8 * index + 16] = 220
        image[1::2, 8 * index + 4 : 8 * index + 20] = 220
        images.append(image)
    path = make_clip(tmp_path / "a.mkv", images=images, options={"x264-params": "tff=1", "crf": "4"})
    with VideoFile(path) as combed:
        assert combed.info.interlaced
        assert combed.notes == ["a.mkv: is interlaced, its fields stay combed (--deinterlace undoes it)"]
        before = list(combed)
    with VideoFile(path, deinterlace=True) as whole:
        assert not whole.info.interlaced
        assert whole.notes == []
        after = list(whole)
    assert [frame.time for frame in after] == [frame.time for frame in before]
    for frame, image in zip(before, images, strict=True):
        assert psnr(frame.image, image) > 35

    def combs(frame: Frame) -> float:
        return float(np.abs(np.diff(frame.image.astype(int), axis=0)).mean())

    assert combs(after[4]) < combs(before[4]) / 3


def moving(moment: float) -> Image:
    """A textured ground and a disc before it, which move to the right."""
    rng = np.random.default_rng(3)
    ground = cv2.resize(rng.integers(30, 220, (61, 101, 3), np.uint8), (808, 480), interpolation=cv2.INTER_CUBIC)
    image = np.ascontiguousarray(ground[:, round(100 - 6 * moment) :][:, :640])
    cv2.circle(image, (round(200 + 14 * moment), 240), 90, (20, 230, 240), -1)
    return check_image(image)


@pytest.mark.parametrize("order", ["", "tff", "bff"])
@pytest.mark.parametrize("codec", ["libx264", "mpeg2video"])
def test_fields_that_no_flag_tells_of_are_found(tmp_path: Path, codec: str, order: str) -> None:
    images = []
    for index in range(10):
        image = moving(index)
        if order:
            image[order == "tff" :: 2] = moving(index + 0.5)[order == "tff" :: 2]
        images.append(image)
    options = {"crf": "20", "preset": "ultrafast"} if codec == "libx264" else {"qscale": "3", "bf": "0"}
    path = make_clip(tmp_path / "a.mkv", images=images, codec=codec, options=options, fps=25, time_base=Fraction(1, 25))
    with VideoFile(path) as combed:
        assert not combed.info.interlaced
        combed.look_for_fields()
        said = [note for note in combed.notes if "looks interlaced, though it does not say so" in note]
        assert len(said) == bool(order)
    with VideoFile(path, deinterlace=True) as whole:
        made = list(whole)
    if order:  # each picture is that of its first field
        assert psnr(made[5].image, moving(5)) > psnr(made[5].image, moving(5.5)) + 2


def test_the_way_back_from_interlaced_video_keeps_its_chroma(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "a.mkv", images=scenery(), options={"x264-params": "tff=1", "crf": "1"})
    with VideoFile(path) as source:
        assert source.info.interlaced
        for frame, planes in zip(source, planes_of(path), strict=True):
            back = [np.empty_like(plane) for plane in planes]
            source.info.colour.to_yuv420(frame.image, back)
            assert all(psnr(was, now) > 50 for was, now in zip(planes, back, strict=True))


def test_still_repeats_one_image_that_nobody_can_change(tmp_path: Path) -> None:
    image = scenery()[0]
    with Still(image, frames=3, fps=10) as source:
        image[:] = 0
        frames = list(source)
    assert source.size == (96, 64)
    assert [(frame.index, frame.time) for frame in frames] == [(0, 0.0), (1, 0.1), (2, 0.2)]
    np.testing.assert_array_equal(frames[2].image, scenery()[0])
    with pytest.raises(ValueError, match="read-only"):
        frames[0].image[:] = 1

    path = tmp_path / "bild ü.png"
    cv2.imencode(".png", scenery()[0])[1].tofile(path)
    with Still(path) as source:
        np.testing.assert_array_equal(next(iter(source)).image, scenery()[0])
        assert source.frames == 1
    with Still(path, frames=None) as source:
        assert len(list(itertools.islice(source, 100))) == 100
        assert source.frames is None


def test_still_refuses_what_is_no_image(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="no such file"):
        Still(tmp_path / "missing.png")
    (tmp_path / "a.png").write_bytes(b"nothing")
    with pytest.raises(SourceError, match="not an image"):
        Still(tmp_path / "a.png")
    (tmp_path / "b.png").touch()
    with pytest.raises(SourceError, match="the file is empty"):
        Still(tmp_path / "b.png")
    with pytest.raises(SourceError):
        Still(tmp_path)
    with pytest.raises(ImageError, match="greyscale"):
        Still(np.zeros((4, 4), np.uint8))
    with pytest.raises(InputError, match="fps is 0"):
        Still(scenery()[0], fps=0)
    with pytest.raises(InputError, match="frames is -1"):
        Still(scenery()[0], frames=-1)


@settings(max_examples=40)
@given(width=st.integers(1, 150), height=st.integers(1, 150), index=st.integers(0, 65535))
def test_pattern_of_any_size_is_deterministic_and_moves(width: int, height: int, index: int) -> None:
    pattern = TestPattern((width, height))
    image = pattern.image(index)
    assert image.shape == (height, width, 3)
    np.testing.assert_array_equal(image, TestPattern((width, height)).image(index))
    if height >= 4:
        assert (image != pattern.image(index + 1)).any()
    if width >= 64 and height >= 48:
        assert TestPattern.index_in(image) == index
        larger = cv2.resize(image, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC)
        assert TestPattern.index_in(check_image(larger)) == index


def test_pattern_keeps_its_promise() -> None:
    with TestPattern((64, 48), fps=25, frames=10) as source:
        frames = list(source)
    assert (source.fps, source.size, source.frames) == (25, (64, 48), 10)
    assert [frame.index for frame in frames] == list(range(10))
    assert [frame.time for frame in frames] == [index / 25 for index in range(10)]
    assert list(source) == []
    for size in [(0, 5), (5, -1)]:
        with pytest.raises(InputError, match="of at least 1"):
            TestPattern(size)


@pytest.mark.parametrize("veiled", [False, True])
def test_a_gif_without_transparency_loses_none(tmp_path: Path, veiled: bool) -> None:
    palette = np.full((256, 4), 255, np.uint8)
    palette[1] = (0, 0, 0, 0) if veiled else (255, 9, 9, 255)
    indices = np.tile(np.arange(96, dtype=np.uint8) % 2, (64, 1))
    with av.open(tmp_path / "a.gif", "w") as made:
        stream = made.add_stream("gif", rate=10, width=96, height=64, pix_fmt="pal8")
        for _ in range(3):
            made.mux(stream.encode(av.VideoFrame.from_ndarray((indices, palette), "pal8")))  # type: ignore[arg-type]
        made.mux(stream.encode(None))
    with VideoFile(tmp_path / "a.gif") as source:
        assert source.info.alpha is veiled
        assert all((frame.alpha is not None) is veiled for frame in source)
    _, said = process(tmp_path / "a.gif", tmp_path / "b.mp4")
    assert [note.split(":")[0] for note in said] == ["its transparency is left out"] * veiled


def test_photos_in_a_row_are_a_video(tmp_path: Path) -> None:
    photos = [cv2.imencode(".jpg", frame.image)[1].tobytes() for frame in TestPattern((96, 64), frames=5)]
    (tmp_path / "a.mjpeg").write_bytes(b"".join(photos))
    report, _ = process(tmp_path / "a.mjpeg", tmp_path / "b.mp4")
    assert report.frames == 5
    assert times_of(tmp_path / "b.mp4") == [Fraction(index, 25) for index in range(5)]


def test_an_animated_avif_moves(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "a.avif", codec="libsvtav1", options={"preset": "10", "crf": "20"}, form="avif")
    with VideoFile(clip) as source:
        assert [round(frame.time * 30) for frame in source] == list(range(24))
    _, said = process(clip, tmp_path / "b.mp4")
    assert said == []
    assert len(times_of(tmp_path / "b.mp4")) == 24
