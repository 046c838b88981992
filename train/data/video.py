"""A video as pictures: some of its frames, evenly over its length."""

import math
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np

from gancam.media.played import Played
from gancam.media.streams import picture_of
from train.data.images import Pixels

SUFFIXES = {".mp4", ".mkv", ".mov", ".avi", ".webm", ".m4v", ".mpg", ".mpeg", ".ts"}
FRAMES = 1000  # of a video, at most: neighbours show much the same


def frames(path: Path, *, most: int = FRAMES, memory: float = float("inf")) -> Iterator[tuple[str, Pixels]]:
    """Decode up to `most` frames, evenly chosen, with their names; fewer where they would take more `memory` (bytes).

    They are those that `gancam` plays: turned and mirrored as the video's display matrix says (by another angle than 90
    degrees they are not), in the colours that it is in, and made SDR where it is HDR of more than 8 bits.

    Raises ``FileNotFoundError``, and ``ValueError`` for what is no video.
    """
    if not path.is_file():
        raise FileNotFoundError(f"no file {path}")
    try:
        with av.open(str(path)) as container:
            stream = picture_of(container)
            if stream is None:
                raise ValueError(f"{path} has no video")
            stream.thread_type = "AUTO"
            rate = float(stream.average_rate or 25)
            length = float(stream.duration * stream.time_base) if stream.duration and stream.time_base else 0.0
            length = length or (container.duration or 0) / 1e6
            most = int(min(most, max(memory // max(stream.width * stream.height * 3, 1), 1)))
            step = max(math.ceil((stream.frames or length * rate) / most - 1e-9), 1)
            for index, frame in enumerate(container.decode(stream)):
                if index == 0:
                    played = Played.of(stream, frame)
                if index % step == 0 and index < step * most:
                    yield f"{index:06d}", np.ascontiguousarray(played(frame)[..., ::-1])
    except av.error.FFmpegError as error:
        raise ValueError(f"{path} is no whole video: {error}") from error
