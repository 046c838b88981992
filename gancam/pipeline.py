"""The only loop: a source's frames through effects into sinks, and what happened, stage by stage.

What becomes of one frame is `apply`, which workers and ``VideoCapture`` call too.
"""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TypeAlias

import numpy as np

from gancam.effects import Effect, EffectLike, ImageFunction, as_effect, made_by, playing, size_after, unique_names
from gancam.errors import InputError, SinkError, shown
from gancam.frame import Frame, Image, check_size, veiled
from gancam.inference.chain import chained
from gancam.inference.model import ImageModel
from gancam.sinks import Sink
from gancam.sources import Source
from gancam.units import counted
from gancam.vision.fit import fit
from gancam.vision.push_pull import with_colours_spread, with_hidden

FrameCallback: TypeAlias = Callable[[Frame], None]
"""Called with a frame before its effects: the place to change them."""
Progress: TypeAlias = Callable[[int, int | None], None]
"""Called after each frame with its index and the number of frames promised (None where that is not known)."""
SinkFailure: TypeAlias = Callable[[str, SinkError], None]
"""Called with the name of a sink that failed and its error."""
_WORTH_TELLING = 0.5  # seconds: an end that takes as long is told apart


def output_size(effects: Sequence[Effect | ImageFunction], size: tuple[int, int]) -> tuple[int, int]:
    """Give (width, height) that `effects` make of `size`, one after the other. Raises ``InputError`` for no size."""
    size = check_size(size)
    for effect in effects:
        size = size_after(as_effect(effect), size)
    return size


def apply(
    frame: Frame,
    effects: Sequence[Effect],
    *,
    on_frame: Sequence[FrameCallback] = (),
    after: Callable[[int], None] | None = None,
) -> Frame:
    """Make one frame: call `on_frame` with it, then take its image through `effects`, in the order given.

    Args:
        frame: As it came from a source.
        effects: Each is told the frame's time.
        on_frame: As ``run`` has them.
        after: Called after each effect with its place in `effects`.

    Returns:
        A frame with the new image and all else that still holds (``Frame.with_image``).
    """
    if frame.made is not None:  # with `on_frame` called, too
        return frame.made
    for call in on_frame:
        call(frame)
    return frame_through(frame, effects, time=frame.time, after=after)


def skim(frame: Frame, effects: Sequence[Effect], *, on_frame: Sequence[FrameCallback] = ()) -> None:
    """Do with one frame whose output nobody wants what later frames need of it, as if `apply` had made it.

    Args:
        frame: As it came from a source.
        effects: None is called that only makes what is not wanted.
        on_frame: As ``run`` has them.
    """
    if frame.made is not None:
        return
    for call in on_frame:
        call(frame)
    last = max((place for place, effect in enumerate(effects) if effect.remembers), default=-1)
    if last >= 0:
        image = frame.image if frame.alpha is None else with_colours_spread(frame.image, frame.alpha)
        effects[last].skim(through(image, effects[:last], time=frame.time), time=frame.time)


def frame_through(
    frame: Frame,
    effects: Sequence[Effect],
    *,
    time: float | None = None,
    after: Callable[[int], None] | None = None,
) -> Frame:
    """Take a frame's image through `effects`, in the order given.

    Where it is fully transparent, they are shown the colours of what is around, and it stays as it is. A placeholder is
    shown to none of them: it is scaled to the size that they would give.

    Args:
        frame: What goes through; its time is not looked at.
        effects: What it goes through.
        time: In seconds; None for an image that has none.
        after: Called after each effect with its place in `effects`.

    Returns:
        A frame with the new image and all else that still holds (``Frame.with_image``).
    """
    if frame.placeholder:
        return frame.with_image(fit(frame.image, output_size(effects, (frame.image.shape[1], frame.image.shape[0]))))
    image, alpha = frame.image, frame.alpha
    shown = image if alpha is None or not effects else with_colours_spread(image, alpha)
    made = frame.with_image(through(shown, effects, time=time, after=after))
    if shown is not image and made.alpha is not None:
        made = made.with_image(with_hidden(made.image, image, made.alpha))
    for opacity in [effect.opacity for effect in effects]:
        made = made if opacity is None else veiled(made, opacity)
    return made


