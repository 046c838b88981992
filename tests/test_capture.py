"""`gancam.VideoCapture` beside `cv2.VideoCapture`: the same calls, the same answers, and each difference that stays."""

import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

import gancam
from gancam.effects import Effect
from gancam.errors import NotFound, SourceError
from gancam.frame import Image
from gancam.inference.card import ModelCard
from gancam.sources import TestPattern
from tests.helpers.clips import make_clip

Both = tuple[Any, Any]
NOTHING: object = (False, None)  # what is read where no frame is; its type says, as OpenCV's, that there is an image
KNOWN = ("FRAME_WIDTH", "FRAME_HEIGHT", "FPS", "FRAME_COUNT", "FOURCC", "POS_FRAMES", "CONVERT_RGB", "ORIENTATION_AUTO")


def prop(name: str) -> int:
    return int(getattr(cv2, f"CAP_PROP_{name}"))


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("capture")
    for ending in (".mp4", ".mkv"):
        make_clip(folder / f"a{ending}")
    for index in range(1, 6):
        cv2.imwrite(str(folder / f"s-{index:03d}.png"), np.full((10, 12, 3), index * 20, np.uint8))
    return folder


def both(path: Path, *arguments: Any) -> Both:
    return gancam.VideoCapture(path, *arguments), cv2.VideoCapture(str(path), *arguments)


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "s-%03d.png"])
@pytest.mark.parametrize(
    "arguments", [(), (cv2.CAP_FFMPEG,), (cv2.CAP_ANY,), (cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, 1])]
)
def test_the_same_frames_and_properties(files: Path, name: str, arguments: tuple[Any, ...]) -> None:
    ours, theirs = both(files / name, *arguments)
    assert ours.isOpened() and theirs.isOpened()  # noqa: PT018
    differs = {"FOURCC"} if name.endswith("png") else set()
    for known in set(KNOWN) - differs:
        assert ours.get(prop(known)) == theirs.get(prop(known)), known
    while True:
        (ok, image), (their_ok, their_image) = ours.read(), theirs.read()
        assert ok == their_ok
        if not ok:
            break
        np.testing.assert_array_equal(image, their_image)
        assert ours.get(cv2.CAP_PROP_POS_FRAMES) == theirs.get(cv2.CAP_PROP_POS_FRAMES)
        assert ours.get(cv2.CAP_PROP_POS_MSEC) == pytest.approx(theirs.get(cv2.CAP_PROP_POS_MSEC))
    assert ours.get(cv2.CAP_PROP_POS_FRAMES) == theirs.get(cv2.CAP_PROP_POS_FRAMES)
    ours.release()
    theirs.release()


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "s-%03d.png"])
@pytest.mark.parametrize(
    ("what", "value"),
    [
        ("POS_FRAMES", 0),
        ("POS_FRAMES", 3),
        ("POS_FRAMES", 1000),
        ("POS_FRAMES", -5),
        ("POS_MSEC", 0),
        ("POS_MSEC", 110),
    ],
)
def test_positions_are_set_as_with_opencv(files: Path, name: str, what: str, value: float) -> None:
    ours, theirs = both(files / name)
    for capture in (ours, theirs):
        for _ in range(4):
            capture.read()
        assert capture.set(prop(what), value)
    assert ours.get(cv2.CAP_PROP_POS_FRAMES) == theirs.get(cv2.CAP_PROP_POS_FRAMES)
    assert ours.get(cv2.CAP_PROP_POS_MSEC) == pytest.approx(theirs.get(cv2.CAP_PROP_POS_MSEC))
    (ok, image), (their_ok, their_image) = ours.read(), theirs.read()
    assert ok == their_ok
    if ok:
        np.testing.assert_array_equal(image, their_image)
    ours.release()
    theirs.release()


