"""The live source that a word of the command line means."""

import os
from pathlib import Path

from gancam.errors import InputError, shown
from gancam.frame import check_size
from gancam.media.animated import is_animated
from gancam.sources.camera import Camera, Capture, camera_called, is_device
from gancam.sources.contract import Source
from gancam.sources.images import AnimatedImage
from gancam.sources.live import PATIENCE, SIZE, LiveSource
from gancam.sources.pattern import TestPattern
from gancam.sources.realtime import CaptureSource, RealtimeSource
from gancam.sources.stream import Stream
from gancam.sources.video import VideoFile


def open_live(
    source: int | str | os.PathLike[str] | Capture | Source,
    *,
    size: tuple[int, int] = SIZE,
    patience: float = PATIENCE,
    reconnect: int | None = None,
    loop: bool = False,
    listen: bool = False,
) -> LiveSource:
    """Open the live source that `source` means.

    Args:
        source: An index, a device path, or on Linux a part of a camera's name: `Camera`; a URL: `Stream`; the path of a
            video file: that at its own pace; ``"test"``: the test pattern without end; a ``cv2.VideoCapture``:
            `CaptureSource`; any other source: at its own pace.
        size: ``(width, height)`` that cameras are asked for, and of the test pattern.
        patience: Seconds without a picture before a placeholder.
        reconnect: Attempts in a row after which it gives up; None for no limit.
        loop: Whether a video file begins again at its end.
        listen: Whether a stream's own sound comes along.

    Raises:
        InputError: For what is no source, or no size.
        NotFound: For the path of no file.
        SourceError: For what cannot be opened or gives no picture.
    """
    size = check_size(size)
    if isinstance(source, LiveSource):
        return source
    if isinstance(source, str | os.PathLike):
        text = os.fspath(source)
        if text == "test":
            return RealtimeSource(TestPattern(size, frames=None), name="test pattern", patience=patience)
        if "://" in text:
            return Stream(text, patience=patience, reconnect=reconnect, listen=listen)
        if text.isascii() and text.isdigit():
            source = int(text)
        elif not is_device(text) and not Path(text).exists() and (named := camera_called(text)) is not None:
            source = named
        elif not is_device(text):
            again = (lambda: _film(text)) if loop else None
            file = _film(text)
            live = RealtimeSource(file, name=Path(text).name, patience=patience, again=again)
            live.origin = file.footage.origin
            return live
    if isinstance(source, int | str | os.PathLike) and not isinstance(source, bool):
        return Camera(source, size=size, patience=patience, reconnect=reconnect)
    if isinstance(source, Capture):
        return CaptureSource(source, patience=patience)
    if not isinstance(source, Source):
        raise InputError(
            f"source {shown(source)}: needs a camera's index or name, a URL, a video file, test or a source"
        )
    return RealtimeSource(source, patience=patience)


def _film(path: str) -> VideoFile | AnimatedImage:
    """Open a video file, in SDR, or an animated WebP."""
    if Path(path).suffix.lower() == ".webp" and is_animated(Path(path)):
        return AnimatedImage(path)
    video = VideoFile(path)
    video.tone_map()
    return video
