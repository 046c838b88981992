"""Snapshots and recordings of what a window shows."""

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import cv2

from gancam.errors import GancamError, OutputExists, SinkError
from gancam.files import write_file
from gancam.frame import Frame, Image
from gancam.media.live_sound import Sound, heard
from gancam.sinks.video import VideoOptions, VideoWriter
from gancam.vision.fit import fit


class Recorder:
    """Saves pictures as PNG and MP4 files in a folder, never over an existing file. A failure is told, not raised.

    Args:
        folder: Where they go.
        fps: Frames a second, nominal, of recordings.
        notify: Told what was saved, or why something could not be kept.
        warn: Told why something did not begin.
        sound: What is heard, for recordings.
    """

    def __init__(
        self,
        folder: Path,
        fps: float,
        notify: Callable[[str], None],
        warn: Callable[[str], None],
        sound: Sound | None = None,
    ) -> None:
        self._sound = sound
        self._folder, self._fps, self._notify, self._warn = folder, fps, notify, warn
        self._video: VideoWriter | None = None
        self._began, self._size = 0.0, (1, 1)  # Frame.time, and (width, height)

    @property
    def recording(self) -> bool:
        """Whether a recording goes on."""
        return self._video is not None

    def length(self, frame: Frame) -> int:
        """Return how many whole seconds the recording has at `frame`."""
        return int(frame.time - self._began)

    def snapshot(self, image: Image) -> None:
        """Save a picture."""
        data = cv2.imencode(".png", image)[1].tobytes()
        try:
            for path in self._names(".png"):
                with suppress(OutputExists):
                    write_file(path, data, overwrite=False)
                    self._notify(f"saved {path.name}")
                    return
        except SinkError as error:
            self._warn(f"not saved: {error}")

    def toggle(self, frame: Frame) -> None:
        """End the recording that goes on, or begin one with `frame`."""
        if self.recording:
            self.stop()
        else:
            self.start(frame)

    def start(self, frame: Frame) -> None:
        """Begin a recording of pictures as large as `frame`, which is its time 0."""
        height, width = frame.image.shape[:2]
        try:
            path = next(path for path in self._names(".mp4") if not path.exists())
            with heard(self._sound, frame.time) as tap:
                self._video = VideoWriter(path, VideoOptions(fps=self._fps, size=(width, height), live=True, sound=tap))
        except GancamError as error:
            self._warn(f"not recorded: {error}")
            return
        self._began, self._size = frame.time, (width, height)

    def write(self, frame: Frame, shown: Callable[[Frame], Image]) -> None:
        """Record what is `shown` of `frame`, if a recording goes on."""
        if self._video is None:
            return
        try:
            self._video.write(Frame(fit(shown(frame), self._size), frame.index, frame.time - self._began))
        except GancamError as error:  # the window goes on
            failed, self._video = self._video, None
            with suppress(GancamError):  # what failed is told
                failed.close(interrupted=True)
            self._notify(f"recording ended: {error}")

    def stop(self, *, interrupted: bool = False) -> None:
        """End the recording, if one goes on; `interrupted` where frames are missing at its end."""
        done, self._video = self._video, None
        if done is None:
            return
        try:
            done.close(interrupted=interrupted)
            self._notify(f"recorded {done.path.name}")
        except GancamError as error:
            self._notify(f"not recorded: {error}")

    def _names(self, ending: str) -> Iterator[Path]:
        stem = time.strftime("gancam-%Y%m%d-%H%M%S")
        yield self._folder / f"{stem}{ending}"
        for number in range(2, 1000):
            yield self._folder / f"{stem}_{number}{ending}"  # sorts behind the one without a number
