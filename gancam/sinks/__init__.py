"""Where frames go. One file a sink; `open_sink` finds the one that a name means."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from gancam.control import Controls
from gancam.errors import SinkError
from gancam.media.info import VideoInfo
from gancam.sinks.contract import Sink

__all__ = ["Sink", "check_target", "open_sink"]


def open_sink(
    target: str | os.PathLike[str],
    *,
    fps: float,
    size: tuple[int, int],
    source_info: VideoInfo | None = None,
    audio_from: str | os.PathLike[str] | None = None,
    codec: str | None = None,
    quality: float | None = None,
    overwrite: bool = False,
    controls: Controls | None = None,
    dropped: Callable[[], int] | None = None,
    playing: Callable[[], str] | None = None,
    pad: tuple[str, Any] | None = None,
) -> Sink:
    """The sink that `target` names:

    ``window``                                  a window
    ``virtualcam``, ``virtualcam:DEVICE``       a virtual camera
    ``mjpeg:PORT``, ``mjpeg:HOST:PORT``         Motion-JPEG over HTTP
    a URL: udp, tcp, srt, rtp, rtmp, rtsp       live video to there
    a path ending in .mp4, .mkv, .ts ...        a video file
    ``source:PATH``                             a video file of the frames before the effects, at quality 95

    The keywords are those of ``gancam.sinks.video.VideoWriter`` and ``gancam.sinks.window.Window``. Raises
    ``SinkError`` for a name that means nothing, and what the sinks raise.
    """
    if "://" in os.fspath(target):
        from gancam.sinks import stream

        return stream.StreamWriter(os.fspath(target), fps=fps, size=size, quality=quality, source_info=source_info)
    word, _, rest = os.fspath(target).partition(":")
    if os.fspath(target) == "window":
        from gancam.sinks import window

        return window.Window(controls=controls, dropped=dropped, playing=playing, fps=fps, pad=pad)
    if word == "mjpeg":
        from gancam.sinks import mjpeg

        host, port = _address(target, rest)
        return mjpeg.MjpegServer(port, host=host)
    if word == "virtualcam":
        from gancam.sinks import virtualcam

        return virtualcam.VirtualCamera(fps=fps, size=size, device=rest or None)
    if word == "source":
        from gancam.sinks import source
        from gancam.sinks.video import VideoOptions

        size = size if source_info is None else source_info.size
        quality = 95 if quality is None else quality
        options = VideoOptions(
            fps=fps, size=size, source_info=source_info, codec=codec, quality=quality, overwrite=overwrite
        )
        return source.SourceWriter(rest, options)
    from gancam.sinks import video  # a sink's own libraries are loaded when it is asked for

    if Path(target).suffix.lower() in video.CONTAINERS:
        return video.VideoWriter(
            target,
            fps=fps,
            size=size,
            source_info=source_info,
            audio_from=audio_from,
            codec=codec,
            quality=quality,
            overwrite=overwrite,
        )
    raise _unknown(target)


def check_target(target: str, *, overwrite: bool = False) -> None:
    """Find what is wrong with the name `target` before there is a size to open it with. Raises as `open_sink`."""
    word, _, rest = target.partition(":")
    if "://" in target or target == "window" or word == "virtualcam":
        return
    if word == "mjpeg":
        _address(target, rest)
        return
    from gancam.sinks import video

    path = Path(rest if word == "source" else target)
    if word != "source" and path.suffix.lower() not in video.CONTAINERS:
        raise _unknown(target)
    video.check_output(path, overwrite=overwrite)


def _address(target: str | os.PathLike[str], text: str) -> tuple[str, int]:
    """Host and port of what comes after ``mjpeg:``."""
    host, _, port = text.rpartition(":")
    if not (port.isascii() and port.isdigit()) and text:
        raise SinkError(f"{os.fspath(target)}: needs mjpeg:PORT or mjpeg:HOST:PORT, as in mjpeg:8080")
    return host or "127.0.0.1", int(port or 8080)


def _unknown(target: str | os.PathLike[str]) -> SinkError:
    from gancam.sinks import video

    known = f"window, virtualcam, mjpeg:8080, URLs, source:FILE and files ending in {', '.join(video.CONTAINERS)}"
    return SinkError(f"{os.fspath(target)}: no such output; there are {known}")
