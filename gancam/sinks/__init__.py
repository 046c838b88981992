"""Where frames go. One file a sink; `open_sink` finds the one that a name means."""

import os
import shlex
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from types import ModuleType

from gancam.errors import InputError, SinkError, shown
from gancam.files import check_path
from gancam.media.paths import IMAGES, OTHER_VIDEOS, SequencePath
from gancam.sinks.contract import Sink, SinkContext

__all__ = ["Sink", "SinkContext", "check_target", "open_sink", "sink_word"]

_STDOUT = (
    "live video goes to other programs as mjpeg:8080 (they read http://127.0.0.1:8080/stream.mjpg) or "
    "udp://127.0.0.1:5000; gancam process writes files to stdout"
)


def open_sink(target: str | os.PathLike[str], context: SinkContext) -> Sink:
    """Open the sink that `target` names.

    ``window``                                  a window
    ``virtualcam``, ``virtualcam:DEVICE``       a virtual camera
    ``mjpeg:PORT``, ``mjpeg:HOST:PORT``         Motion-JPEG over HTTP
    a URL: udp, tcp, srt, rtp, rtmp, rtsp       live video to there
    a path ending in .mp4, .mkv, .ts ...        a video file
    ``source:PATH``                             a video file of the frames before the effects, at quality 95

    A word is the name of a file in this folder that has a `FORM` (how to write it, for messages),
    ``open(rest, context)`` and ``check(rest, overwrite=...)``, where `rest` is what comes after the word and its colon:
    a sink is added by adding such a file.

    Raises:
        InputError: For a target that is neither a text nor a path, and for a context that is none.
        SinkError: For a name that means nothing.
        GancamError: What the sink raises.
    """
    check_path(target, "target")
    if not isinstance(context, SinkContext):
        raise InputError(f"context {shown(context)}: needs a gancam.SinkContext(fps=..., size=(width, height))")
    module, rest = _resolved(os.fspath(target))
    sink: Sink = module.open(rest, context)
    return sink


def check_target(target: str, *, overwrite: bool = False) -> None:
    """Find what is wrong with the name `target` before there is a size to open it with. Raises as `open_sink`."""
    module, rest = _resolved(target)
    module.check(rest, overwrite=overwrite)


def sink_word(target: str) -> str | None:
    """Give the word that `target` begins with, or is, where that names a sink; None for paths and URLs."""
    word = target.partition(":")[0]
    return word if word in _modules() and "FORM" in vars(import_module(f"{__name__}.{word}")) else None


def _resolved(target: str) -> tuple[ModuleType, str]:
    """The module that opens `target`, and what it is given of it."""
    if "://" in target:
        return import_module(f"{__name__}.stream"), target
    word = sink_word(target)
    if word is not None:
        return import_module(f"{__name__}.{word}"), target[len(word) + 1 :]
    from gancam.sinks import video  # a sink's own libraries are loaded when it is asked for

    if Path(target).suffix.lower() in (*video.CONTAINERS, *video.ANIMATIONS, *OTHER_VIDEOS):
        return video, target
    if target == "-":
        raise SinkError(f"-: {_STDOUT}")
    if Path(target).suffix.lower() in IMAGES:
        images = shlex.quote(target if SequencePath.of(target) else "out-%06d.png")
        cure = f"record out.mp4, and gancam process out.mp4 {images} makes an image of each frame"
        raise SinkError(f"{target}: gancam live does not record images: {cure}; the key p in the window saves one")
    named = [vars(import_module(f"{__name__}.{name}")).get("FORM") for name in _modules()]
    words = sorted(form for form in named if form is not None)
    known = f"{', '.join(words)}, URLs and files ending in {', '.join((*video.CONTAINERS, *video.ANIMATIONS))}"
    raise SinkError(f"{target}: no such output; there are {known}")


def _modules() -> list[str]:
    return [module.name for module in iter_modules(__path__) if not module.name.startswith("_")]
