"""The source itself into a video file, so that a live run can be made again offline."""

from dataclasses import replace
from pathlib import Path

from gancam.frame import Frame
from gancam.media.live_sound import heard
from gancam.sinks._settings import VideoOptions
from gancam.sinks.contract import SinkContext
from gancam.sinks.video import VideoWriter, check_output

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


class SourceWriter(VideoWriter):
    """Writes the frames as they were before the effects, with the times they had; its size is that before them, too."""

    wants_original = True

    def write(self, frame: Frame) -> None:
        """Hand over what `frame` was before the effects."""
        super().write(frame if frame.original is None else replace(frame, image=frame.original))
