"""Videos become animated pictures (GIF, APNG, WebP) and these become videos, their time and opacity kept."""

import os
import signal
import sys
import time
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from PIL import Image as Pillow

from gancam.capture import VideoCapture
from gancam.errors import InputError, SinkError
from gancam.frame import Frame, Image
from gancam.jobs.batch import process_all
from gancam.jobs.checks import check
from gancam.jobs.inputs import find_inputs
from gancam.jobs.process import process_image
from gancam.jobs.spec import EffectChainSpec, ProcessOptions
from gancam.media.animated import shown_for
from gancam.media.images import read_image, read_pictures
from gancam.media.paths import classify
from gancam.sinks._animation import WholeAnimation
from gancam.sinks._encoder import EncodedSink
from gancam.sinks._muxer import WholeVideo, claim_file
from gancam.sinks.piece_store import pieces_of, so_far
from gancam.sinks.video import VideoOptions, VideoWriter
from gancam.sources import AnimatedImage, TestPattern, VideoFile
from gancam.sources.open import open_live
from gancam.tools.verify import verify
from tests.helpers.clips import make_clip, make_gif, psnr, times_of
from tests.helpers.command import here
from tests.helpers.jobs import cut_short, process

ENDINGS = (".gif", ".apng", ".webp")


def frames_of(path: Path) -> list[Frame]:
    with AnimatedImage(path) if path.suffix == ".webp" else VideoFile(path) as source:
        return list(source)


def loops_of(path: Path) -> int | None:
    """How often it plays; 0: without end."""
    data = path.read_bytes()
    if path.suffix == ".gif":
        at = data.find(b"NETSCAPE2.0\x03\x01")
        return None if at < 0 else int.from_bytes(data[at + 13 : at + 15], "little")
    if path.suffix == ".apng":
        at = data.find(b"acTL")
        return int.from_bytes(data[at + 8 : at + 12], "big")
    at = data.find(b"ANIM")
    return int.from_bytes(data[at + 12 : at + 14], "little")


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """126 frames at 30 a second, with sound: two pieces."""
    images = [frame.image for frame in TestPattern((96, 64), frames=126)]
    return make_clip(tmp_path_factory.mktemp("clip") / "clip.mp4", images=images, audio=[("aac", 0.0)])


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_video_becomes_an_animation(tmp_path: Path, clip: Path, ending: str) -> None:
    out = tmp_path / f"out{ending}"
    check(classify(clip), classify(out), ProcessOptions())
    report, said = process(clip, out)
    assert report.frames == 126
    assert said == [f"{ending} holds no sound, text or chapters, which are left out: 1 audio"]
    assert os.listdir(tmp_path) == [out.name]
    shown = frames_of(out)
    assert [TestPattern.index_in(frame.image) for frame in shown] == list(range(126))
    tick = 0.005 if ending == ".gif" else 0.0005
    assert max(abs(frame.time - frame.index / 30) for frame in shown) <= tick + 1e-6  # it does not add up
    assert abs(shown_for(out) - Fraction(126, 30)) < Fraction(1, 1000)
    assert loops_of(out) == 0
    assert psnr(shown[7].image, TestPattern((96, 64)).image(7)) > (25 if ending == ".gif" else 24)


@pytest.mark.parametrize("base", [Fraction(1, 23_040_000), Fraction(1, 90_000), Fraction(1001, 30_000)])
def test_apng_counts_in_any_clock(tmp_path: Path, base: Fraction) -> None:
    """FFmpeg rounds durations to numbers of 16 bits, and what was read back was compared to less than a millionth."""
    images = [frame.image for frame in TestPattern((96, 64), frames=40)]
    step = round(Fraction(767_849, 23_040_000) / base)
    source = make_clip(tmp_path / "a.mp4", images=images, ticks=range(0, 40 * step, step), time_base=base)
    process(source, tmp_path / "a.apng", end=29 * step * base + Fraction(9060, 23_040_000))
    assert abs(shown_for(tmp_path / "a.apng") - 30 * step * base) < Fraction(1, 10_000)


