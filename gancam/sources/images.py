"""Still images and numbered images as sources."""

import itertools
import os
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from fractions import Fraction
from pathlib import Path

from gancam.errors import MALFORMED, NotFound, SourceError
from gancam.frame import Frame, Image, check_image
from gancam.media.images import read_colours, read_image, read_pictures, said_of_depth
from gancam.media.info import VideoInfo, check_rate, possible_rate
from gancam.media.messages import cause
from gancam.media.metadata import read_metadata
from gancam.media.paths import SequencePath
from gancam.sources.contract import DrawnSource, Source
from gancam.sources.decoders import frames_ahead
from gancam.sources.extent import check_range, cut_short
from gancam.units import rate_of

_DIGITS = 40  # of a time, at most


class _Timed(Source):
    """Images that are there from the start, each with its time."""

    _path: Path
    _footage: VideoInfo
    _times: list[Fraction]  # when each is shown, in seconds
    _ends: list[Fraction]
    _skip = 0

    @property
    def path(self) -> Path:
        """The path it was opened with."""
        return self._path

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) of every frame."""
        return self._footage.size

    @property
    def frames(self) -> int | None:
        """How many frames there are."""
        return len(self._times)

    @property
    def times(self) -> list[Fraction]:
        """When each image is shown, in seconds."""
        return list(self._times)

    @property
    def until(self) -> Fraction:
        """When the last image ends, in seconds."""
        return self._ends[-1]

    @property
    def info(self) -> VideoInfo:
        """Colour, clock and shape, for a file sink."""
        return self._footage

    def keep_decoded(self) -> bool:
        """Give frames without ``Frame.decoded``: images have no planes to pass on."""
        return False

    def skip(self, frames: int) -> None:
        """Leave out the first `frames`; the next has that index."""
        self._skip = frames

    def close(self) -> None:
        """Give no more frames."""
        self._closed = True

    def _keep(
        self, times: Sequence[Fraction], ends: Sequence[Fraction], start: Fraction | None, end: Fraction | None
    ) -> list[int]:
        """Take the times from `start` to before `end` alone; returns their places."""
        kept = [
            index for index, moment in enumerate(times)
            if (start is None or moment >= start) and (end is None or moment < end)
        ]  # fmt: skip
        if not kept:
            raise SourceError(f"{self._path}: no image is between those times")
        self._times = [times[index] for index in kept]
        self._ends = [ends[index] for index in kept]
        if end is not None:
            last = kept[-1]
            before = times[last] - times[last - 1] if last else (ends[-1] - times[0]) / len(times)
            self._ends[-1] = times[last] + cut_short(ends[last] - times[last], end - times[last], before)
        return kept


def _number(text: str) -> Fraction:
    """Read a number, whole, decimal or a fraction. Raises ``ValueError`` for one that is no time."""
    if len(text) > _DIGITS or "e" in text.lower():  # 1e999999999 would take all memory
        raise ValueError(f"{text[:20]!r} is no time")
    return Fraction(text)


class ImageFiles(_Timed):
    """Plays numbered images (``frame-%06d.png``) as a video, in the order of their numbers, from any on.

    Their times are those of the file beside them that `SequencePath` names, if there is one (timestamp format v2);
    else an image follows its predecessor by ``1 / fps``, and a gap in the numbers is a gap in time, which ``notes``
    tells. All have the size of the first.

    Args:
        path: The numbered name.
        fps: Frames a second, without a file of times.
        start: Leave out frames before this time, in seconds.
        end: Leave out frames from this time on, in seconds.

    Raises:
        NotFound: Where there is none.
        SourceError: When it comes to it, for one that is damaged or of another size.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        fps: float = 25.0,
        start: Fraction | None = None,
        end: Fraction | None = None,
    ) -> None:
        self._path = Path(path)
        check_range(start, end)
        check_rate(fps)
        names = SequencePath.of(self._path)
        self._files = [] if names is None else names.images()
        if names is None or not self._files:
            raise NotFound(f"{path}: no image has such a name")
        self._notes: list[str] = []
        self._fps, self._time_base = float(fps), 1 / rate_of(fps)
        self._until: Fraction | None = None
        times = self._read_times(names)
        if self._until is None:
            self._until = times[-1] + 1 / rate_of(self._fps)
        keep = self._keep(times, [*times[1:], self._until], start, end)
        self._files = [self._files[index] for index in keep]
        image, alpha = read_image(self._files[0][1])
        data = self._files[0][1].read_bytes()
        metadata, other = read_metadata(data).for_colours()
        said = [f"its colour profile ({other}) is left out: the picture is read as RGB"] if other else []
        self._notes += [f"{self._path.name}: {one}" for one in (*said, said_of_depth(data)) if one]
        size = image.shape[1], image.shape[0]
        self._footage = VideoInfo(size=size, time_base=self._time_base, alpha=alpha is not None, icc=metadata.icc)
        self._pool = ThreadPoolExecutor(2, "gancam-images")  # decode ahead of who asks

    def _read_times(self, names: SequencePath) -> list[Fraction]:
        file = names.times
        numbers = [number for number, _ in self._files]
        if not file.is_file():
            missing = numbers[-1] - numbers[0] + 1 - len(numbers)
            if missing:
                self._notes.append(f"{self._path.name}: {missing} of its numbers are missing, which are gaps in time")
            return [(number - numbers[0]) * self._time_base for number in numbers]
        try:
            lines = [line.strip() for line in file.read_text(encoding="ascii").splitlines()]
            times = [_number(line) / 1000 for line in lines if line and not line.startswith("#")]
            base = next((_number(line.split()[-1]) for line in lines if line.startswith("# time base ")), None)
            self._until = next((_number(line.split()[-1]) / 1000 for line in lines if line.startswith("# end ")), None)
            if base is not None and base <= 0:
                raise ValueError(f"a time base of {base}")
        except (OSError, *MALFORMED) as error:
            raise SourceError(f"{file}: is not a list of times ({cause(error)})") from error
        without = "or remove the file of times, and --fps says how fast they are"
        if len(times) != len(numbers):
            said = f"has {len(times)} times for {len(numbers)} images"
            lost = sorted(set(range(numbers[0], numbers[-1] + 1)) - set(numbers))
            if len(times) == len(numbers) + len(lost):
                more = f", and {len(lost) - 1} more" if len(lost) > 1 else ""
                said += f": {names.image(lost[0]).name} is missing{more}"
                raise SourceError(f"{file}: {said}; bring it back, {without}")
            raise SourceError(f"{file}: {said}: it needs one for each; mend it, {without}")
        for before, after in itertools.pairwise(times):
            if after <= before:
                said = f"{float(after * 1000):g} ms comes after {float(before * 1000):g} ms"
                raise SourceError(f"{file}: its times do not increase: {said}; mend it, {without}")
        self._time_base = base or Fraction(1, 1_000_000)
        if len(times) > 1:
            self._fps = possible_rate((len(times) - 1) / (times[-1] - times[0]))
        return [round(moment / self._time_base) * self._time_base for moment in times]

    @property
    def fps(self) -> float:
        """Frames a second."""
        return self._fps

    def __iter__(self) -> Iterator[Frame]:
        left = deque(range(self._skip, len(self._files)))
        work: deque[tuple[int, Future[tuple[Image, Image | None]]]] = deque()
        told = False
        while (left or work) and not self._closed:
            try:
                while left and len(work) <= frames_ahead(self.size):
                    work.append((left[0], self._pool.submit(read_image, self._files[left.popleft()][1])))
                index, (image, alpha) = work[0][0], work.popleft()[1].result()
            except (RuntimeError, CancelledError):
                if self._closed:  # by another thread, a moment ago
                    return
                raise
            if (image.shape[1], image.shape[0]) != self.size:
                got, wants = f"{image.shape[1]}x{image.shape[0]}", f"{self.size[0]}x{self.size[1]}"
                raise SourceError(f"{self._files[index][1]}: is {got}, but the first is {wants}")
            if alpha is not None and not self._footage.alpha and not told:
                told = True
                self._notes.append(f"{self._files[index][1]}: has transparency, which is left out: the first has none")
            moment = self._times[index]
            lasts = float(self._ends[index] - moment)
            yield Frame(image, index, float(moment), alpha=alpha if self._footage.alpha else None, duration=lasts)
        self._ended = not left and not work

    def close(self) -> None:
        """End the decoding ahead."""
        super().close()
        self._pool.shutdown(cancel_futures=True)


