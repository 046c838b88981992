"""Sources that do not wait: cameras, streams, and files or patterns played at their own pace.

Each hides one reader thread that keeps only the newest picture, so a slow effect makes frames fewer, never older. A
source that stalls or dies gives a placeholder picture until it is back.
"""

import math
import os
import stat
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Protocol, Self, runtime_checkable

import av
import cv2
import numpy as np

from gancam import lettering
from gancam._native import environment, quiet_opencv
from gancam.errors import InputError, SourceError
from gancam.footage import cause, without_secrets
from gancam.frame import Frame, Image
from gancam.sources import Source, TestPattern, VideoFile

SIZE = (640, 360)  # what a camera is asked for, and the test pattern's size, unless told otherwise
PATIENCE = 0.8  # seconds without a picture before the placeholder
_MOST_PATIENCE = 3.0  # the same, for a source that takes nearly as long between any two
_REPEAT = 0.2  # seconds between placeholders, so that windows stay alive
_FIRST_WAIT = 15.0  # seconds for a source's first picture
_PAUSES = (
    0.25,
    1.5,
)  # seconds between attempts to reconnect: a twentieth of the outage so far, from the first to the second
_GIVE_UP_ON_CLOSE = 0.5  # seconds that close() waits for a reader that hangs
_BAD_IN_A_ROW = 60  # broken pictures before a connection counts as lost
# What FFmpeg is told for a stream. Nothing is kept back, and no rate is studied before the first picture. (Not fflags
# nobuffer: it throws away what was looked at first, and with it the key frame, so that nothing is seen until the next.)
# "analyzeduration" is how long it may look for the picture's size, in microseconds: broadcasts tell it with their key
# frames only, which FFmpeg itself sends every 10 seconds, while RTMP never says that it has told all.
_STREAM_OPTIONS = "flags;low_delay|fpsprobesize;0|rtsp_flags;prefer_tcp|allowed_media_types;video|analyzeduration;{}"
_BROADCASTS = ("udp", "rtp", "srt", "tcp")
_KEY_FRAME = 12.0  # seconds that a stream may take to its next key frame
_ANSWER = 5.0  # seconds that a server may take to answer
# OpenCV reads this when it first waits for a camera: how many seconds one that was unplugged may take (default 10).
_FOR_CAMERAS = {"OPENCV_VIDEOIO_V4L_SELECT_TIMEOUT": "2"}


@runtime_checkable
class Capture(Protocol):
    """The part of ``cv2.VideoCapture`` that is needed."""

    def isOpened(self) -> bool: ...  # noqa: N802

    def grab(self) -> bool: ...

    def retrieve(self) -> tuple[bool, Any]: ...

    def get(self, what: int, /) -> float: ...

    def release(self) -> None: ...


class _Read(NamedTuple):
    image: Image
    captured: float  # time.monotonic()
    time: float | None = None  # on the source's own clock, where it has one


class _Feed(Protocol):
    """A connection to pictures. All but `name` and `finite` are used by the reader thread alone."""

    name: str  # for messages: without credentials
    finite: bool  # whether an end is an end, not a loss

    @property
    def fps(self) -> float | None:
        """What the source promises; None where nothing to be believed is known."""

    def open(self) -> None:
        """Connect. Raises ``SourceError`` with the reason."""

    def read(self, stop: threading.Event) -> _Read | None:
        """The next picture; None at the end, or when the source is lost."""

    def close(self) -> None:
        """May be called several times, also when `open` failed."""


