"""`gancam live`: a camera or stream through effects, now."""

import json
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gancam.budget import MISSED, Budget
from gancam.cli.app import (
    ControlOption,
    DeviceOption,
    EffectOption,
    LiveSizeOption,
    OutputsOption,
    OverwriteOption,
    PrecisionOption,
    ReconnectOption,
    RecordParamsOption,
    SecondsOption,
    SourceArgument,
    StatsOption,
    TargetFpsOption,
    TargetMsOption,
    ThreadsOption,
    WatchOption,
    app,
)
from gancam.cli.checks import check_chain, check_log, parse_frame_time, parse_size, parse_specs
from gancam.cli.console import print_failed_output, print_note, print_warning
from gancam.control import Controls, open_control
from gancam.effects import EffectSlot
from gancam.errors import InputError, NotFound, SourceError
from gancam.inference.catalog import menu
from gancam.jobs.spec import EffectChainSpec
from gancam.media.info import VideoInfo
from gancam.pipeline import Report, output_size, run
from gancam.sinks import Sink, SinkContext, check_target, open_sink
from gancam.sinks.parameter_log import ParameterLog
from gancam.sinks.stats import StatsLog
from gancam.vision.pad import DrawingPad

if TYPE_CHECKING:
    from gancam.sources.live import LiveSource


DEFAULT_FPS = 24  # what the effect that is played by default may not fall below by what is chosen here
DEFAULT_FRAME_TIME = 1 / DEFAULT_FPS / MISSED  # a budget lets that much more pass before it plays something cheaper


@dataclass(frozen=True, slots=True)
class LiveOptions:
    """What a command line asks for."""

    source: str
    recipe: EffectChainSpec
    outputs: tuple[str, ...]
    size: tuple[int, int]
    seconds: float | None
    reconnect: int | None
    stats: Path | None
    controls: tuple[str, ...]
    record_params: Path | None
    frame_time: float | None  # seconds that a frame may take
    by_itself: bool  # nobody asked for that time
    watch: str  # new or split, or empty
    overwrite: bool
    as_json: bool


@app.command()
def live(
    source: SourceArgument = "0",
    effect: EffectOption = None,
    to: OutputsOption = None,
    size: LiveSizeOption = "640x360",
    seconds: SecondsOption = None,
    reconnect: ReconnectOption = None,
    stats: StatsOption = None,
    control: ControlOption = None,
    record_params: RecordParamsOption = None,
    target_fps: TargetFpsOption = None,
    target_ms: TargetMsOption = None,
    watch: WatchOption = None,
    device: DeviceOption = "auto",
    precision: PrecisionOption = "auto",
    threads: ThreadsOption = None,
    overwrite: OverwriteOption = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON on stdout.")] = False,
) -> None:
    """Play a camera, a stream or a video file through effects.

    The delay is as short as possible: frames that come too late are dropped. Without an effect, super-resolution is
    played, as good as 24 frames a second allow on this machine (--target-fps sets another rate); -e none plays the
    source as it is. It ends with q in the window, with Ctrl-C, or when the source ends.
    """
    names = effect or ["sr-x2-gan" if "sr-x2-gan" in menu() else "sr-x2"]
    frame_time = parse_frame_time(target_fps, target_ms)
    options = LiveOptions(
        source=source,
        recipe=EffectChainSpec(parse_specs([one for one in names if one != "none"]), device, precision, threads),
        outputs=tuple(to or ["window"]),
        size=parse_size(size),
        seconds=seconds,
        reconnect=reconnect,
        stats=stats,
        controls=tuple(control or ()),
        record_params=record_params,
        frame_time=DEFAULT_FRAME_TIME if frame_time is None and not effect else frame_time,
        by_itself=frame_time is None,
        watch=watch or "",
        overwrite=overwrite,
        as_json=as_json,
    )
    _check(options)
    _play(options)


def _check(options: LiveOptions) -> None:
    """Find what is wrong before a model is loaded or a source is opened."""
    if options.frame_time is not None and not options.recipe.specs:
        raise InputError("--target-fps and --target-ms need at least one -e EFFECT, whose quality they choose")
    if options.watch not in ("", "new", "split"):
        raise InputError(f"--watch {options.watch!r} must be new or split")
    _check_source(options.source)
    for target in options.outputs:
        check_target(target, overwrite=options.overwrite)
    check_log(options.stats, overwrite=True)
    check_log(options.record_params, overwrite=options.overwrite)
    check_chain(options.recipe)