def test_apng_ends_with_a_slide(tmp_path: Path) -> None:
    """More than 65,535 of the parts of a second that it counts in."""
    source = make_clip(tmp_path / "a.mp4", images=[frame.image for frame in TestPattern((96, 64), frames=3)],
                       ticks=[0, 10_000, 300_000], time_base=Fraction(1, 10_000))  # fmt: skip
    process(source, tmp_path / "a.apng", end=Fraction(103_331, 10_000))
    assert abs(shown_for(tmp_path / "a.apng") - Fraction(103_331, 10_000)) < Fraction(1, 1000)


@pytest.mark.parametrize(
    ("fps", "every", "least"), [(50, 1, 2), (60, 2, 3), (Fraction(60000, 1001), 2, 3), (120, 3, 2)]
)
def test_a_fast_video_does_not_play_slowly_as_gif(tmp_path: Path, fps: Fraction, every: int, least: int) -> None:
    """Browsers show a frame of 1/100 s for 1/10 s."""
    images = [frame.image for frame in TestPattern((96, 64), frames=60)]
    base = 1 / Fraction(fps)
    source = make_clip(tmp_path / "a.mkv", images=images, ticks=range(60), time_base=base, fps=round(fps), codec="ffv1",
                       pix_fmt="bgr0", options={})  # fmt: skip
    out = tmp_path / "a.gif"
    _, said = process(source, out)
    shown = frames_of(out)
    assert [TestPattern.index_in(frame.image) for frame in shown] == list(range(0, 60, every))
    assert min(round((frame.duration or 0) * 100) for frame in shown) >= least
    assert abs(shown_for(out) - 60 * base) < Fraction(6, 1000)
    assert any("every second frame" in note or "one of 3 frames" in note for note in said) == (every > 1)


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize(("aspect", "size"), [(Fraction(16, 11), (140, 64)), (Fraction(8, 9), (96, 72))])
def test_pixels_become_square(tmp_path: Path, ending: str, aspect: Fraction, size: tuple[int, int]) -> None:
    """These formats have no place for another shape, and a film of a DVD would be narrow."""
    images = [veiled(index)[..., :3] for index in range(3)]
    source = make_clip(tmp_path / "a.mp4", images=[np.ascontiguousarray(image) for image in images], aspect=aspect)
    _, said = process(source, tmp_path / f"a{ending}")
    shape = f"{aspect.numerator}:{aspect.denominator}"
    assert f"its pixels are not square ({shape}): scaled to {size[0]}x{size[1]}" in said
    (first, *_) = frames_of(tmp_path / f"a{ending}")
    assert first.image.shape[1::-1] == size
    wanted = cv2.resize(images[0], size, interpolation=cv2.INTER_CUBIC)
    assert psnr(first.image, np.asarray(wanted, np.uint8)) > 20


@pytest.mark.parametrize("ending", ENDINGS)
def test_uneven_times_and_a_long_last_frame_are_kept(tmp_path: Path, ending: str) -> None:
    images = [frame.image for frame in TestPattern((96, 64), frames=5)]
    ticks = [100, 200, 201, 900, 1995]
    source = make_clip(tmp_path / "a.mp4", images=images, ticks=ticks, time_base=Fraction(1, 1000))
    out = tmp_path / f"a{ending}"
    process(source, out, end=Fraction(2))
    assert abs(shown_for(out) - Fraction(1896, 1000)) <= Fraction(4, 1000)
    shown = frames_of(out)
    assert [TestPattern.index_in(frame.image) for frame in shown] == list(range(5))
    least = 0.02 if ending == ".gif" else 1 / 90  # a shorter one would be shown for 100 ms
    late = [frame.time - (tick - 100) / 1000 for frame, tick in zip(shown, ticks, strict=True)]
    assert max(map(abs, late)) < least + 1e-3
    assert min(frame.duration or 0 for frame in shown) > least - 1e-6


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("lasts", [Fraction(1, 2500), Fraction(1, 110), Fraction(1, 60)])
def test_a_cut_keeps_its_last_frame(tmp_path: Path, clip: Path, ending: str, lasts: Fraction) -> None:
    """It was lost in silence where the cut leaves it less than browsers can show."""
    out = tmp_path / f"a{ending}"
    process(clip, out, end=Fraction(14, 30) + lasts)
    shown = frames_of(out)
    assert [TestPattern.index_in(frame.image) for frame in shown] == list(range(15))
    assert abs(shown_for(out) - Fraction(15, 30)) <= Fraction(5, 1000)  # all of it