class AnimatedImage(_Timed):
    """Plays the frames of an animated WebP once, with their opacity, as FFmpeg's decoders do not.

    Args:
        path: The file, all of which is decoded at once.
        start: Leave out frames before this time, in seconds.
        end: Leave out frames from this time on, in seconds.

    Raises:
        NotFound: Where there is none.
        SourceError: For one that is damaged, is no animation, or has no frame in that range.
    """

    def __init__(
        self, path: str | os.PathLike[str], *, start: Fraction | None = None, end: Fraction | None = None
    ) -> None:
        check_range(start, end)
        self._path = Path(path)
        read = read_pictures(self._path)
        if len(read.pictures) < 2 or read.kind != "frames":
            raise SourceError(f"{path}: is a single image, not an animation")
        ends = list(itertools.accumulate(Fraction(picture.milliseconds, 1000) for picture in read.pictures))
        times = [Fraction(0), *ends[:-1]]
        self._pictures = [read.pictures[index] for index in self._keep(times, ends, start, end)]
        self._notes: list[str] = [f"{self._path.name}: {note}" for note in read.notes]
        alpha = any(picture.alpha is not None for picture in read.pictures)
        image = self._pictures[0].image
        self._footage = VideoInfo(
            size=(image.shape[1], image.shape[0]), path=Path(os.path.abspath(path)), time_base=Fraction(1, 1000),
            alpha=alpha, icc=read.metadata.icc,
        )  # fmt: skip

    @property
    def fps(self) -> float:
        """Frames a second, on average."""
        return possible_rate(len(self._times) / max(self.until - self._times[0], Fraction(1, 1000)))

    def __iter__(self) -> Iterator[Frame]:
        last = -1.0
        for index, picture in enumerate(self._pictures):
            moment = max(float(self._times[index]), last + 0.001)  # some are shown for no time
            last = moment
            if self._closed:
                return
            if index >= self._skip:
                lasts = max(float(self._ends[index]) - moment, 0.001)
                yield Frame(picture.image, index, moment, alpha=picture.alpha, duration=lasts)
        self._ended = True


class Still(DrawnSource):
    """Plays one image again and again.

    Args:
        image: ``uint8 (H, W, 3)`` BGR (copied), or the path of an image file.
        frames: How many times; None for no end.
        fps: Frames a second.

    Raises:
        NotFound: For a path without a file.
        SourceError: For a file that cannot be read.
        ImageError: For an array that is no such image.
    """

    def __init__(self, image: Image | str | os.PathLike[str], *, frames: int | None = 1, fps: float = 25.0) -> None:
        if isinstance(image, str | os.PathLike):
            self._image = read_colours(Path(image))
        else:
            self._image = check_image(image).copy()
        super().__init__((self._image.shape[1], self._image.shape[0]), fps, frames)
        self._image.flags.writeable = False  # every frame shares it

    def image(self, index: int) -> Image:
        """Give the image."""
        return self._image
