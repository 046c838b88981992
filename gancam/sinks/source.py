"""The source itself into a video file, so that a live run can be made again offline."""

from dataclasses import replace
from pathlib import Path

from gancam.frame import Frame
from gancam.sinks.contract import SinkContext
from gancam.sinks.video import VideoWriter, check_output

FORM = "source:FILE"
QUALITY = 95.0


def open(target: str, context: SinkContext) -> "SourceWriter":
    """Open ``source:FILE``, at quality 95 unless another is asked for."""
    return SourceWriter(
        target,
        fps=context.fps,
        size=context.size if context.source_info is None else context.source_info.size,
        like=context.source_info,
        codec=context.codec,
        quality=QUALITY if context.quality is None else context.quality,
        overwrite=context.overwrite,
    )


def check(target: str, *, overwrite: bool) -> None:
    """Find what is wrong with ``source:FILE``."""
    check_output(Path(target), overwrite=overwrite)


class SourceWriter(VideoWriter):
    """A `VideoWriter` of the frames as they were before the effects, with the times they had."""

    wants_original = True

    def write(self, frame: Frame) -> None:
        super().write(frame if frame.original is None else replace(frame, image=frame.original))