@pytest.mark.parametrize("ending", ENDINGS)
def test_frames_that_come_too_fast_are_told(tmp_path: Path, ending: str) -> None:
    images = [frame.image for frame in TestPattern((96, 64), frames=32)]
    ticks = [*range(0, 1000, 100), 1000, 1001, 1002, 1003, 1004, *range(1100, 2800, 100)]
    source = make_clip(tmp_path / "a.mp4", images=images, ticks=ticks, time_base=Fraction(1, 1000))
    report, _ = process(source, tmp_path / f"a{ending}")
    indices = [TestPattern.index_in(frame.image) for frame in frames_of(tmp_path / f"a{ending}")]
    assert indices == [*range(12), *range(15, 32)]
    most = 50 if ending == ".gif" else 90
    lost = f"3 of its 32 frames come faster than {most} a second"
    assert report.notes == [f"{lost}, which {ending} cannot show: they are left out"]


def veiled(index: int) -> Image:
    """The pattern behind a soft disc that wanders."""
    alpha = np.zeros((64, 96), np.uint8)
    cv2.circle(alpha, (24 + 4 * index, 32), 20, 255, -1)
    return np.dstack([TestPattern((96, 64)).image(index), np.asarray(cv2.blur(alpha, (9, 9)), np.uint8)])


@pytest.fixture
def transparent(tmp_path: Path) -> Path:
    images = [veiled(index) for index in range(8)]
    return make_clip(tmp_path / "t.mkv", images=images, codec="ffv1", pix_fmt="bgra", options={})


@pytest.mark.parametrize("ending", ENDINGS)
def test_opacity_is_kept(tmp_path: Path, transparent: Path, ending: str) -> None:
    out, back = tmp_path / f"a{ending}", tmp_path / "back.mkv"
    _, said = process(transparent, out)
    assert said == (["its soft transparency becomes on or off: .apng and .webp keep it"] if ending == ".gif" else [])
    _, said = process(out, back, codec="ffv1")
    assert not [note for note in said if "transparen" in note]
    with VideoFile(back) as source:
        shown = list(source)
    assert len(shown) == 8
    for frame in shown:
        wanted = veiled(frame.index)[..., 3]
        assert frame.alpha is not None
        assert (np.abs(frame.alpha.astype(int) - wanted) <= (128 if ending == ".gif" else 2)).all()
        inside = wanted > 250
        assert np.abs(frame.image[inside].astype(int) - veiled(frame.index)[..., :3][inside]).mean() < 8


@pytest.mark.parametrize("ending", [".webp", ".png", ".apng", ".gif"])
def test_an_animation_becomes_a_video(tmp_path: Path, clip: Path, ending: str) -> None:
    source, out = tmp_path / f"a{ending}", tmp_path / "a.mp4"
    process(clip, source.with_suffix(".apng") if ending == ".png" else source, end=Fraction(1))
    if ending == ".png":
        source.with_suffix(".apng").rename(source)
    check(classify(source), classify(out), ProcessOptions())
    report, _ = process(source, out)
    assert report.frames == 30
    with VideoFile(out) as video:
        shown = list(video)
    assert [TestPattern.index_in(frame.image) for frame in shown] == list(range(30))
    assert max(abs(frame.time - frame.index / 30) for frame in shown) < 0.0051
    assert shown[-1].time + (shown[-1].duration or 0) == pytest.approx(1.0, abs=0.0051)
    assert {one.verdict for one in verify(source, out) if one.name in ("frames", "size")} == {"kept"}
    process(source, tmp_path / "b.mp4", start=Fraction(49, 100))
    assert len(times_of(tmp_path / "b.mp4")) in (15, 16)


