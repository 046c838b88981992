"""`gancam live`: a camera or stream through effects, now."""

import json
import os
import threading
from collections.abc import Sequence
from contextlib import ExitStack, closing
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gancam.cli.app import DeviceOption, EffectOption, OverwriteOption, PrecisionOption, ThreadsOption, app
from gancam.cli.checks import check_chain, check_log, parse_frame_time, parse_size, parse_specs
from gancam.cli.console import print_error, print_note, print_warning
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
    from gancam.budget import Budget


@app.command()
def live(
    source: Annotated[
        str, typer.Argument(help="A camera's index or device path, a URL, a video file, or test (a pattern).")
    ] = "0",
    effect: EffectOption = None,
    to: Annotated[
        list[str] | None,
        typer.Option(
            metavar="window|virtualcam|mjpeg:PORT|URL|FILE|source:FILE",
            help="Output; repeat for several (default: window).",
        ),
    ] = None,
    size: Annotated[str, typer.Option(metavar="WxH", help="Asked of a camera, given to the test pattern.")] = "640x360",
    seconds: Annotated[float | None, typer.Option(help="Stop after this time.", min=0)] = None,
    reconnect: Annotated[
        int | None, typer.Option(help="Give up after so many attempts in a row (default: never).", min=0)
    ] = None,
    stats: Annotated[Path | None, typer.Option(help="Write age and drops of every frame here, as JSON lines.")] = None,
    control: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FILE|PORT|mic", help="Take parameters from this file, a local socket or a microphone, meanwhile."
        ),
    ] = None,
    record_params: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write every change of a parameter, for process --params."),
    ] = None,
    target_fps: Annotated[
        float | None, typer.Option(metavar="N", help="Quality follows the time: the best that N frames a second allow.")
    ] = None,
    target_ms: Annotated[
        float | None, typer.Option(metavar="M", help="The same, as milliseconds that a frame may take.")
    ] = None,
    device: DeviceOption = "auto",
    precision: PrecisionOption = "auto",
    threads: ThreadsOption = None,
    overwrite: OverwriteOption = False,
    as_json: Annotated[bool, typer.Option("--json", help="The report as JSON on stdout.")] = False,
) -> None:
    """Play a camera or a stream through effects, never more than a moment late. Without -e: super-resolution; with
    -e none: as it is. Ends with q in the window, with Ctrl-C, or when the source ends."""
    from gancam.sources.open import open_live

    names = effect or ["sr-x2-gan" if "sr-x2-gan" in menu() else "sr-x2"]
    recipe = EffectChainSpec(parse_specs([name for name in names if name != "none"]), device, precision, threads)
    asked, frame_time = parse_size(size), parse_frame_time(target_fps, target_ms)
    if frame_time is not None and not recipe.specs:
        raise InputError("--target-fps and --target-ms choose how an effect is played, and there is none")
    source = _source(source)
    for target in to or ["window"]:
        check_target(target, overwrite=overwrite)
    check_log(stats, overwrite=True)
    check_log(record_params, overwrite=overwrite)
    check_chain(recipe)
    sound = Path(source) if Path(source).is_file() else None
    chain = recipe.load(sound)
    controls = Controls(chain)
    budget = None if frame_time is None else _budget(chain, frame_time)
    report = Report()
    outputs: list[Sink] = []
    with open_live(source, size=asked, reconnect=reconnect) as feed, ExitStack() as opened:
        for one in chain:
            opened.callback(one.close)
        remotes = [opened.enter_context(closing(open_control(one, controls, print_error))) for one in control or []]
        try:
            context = SinkContext(
                fps=feed.fps,
                size=output_size(chain, feed.size),
                source_info=VideoInfo(size=feed.size, time_base=Fraction(1, 90_000)),
                overwrite=overwrite,
                controls=controls,
                dropped=lambda: feed.dropped,
                status=lambda: _status(budget, chain),
                pad=_pad(chain, to or ["window"]),
            )
            for target in to or ["window"]:
                outputs.append(open_sink(target, context))  # noqa: PERF401 - those before one that fails are closed
            if stats is not None:
                more = dict if budget is None else budget.figures
                outputs.append(StatsLog(stats, dropped=lambda: feed.dropped, more=more))
            if record_params is not None:
                outputs.append(ParameterLog(record_params, controls, overwrite=overwrite))
            if budget is not None:
                budget.prepare(feed.size)
        except BaseException:
            for output in outputs:
                output.close(interrupted=True)
            raise
        said = [feed.notes, *(output.notes for output in outputs), *(remote.notes for remote in remotes)]
        told = [note for notes in said for note in notes]
        for note in told:
            print_note(note)
        timer = None if seconds is None else threading.Timer(seconds, feed.close)
        try:
            if timer is not None:
                timer.start()
            run(
                feed,
                chain if budget is None else [budget],
                outputs,
                on_frame=[controls],
                report=report,
                on_sink_failure=print_warning,
            )
        finally:
            if timer is not None:
                timer.cancel()
            report.notes = [note for note in report.notes if note not in told]
            if as_json:
                print(json.dumps(report.to_dict()))
            else:
                print("\n".join(report.text()))


def _status(budget: "Budget | None", chain: Sequence[EffectSlot]) -> str:
    """The overlay's line: how the effects are played just now; empty where there is nothing to say."""
    parts = [budget.status] if budget is not None else [effect.status for effect in chain]
    return "; ".join(filter(None, parts))


def _pad(chain: Sequence[EffectSlot], outputs: Sequence[str]) -> tuple[str, DrawingPad] | None:
    """The effect that is drawn for in the window, by name, and what is drawn on."""
    pads = [(one.name, one.pad) for one in chain if one.pad is not None]
    if pads and "window" not in outputs:
        raise InputError(f"{pads[0][0]}: draw needs the window; add --to window")
    if len(pads) > 1:
        raise InputError(f"draw: of {' and '.join(name for name, _ in pads)} one only can be drawn for")
    return pads[0] if pads else None


def _budget(chain: Sequence[EffectSlot], seconds: float) -> "Budget":
    from gancam.budget import Budget

    return Budget(chain, seconds, notify=print_note)


def _source(text: str) -> str:
    """A live source's name, so far as it can be judged without opening it."""
    if os.path.isdir(text):
        raise SourceError(f"{text}: a folder, not a video file")
    if "://" in text or text == "test" or text.isdigit() or text.startswith("/dev/") or Path(text).exists():
        return text
    raise NotFound(f"{text}: no such file; a live source is a camera's index, a URL, a video file or test")