class Live:
    """A source that keeps the newest picture only. Made by `Camera`, `Stream`, `Opened` and `Paced`.

    ``Frame.time`` is seconds since the first picture's capture; what `Paced` plays keeps its own times, so that a file
    has the same ones live and offline. ``Frame.captured`` is the ``time.monotonic()`` of the capture. Indices count the
    frames that are given; ``dropped`` counts those that nobody came for in time.

    Without a picture for `patience` seconds (twice the time between the last two, up to 3 s, where that is longer) a
    placeholder is given, of the same size and with a text that says so, and again every 0.2 s; ``captured`` is None.
    Meanwhile the reader reconnects, with pauses of a twentieth of the outage so far (0.25 to 1.5 s), for ever or until
    `reconnect` attempts in a row have failed: then iterating raises ``SourceError``.

    All frames have the first one's size: where the source changes it in mid-play, pictures are scaled, and ``notes``
    says so (not for streams, which OpenCV itself scales without a word).

    ``close`` returns within half a second even where OpenCV's read hangs: the reader thread, a daemon, releases the
    capture and ends as soon as that read returns.

    Raises ``SourceError`` when no picture comes within 15 seconds.
    """

    def __init__(
        self, feed: _Feed, *, patience: float = PATIENCE, reconnect: int | None = None, measure: bool = False
    ) -> None:
        if not patience > 0:
            raise InputError(f"patience is {patience}: needs more than 0 seconds")
        if reconnect is not None and reconnect < 0:
            raise InputError(f"reconnect is {reconnect}: needs 0 or more attempts, or None for ever")
        self._feed, self._patience, self._reconnect = feed, patience, reconnect
        self._change = threading.Condition()  # guards all that reader and consumer share
        self._stop = threading.Event()
        self._newest: _Read | None = None
        self._over = False
        self._error: SourceError | None = None
        self._size: tuple[int, int] | None = None
        self._arrivals: list[float] = []  # of the first second
        self._attempts = 0  # to reconnect, in a row
        self._lost_at: float | None = None
        self._losses, self._lost_seconds = 0, 0.0
        self._resized = ""
        self._dropped = 0
        self._index, self._last, self._own_clock = 0, -math.inf, False
        self._told: list[str] = []
        self._thread = threading.Thread(target=self._read_all, name="gancam-live", daemon=True)
        self._thread.start()
        try:
            self._fps = self._settle(measure)
        except BaseException:
            self.close()
            raise

    def _settle(self, measure: bool) -> float:
        """Wait for the first picture and find out the rate."""
        with self._change:
            known = self._change.wait_for(lambda: self._size is not None or self._over, _FIRST_WAIT)
            if self._error is not None:
                raise self._error
            if not known or self._size is None:
                raise SourceError(f"{self._feed.name}: no picture came" + (f" in {_FIRST_WAIT:g} s" * (not known)))
            promised = self._feed.fps
            if promised is not None and not measure:
                return promised
            self._change.wait_for(lambda: self._over or len(self._arrivals) > 60, 1.2)
            moments = self._arrivals[3:] if len(self._arrivals) > 8 else self._arrivals  # the first come in a burst
        span = moments[-1] - moments[0]
        fps = (len(moments) - 1) / span if span > 0 else promised or 25.0
        fps = min(max(fps, 1.0), 1000.0)
        said = f", {promised:.3g} promised" if promised is not None else ""
        self._told.append(f"{self._feed.name}: {self.size[0]}x{self.size[1]}, {fps:.3g} fps measured{said}")
        return fps

    @property
    def name(self) -> str:
        """What it is, for people: without user name, password and query."""
        return self._feed.name

    @property
    def fps(self) -> float:
        return self._fps

    @property
    def size(self) -> tuple[int, int]:
        assert self._size is not None
        return self._size

    @property
    def frames(self) -> int | None:
        return None

    @property
    def dropped(self) -> int:
        """Pictures that were captured, but replaced by a newer one before anybody asked."""
        return self._dropped

    @property
    def notes(self) -> list[str]:
        told = [*self._told, self._resized] if self._resized else list(self._told)
        if self._losses:
            times = "once" if self._losses == 1 else f"{self._losses} times"
            told.append(f"{self._feed.name}: lost {times}, {self._lost_seconds:.1f} s without a picture")
        return told

    def __iter__(self) -> Iterator[Frame]:
        wait, before = self._patience, math.inf
        while True:
            with self._change:
                self._change.wait_for(lambda: self._newest is not None or self._over, wait)
                newest, self._newest = self._newest, None
                if newest is None and self._over:
                    if self._error is not None and not self._stop.is_set():
                        raise self._error
                    return
            if newest is not None:
                wait = max(self._patience, min(2 * (newest.captured - before), _MOST_PATIENCE))
                before = newest.captured
                self._own_clock = newest.time is not None
                moment = newest.captured - self._arrivals[0] if newest.time is None else newest.time
                yield self._frame(newest.image, moment, newest.captured)
            else:
                wait = _REPEAT
                # a file's clock stands still meanwhile, so that the next picture has its own time again
                moment = self._last if self._own_clock else time.monotonic() - self._arrivals[0]
                yield self._frame(self._placeholder(), moment, None)

    def _frame(self, image: Image, moment: float, captured: float | None) -> Frame:
        self._last = max(moment, self._last + 1e-6)
        self._index += 1
        return Frame(image, self._index - 1, self._last, captured=captured)

    def _placeholder(self) -> Image:
        width, height = self.size
        image = np.full((height, width, 3), 40, np.uint8)
        with self._change:
            lost_at, attempts = self._lost_at, self._attempts
        lines = ["no picture", self._feed.name[-48:]]
        if lost_at is not None:
            lines.append(f"reconnecting, attempt {attempts}" if attempts else "reconnecting")
        lettering.write(image, lines, "middle", height=max(height // 16, 8), ground=0.5)
        return image

    def close(self) -> None:
        """May be called at any time and more than once."""
        self._stop.set()
        with self._change:
            self._over = True
            self._newest = None
            self._change.notify_all()
        if self._thread is not threading.current_thread():
            self._thread.join(_GIVE_UP_ON_CLOSE)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # The hidden thread, from here on.

    def _read_all(self) -> None:
        error: SourceError | None = None
        try:
            error = self._keep_connected()
        except Exception as unexpected:  # raised where the frames are asked for
            error = SourceError(f"{self._feed.name}: {cause(unexpected)}")
            error.__cause__ = unexpected
        with self._change:
            self._over, self._error = True, error
            self._change.notify_all()

    def _keep_connected(self) -> SourceError | None:
        """Connect and read until closed, ended, or given up; why it was given up."""
        while not self._stop.is_set():
            lost = "no picture came" if self._size is None else "the connection was lost"
            error = SourceError(f"{self._feed.name}: {lost}")
            try:
                self._feed.open()
                came = self._read_connected()
            except SourceError as reason:
                error, came = reason, False
            finally:
                self._feed.close()
            if self._stop.is_set():
                break
            if self._feed.finite or self._size is None:
                return error if self._size is None else None
            with self._change:
                if came or self._lost_at is None:
                    self._attempts = 0
                    self._losses += 1
                    self._lost_at = time.monotonic()
                outage = time.monotonic() - self._lost_at
                if self._reconnect is not None and self._attempts >= self._reconnect:
                    return error
                self._attempts += 1
            self._stop.wait(min(max(outage / 20, _PAUSES[0]), _PAUSES[1]))
        return None

    def _read_connected(self) -> bool:
        """Read until the connection is lost; whether any picture came."""
        came = False
        while not self._stop.is_set():
            read = self._feed.read(self._stop)
            if read is None:
                break
            image, captured = read.image, read.captured
            size = image.shape[1], image.shape[0]
            if self._size is not None and size != self._size:
                self._resized = (
                    f"{self._feed.name}: pictures of {size[0]}x{size[1]} are scaled to {self._size[0]}x{self._size[1]}"
                )
                image = np.asarray(cv2.resize(image, self._size, interpolation=cv2.INTER_AREA), np.uint8)
            with self._change:
                if self._over:
                    break
                if self._newest is not None:
                    self._dropped += 1
                self._newest = _Read(image, captured, read.time)
                if len(self._arrivals) <= 60:
                    self._arrivals.append(captured)
                self._size = self._size or size
                if self._lost_at is not None:
                    self._lost_seconds += time.monotonic() - self._lost_at
                    self._lost_at = None
                came = True
                self._change.notify_all()
        return came


class Camera(Live):
    """A camera by its index (0, 1, ...) or device path (``/dev/video0``, ``/dev/v4l/by-id/...``).

    Asks for Motion-JPEG, without which most cameras give 5 frames a second at high resolutions, for `size`
    ``(width, height)`` and for `fps`, takes what the camera then gives, and measures the rate for a second: ``fps`` is
    the measured one, and ``notes`` has both.

    Raises ``SourceError`` for a camera that is not there, busy or silent; the rest is as in `Live`.
    """

    def __init__(
        self,
        device: int | str | os.PathLike[str] = 0,
        *,
        size: tuple[int, int] = SIZE,
        fps: float = 30.0,
        patience: float = PATIENCE,
        reconnect: int | None = None,
    ) -> None:
        device = device if isinstance(device, int) else os.fspath(device)
        name = f"camera {device}"

        def connect(longer: int) -> Capture:
            _look_for_camera(device, name)
            system = {"linux": cv2.CAP_V4L2, "win32": cv2.CAP_DSHOW}.get(sys.platform, cv2.CAP_ANY)
            with quiet_opencv(), environment(_FOR_CAMERAS):
                capture = cv2.VideoCapture(device, system)
                if capture.isOpened():
                    capture.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*"MJPG"))
                    capture.set(cv2.CAP_PROP_FRAME_WIDTH, size[0])
                    capture.set(cv2.CAP_PROP_FRAME_HEIGHT, size[1])
                    capture.set(cv2.CAP_PROP_FPS, fps)
                    capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)
                    return capture
            raise SourceError(f"{name}: cannot be opened: in use by another program, or no camera")

        silent = "gives no picture: in use by another program, or unplugged"
        feed = _Captured(name, connect, silent=silent, first_read=_FOR_CAMERAS)
        super().__init__(feed, patience=patience, reconnect=reconnect, measure=True)