@pytest.mark.parametrize("ending", [".webp", ".png"])
def test_an_animation_plays(tmp_path: Path, clip: Path, ending: str) -> None:
    source = tmp_path / f"a{ending}"
    process(clip, tmp_path / ("a.webp" if ending == ".webp" else "a.apng"), end=Fraction(1, 2))
    if ending == ".png":
        (tmp_path / "a.apng").rename(source)
    with open_live(str(source)) as live:
        assert TestPattern.index_in(next(iter(live)).image) == 0
    capture = VideoCapture(str(source))
    assert [TestPattern.index_in(image) for image in capture] == list(range(15))
    assert capture.get(cv2.CAP_PROP_FRAME_COUNT) == 15
    assert capture.set(cv2.CAP_PROP_POS_FRAMES, 7)
    assert TestPattern.index_in(next(iter(capture))) == 7
    capture.release()


def test_a_single_picture_is_no_video(tmp_path: Path, clip: Path) -> None:
    for ending in (".webp", ".png", ".jpg"):
        cv2.imwrite(str(tmp_path / f"a{ending}"), TestPattern((96, 64)).image(0))
        for target in ("out.mp4", "out.gif", "out.apng"):
            with pytest.raises(InputError, match="is an image, so the output must be one too"):
                check(classify(tmp_path / f"a{ending}"), classify(tmp_path / target), ProcessOptions())
    for target in ("out.png", "out.jpg"):
        with pytest.raises(InputError, match="is one image, so the input must be one too"):
            check(classify(clip), classify(tmp_path / target), ProcessOptions())
    process_image(tmp_path / "a.png", tmp_path / "b.webp", [])
    assert len(read_pictures(tmp_path / "b.webp").pictures) == 1
    with pytest.raises(SinkError, match=r"\.gif cannot hold h264; it holds gif"):
        check(classify(clip), classify(tmp_path / "out.gif"), ProcessOptions(codec="h264"))
    with pytest.raises(InputError, match="chroma is of videos, and webp is an animated picture"):
        check(classify(clip), classify(tmp_path / "out.webp"), ProcessOptions(chroma="444"))


@pytest.mark.parametrize("ending", ENDINGS)
def test_an_interrupted_animation_plays_and_goes_on(tmp_path: Path, clip: Path, ending: str) -> None:
    out, whole = tmp_path / f"a{ending}", tmp_path / f"whole{ending}"
    cut_short(clip, out, 123)
    assert len(frames_of(so_far(out))) == 123
    report, said = process(clip, out, resume=True)
    assert report.frames == 6
    assert f"{out}: continues after 120 frames" in said
    process(clip, whole)
    assert out.read_bytes() == whole.read_bytes()
    assert not pieces_of(out).exists()


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("frames", [1, 6])
def test_a_video_in_which_nothing_moves(tmp_path: Path, ending: str, frames: int) -> None:
    """WebP has one picture of it."""
    images = [TestPattern((96, 64)).image(5)] * frames
    source = make_clip(tmp_path / "a.mkv", images=images, codec="ffv1", pix_fmt="bgr0", options={})
    out = tmp_path / f"a{ending}"
    process(source, out)
    image = frames_of(out)[0].image if ending == ".gif" else read_pictures(out).pictures[0].image
    assert TestPattern.index_in(image) == 5


def test_numbered_images_become_an_animation(tmp_path: Path) -> None:
    for frame in TestPattern((96, 64), frames=8):
        cv2.imwrite(str(tmp_path / f"f{frame.index:02d}.png"), frame.image)
    process(tmp_path / "f%02d.png", tmp_path / "a.webp", fps=8)
    assert shown_for(tmp_path / "a.webp") == 1