def through(
    image: Image,
    effects: Sequence[Effect],
    *,
    time: float | None = None,
    after: Callable[[int], None] | None = None,
) -> Image:
    """Take one image through `effects`, in the order given.

    Args:
        image: ``uint8 (H, W, 3)`` BGR.
        effects: What it goes through.
        time: In seconds; None for an image that has none.
        after: Called after each effect with its place in `effects`.

    Returns:
        ``uint8 (h, w, 3)`` BGR, of the size that `output_size` says.
    """
    place = 0
    while place < len(effects):
        models = _bare_models(effects[place:], image, time)
        told = None if after is None else lambda later, begun=place: after(begun + later)
        made = chained(models, image, told) if len(models) > 1 else None
        if made is not None:
            image, place = made, place + len(models)
            continue
        for effect in effects[place : place + max(len(models), 1)]:
            image = made_by(effect, image, time)
            if after is not None:
                after(place)
            place += 1
    return image


def _bare_models(effects: Sequence[Effect], image: Image, time: float | None) -> list[ImageModel]:
    """The models of the first of `effects` that are nothing but that for `image`, one after the other."""
    models: list[ImageModel] = []
    if len(effects) < 2 or not isinstance(image, np.ndarray) or image.ndim != 3:
        return models
    size = image.shape[1], image.shape[0]
    for effect in effects:
        if (model := effect.bare_model(size, time=time)) is None:
            break
        models.append(model)
        size = effect.output_size(size)
    return models


class LatencyHistogram:
    """Counts latencies by the millisecond, in memory that does not grow."""

    def __init__(self) -> None:
        self._counts = np.zeros(10_001, np.int64)  # the last: ten seconds and more

    def add(self, seconds: float) -> None:
        """Count one latency."""
        self._counts[min(max(int(seconds * 1000), 0), 10_000)] += 1

    def percentile(self, percent: float) -> float | None:
        """Give a percentile in seconds, rounded up to a millisecond; None when nothing was counted."""
        total = int(self._counts.sum())
        if total == 0:
            return None
        return (int(np.searchsorted(np.cumsum(self._counts), total * percent / 100)) + 1) / 1000


@dataclass
class Report:
    """What a run did. Times are wall-clock seconds unless said.

    Attributes:
        frames: How many were played.
        promised: How many the source promised; None where that is not known.
        seconds: Of the whole run.
        cpu_seconds: CPU time of the whole process, all threads.
        stage_seconds: The loop's own time, which adds up to about ``seconds``: "source" for waiting until a frame is
            decoded, each effect by name, each sink by name for waiting until it takes a frame, "close" for the end of
            the sinks.
        worker_seconds: The time that hidden threads worked beside the loop, by the part they belong to.
        notes: What sources, effects and sinks want the user to know.
        dropped: How many frames a live source captured that were never played.
        age_p50: Median latency of a live source: seconds from a frame's capture until every sink had taken it.
        age_p95: 95th percentile of the same.
        interrupted: Whether an exception ended it; the outputs hold what came until then.
        labels: What ``text`` calls the stages, by name; a stage without one goes by its name. Not in ``to_dict``.
    """

    frames: int = 0
    promised: int | None = None
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    stage_seconds: dict[str, float] = field(default_factory=dict)
    worker_seconds: dict[str, float] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    dropped: int = 0
    age_p50: float | None = None
    age_p95: float | None = None
    interrupted: bool = False
    labels: dict[str, str] = field(default_factory=dict, repr=False)

    @property
    def fps(self) -> float:
        """Frames a second that were played, without the time that it took to finish the outputs."""
        return self.frames / self._played if self._played > 0 else 0.0

    @property
    def _played(self) -> float:
        return self.seconds - self.stage_seconds.get("close", 0.0)

    def text(self) -> list[str]:
        """Write it out as lines of text."""
        short = self.promised is not None and self.promised != self.frames
        count = f"{self.frames} of {counted(self.promised or 0, 'frame')}" if short else counted(self.frames, "frame")
        finishing = self.seconds - self._played
        then = f", then {finishing:.1f} s to finish" if finishing >= _WORTH_TELLING else ""
        rate = f"{count} in {self._played:.1f} s, {self.fps:.1f} fps{then}"
        lines = [rate + (" (interrupted)" if self.interrupted else "")]
        if self.frames and self.stage_seconds:
            spent = f"processor time {self.cpu_seconds * 1000 / self.frames:.1f}"
            lines.append(f"ms a frame: {self._per_frame(self.stage_seconds)}; {spent}")
        if self.frames and self.worker_seconds:
            lines.append(f"ms a frame in worker threads: {self._per_frame(self.worker_seconds)}")
        if self.age_p50 is not None and self.age_p95 is not None:
            latency = f"{self.age_p50 * 1000:.0f} ms (median), {self.age_p95 * 1000:.0f} ms (95 %)"
            lines.append(f"latency: {latency}; {counted(self.dropped, 'frame')} dropped to keep it low")
        return lines + self.notes

    def _per_frame(self, seconds: Mapping[str, float]) -> str:
        """Write milliseconds a frame, part by part."""
        return ", ".join(f"{self.labels.get(name, name)} {1000 * s / self.frames:.1f}" for name, s in seconds.items())

    def to_dict(self) -> dict[str, object]:
        """Give everything but the labels, ready for JSON."""
        return {**{key: value for key, value in asdict(self).items() if key != "labels"}, "fps": self.fps}