class Stream(Live):
    """Whatever OpenCV's FFmpeg opens by URL: rtsp, rtmp, http, udp and their kin.

    User name, password and query of `url` are never in a message. A server that hangs up counts as lost at once, one
    that is silent after ``2 * patience`` seconds (at least 2), or, where it never gave a picture, after up to four
    times that: some wait long for a key frame. Everything else is as in `Live`.
    """

    def __init__(self, url: str, *, patience: float = PATIENCE, reconnect: int | None = None) -> None:
        name = without_secrets(url)
        scheme = url.partition("://")[0].lower()
        answer = _KEY_FRAME if scheme in _BROADCASTS else _ANSWER
        options = _STREAM_OPTIONS.format(500_000 if scheme.startswith("rtmp") else round(answer * 1e6))
        told = {"OPENCV_FFMPEG_CAPTURE_OPTIONS": options, "OPENCV_FFMPEG_LOGLEVEL": "-8"}  # AV_LOG_QUIET

        def connect(longer: int) -> Capture:
            silence = longer * max(2 * patience, 2.0)
            parameters = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, round(answer * 1000)]
            parameters += [cv2.CAP_PROP_READ_TIMEOUT_MSEC, round(silence * 1000)]
            parameters += [cv2.CAP_PROP_N_THREADS, 1]  # more would hold back one frame each
            began = time.monotonic()
            with quiet_opencv(), environment(told):
                capture = cv2.VideoCapture(url, cv2.CAP_FFMPEG, parameters)
            if not capture.isOpened():
                silent = time.monotonic() - began > answer - 0.5
                raise SourceError(f"{name}: {f'no answer in {answer:g} s' if silent else _why_not(url)}")
            return capture

        super().__init__(_Captured(name, connect, longest=4), patience=patience, reconnect=reconnect)