def test_a_batch_makes_animations_by_their_codec(tmp_path: Path, clip: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    os.link(clip, folder / "a.mp4")
    process(clip, folder / "b.gif", end=Fraction(1, 2))
    for codec, names in (("webp", {"a.webp", "b.webp"}), ("gif", {"a.gif", "b.gif"})):
        found = find_inputs([str(folder)], tmp_path / codec, codec=codec)
        options = ProcessOptions(codec=codec, resume=True, end=Fraction(1, 2))
        summary = process_all(found, tmp_path / codec, EffectChainSpec(), options, notify=lambda event: None)
        assert summary.failed == []
        assert {name for name in os.listdir(tmp_path / codec) if not name.startswith(".")} == names
        assert len(frames_of(tmp_path / codec / f"a.{codec}")) == 15


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_writer_leaves_nothing_but_the_animation(tmp_path: Path, ending: str) -> None:
    with VideoWriter(tmp_path / f"a{ending}", VideoOptions(fps=25, size=(5, 3), quality=100)) as sink:
        for frame in TestPattern((5, 3), frames=5, fps=25):
            sink.write(frame)
    assert os.listdir(tmp_path) == [f"a{ending}"]
    assert shown_for(tmp_path / f"a{ending}") == Fraction(1, 5)
    with VideoWriter(tmp_path / f"b{ending}", VideoOptions(fps=25, size=(5, 3))):
        pass
    assert os.listdir(tmp_path) == [f"a{ending}"]
    with VideoWriter(tmp_path / f"c{ending}", VideoOptions(fps=25, size=(5, 3), live=True)) as sink:
        assert f"c{ending} is made in the end" in sink.notes[0]


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_tiny_animation_changes_nothing_of_later_ones(tmp_path: Path, ending: str) -> None:
    """Its one slice stayed in the options of all, and pieces of workers were `made by another version`."""
    made = []
    for number, size in enumerate([(96, 64), (5, 3), (96, 64)]):
        place, settings, _ = claim_file(tmp_path / f"{number}{ending}", VideoOptions(fps=25, size=size))
        made.append(dict(settings.encoder_options))
        place.discard()
    assert made[0] == made[2] != made[1]


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_long_finish_can_be_given_up(tmp_path: Path, ending: str) -> None:
    options = VideoOptions(fps=25, size=(96, 64))
    place, settings, notes = claim_file(tmp_path / f"a{ending}", options)
    made = WholeAnimation(settings, options, place, notes)
    made.open()
    for frame in TestPattern((96, 64), frames=5, fps=25):
        tick = settings.tick_of(frame.time)
        made.encode(settings.canvas.picture(frame, tick, settings.time_base), tick, tick - 1)
    made.abandon()
    with pytest.raises(SinkError, match="given up before it was whole"):
        made.finish(tick, interrupted=False)
    made.discard()
    assert os.listdir(tmp_path) == []


class Interrupted(WholeVideo):
    """A video whose user presses Ctrl-C when it is nearly there."""

    def finish(self, last: int, *, interrupted: bool) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.3)
        super().finish(last, interrupted=interrupted)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signal for one process")
def test_ctrl_c_waits_for_a_short_finish(tmp_path: Path) -> None:
    """Up to Python 3.12 a thread that is joined counts as ended after it."""
    options, out = VideoOptions(fps=25, size=(96, 64)), tmp_path / "a.mp4"
    place, settings, notes = claim_file(out, options)
    encoder = EncodedSink(settings, Interrupted(settings, options, place, notes), notes)
    for frame in TestPattern((96, 64), frames=5, fps=25):
        encoder.write(frame)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's job in the background ignores it
    try:
        with pytest.raises(KeyboardInterrupt):
            encoder.close()
    finally:
        signal.signal(signal.SIGINT, before)
    assert os.listdir(tmp_path) == ["a.mp4"]
    assert len(times_of(out)) == 5


def test_the_command_says_what_a_gif_loses(tmp_path: Path, clip: Path) -> None:
    done = here("process", str(clip), str(tmp_path / "a.gif"), "--to", "0.5s")
    assert done.returncode == 0, done.stderr
    assert ".gif holds no sound" in done.stderr
    done = here("process", str(clip), str(tmp_path / "a.webp"), "--to", "0.5s")
    assert done.returncode == 0, done.stderr
    with av.open(str(clip)) as container:
        assert container.streams.audio


