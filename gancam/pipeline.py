"""The only loop: a source's frames through effects into sinks, and what happened, stage by stage. What becomes of one
frame is `apply`, which workers and ``VideoCapture`` call too."""

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from typing import Any, Protocol

import cv2
import numpy as np

from gancam.errors import SinkError
from gancam.frame import Frame, Image
from gancam.sinks import Sink
from gancam.sources import Source


class ImageEffect(Protocol):
    """What ``run`` needs of an effect: an Image in, a fresh Image out (or the same, unchanged). `time` in seconds.

    Optional: ``frame_took(seconds)`` is told after each frame how long that took from its arrival until every sink had
    it; ``busy`` and ``notes`` are reported, as those of sinks are.
    """

    def __call__(self, image: Image, *, time: float | None = None) -> Image: ...


class Switch:
    """An effect that can be turned off while running: a picture then is only scaled to the size it would have."""

    def __init__(self, effect: ImageEffect, name: str = "") -> None:
        self.effect, self.on = effect, True
        self.name = self.__name__ = name or _names([effect])[0]
        self.card = getattr(effect, "card", None)
        self.params = getattr(effect, "params", None)

    def __call__(self, image: Image, *, time: float | None = None) -> Image:
        if self.on:
            return self.effect(image, time=time)
        size = self.output_size((image.shape[1], image.shape[0]))
        if size == (image.shape[1], image.shape[0]):
            return image
        return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_CUBIC), np.uint8)

    @property
    def notes(self) -> list[str]:
        return list(getattr(self.effect, "notes", ()))

    def output_size(self, size: tuple[int, int]) -> tuple[int, int]:
        return output_size([self.effect], size)

    @property
    def doing(self) -> str:
        return str(getattr(self.effect, "doing", "")) if self.on else ""


def switches(effects: Sequence[ImageEffect]) -> list[Switch]:
    """Each effect in a switch, under a name of its own: the second of one name is NAME#2."""
    return [Switch(effect, name) for effect, name in zip(effects, _names(effects), strict=True)]


def output_size(effects: Sequence[ImageEffect], size: tuple[int, int]) -> tuple[int, int]:
    """(width, height) that `effects` one after the other make of `size`; a plain function is tried on a black image."""
    for effect in effects:
        says = getattr(effect, "output_size", None)
        if says is not None:
            size = says(size)
        else:
            height, width = effect(np.zeros((size[1], size[0], 3), np.uint8), time=None).shape[:2]
            size = width, height
    return size


def apply(
    frame: Frame,
    effects: Sequence[ImageEffect],
    *,
    between: Sequence[Callable[[Frame], None]] = (),
    after: Callable[[int], None] | None = None,
) -> Frame:
    """Make one frame: call `between` with it, then take its image through `effects`, in the order given.

    Args:
        frame: As it came from a source.
        effects: Each is told the frame's time.
        between: As ``run`` has them.
        after: Called after each effect with its place in `effects`.

    Returns:
        A frame with the new image and all else that still holds (``Frame.with_image``).
    """
    for turn in between:
        turn(frame)
    return frame.with_image(through(frame.image, effects, time=frame.time, after=after))


def through(
    image: Image,
    effects: Sequence[ImageEffect],
    *,
    time: float | None = None,
    after: Callable[[int], None] | None = None,
) -> Image:
    """Take `image` through `effects`, in the order given; `time` in seconds, None for an image that has none.
    `after` is called after each with its place in `effects`."""
    for place, effect in enumerate(effects):
        image = effect(image, time=time)
        if after is not None:
            after(place)
    return image


class Ages:
    """How old pictures were when they were shown, in memory that does not grow: counts by the millisecond."""

    def __init__(self) -> None:
        self._counts = np.zeros(10_001, np.int64)  # the last: ten seconds and more

    def add(self, seconds: float) -> None:
        self._counts[min(max(int(seconds * 1000), 0), 10_000)] += 1

    def percentile(self, percent: float) -> float | None:
        """In seconds, rounded up to a millisecond; None when nothing was added."""
        total = int(self._counts.sum())
        if total == 0:
            return None
        return (int(np.searchsorted(np.cumsum(self._counts), total * percent / 100)) + 1) / 1000


Progress = Callable[[int, int | None], None]
"""Called after each frame with its index and the number of frames promised (None where nobody knows)."""


@dataclass
class Report:
    """What a run did. Times are wall-clock seconds unless said.

    ``waits`` is the loop's own time, so it adds up to about ``seconds``: "source" for waiting until a frame is decoded,
    each effect by name, each sink by name for waiting until it takes a frame, "close" for the end of the sinks.
    ``busy`` is the time that hidden threads worked beside the loop.

    With live sources, ``age_p50`` and ``age_p95`` are percentiles, in seconds, of the time from a picture's capture
    until every sink had taken it, and ``dropped`` counts the pictures that were captured but never played.
    """

    frames: int = 0
    promised: int | None = None
    seconds: float = 0.0
    cpu_seconds: float = 0.0  # of the whole process, all threads
    waits: dict[str, float] = field(default_factory=dict)
    busy: dict[str, float] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    dropped: int = 0
    age_p50: float | None = None
    age_p95: float | None = None
    interrupted: bool = False  # ended by an exception; the outputs hold what came until then

    @property
    def fps(self) -> float:
        return self.frames / self.seconds if self.seconds > 0 else 0.0

    def text(self) -> list[str]:
        """Lines for a person."""
        count = f"{self.frames} frames"
        if self.promised is not None and self.promised != self.frames:
            count += f" of {self.promised}"
        lines = [
            f"{count} in {self.seconds:.1f} s, {self.fps:.1f} fps" + (" (interrupted)" if self.interrupted else "")
        ]
        if self.frames:
            per_frame = 1000 / self.frames
            stages = [f"{name} {seconds * per_frame:.1f}" for name, seconds in self.waits.items()]
            lines.append(f"ms a frame: {', '.join(stages)}; CPU {self.cpu_seconds * per_frame:.1f}")
            if self.busy:
                hidden = [f"{name} {seconds * per_frame:.1f}" for name, seconds in self.busy.items()]
                lines.append(f"beside the loop: {', '.join(hidden)}")
        if self.age_p50 is not None and self.age_p95 is not None:
            ages = f"{self.age_p50 * 1000:.0f} ms (median), {self.age_p95 * 1000:.0f} ms (95 of 100)"
            lines.append(f"age when shown: {ages}; {self.dropped} pictures dropped to keep it low")
        return lines + self.notes

    def to_dict(self) -> dict[str, Any]:
        """Everything, for JSON."""
        return {**asdict(self), "fps": self.fps}


