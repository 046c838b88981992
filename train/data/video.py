"""A video as pictures: some of its frames, evenly over its length."""

import math
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np

from gancam.media.orientation import Orientation
from train.data.images import Pixels

SUFFIXES = {".mp4", ".mkv", ".mov", ".avi", ".webm", ".m4v", ".mpg", ".mpeg", ".ts"}
FRAMES = 1000  # of a video, at most: neighbours show much the same


def frames(path: Path, *, most: int = FRAMES, memory: float = float("inf")) -> Iterator[tuple[str, Pixels]]:
    """Decode up to `most` frames, evenly chosen, with their names; fewer where they would take more `memory` (bytes).

    They are turned and mirrored as the video's display matrix says, as `gancam` plays them; by another angle than 90
    degrees they are not.

    Raises ``FileNotFoundError``, and ``ValueError`` for what is no video.
    """
    if not path.is_file():
        raise FileNotFoundError(f"no file {path}")
    try:
        with av.open(str(path)) as container:
            if not container.streams.video:
                raise ValueError(f"{path} has no video")
            stream = container.streams.video[0]
            stream.thread_type = "AUTO"
            rate = float(stream.average_rate or 25)
            length = float(stream.duration * stream.time_base) if stream.duration and stream.time_base else 0.0
            length = length or (container.duration or 0) / 1e6
            most = int(min(most, max(memory // max(stream.width * stream.height * 3, 1), 1)))
            step = max(math.ceil((stream.frames or length * rate) / most - 1e-9), 1)
            for index, frame in enumerate(container.decode(stream)):
                if index == 0:
                    orientation = Orientation.of_frame(frame) or Orientation()
                if index % step == 0 and index < step * most:
                    image = np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)
                    yield f"{index:06d}", orientation.apply(image)
    except av.error.FFmpegError as error:
        raise ValueError(f"{path} is no whole video: {error}") from error