def test_a_gif_that_becomes_transparent(tmp_path: Path) -> None:
    """It was taken for opaque by its first picture, and what came was lost without a word."""
    (note,) = process(make_gif(tmp_path / "a.gif", [16, 8]), tmp_path / "a.mp4")[1]
    assert note.startswith("its transparency is left out: h264 holds none")
    process(tmp_path / "a.gif", tmp_path / "a.webm")
    with VideoFile(tmp_path / "a.webm") as video:
        assert [None if frame.alpha is None else frame.alpha[12, 12] < 9 for frame in video] == [False, True]
    with VideoFile(make_gif(tmp_path / "b.gif", [16] * 200 + [8])) as video:
        assert video.notes == []
        assert all(frame.alpha is None for frame in video)
        assert video.notes == ["b.gif: becomes transparent, which is left out: it is not at first"]


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("fps", [0.05, 1 / 2000])
def test_slides_become_an_animation(tmp_path: Path, ending: str, fps: float) -> None:
    """Less than the ten frames a second that browsers show; a picture of GIF lasts 655 s at most."""
    for number in range(3):
        cv2.imwrite(str(tmp_path / f"s-{number}.png"), TestPattern((64, 48)).image(number))
    out = tmp_path / f"out{ending}"
    process(tmp_path / "s-%d.png", out, fps=fps)
    assert abs(shown_for(out) - round(3 / fps)) < Fraction(1, 100)
    begun = dict[int, float]()
    for frame in frames_of(out):
        begun.setdefault(TestPattern.index_in(frame.image), frame.time)
    assert begun == pytest.approx({0: 0, 1: 1 / fps, 2: 2 / fps})


def test_a_slide_may_last_longer_than_webp_can_say(tmp_path: Path) -> None:
    out = tmp_path / "out.webp"
    with VideoWriter(out, VideoOptions(fps=1.0, size=(64, 48))) as writer:
        writer.write(Frame(TestPattern((64, 48)).image(0), 0, 0.0, duration=40_000.0))
        writer.write(Frame(TestPattern((64, 48)).image(1), 1, 40_000.0, duration=20_000.0))
    assert shown_for(out) == 60_000


@pytest.mark.parametrize("veiled", [False, True])
def test_a_gif_of_one_frame_is_a_picture(veiled: bool, tmp_path: Path) -> None:
    whole = np.zeros((32, 48, 4), np.uint8)
    whole[..., 1], whole[..., 3] = 200, 255
    whole[:, :16, 3] = 0 if veiled else 255
    Pillow.fromarray(whole).save(tmp_path / "a.gif")
    said = list[str]()
    process_image(tmp_path / "a.gif", tmp_path / "b.png", [], notify=said.append)
    made = read_pictures(tmp_path / "b.png").pictures[0]
    assert (np.abs(made.image[:, 20:].astype(int) - (0, 200, 0)) <= 2).all()
    assert (made.alpha is not None and not made.alpha[:, :16].any() and made.alpha[:, 16:].all()) == veiled
    assert here("process", tmp_path / "a.gif", tmp_path / "c.png").returncode == 0
    with VideoFile(tmp_path / "a.gif") as source:
        assert source.fps <= 25  # not 100, of which half were left out


def test_a_gif_that_moves_is_no_picture(tmp_path: Path) -> None:
    frames = [Pillow.new("RGB", (32, 32), (index * 60, 0, 0)) for index in range(3)]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    with pytest.raises(InputError, match="is one image, so the input must be one too"):
        process_image(tmp_path / "a.gif", tmp_path / "b.png", [])


def test_a_gif_of_one_frame_in_a_folder_is_an_image(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    still, other = Pillow.new("RGB", (16, 12), "red"), Pillow.new("RGB", (16, 12), "blue")
    still.save(tmp_path / "in" / "a.gif")
    still.save(tmp_path / "in" / "b.gif", save_all=True, append_images=[other])
    found = find_inputs([str(tmp_path / "in")], tmp_path / "out", codec="webp")
    assert [(item.name, item.is_image) for item in found.items] == [("a.png", True), ("b.webp", False)]
    assert ".gif files of one frame become .png files: they are images" in found.notes
    done = here("process", tmp_path / "in", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert read_image(tmp_path / "out" / "a.png")[0].shape == (12, 16, 3)
    assert (tmp_path / "out" / "b.gif").exists()
