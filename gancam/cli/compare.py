"""`gancam compare`: before and after, in one picture or video."""

import math
import re
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path

import numpy as np

from gancam.cli import option
from gancam.cli.app import Command, app
from gancam.cli.checks import parse_moment, refuse_url
from gancam.cli.console import print_note, progress_bar, wrote
from gancam.errors import InputError, either, nearest
from gancam.files import check_target
from gancam.frame import Frame, Image
from gancam.media.animated import is_animated
from gancam.media.images import read_image, write_image
from gancam.media.paths import IMAGES, SequencePath, StillPath, VideoPath, check_readable, classify
from gancam.pipeline import run
from gancam.sinks.video import ANIMATIONS, VideoOptions, VideoWriter, check_output
from gancam.sources import VideoFile
from gancam.sources.contract import Source
from gancam.sources.open import open_film
from gancam.vision.comparison import Box, Sheet, detail_size, differing, filled
from gancam.vision.fit import squared

_LAYOUTS = ("side", "split", "wipe")
_LOOP, _FPS = 180, 30.0  # frames in which a bar goes there and back, and how many a second over images
_MOST_IN_A_ROW = 3  # pictures, unless --columns says so
_APART = 0.5  # seconds by which videos that show the same may differ in length
_TICK = 0.002  # seconds by which times of one moment may differ: Matroska rounds to milliseconds
_BEFORE = Fraction(1)  # seconds before a moment in which the frame that is seen then may have begun
_CHEQUER = 12  # pixels


@app.command(cls=Command)
def compare(
    paths: option.Compared,
    layout: option.Layout = "side",
    columns: option.Columns = None,
    label: option.Label = None,
    detail: option.Detail = None,
    at: option.At = None,
    start: option.From = None,
    stop: option.To = None,
    width: option.Width = None,
    overwrite: option.Overwrite = False,
    quiet: option.Quiet = False,
) -> None:
    """Show before and after, in one picture or video with labels.

    A smaller picture is scaled up to the largest, bicubic, as players do. Videos are shown at the same times, with the
    sound of the first, and end with the shortest.
    """
    if len(paths) < 3:
        raise InputError("compare needs two files or more and OUT, as in gancam compare in.mp4 out.mp4 both.png")
    names, target = paths[:-1], Path(paths[-1])
    for path in paths:
        refuse_url(path)
    labels = _labels(names, label)
    films = [_is_film(name) for name in names]
    still = _is_image(target, moves=layout == "wipe" or (any(films) and at is None))
    _check_layout(layout, columns, len(names))
    _check_kind(target, layout, films=any(films), still=still, at=at, span=start or stop)
    check = check_target if still else check_output
    check(target, overwrite=overwrite, sources=names)
    moment, span = parse_moment("--at", at), (parse_moment("--from", start), parse_moment("--to", stop))
    inputs = [_Input(name, film=film) for name, film in zip(names, films, strict=True)]
    notes = [note for one in inputs for note in one.notes] + _lengths(inputs)
    moment = _middle(inputs, span) if moment is None else moment
    pictures = [one.picture(moment) for one in inputs]
    sheet = _sheet(pictures, labels, layout, columns, detail, width)
    if still:
        write_image(target, sheet.draw(pictures), overwrite=overwrite)
    else:
        with ExitStack() as opened:
            source = _Comparing(inputs, span, sheet, opened, wipe=layout == "wipe")
            sound = next((one.name for one in inputs if isinstance(classify(one.name), VideoPath)), None)
            wanted = VideoOptions(fps=source.fps, size=source.size, overwrite=overwrite, part=span, audio_from=sound)
            with progress_bar(source.frames, quiet) as progress:
                notes += run(source, [], [VideoWriter(target, wanted)], progress=progress).notes
    if not quiet:
        for note in dict.fromkeys(notes):
            print_note(note)
        print(wrote(target))


class _Input:
    """A file that is compared.

    Args:
        name: Its path.
        film: Whether it is a video, or plays like one.

    Raises:
        GancamError: It cannot be read.
    """

    def __init__(self, name: str, *, film: bool) -> None:
        self.name, self.film = name, film
        self.notes: list[str] = []
        self.seconds = 0.0  # that a video lasts, where it says so
        self._image = None if film else _opaque(*read_image(Path(name)))
        if film:
            with open_film(name) as opened:
                self.seconds = (opened.frames or 0) / opened.fps
                self.notes += opened.notes

    def picture(self, moment: Fraction) -> Image:
        """Give what is seen at `moment`, in seconds. Raises ``InputError`` where that is behind the end."""
        if self._image is not None:
            return self._image
        if self.seconds and moment >= self.seconds:
            raise InputError(f"{self.name}: lasts {self.seconds:.2f} s, and has nothing at {float(moment):g} s")
        with open_film(self.name, start=max(moment - _BEFORE, Fraction(0)) or None) as film:
            seen = None
            for frame in film:
                if seen is not None and frame.time > moment + _TICK:
                    break
                seen = frame
            assert seen is not None, "a source that opens has a frame"
            return _shown(seen, film)


