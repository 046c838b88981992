"""The live source that a word of the command line means."""

import os
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

from gancam.errors import InputError, shown
from gancam.frame import check_size
from gancam.media.animated import is_animated
from gancam.media.paths import SequencePath, classify
from gancam.sources.camera import Camera, Capture, camera_called, is_device
from gancam.sources.contract import Source
from gancam.sources.decoders import Deinterlace
from gancam.sources.images import AnimatedImage, ImageFiles
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
    deinterlace: Deinterlace = False,
    square: bool = True,
) -> LiveSource:
    """Open the live source that `source` means.

    Args:
        source: An index, a device path, or on Linux a part of a camera's name: `Camera`; a URL: `Stream`; the path of a
            video file, or the name of numbered images (``frame-%06d.png``): that at its own pace; ``"test"``: the test
            pattern without end; a ``cv2.VideoCapture``: `CaptureSource`; any other source: at its own pace.
        size: ``(width, height)`` that cameras are asked for, and of the test pattern.
        patience: Seconds without a picture before a placeholder.
        reconnect: Attempts in a row after which it gives up; None for no limit.
        loop: Whether a video file begins again at its end.
        listen: Whether a stream's own sound comes along.
        deinterlace: Whether whole pictures are made of the fields of an interlaced video file; ``bob``: one of each
            field.
        square: Whether pictures of a file or stream whose pixels are not square are scaled, so that they are, which
            ``notes`` tells; else they come as they are, and ``LiveSource.aspect`` says what pixels they have.

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
            return Stream(text, patience=patience, reconnect=reconnect, listen=listen, square=square)
        if text.isascii() and text.isdigit():
            source = int(text)
        elif not is_device(text) and not Path(text).exists() and (named := camera_called(text)) is not None:
            source = named
        elif not is_device(text):
            film = open_film(text, deinterlace=deinterlace)
            if isinstance(film, VideoFile):
                film.look_for_fields()
            again = (lambda: open_film(text, deinterlace=deinterlace)) if loop else None
            return _realtime(film, Path(text).name, patience, again, square=square)
    if isinstance(source, int | str | os.PathLike) and not isinstance(source, bool):
        return Camera(source, size=size, patience=patience, reconnect=reconnect)
    if isinstance(source, Capture):
        return CaptureSource(source, patience=patience)
    if not isinstance(source, Source):
        raise InputError(
            f"source {shown(source)}: needs a camera's index or name, a URL, a video file, test or a source"
        )
    return _realtime(source, "", patience, None, square=square)


def _realtime(
    source: Source, name: str, patience: float, again: Callable[[], Source] | None, *, square: bool
) -> RealtimeSource:
    """Play `source` at its own pace, and say of it what outputs and the user should know."""
    if not isinstance(source, VideoFile | ImageFiles | AnimatedImage):
        return RealtimeSource(source, name=name, patience=patience, again=again)
    info = source.info
    scaled = info.aspect if square else Fraction(1)
    live = RealtimeSource(source, name=name, patience=patience, again=again, aspect=scaled)
    live.origin, live.aspect = info.origin, info.aspect / scaled
    live.fields = info.fields if scaled >= 1 else ""  # else a row is none of either field any more
    if info.alpha:
        live.tell(f"{source.path.name}: its transparency is left out, which gancam process keeps where a file holds it")
    live.tell_squared(scaled)
    return live


def open_film(
    path: str | os.PathLike[str],
    *,
    deinterlace: Deinterlace = False,
    start: Fraction | None = None,
    end: Fraction | None = None,
) -> VideoFile | AnimatedImage | ImageFiles:
    """Open a video file, in SDR, an animated picture, or numbered images; the arguments are those of a `VideoFile`.

    Raises:
        InputError: For a range without a frame, and for no `deinterlace`.
        NotFound: For the path of no file.
        SourceError: For what cannot be read.
    """
    if isinstance(classify(path), SequencePath):
        return ImageFiles(path, start=start, end=end)
    if Path(path).suffix.lower() == ".webp" and is_animated(Path(path)):
        return AnimatedImage(path, start=start, end=end)
    video = VideoFile(path, deinterlace=deinterlace, start=start, end=end)
    video.tone_map()
    return video