def _play(options: LiveOptions) -> None:
    from gancam.sources.open import open_live

    sound = Path(options.source) if Path(options.source).is_file() else None
    chain = options.recipe.load(sound, watch=options.watch)
    controls = Controls(chain)
    budget = None if options.frame_time is None else _budget(chain, options.frame_time, by_itself=options.by_itself)
    report = Report()
    with open_live(options.source, size=options.size, reconnect=options.reconnect) as feed, ExitStack() as opened:
        for one in chain:
            opened.callback(one.close)
        remotes = [
            opened.enter_context(closing(open_control(one, controls, print_warning))) for one in options.controls
        ]
        outputs = _open_outputs(options, feed, chain, controls, budget)
        said = [feed.notes, *(output.notes for output in outputs), *(remote.notes for remote in remotes)]
        notes = [note for part in said for note in part]
        for note in notes:
            print_note(note)
        try:
            with _stop_after(options.seconds, feed.close):
                run(
                    feed,
                    chain if budget is None else [budget],
                    outputs,
                    on_frame=[controls],
                    report=report,
                    on_sink_failure=print_failed_output,
                )
        finally:
            report.notes = [note for note in report.notes if note not in notes]
            print(json.dumps(report.to_dict()) if options.as_json else "\n".join(report.text()))


def _open_outputs(
    options: LiveOptions, feed: "LiveSource", chain: Sequence[EffectSlot], controls: Controls, budget: Budget | None
) -> list[Sink]:
    """Open all outputs and logs, and measure for `budget`; where one fails, the others are closed."""
    outputs: list[Sink] = []
    try:
        dropped = lambda: feed.dropped
        context = SinkContext(
            fps=feed.fps,
            size=output_size(chain, feed.size),
            source_info=VideoInfo(size=feed.size, time_base=Fraction(1, 90_000)),
            overwrite=options.overwrite,
            controls=controls,
            dropped=dropped,
            status=lambda: _status(budget, chain),
            pad=_pad(chain, options.outputs),
        )
        for target in options.outputs:
            outputs.append(open_sink(target, context))  # noqa: PERF401 - those before one that fails are closed
        if options.stats is not None:
            outputs.append(StatsLog(options.stats, dropped=dropped, more=dict if budget is None else budget.figures))
        if options.record_params is not None:
            outputs.append(ParameterLog(options.record_params, controls, overwrite=options.overwrite))
        if budget is not None:
            budget.prepare(feed.size)
    except BaseException:
        for output in outputs:
            output.close(interrupted=True)
        raise
    return outputs


@contextmanager
def _stop_after(seconds: float | None, stop: Callable[[], None]) -> Iterator[None]:
    """Call `stop` in a thread when so many seconds have passed within this context; None is never."""
    if seconds is None:
        yield
        return
    timer = threading.Timer(seconds, stop)
    timer.name = "gancam-stop"
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()


def _status(budget: Budget | None, chain: Sequence[EffectSlot]) -> str:
    """Write how the effects are played just now, for the overlay; empty where there is nothing to say."""
    parts = [budget.status] if budget is not None else [effect.status for effect in chain]
    return "; ".join(filter(None, parts))


def _pad(chain: Sequence[EffectSlot], outputs: Sequence[str]) -> tuple[str, DrawingPad] | None:
    """Find the effect that is drawn for in the window, by name, and what is drawn on."""
    pads = [(one.name, one.pad) for one in chain if one.pad is not None]
    if pads and "window" not in outputs:
        raise InputError(f"{pads[0][0]}: draw needs a window to draw in; add --to window")
    if len(pads) > 1:
        raise InputError(f"draw: only one effect can be drawn for, not {' and '.join(name for name, _ in pads)}")
    return pads[0] if pads else None


def _budget(chain: Sequence[EffectSlot], seconds: float, *, by_itself: bool) -> Budget:
    """Make the budget; where nobody asked for one, its first line says why there is one."""
    why = f"without -e or --target-fps, what holds {DEFAULT_FPS} frames a second is played: "
    first = iter([why] if by_itself else [])
    return Budget(chain, seconds, notify=lambda text: print_note(next(first, "") + text))


def _check_source(text: str) -> None:
    """Refuse what cannot be a live source, so far as that is known without opening it."""
    if os.path.isdir(text):
        raise SourceError(f"{text}: is a folder; a live source is a camera's index, a URL, a video file or test")
    if "://" in text or text == "test" or text.isdigit() or text.startswith("/dev/") or Path(text).exists():
        return
    raise NotFound(f"{text}: no such file; a live source is a camera's index, a URL, a video file or test")