class Opened(Live):
    """A ``cv2.VideoCapture`` that is already open, or anything with its methods; closing releases it.

    When it fails it ends: only who opened it could open it again. A file is played at its own pace.
    """

    def __init__(self, capture: Capture, *, patience: float = PATIENCE) -> None:
        def connect(longer: int) -> Capture:
            if not capture.isOpened():
                raise SourceError("the given capture is not open")
            return capture

        paced = capture.get(cv2.CAP_PROP_FRAME_COUNT) > 0
        super().__init__(_Captured("the given capture", connect, finite=True, paced=paced), patience=patience)


class Paced(Live):
    """Any source at its own pace and with its own times, as if it were live: a file, the test pattern. Closes it."""

    def __init__(self, source: Source, *, name: str = "", patience: float = PATIENCE) -> None:
        super().__init__(_Played(source, name or type(source).__name__), patience=patience)


def open_live(
    source: int | str | os.PathLike[str] | Capture | Source,
    *,
    size: tuple[int, int] = SIZE,
    patience: float = PATIENCE,
    reconnect: int | None = None,
) -> Live:
    """The live source that `source` means.

    An index or a device path: `Camera`; a URL: `Stream`; the path of a video file: that at its own pace; ``"test"``:
    the test pattern without end; a ``cv2.VideoCapture``: `Opened`; any other source: at its own pace. `size` is asked
    of cameras and given to the test pattern. Raises ``NotFound`` and ``SourceError``.
    """
    if isinstance(source, Live):
        return source
    if isinstance(source, str | os.PathLike):
        text = os.fspath(source)
        if text == "test":
            return Paced(TestPattern(size, frames=None), name="test pattern", patience=patience)
        if "://" in text:
            return Stream(text, patience=patience, reconnect=reconnect)
        if text.isascii() and text.isdigit():
            source = int(text)
        elif not _is_device(text):
            return Paced(VideoFile(text), name=Path(text).name, patience=patience)
    if isinstance(source, int | str | os.PathLike):
        return Camera(source, size=size, patience=patience, reconnect=reconnect)
    if isinstance(source, Capture):
        return Opened(source, patience=patience)
    return Paced(source, patience=patience)