def run(
    source: Source,
    effects: Sequence[EffectLike],
    sinks: Sequence[Sink],
    *,
    frames: Iterable[Frame] | None = None,
    on_frame: Sequence[FrameCallback] = (),
    progress: Progress | None = None,
    report: Report | None = None,
    on_sink_failure: SinkFailure | None = None,
    skimmed: int = 0,
) -> Report:
    """Play every frame of `source` through `effects` into every sink; close source and sinks; report.

    Ends when the source ends or a sink is closed by its user. Source and sinks are closed once each, in order, whatever
    happens: on any exception (``KeyboardInterrupt`` too), and where the source was closed before its end, the sinks are
    told that frames are missing, so that files are finished with what came and play. The exception reaches the caller;
    what then fails in closing is in the report's notes. Effects stay open, except those loaded here from a text.

    Args:
        source: Where frames come from.
        effects: In the order in which they are applied: effects, plain functions from image to image, or texts that
            name them as on the command line (``"sr-x2:strength=0.5"``).
        sinks: Each gets every frame.
        frames: Those of `source`, where some were read already.
        on_frame: Called with every frame before its effects: the place to change an effect, so that each frame is made
            with one state of all of them (``gancam.control.Controls``).
        progress: Called after each frame.
        report: Filled in place, so that it is there after an exception too.
        on_sink_failure: With it, a sink raising ``SinkError`` is closed and left out while others remain; notes say so.
        skimmed: Frames with a lower index go to no sink: effects only see of them what they need for later ones.

    Returns:
        The report.

    Raises:
        GancamError: What source, effects and sinks raise; InputError for what is none, and nothing is closed then.
    """
    report = report if report is not None else Report()
    with ExitStack() as over:
        try:
            chain = over.enter_context(playing(effects))
        except BaseException:
            report.interrupted = True
            with suppress(InputError):
                _check_ends(source, sinks)
                _close_all(source, sinks, interrupted=True)
            raise
        _check_ends(source, sinks)
        loop, whole = _Loop(source, source if frames is None else frames, chain, sinks, report, on_sink_failure), False
        try:
            whole = loop.play(on_frame, progress, skimmed)
        except BaseException:
            report.interrupted = True
            raise
        finally:
            errors = loop.close(interrupted=not whole)
            if errors and not report.interrupted:
                raise errors[0]
    return report


def _check_ends(source: object, sinks: object) -> None:
    """Raise ``InputError`` for what is no source, or no list of sinks."""
    if not isinstance(source, Source):
        cure = f"gancam.VideoFile({source!r})" if isinstance(source, str | Path) else "gancam.VideoFile(path)"
        raise InputError(f"source is {shown(source)}: needs a source, such as {cure} or one of gancam.open_live")
    if isinstance(sinks, str | Path) or not isinstance(sinks, Sequence):
        cure = "[sink]" if isinstance(sinks, Sink) else "[gancam.open_sink(path, context)]"
        raise InputError(f"sinks is {shown(sinks)}, not a list of sinks: give {cure}, [] for none")
    for place, sink in enumerate(sinks):
        if not isinstance(sink, Sink):
            raise InputError(f"sinks[{place}] is {shown(sink)}: needs a sink, such as gancam.open_sink(path, context)")


class _StageClock:
    """Puts the time that passes on the bill of stages."""

    def __init__(self, stages: Sequence[str]) -> None:
        self.began = self.now = time.perf_counter()
        self.seconds = dict.fromkeys(stages, 0.0)

    def charge(self, stage: str) -> None:
        """Put the time since the last call on the bill of a stage."""
        before = self.now
        self.skip()
        self.seconds[stage] += self.now - before

    def skip(self) -> None:
        """Let the time since the last call be no stage's."""
        self.now = time.perf_counter()


