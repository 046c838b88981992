"""The source itself into a video file, so that a live run can be made again offline."""

import os
from dataclasses import replace
from pathlib import Path

from gancam.frame import Frame
from gancam.media.live_sound import heard
from gancam.sinks._encoder import EncodedSink
from gancam.sinks._settings import VideoOptions
from gancam.sinks.contract import SinkContext
from gancam.sinks.video import check_output, output_of

FORM = "source:FILE"
_QUALITY = 95.0


def open(target: str, context: SinkContext) -> "SourceWriter":
    """Open ``source:FILE``, at quality 95 unless another is asked for."""
    with heard(context.sound if context.audio_from is None else None) as tap:
        options = VideoOptions.of(context, tap)
        size = options.size if context.source_info is None else context.source_info.size
        quality = _QUALITY if context.quality is None else context.quality
        return SourceWriter(target, replace(options, size=size, quality=quality))


def check(target: str, *, overwrite: bool) -> None:
    """Find what would keep ``source:FILE`` from being opened; raises as ``VideoWriter`` does."""
    check_output(Path(target), overwrite=overwrite)


class SourceWriter(EncodedSink):
    """Writes the frames as they were before the effects, with the times they had, to a video file.

    Args:
        path: The file, as that of a ``VideoWriter``.
        options: As those of a ``VideoWriter``; the size is that before the effects.

    Raises:
        GancamError: As a ``VideoWriter``.
    """

    wants_original = True

    def __init__(self, path: str | os.PathLike[str], options: VideoOptions) -> None:
        super().__init__(*output_of(Path(path), options))

    def write(self, frame: Frame) -> None:
        """Hand over what `frame` was before the effects."""
        super().write(frame if frame.original is None else replace(frame, image=frame.original))
