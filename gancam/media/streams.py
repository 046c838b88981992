"""Which stream of a file is its picture."""

import av
from av.stream import Disposition


def is_cover(stream: "av.stream.Stream") -> bool:
    """Whether `stream` is a picture that goes with the file, as the sleeve of a record."""
    return bool(stream.type == "video" and stream.disposition & Disposition.attached_pic)


def picture_of(container: av.container.InputContainer) -> av.VideoStream | None:
    """Find the video that a file is for: the first that is neither a cover nor, where others move, a still.

    An animated AVIF has its first frame a second time, as a stream before that of all.
    """
    videos = [stream for stream in container.streams.video if not is_cover(stream)]
    if videos and videos[0].frames == 1:
        return next((stream for stream in videos if stream.frames > 1), videos[0])
    return videos[0] if videos else None