class _Loop:
    """One run: the parts that take part in it, under their names, and what they took."""

    def __init__(
        self,
        source: Source,
        frames: Iterable[Frame],
        effects: Sequence[Effect],
        sinks: Sequence[Sink],
        report: Report,
        on_sink_failure: SinkFailure | None,
    ) -> None:
        names = unique_names([*(effect.name for effect in effects), *(sink.name for sink in sinks)])
        self._source, self._effects, self._report, self._on_sink_failure = source, effects, report, on_sink_failure
        self._names, self._sinks = names, dict(zip(names[len(effects) :], sinks, strict=True))
        self._frames, self._active, self._failed = frames, dict(self._sinks), list[str]()
        self._wants_original = any(sink.wants_original for sink in sinks)
        self._latency = LatencyHistogram()
        self._clock, self._began_cpu = _StageClock(["source", *names, "close"]), time.process_time()
        report.promised, report.stage_seconds = source.frames, self._clock.seconds
        labels = unique_names([*names[: len(effects)], *(sink.action for sink in sinks)])
        report.labels = {"source": "reading", **dict(zip(names, labels, strict=True)), "close": "finishing"}

    def play(self, on_frame: Sequence[FrameCallback], progress: Progress | None, skimmed: int) -> bool:
        """Play every frame, of those that are `skimmed` what is needed; whether the source came to its end."""
        clock = self._clock
        for frame in self._frames:
            clock.charge("source")
            if frame.index < skimmed:
                skim(frame, self._effects, on_frame=on_frame)
                clock.charge(self._names[0] if self._effects else "source")
            else:
                self._make(frame, on_frame)
            self._report.frames += 1
            if progress is not None:
                progress(frame.index, self._source.frames)
            if any(sink.closed for sink in self._active.values()):
                return False
            del frame  # a large picture less in memory while the next is made
            clock.skip()
        return not self._source.ended_early

    def _make(self, frame: Frame, on_frame: Sequence[FrameCallback]) -> None:
        """Make one frame, and give it to the sinks."""
        clock, names, arrived = self._clock, self._names, self._clock.now
        done = apply(frame, self._effects, on_frame=on_frame, after=lambda place: clock.charge(names[place]))
        self._write(replace(done, original=frame.image) if self._wants_original else done)
        if frame.captured is not None:
            self._latency.add(time.monotonic() - frame.captured)
        for effect in self._effects:
            effect.frame_took(clock.now - arrived)

    def _write(self, frame: Frame) -> None:
        """Give `frame` to every sink; leave out those that fail, where others remain and the caller wants that."""
        for name, sink in list(self._active.items()):
            try:
                sink.write(frame)
            except SinkError as error:
                others = [other for other in self._active.values() if other is not sink]
                if self._on_sink_failure is None or all(other.passive for other in others):
                    raise
                del self._active[name]
                self._failed.append(f"{error}; the other outputs continue")
                self._on_sink_failure(name, error)
                with suppress(SinkError):  # what failed is told already
                    sink.close(interrupted=True)
            self._clock.charge(name)

    def close(self, *, interrupted: bool) -> list[BaseException]:
        """Close all that is open and complete the report; what failed in closing."""
        report, clock = self._report, self._clock
        clock.skip()
        if not interrupted:
            report.promised = self._source.frames  # which may know better now
        errors = _close_all(self._source, list(self._active.values()), interrupted=interrupted)
        clock.charge("close")
        report.seconds = clock.now - clock.began
        report.cpu_seconds = time.process_time() - self._began_cpu
        report.dropped = self._source.dropped
        report.age_p50, report.age_p95 = self._latency.percentile(50), self._latency.percentile(95)
        workers: Mapping[str, Source | Sink] = {"source": self._source, **self._sinks}
        seconds = {name: part.worker_seconds for name, part in workers.items()}
        report.worker_seconds |= {name: spent for name, spent in seconds.items() if spent is not None}
        parts: list[Source | Effect | Sink] = [self._source, *self._effects, *self._sinks.values()]
        report.notes += [*(note for part in parts for note in part.notes), *self._failed]
        ends = [str(error) if isinstance(error, Exception) else "" for error in errors]  # else one more signal came
        report.notes += [f"while closing: {end or 'given up'}" for end in ends]
        return errors


def _close_all(source: Source, sinks: Sequence[Sink], *, interrupted: bool) -> list[BaseException]:
    """Close each once, in order, even if others fail; what failed."""
    errors: list[BaseException] = []
    ends: list[Callable[[], None]] = [source.close, *(partial(sink.close, interrupted=interrupted) for sink in sinks)]
    for close in ends:
        try:
            close()
        except BaseException as error:  # even Ctrl-C: the others are closed before it goes on
            errors.append(error)
    return errors