def run(
    source: Source,
    effects: Sequence[ImageEffect],
    sinks: Sequence[Sink],
    *,
    between: Sequence[Callable[[Frame], None]] = (),
    progress: Progress | None = None,
    report: Report | None = None,
    on_sink_failure: Callable[[str, SinkError], None] | None = None,
) -> Report:
    """Take every frame of `source` through `effects` in the order given into every sink; close everything; report.

    `between` are called with every frame before its effects: the place to change an effect, so that each frame is made
    with one state of all of them (``gancam.control.Controls``).

    Ends when the source ends or a sink is closed by its user. Source and sinks are closed exactly once each, in order,
    whatever happens: on any exception (``KeyboardInterrupt`` too) the sinks are told that frames are missing, so that
    files are finished with what came and play, and the exception goes on to the caller. What then fails in closing is
    told in the report's notes. Give a `report` to have it after an exception: it is filled in place.

    With `on_sink_failure`, a sink whose ``write`` raises ``SinkError`` is closed and left out while others remain; the
    function is called with its name and the error, which the report's notes keep.
    """
    report = report if report is not None else Report()
    report.promised = source.frames
    whole = False
    names = _names([*effects, *sinks])
    clock, began, began_cpu = time.perf_counter, time.perf_counter(), time.process_time()
    report.waits = dict.fromkeys(["source", *names, "close"], 0.0)
    waits = report.waits
    named = dict(zip(names[len(effects) :], sinks, strict=True))
    active, failed = dict(named), list[str]()
    wants_original = any(getattr(sink, "wants_original", False) for sink in sinks)
    ages = Ages()
    tell_time = [effect.frame_took for effect in effects if hasattr(effect, "frame_took")]
    mark = now = began

    def charge(stage: str) -> None:
        """Put the time since the last call on the bill of a stage."""
        nonlocal mark, now
        mark, now = now, clock()
        waits[stage] += now - mark

    try:
        for frame in source:
            charge("source")
            arrived = now
            done = apply(frame, effects, between=between, after=lambda place: charge(names[place]))
            if wants_original:
                done = replace(done, original=frame.image)
            for name, sink in list(active.items()):
                try:
                    sink.write(done)
                except SinkError as error:
                    others = [other for other in active.values() if other is not sink]
                    if on_sink_failure is None or all(getattr(other, "aside", False) for other in others):
                        raise
                    del active[name]
                    failed.append(f"{name} failed and was left out: {error}")
                    on_sink_failure(name, error)
                    with suppress(SinkError):  # what failed is told already
                        sink.close(interrupted=True)
                charge(name)
            if frame.captured is not None:
                ages.add(time.monotonic() - frame.captured)
            report.frames += 1
            for tell in tell_time:
                tell(now - arrived)
            if progress is not None:
                progress(frame.index, source.frames)
            if any(sink.closed for sink in active.values()):
                break
            del frame, done  # a large picture less in memory while the next is made
            now = clock()
        else:
            whole = True
    except BaseException:
        report.interrupted = True
        raise
    finally:
        mark = clock()
        errors = _close_all(source, list(active.values()), interrupted=not whole)
        waits["close"] = clock() - mark
        report.seconds = clock() - began
        report.cpu_seconds = time.process_time() - began_cpu
        report.dropped = int(getattr(source, "dropped", 0))
        report.age_p50, report.age_p95 = ages.percentile(50), ages.percentile(95)
        _gather(report, {"source": source, **dict(zip(names, effects, strict=False)), **named})
        report.notes += failed
        report.notes += [f"while closing: {error}" for error in errors]
        if errors and not report.interrupted:
            raise errors[0]
    return report


def _close_all(source: Source, sinks: Sequence[Sink], *, interrupted: bool) -> list[BaseException]:
    """Close each once, in order, even if others fail; what failed."""
    errors: list[BaseException] = []
    closings: list[Callable[[], None]] = [source.close]
    closings += [partial(sink.close, interrupted=interrupted) for sink in sinks]
    for close in closings:
        try:
            close()
        except BaseException as error:  # even Ctrl-C: the others are closed before it goes on
            errors.append(error)
    return errors


def _gather(report: Report, parts: Mapping[str, object]) -> None:
    for name, part in parts.items():
        seconds = getattr(part, "worker_seconds", getattr(part, "busy", None))
        if seconds is not None:
            report.busy[name] = float(seconds)
        report.notes += getattr(part, "notes", ())


def _names(parts: Sequence[object]) -> list[str]:
    """A name for each, unique: the model's where there is a card, else the function's or the class's."""
    names: list[str] = []
    for part in parts:
        card = getattr(part, "card", None)
        name = str(getattr(card, "name", "") or getattr(part, "__name__", "") or type(part).__name__)
        taken = sum(other.split("#")[0] == name for other in [*names, "source", "close"])
        names.append(f"{name}#{taken + 1}" if taken else name)
    return names