def test_a_loop_that_rewinds_plays_again_and_effects_forget(files: Path) -> None:
    class Counting(Effect):
        card = ModelCard(name="counting", effect="counting", scale=1, licence="none")
        seen = 0

        def __call__(self, image: Image, *, time: float | None = None) -> Image:
            self.seen += 1
            return image

        def reset(self) -> None:
            self.seen = 0

    effect = Counting()
    with gancam.VideoCapture(files / "a.mp4", effects=[effect]) as capture:
        first = capture.read()[1]
        rounds = 0
        while rounds < 2:
            if not capture.read()[0]:
                rounds += 1
                assert capture.set(cv2.CAP_PROP_POS_FRAMES, 0)
                assert effect.seen == 0
        again = capture.read()[1]
        assert first is not None
        assert again is not None
        np.testing.assert_array_equal(first, again)
        assert capture.set(cv2.CAP_PROP_POS_AVI_RATIO, 0.5)
        assert capture.get(cv2.CAP_PROP_POS_FRAMES) == 12  # OpenCV goes to the end


def test_positions_of_variable_rates_are_exact(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "a.mkv", ticks=[0, *range(1000, 1920, 40)], time_base=Fraction(1, 1000))
    with gancam.VideoCapture(path) as capture:
        images = list(capture)
        assert capture.set(cv2.CAP_PROP_POS_MSEC, 1080)
        read = capture.read()[1]
        assert read is not None
        np.testing.assert_array_equal(read, images[3])
        assert capture.get(cv2.CAP_PROP_POS_MSEC) == pytest.approx(1080)


def test_an_image_is_one_frame(files: Path) -> None:
    ours, theirs = both(files / "s-001.png")
    np.testing.assert_array_equal(ours.read()[1], theirs.read()[1])
    assert ours.read() == theirs.read() == NOTHING
    assert ours.set(cv2.CAP_PROP_POS_FRAMES, 0)
    assert ours.read()[0]  # OpenCV cannot read it again
    theirs.release()


def test_it_is_opened_later_and_again(files: Path, tmp_path: Path) -> None:
    for capture in (gancam.VideoCapture(), cv2.VideoCapture()):
        assert not capture.isOpened()
        assert capture.read() == NOTHING
        assert not capture.grab()
        assert capture.retrieve() == NOTHING
        assert not capture.getExceptionMode()
        assert capture.open(str(files / "a.mp4"))
        assert capture.read()[0]
        assert capture.open(str(files / "a.mkv"), cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, 1])
        assert capture.get(cv2.CAP_PROP_POS_FRAMES) == 0
        assert capture.getBackendName() == "FFMPEG"
        assert not capture.open(str(tmp_path / "missing.mp4"))
        assert not capture.isOpened()
        capture.release()


@pytest.mark.parametrize("make", [gancam.VideoCapture, cv2.VideoCapture])
def test_failures_are_raised_where_that_was_asked_for(files: Path, make: Callable[[], Any]) -> None:
    wrong: tuple[type[Exception], ...] = (SourceError, NotFound, cv2.error)
    capture = make()
    with pytest.raises(wrong):
        capture.getBackendName()
    capture.setExceptionMode(True)
    assert capture.getExceptionMode()
    with pytest.raises(wrong):
        capture.open(str(files / "missing.mp4"))
    for call in (capture.read, capture.grab, capture.retrieve):
        with pytest.raises(wrong):
            call()
    assert capture.open(str(files / "a.mp4"))
    for _ in range(24):
        assert capture.grab()
    with pytest.raises(wrong):
        capture.grab()
    capture.release()


def test_what_cannot_be_set_is_answered_so(files: Path) -> None:
    ours, theirs = both(files / "a.mp4")
    for name in ("FRAME_WIDTH", "FPS", "BUFFERSIZE"):
        assert not ours.set(prop(name), 5)
        assert not theirs.set(prop(name), 5)
    ours.release()
    theirs.release()


def test_the_first_of_several_that_is_ready(files: Path) -> None:
    with gancam.VideoCapture(files / "a.mp4") as file, gancam.VideoCapture("test") as live:
        assert gancam.VideoCapture.waitAny([file], 1) == (True, [0])
        while live.grab() and gancam.VideoCapture.waitAny([live], 1)[0]:
            pass  # until one is waited for
        assert gancam.VideoCapture.waitAny([live], 1) == (False, [])
        assert gancam.VideoCapture.waitAny([live], 2_000_000_000) == (True, [0])
        assert gancam.VideoCapture.waitAny([file, live]) == (True, [0, 1])
    assert gancam.VideoCapture.waitAny([]) == (False, [])