class _Comparing(Source):
    """Plays comparisons: of videos at the same times, until one of them ends, with images beside them.

    Args:
        inputs: What is compared.
        span: Seconds from which and to which, None for the beginning and the end.
        sheet: Draws them.
        opened: Closes the videos.
        wipe: Whether the bar moves; over images it goes there and back once.
    """

    def __init__(
        self, inputs: Sequence[_Input], span: tuple[Fraction | None, Fraction | None], sheet: Sheet, opened: ExitStack,
        *, wipe: bool,
    ) -> None:  # fmt: skip
        self._sheet, self._wipe = sheet, wipe
        start, end = span
        self._films: list[Source] = []
        self._shown: list[Image | _Follower] = []
        for one in inputs:
            if one.film:
                self._films.append(opened.enter_context(open_film(one.name, start=start, end=end)))
                self._shown.append(_Follower(self._films[-1]))
            else:
                self._shown.append(one.picture(Fraction(0)))

    @property
    def fps(self) -> float:
        """Frames a second of the fastest."""
        return max((film.fps for film in self._films), default=_FPS)

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) of the comparison."""
        return self._sheet.total

    @property
    def frames(self) -> int | None:
        """How many frames the videos promise."""
        return min((film.frames for film in self._films if film.frames), default=None if self._films else _LOOP)

    def __iter__(self) -> Iterator[Frame]:
        began: float | None = None
        for index, (time, lasts) in enumerate(self._times()):
            if self._closed:
                return
            began = time if began is None else began
            share = 0.5 + 0.5 * math.sin(2 * math.pi * _FPS / _LOOP * (time - began)) if self._wipe else None
            pictures = [one.picture if isinstance(one, _Follower) else one for one in self._shown]
            yield Frame(self._sheet.draw(pictures, share), index, time, duration=lasts)
        self._ended = True

    def _times(self) -> Iterator[tuple[float, float]]:
        """Go on to each moment at which another frame is seen somewhere: when that is, and for how many seconds."""
        followers = [one for one in self._shown if isinstance(one, _Follower)]
        if not followers:
            yield from ((index / _FPS, 1 / _FPS) for index in range(_LOOP))
            return
        now = min(one.time for one in followers)
        while True:
            then = min(one.until for one in followers)
            yield now, then - now
            if any(one.last and one.until < then + _TICK for one in followers):
                return
            for one in followers:
                one.go_to(then)
            now = then


class _Follower:
    """A video at times that grow.

    Args:
        film: The video, which is closed by others.
    """

    def __init__(self, film: Source) -> None:
        self._film, self._frames = film, iter(film)
        self._now = next(self._frames)
        self._next = next(self._frames, None)

    @property
    def picture(self) -> Image:
        """What is seen."""
        return _shown(self._now, self._film)

    @property
    def time(self) -> float:
        """Since when, in seconds."""
        return self._now.time

    @property
    def until(self) -> float:
        """Until when."""
        lasts = self._now.duration or 1 / self._film.fps
        return self._now.time + lasts if self._next is None else self._next.time

    @property
    def last(self) -> bool:
        """Whether it is the last frame."""
        return self._next is None

    def go_to(self, time: float) -> None:
        """Go on to what is seen at `time`."""
        while self._next is not None and self._next.time <= time + _TICK:
            self._now, self._next = self._next, next(self._frames, None)


def _is_film(name: str) -> bool:
    """Whether `name` is of a video, numbered images or an animated picture. Raises ``GancamError`` for no file."""
    media = classify(name)
    if isinstance(media, SequencePath):
        return True
    check_readable(name)
    return not isinstance(media, StillPath) or is_animated(Path(name))


def _is_image(target: Path, *, moves: bool) -> bool:
    """Whether an image is to be written to `target`; a .webp is one unless it `moves`. Raises ``InputError``."""
    if isinstance(classify(target), SequencePath):
        raise InputError(f"{target}: numbered images, and a comparison is one image or video, as both.png")
    ending = target.suffix.lower()
    return ending in IMAGES and not (ending in ANIMATIONS and moves)


def _labels(names: Sequence[str], given: Sequence[str] | None) -> Sequence[str]:
    """The labels of files: those that are given, else the shortest names that differ."""
    if given:
        if len(given) != len(names):
            raise InputError(f"--label: given {len(given)} times for {len(names)} files; give one for each")
        return given
    paths = [Path(name) for name in names]
    tries = [path.stem for path in paths], [path.name for path in paths], list(names)
    return next((tried for tried in tries if len(set(tried)) == len(names)), tries[-1])


def _check_layout(layout: str, columns: int | None, count: int) -> None:
    if layout not in _LAYOUTS:
        raise InputError(f"--layout {layout!r}: needs {either(_LAYOUTS)}{nearest(layout, _LAYOUTS)}")
    if layout == "wipe" and count != 2:
        raise InputError(f"--layout wipe: shows two files, and {count} are given; side and split show several")
    if columns is not None and layout != "side":
        raise InputError(f"--columns: is for --layout side, and not for {layout}")


def _check_kind(target: Path, layout: str, *, films: bool, still: bool, at: str | None, span: str | None) -> None:
    """Refuse what does not go together: kinds of files, the layout, and times."""
    if layout == "wipe" and still:
        raise InputError(f"{target}: an image, in which no bar moves; --layout split, or a video such as both.mp4")
    if not still and not films and layout != "wipe":
        raise InputError(
            f"{target}: a video, and images do not move; write both.png, or have a bar move: --layout wipe"
        )
    if at is not None and not (still and films):
        raise InputError("--at: is for an image made of videos")
    if span is not None and (still or not films):
        raise InputError("--from and --to: are for a video made of videos")


def _lengths(inputs: Sequence[_Input]) -> list[str]:
    """Say that videos are of other lengths: one may be of a part of the other, which the same times do not fit."""
    lasting = [one for one in inputs if one.seconds]
    longest, shortest = (choose(lasting, key=lambda one: one.seconds, default=None) for choose in (max, min))
    if longest is None or shortest is None or longest.seconds - shortest.seconds < _APART:
        return []
    cure = (
        f"where that is made of a part, cut it the same: gancam process {longest.name} part.mp4 --from TIME --to TIME"
    )
    lasts = f"{longest.name} lasts {longest.seconds:.1f} s, {shortest.name} {shortest.seconds:.1f} s"
    return [f"{lasts}; they are compared from their beginnings: {cure}"]


def _middle(inputs: Sequence[_Input], span: tuple[Fraction | None, Fraction | None]) -> Fraction:
    """The middle, in seconds, of what is compared."""
    last = min((Fraction(one.seconds) for one in inputs if one.seconds), default=Fraction(0))
    first, end = span[0] or Fraction(0), last if span[1] is None else min(span[1], last)
    return first + max(end - first, Fraction(0)) / 2


def _sheet(
    pictures: Sequence[Image], labels: Sequence[str], layout: str, columns: int | None, detail: str | None,
    width: int | None,
) -> Sheet:  # fmt: skip
    """Settle how pictures are drawn."""
    count, sizes = len(pictures), [(one.shape[1], one.shape[0]) for one in pictures]
    size = max(sizes, key=math.prod)
    usual = count if count <= _MOST_IN_A_ROW else math.ceil(math.sqrt(count))
    across = 0 if layout != "side" else min(columns or usual, count)
    box = None
    if detail == "auto":
        whole = [filled(picture, size) for picture in pictures]
        box = differing(whole, detail_size(size, count, beside=across > 0))
    elif detail is not None:
        box = _box(detail, sizes[0], size)
    return Sheet.within(width, size, labels, across, box)


def _box(text: str, first: tuple[int, int], size: tuple[int, int]) -> Box:
    """Read a box in pixels of a picture of the size `first`, and scale it to `size`. Raises ``InputError``."""
    numbers = [int(part) for part in text.split("/")] if re.fullmatch(r"\d{1,6}(/\d{1,6}){3}", text, re.ASCII) else []
    left, top, wide, tall = numbers or (0, 0, 0, 0)
    if not (wide and tall and left + wide <= first[0] and top + tall <= first[1]):
        needs = f"auto, or left/top/width/height in pixels of the first, which is {first[0]}x{first[1]}"
        raise InputError(f"--detail {text!r}: needs {needs}")
    across, down = size[0] / first[0], size[1] / first[1]
    place = round(left * across), round(top * down)
    right, bottom = min(round((left + wide) * across), size[0]), min(round((top + tall) * down), size[1])
    return *place, max(right - place[0], 1), max(bottom - place[1], 1)


def _shown(frame: Frame, film: Source) -> Image:
    """A frame as it is seen: of square pixels, and over a board of chequers where it is transparent."""
    image = _opaque(frame.image, frame.alpha)
    return squared(image, film.info.aspect) if isinstance(film, VideoFile) else image


def _opaque(image: Image, alpha: Image | None) -> Image:
    """`image`, uint8 ``(H, W, 3)``, over a board of chequers where its opacity `alpha`, ``(H, W)``, is below 255."""
    if alpha is None:
        return image
    rows, columns = (np.arange(side) // _CHEQUER for side in image.shape[:2])
    board = np.where((rows[:, None] + columns) % 2, 204, 255)[..., None]
    seen = alpha[..., None] / 255
    return np.rint(image * seen + board * (1 - seen)).astype(np.uint8)
