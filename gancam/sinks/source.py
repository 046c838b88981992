"""The source itself into a video file, so that a live run can be made again offline."""

from dataclasses import replace

from gancam.frame import Frame
from gancam.sinks.video import VideoWriter


class SourceWriter(VideoWriter):
    """A `VideoWriter` of the frames as they were before the effects, with the times they had."""

    wants_original = True

    def write(self, frame: Frame) -> None:
        super().write(frame if frame.original is None else replace(frame, image=frame.original))