def test_effects_may_stand_second_as_before(files: Path) -> None:
    upside = lambda image: np.ascontiguousarray(image[::-1])
    with gancam.VideoCapture(files / "a.mp4", [upside]) as capture, gancam.VideoCapture(files / "a.mp4") as plain:
        turned, straight = capture.read()[1], plain.read()[1]
        assert turned is not None
        assert straight is not None
        np.testing.assert_array_equal(turned, straight[::-1])
    with gancam.VideoCapture(TestPattern((32, 16), frames=2)) as source:
        assert not source.set(cv2.CAP_PROP_POS_FRAMES, 0)
        assert source.getBackendName() == "GANCAM"


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_a_place_that_is_no_number_is_not_gone_to(files: Path, value: float) -> None:
    capture = gancam.VideoCapture(files / "a.mp4")
    for name in ("POS_FRAMES", "POS_MSEC", "POS_AVI_RATIO"):
        assert not capture.set(prop(name), value)
    assert capture.read()[0]
    capture.release()


SOURCES: dict[str, Callable[[Path], Any]] = {
    "a video": lambda folder: gancam.VideoCapture(folder / "a.mp4"),
    "one that was read to its end": lambda folder: read_all(gancam.VideoCapture(folder / "a.mkv")),
    "numbered images": lambda folder: gancam.VideoCapture(folder / "s-%03d.png"),
    "a live source": lambda folder: gancam.VideoCapture("test"),
    "a capture of OpenCV": lambda folder: gancam.VideoCapture(cv2.VideoCapture(str(folder / "a.mp4"))),
    "a file": lambda folder: gancam.VideoFile(folder / "a.mp4"),
    "a file that was begun": lambda folder: next(iter(gancam.VideoFile(folder / "a.mp4"))),
}


def read_all(capture: gancam.VideoCapture) -> gancam.VideoCapture:
    assert list(capture)
    return capture


@pytest.mark.parametrize("what", list(SOURCES))
def test_what_nobody_holds_any_more_is_closed_as_with_opencv(files: Path, what: str) -> None:
    """Without release(): no thread and no open file stays behind."""
    before = set(threading.enumerate())
    was_open = len(list(Path("/proc/self/fd").iterdir())) if sys.platform == "linux" else 0
    for _ in range(3):
        one = SOURCES[what](files)
        if isinstance(one, gancam.VideoCapture):
            one.read()
        del one
    for thread in set(threading.enumerate()) - before:
        thread.join(120)
    assert not [one.name for one in set(threading.enumerate()) - before]
    if sys.platform == "linux":
        assert len(list(Path("/proc/self/fd").iterdir())) <= was_open


def test_a_source_that_somebody_still_holds_stays_open(files: Path) -> None:
    source = gancam.VideoFile(files / "a.mp4")
    gancam.VideoCapture(source).read()
    assert len(list(gancam.VideoFile(files / "a.mp4"))) == 24  # nobody holds it but who iterates
    assert len(list(iter(source))) >= 20  # some were decoded ahead
    source.close()


@pytest.mark.skipif(sys.platform == "win32", reason="no RLIMIT_NOFILE")
def test_where_too_many_files_are_open_the_limit_is_blamed_not_the_file(files: Path) -> None:
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    held: list[gancam.VideoFile] = []
    free = os.dup(0)  # the lowest number there is
    os.close(free)
    resource.setrlimit(resource.RLIMIT_NOFILE, (free + 3, hard))
    try:
        with pytest.raises(SourceError, match=r"a\.mp4: cannot be opened, as more files are open than .*ulimit -n"):
            held.extend(gancam.VideoFile(files / "a.mp4") for _ in range(20))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    for one in held:
        one.close()