class _Captured:
    """Pictures of a ``cv2.VideoCapture``, made by ``connect(longer)``.

    `longer` is 1; where no picture comes it is doubled, up to `longest`, for one that waits that many times as long.
    `first_read` are environment variables for OpenCV, until the first picture came.
    """

    def __init__(
        self,
        name: str,
        connect: Callable[[int], Capture],
        *,
        finite: bool = False,
        paced: bool = False,
        longest: int = 1,
        silent: str = "gives no picture",
        first_read: Mapping[str, str] | None = None,
    ) -> None:
        self.name, self.finite = name, finite
        self.fps: float | None = None
        self._connect, self._paced, self._longest, self._silent = connect, paced, longest, silent
        self._first_read = first_read or {}
        self._capture: Capture | None = None
        self._came, self._began = 0, 0.0

    def open(self, longer: int = 1) -> None:
        self._longer = longer
        self._capture = self._connect(longer)
        rate = self._capture.get(cv2.CAP_PROP_FPS)
        self.fps = rate if 1 <= rate <= 240 else None
        self._came = 0

    def read(self, stop: threading.Event) -> _Read | None:
        read = self._next(stop)
        while read is None and not self._came and not stop.is_set():
            if self._longer >= self._longest:
                raise SourceError(f"{self.name}: {self._silent}")
            self.close()
            self.open(self._longer * 2)
            read = self._next(stop)
        if read is None:
            return None
        if self._paced:
            self._began = self._began or read.captured
            stop.wait(max(self._began + self._came / (self.fps or 25.0) - time.monotonic(), 0))
            read = _Read(read.image, time.monotonic())
        self._came += 1
        return read

    def _next(self, stop: threading.Event) -> _Read | None:
        """The next picture that is one; None when none comes, or when stopped."""
        assert self._capture is not None
        for _ in range(_BAD_IN_A_ROW):
            try:
                with quiet_opencv(), environment({} if self._came else self._first_read):
                    if not self._capture.grab():
                        return None
                    moment = time.monotonic()
                    ok, image = self._capture.retrieve()
            except cv2.error:
                return None
            if stop.is_set():
                return None
            picture = _as_image(image) if ok else None
            if picture is not None:
                return _Read(picture, moment)
            stop.wait(0.01)
        return None

    def close(self) -> None:
        if self._capture is not None:
            self._capture.release()
            self._capture = None


class _Played:
    """The frames of a source, each when its time has come."""

    finite = True

    def __init__(self, source: Source, name: str) -> None:
        self.name = name
        self.fps: float | None = source.fps
        self._source = source
        self._frames: Iterator[Frame] = iter(())
        self._began: float | None = None

    def open(self) -> None:
        self._frames = iter(self._source)

    def read(self, stop: threading.Event) -> _Read | None:
        frame = next(self._frames, None)
        if frame is None:
            return None
        if self._began is None:
            self._began = time.monotonic() - frame.time
        stop.wait(max(self._began + frame.time - time.monotonic(), 0))
        return _Read(frame.image, time.monotonic(), frame.time)

    def close(self) -> None:
        self._source.close()


def _as_image(image: Any) -> Image | None:
    """What a capture gave as an Image; None for what is no picture."""
    if not isinstance(image, np.ndarray) or image.size == 0 or image.dtype != np.uint8:
        return None
    if image.ndim == 2 or (image.ndim == 3 and image.shape[2] == 1):
        return np.asarray(cv2.cvtColor(image, cv2.COLOR_GRAY2BGR), np.uint8)
    if image.ndim == 3 and image.shape[2] == 4:
        return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGRA2BGR), np.uint8)
    return np.ascontiguousarray(image) if image.ndim == 3 and image.shape[2] == 3 else None


def _is_device(path: str) -> bool:
    if path.startswith("/dev/"):
        return True
    with suppress(OSError, ValueError):
        return stat.S_ISCHR(os.stat(path).st_mode)
    return False


def _look_for_camera(device: int | str, name: str) -> None:
    """What can be said about a camera before OpenCV is asked, on Linux."""
    if not sys.platform.startswith("linux"):
        return
    path = Path(f"/dev/video{device}" if isinstance(device, int) else device)
    if not path.exists():
        others = sorted(str(other) for other in Path("/dev").glob("video*"))
        there = f"there are {', '.join(others)}" if others else "no camera is connected"
        raise SourceError(f"{name}: there is no {path}; {there} (`gancam live test` plays a test pattern)")
    if not os.access(path, os.R_OK | os.W_OK):
        raise SourceError(f"{name}: no permission for {path}; add yourself to the group video and log in again")


def _why_not(url: str) -> str:
    """Why `url` cannot be opened: OpenCV does not tell, PyAV does."""
    try:
        av.open(url, timeout=(3.0, 2.0)).close()
    except (av.FFmpegError, OSError, ValueError) as error:
        if isinstance(error, av.error.HTTPUnauthorizedError | av.error.HTTPForbiddenError):
            return "refused: it wants a user name and password, or these are wrong"
        return f"cannot be opened ({cause(error).replace(url, without_secrets(url))})"
    return "cannot be opened by OpenCV"


__all__ = ["Camera", "Capture", "Live", "Opened", "Paced", "Stream", "open_live"]