def test_threads_that_read_one_capture_share_its_frames(files: Path) -> None:
    def slowly(image: Image) -> Image:
        time.sleep(0.001)
        return image

    capture = gancam.VideoCapture(files / "a.mp4", effects=[slowly])
    with ThreadPoolExecutor(4) as pool:
        read = [image for images in pool.map(lambda _: list(capture), range(4)) for image in images]
    capture.release()
    assert sorted(map(np.ndarray.tobytes, read)) == sorted(
        map(np.ndarray.tobytes, gancam.VideoCapture(files / "a.mp4"))
    )


def test_a_capture_is_released_while_another_thread_reads_it(files: Path) -> None:
    for source in (str(files / "a.mp4"), "test"):
        capture = gancam.VideoCapture(source)
        with ThreadPoolExecutor(1) as pool:
            reading = pool.submit(lambda capture: sum(1 for _ in capture), capture)
            time.sleep(0.01)
            capture.release()
            assert reading.result(120) >= 0
        assert capture.read() == NOTHING


@pytest.mark.skipif(sys.platform == "win32", reason="no fork")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("source", ["a.mp4", "test"])
@pytest.mark.parametrize("released", [False, True])
def test_a_forked_process_leaves_what_its_parent_reads_alone(files: Path, source: str, released: bool) -> None:
    """FFmpeg would wait there for threads that are its parent's alone."""
    capture = gancam.VideoCapture(source if source == "test" else files / source)
    assert capture.read()[0]
    child = os.fork()
    if child == 0:
        if released:
            capture.release()
        del capture
        os._exit(0)
    until = time.monotonic() + 120
    while (ended := os.waitpid(child, os.WNOHANG)) == (0, 0) and time.monotonic() < until:
        time.sleep(0.01)
    if ended == (0, 0):
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    assert ended == (child, 0)
    assert capture.read()[0]
    capture.release()


def test_a_function_is_shown_the_videos_frames_alone(files: Path) -> None:
    shown: list[int] = []

    def remembers(image: Image) -> Image:
        shown.append(int(image.sum()))
        return np.repeat(image, 2, axis=1)

    with gancam.VideoCapture(files / "a.mp4") as plain:
        frames = [plain.read()[1] for _ in range(2)]
    with gancam.VideoCapture(files / "a.mp4", effects=[remembers]) as capture:
        assert frames[0] is not None
        width = 2 * frames[0].shape[1]
        assert [capture.get(what) for what in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_POS_FRAMES)] == [width, 0]
        for frame in frames:
            _, image = capture.read()
            assert image is not None
            assert frame is not None
            assert np.array_equal(image[:, ::2], frame)
        assert capture.get(cv2.CAP_PROP_POS_FRAMES) == 2
        assert shown == [int(frame.sum()) for frame in frames if frame is not None]
        assert capture.set(cv2.CAP_PROP_POS_FRAMES, 0)
        assert capture.get(cv2.CAP_PROP_FRAME_WIDTH) == width
        ok, image = capture.read()
        assert ok
        assert image is not None
        assert np.array_equal(image[:, ::2], frames[0])


def test_what_is_printed_says_file_size_and_rate(files: Path) -> None:
    path = make_clip(files / "said.mp4")
    with gancam.VideoFile(path) as source:
        assert repr(source) == f"<gancam.VideoFile {str(path)!r} 96x64, 30 fps, 24 frames>"
    with gancam.VideoCapture(path, effects=[lambda image: image]) as capture:
        assert repr(capture) == f"<gancam.VideoCapture {str(path)!r} 96x64, 30 fps through <lambda>>"
    assert repr(capture) == "<gancam.VideoCapture closed>"


def test_none_among_the_names_of_effects_is_no_effect(files: Path) -> None:
    with gancam.VideoCapture(files / "a.mp4", effects=["none"]) as bare, gancam.VideoCapture(files / "a.mp4") as plain:
        first, second = bare.read()[1], plain.read()[1]
    assert first is not None
    assert second is not None
    np.testing.assert_array_equal(first, second)
