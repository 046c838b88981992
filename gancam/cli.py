"""The command line. Whatever goes wrong is one line on stderr and exit code 2; a traceback is a bug."""

import json
import logging
import math
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager, nullcontext
from dataclasses import asdict, replace
from datetime import timedelta
from fractions import Fraction
from functools import partial
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Any, NoReturn, get_args, get_type_hints

import cv2
import numpy as np
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

import gancam
from gancam import batch, effects, jobs, lettering, proof
from gancam.control import Controls, ParameterLog, open_control
from gancam.crew import LocalCrew, share_of_threads
from gancam.effects import Effect, EffectSpec
from gancam.errors import GancamError, InputError, NotFound, OutputExists, SinkError, SourceError
from gancam.footage import IMAGES, Footage, MediaPath, SequencePath, StillPath, classify
from gancam.frame import Image
from gancam.jobs import process_image, write_image
from gancam.model import read_card, variants
from gancam.pipeline import Report, Switch, output_size, run, switches
from gancam.preset import read_preset
from gancam.sinks import Sink, check_target, open_sink
from gancam.sinks.stats import StatsLog
from gancam.sinks.video import check_output
from gancam.sources import Still, VideoFile

if TYPE_CHECKING:
    from gancam.bench import Results
    from gancam.budget import Budget

app = typer.Typer(
    name="gancam", no_args_is_help=True, add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False,
    help="GANs on live video: super-resolution of files and frames, in real time on a plain CPU.",
)  # fmt: skip
_FIGURES = (  # how their names begin; the rest of a name says what they were measured with
    "psnr_y", "ssim_y", "distance", "frechet_of_reals", "frechet", "kernel", "precision", "recall", "density",
    "coverage", "near_copies", "variety", "path_length", "modes", "kl",
)  # fmt: skip
_DEVICES, _PRECISIONS = ("auto", "cpu", "cuda"), ("auto", "fp32", "fp16", "int8")
_SPECS = "gancam.specs"  # of a preset, among what a context carries
errors = Console(stderr=True, highlight=False, soft_wrap=True, emoji=False)

EffectOption = Annotated[
    list[str] | None,
    typer.Option("-e", "--effect", metavar="NAME[:KEY=VALUE...]", help="Effect; repeat for a chain, in this order."),
]
CodecOption = Annotated[
    str | None,
    typer.Option(help="h264, h265, vp9, av1, prores or ffv1, which is lossless (default: the container's usual)."),
]
DeviceOption = Annotated[str, typer.Option(help="auto, cpu or cuda.")]
PrecisionOption = Annotated[str, typer.Option(help="auto, fp32, fp16 or int8.")]
ThreadsOption = Annotated[int | None, typer.Option(help="CPU threads of the network (default: all).", min=1)]
TruncationOption = Annotated[
    float | None,
    typer.Option(
        help="Variety against quality: 1 all, 0 nothing but the average picture (default: what suits the generator).",
        min=0,
        max=1,
    ),
]
OverwriteOption = Annotated[bool, typer.Option("--overwrite", help="Replace an existing output.")]


def _preset(context: typer.Context, path: Path | None) -> Path | None:
    """Take what a TOML file says for the defaults of the other options."""
    if path is not None:
        hints = get_type_hints(process)
        names, options = dict[str, str](), dict[str, type]()
        for part in context.command.params:
            name = next((one[2:] for one in part.opts if one.startswith("--")), "")
            if name not in ("", "preset", "help"):
                names[name] = part.name or ""
                kinds = [*get_args(hints[names[name]]), hints[names[name]]]
                options[name] = next((kind for kind in (bool, int, float) if kind in kinds), str)
                options[name] = list if list[str] in kinds else options[name]
        values = read_preset(path, options)
        context.meta[_SPECS] = tuple(values.pop("effect", ()))  # which are no texts
        context.default_map = {names[name]: value for name, value in values.items()}
    return path


@contextmanager
def _told_of(path: Path | None) -> Iterator[None]:
    """What is wrong with effects is told with the name of the preset that has them."""
    try:
        yield
    except (InputError, NotFound) as error:
        if path is None or str(error).startswith(f"{path}: "):
            raise
        raise type(error)(f"{path}: {error}") from error


class Terminated(BaseException):
    """SIGTERM, turned into an exception so that files are finished on the way out."""


@app.callback(invoke_without_command=True)
def top(version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False) -> None:
    if version:
        print(f"gancam {gancam.__version__}")
        raise typer.Exit


@app.command()
def process(
    context: typer.Context,
    paths: Annotated[
        list[str],
        typer.Argument(
            metavar="IN... OUT",
            help="Videos, images, folders, patterns; and the file or folder to write.",
        ),
    ],
    effect: EffectOption = None,
    codec: CodecOption = None,
    encoder: Annotated[str | None, typer.Option(help="cpu (default), or nvenc: an NVIDIA GPU's.")] = None,
    quality: Annotated[float | None, typer.Option(help="0 (small) to 100 (best), default 80.")] = None,
    deinterlace: Annotated[bool, typer.Option("--deinterlace", help="Whole pictures of interlaced video.")] = False,
    start: Annotated[str | None, typer.Option("--from", metavar="10s", help="Leave out what comes before.")] = None,
    stop: Annotated[str | None, typer.Option("--to", metavar="20s", help="Leave out what comes from there on.")] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with a job that was interrupted, killed or out of disk.")
    ] = False,
    eight_bit: Annotated[bool, typer.Option("--eight-bit", help="Take 10-bit and HDR video as 8 bits.")] = False,
    params: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Turn parameters as `live --record-params FILE` recorded it.")
    ] = None,
    fps: Annotated[
        float | None, typer.Option(help="Of numbered images (frame-%06d.png) without a file of times; default 25.")
    ] = None,
    form: Annotated[
        str | None,
        typer.Option("--format", help="Of stdout (-): matroska (default), nut, mpegts, webm, mp4 or mov in fragments."),
    ] = None,
    preset: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            is_eager=True,
            callback=_preset,
            help="Options from a TOML file, as quality = 90; what is given here wins.",
        ),
    ] = None,
    device: DeviceOption = "auto",
    precision: PrecisionOption = "auto",
    threads: ThreadsOption = None,
    workers: Annotated[
        str, typer.Option("--jobs", metavar="N|auto", help="Processes at work; auto: more than one where that pays.")
    ] = "auto",
    cluster: Annotated[
        str | None, typer.Option(metavar="auto|ADDRESS", help="Let a Ray cluster do it (extra: gancam[cluster]).")
    ] = None,
    overwrite: OverwriteOption = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress bar, no report.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="The report as JSON on stdout.")] = False,
) -> None:
    """Run videos and images through effects into new files. Audio is kept. Without -e: faithful copies. Of several
    inputs, a folder or a pattern, OUT is the folder to write to: what is done already is skipped, what was begun goes
    on, failures are listed at the end (exit 1)."""
    if len(paths) < 2:
        raise InputError(f"process needs IN and OUT, and was given {paths[0]!r} alone")
    task = jobs.Task(
        codec=codec, encoder=encoder, quality=quality, deinterlace=deinterlace, eight_bit=eight_bit,
        params=params, overwrite=overwrite, resume=resume, first=_moment(start), end=_moment(stop), fps=fps,
    )  # fmt: skip
    count = _count(workers)
    hire = _hire(cluster, count)
    theirs = context.meta.get(_SPECS, ()) if not effect else ()
    recipe = jobs.Recipe(theirs or _specs(effect), device, precision, threads)
    names = preset if theirs else None
    if batch.is_batch(paths[:-1], paths[-1]):
        jobs.check_task(task)
        _check_recipe(recipe, names)
        many: dict[str, Any] = {"workers": count, "hire": hire if cluster else None, "quiet": quiet, "as_json": as_json}
        _process_batch(paths[:-1], Path(paths[-1]), recipe, replace(task, resume=True), **many)
        return
    with ExitStack() as opened:
        if paths[1] == "-":
            task = replace(task, pipe=opened.enter_context(_stdout()), form=form)
        elif form is not None:
            raise InputError(f"--format {form}: is for stdout (-); the ending of {paths[1]} names its container")
        target = classify(paths[1])
        source = classify(paths[0])
        several = isinstance(source, SequencePath) or isinstance(target, SequencePath)
        if hire is not None and (task.pipe is not None or several):
            raise InputError("--jobs N and --cluster are for files: stdout and numbered images are made by one process")
        jobs.check(None if paths[0] == "-" else source, target, task)
        _check_recipe(recipe, names)
        if paths[0] == "-":
            source = classify(opened.enter_context(_stdin()))
        with _told_of(names):
            chain = recipe.load(source.path)
        _process_one(source, target, chain, recipe, task, hire=hire, quiet=quiet, as_json=as_json)


@contextmanager
def _stdin() -> Iterator[Path]:
    if sys.stdin.isatty():
        raise InputError("-: stdin is a terminal; pipe a video into it, as in cat in.mkv | gancam process - out.mkv")
    with jobs.spooled(sys.stdin.buffer) as path:
        yield path


@contextmanager
def _stdout() -> Iterator[int]:
    """A descriptor of stdout for video alone: what else is printed goes to stderr from now on."""
    if sys.stdout.isatty():
        raise InputError("-: stdout is a terminal; pipe it on, as in gancam process in.mp4 - | ffplay -")
    sys.stdout.flush()
    mine = os.dup(1)
    os.dup2(2, 1)
    if sys.platform == "win32":
        import msvcrt

        msvcrt.setmode(mine, os.O_BINARY)
    try:
        yield mine
    finally:
        os.close(mine)


def _process_one(
    source: MediaPath, target: MediaPath, chain: Sequence[Effect], recipe: jobs.Recipe, task: jobs.Task, *,
    hire: batch.Hire | None, quiet: bool, as_json: bool,
) -> None:  # fmt: skip
    several = isinstance(source, SequencePath) or isinstance(target, SequencePath)
    if not several and (isinstance(source, StillPath) or isinstance(target, StillPath)):
        process_image(source, target, chain, overwrite=task.overwrite, tell=_note)
        return
    report = Report()
    try:
        with _progress(None, quiet or as_json) as progress:
            if hire is not None and not several:
                report = batch.process_one(source.path, target.path, recipe, task, tell=_hear(progress), hire=hire)
            else:
                jobs.process_video(source, target, chain, task, report, tell=_note, progress=progress)
    except (KeyboardInterrupt, Terminated):
        kept = (
            "the same command with --resume goes on" if jobs.pieces_of(target.path).exists() else "nothing was written"
        )
        if task.pipe is not None:
            kept = "what came is written"
        elif (plays := jobs.so_far(target.path)).exists():
            kept += f"; what came so far plays: {plays}"
        errors.print(f"gancam: interrupted; {kept}", markup=False)
        raise
    if as_json:
        print(json.dumps({"output": str(target), **report.to_dict()}))
    elif not quiet:
        print("\n".join(report.text()))
        if several and task.pipe is None:
            print(f"wrote {target}")
        elif task.pipe is None:
            print(f"wrote {target} ({target.path.stat().st_size / 1e6:.1f} MB)")


def _count(text: str) -> int | None:
    """What --jobs asks for; None is auto."""
    if text == "auto":
        return None
    if not text.isdecimal() or not 1 <= int(text) <= 1024:
        raise InputError(f"--jobs {text!r}: needs a number from 1, or auto")
    return int(text)


def _hire(cluster: str | None, count: int | None) -> batch.Hire | None:
    """The crew that --cluster and --jobs ask for; None where this process does the work."""
    if cluster is not None:
        from gancam.cluster import RayCrew

        return lambda recipe: RayCrew(recipe, cluster, count)
    if count is None or count == 1:
        return None
    return lambda recipe: LocalCrew(replace(recipe, threads=recipe.threads or share_of_threads(count)), count)


def _hear(progress: Any) -> batch.Tell:
    """What a crew tells of one video, as a note or as progress."""

    def hear(event: Mapping[str, Any]) -> None:
        if event["event"] == "note":
            _note(event["note"])
        elif event["event"] == "progress" and progress is not None:
            progress(event["frame"] - 1, event["frames"])

    return hear


def _process_batch(
    inputs: Sequence[str],
    out: Path,
    recipe: jobs.Recipe,
    task: jobs.Task,
    *,
    workers: int | None,
    hire: batch.Hire | None,
    quiet: bool,
    as_json: bool,
) -> None:
    found = batch.find(inputs, out, codec=task.codec)
    bars = _BatchBars(shown=not quiet and not as_json)
    try:
        with bars:
            tell = _print_event if as_json else bars
            summary = batch.process_all(found, out, recipe, task, tell=tell, workers=workers, hire=hire)
    except (KeyboardInterrupt, Terminated):
        errors.print("gancam: interrupted; the same command goes on", markup=False)
        raise
    if not quiet and not as_json:
        print("\n".join(summary.text()))
    if summary.failed:
        raise typer.Exit(1)


def _print_event(event: Mapping[str, Any]) -> None:
    print(json.dumps(event), flush=True)


class _BatchBars:
    """What a batch tells, as a bar for each file at work, one for all of them, and lines for notes and failures."""

    def __init__(self, *, shown: bool) -> None:
        columns = (
            TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(),
            TextColumn("{task.fields[said]}", markup=False),
        )  # fmt: skip
        hidden = not (shown and errors.is_terminal)
        self._bars = Progress(*columns, console=errors, transient=True, refresh_per_second=5, disable=hidden)
        self._all = self._bars.add_task("all", total=None, said="")
        self._files: dict[str, Any] = {}

    def __enter__(self) -> None:
        pass

    def __exit__(self, *error: object) -> None:
        self._bars.stop()

    def __call__(self, event: Mapping[str, Any]) -> None:
        kind, name = event["event"], str(event.get("input", ""))
        if kind == "batch":
            for note in event["notes"]:
                _note(note)
            self._bars.update(self._all, total=event["files"])
            self._bars.start()
        elif kind == "file":
            self._files[name] = self._bars.add_task(Path(name).name, total=None, said="")
        elif kind == "progress":
            self._bars.update(self._files[name], completed=event["frame"], total=event["frames"])
            if event["eta"] is not None:
                self._bars.update(self._all, said=f"ETA {timedelta(seconds=round(event['eta']))}")
        elif kind == "note":
            _note(event["note"] if name in event["note"] else f"{name}: {event['note']}")
        elif kind in ("made", "failed"):
            self._bars.remove_task(self._files.pop(name))
            self._bars.advance(self._all)
            if kind == "failed":
                _tell(event["error"])


@app.command()
def verify(
    before: Annotated[Path, typer.Argument(metavar="IN", help="What was processed: a video, or frame-%06d.png.")],
    after: Annotated[Path, typer.Argument(metavar="OUT", help="What was made of it, likewise.")],
    as_json: Annotated[bool, typer.Option("--json", help="A list of findings on stdout.")] = False,
) -> None:
    """What was kept, changed and lost: frames, times, streams, packets, words, chapters, colour. Exit 1 if any was
    lost."""
    from gancam.verify import verify as compare

    findings = compare(before, after)
    if as_json:
        print(json.dumps([finding.to_dict() for finding in findings], indent=2))
    else:
        table = Table("property", "", "before", "after", box=None, pad_edge=False)
        colours = {"kept": "green", "changed": "yellow", "lost": "bold red"}
        for one in findings:
            table.add_row(Text(one.name), Text(one.verdict, colours[one.verdict]), Text(one.before), Text(one.after))
        Console(highlight=False).print(table)
    if any(finding.verdict == "lost" for finding in findings):
        raise typer.Exit(1)


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
    from gancam.live import open_live

    names = effect or ["sr-x2-gan" if "sr-x2-gan" in effects.menu() else "sr-x2"]
    recipe = jobs.Recipe(_specs([name for name in names if name != "none"]), device, precision, threads)
    asked, frame_time = _size(size), _frame_time(target_fps, target_ms)
    if frame_time is not None and not recipe.specs:
        raise InputError("--target-fps and --target-ms choose how an effect is played, and there is none")
    source = _source(source)
    for target in to or ["window"]:
        check_target(target, overwrite=overwrite)
    _check_log(stats, overwrite=True)
    _check_log(record_params, overwrite=overwrite)
    _check_recipe(recipe)
    sound = Path(source) if Path(source).is_file() else None
    chain = switches(recipe.load(sound))
    controls = Controls(chain)
    budget = None if frame_time is None else _budget(chain, frame_time)
    report = Report()
    outputs: list[Sink] = []
    with open_live(source, size=asked, reconnect=reconnect) as feed, ExitStack() as opened:
        for one in chain:
            opened.callback(getattr(one.effect, "close", list))
        remotes = [opened.enter_context(closing(open_control(one, controls, _tell))) for one in control or []]
        try:
            like = Footage(size=feed.size, time_base=Fraction(1, 90_000))
            for target in to or ["window"]:
                options: dict[str, Any] = {"like": like, "overwrite": overwrite, "controls": controls}
                options["playing"] = partial(_playing, budget, chain)
                options["pad"] = _pad(chain, to or ["window"])
                shape = output_size(chain, feed.size)
                outputs += [open_sink(target, fps=feed.fps, size=shape, dropped=lambda: feed.dropped, **options)]
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
        told = [*feed.notes, *(note for part in [*outputs, *remotes] for note in getattr(part, "notes", ()))]
        for note in told:
            _note(note)
        timer = None if seconds is None else threading.Timer(seconds, feed.close)
        try:
            if timer is not None:
                timer.start()
            run(
                feed,
                chain if budget is None else [budget],
                outputs,
                between=[controls],
                report=report,
                on_sink_failure=_warn,
            )
        finally:
            if timer is not None:
                timer.cancel()
            report.notes = [note for note in report.notes if note not in told]
            if as_json:
                print(json.dumps(report.to_dict()))
            else:
                print("\n".join(report.text()))


def _playing(budget: "Budget | None", chain: Sequence[Switch]) -> str:
    """The overlay's line: how the effects are played just now; empty where there is nothing to say."""
    parts = [str(budget)] if budget is not None else []
    return "; ".join([*parts, *(effect.doing for effect in chain if effect.doing)])


def _pad(chain: Sequence[Switch], outputs: Sequence[str]) -> tuple[str, Any] | None:
    """The effect that is drawn for in the window, by name, and what is drawn on."""
    pads = [(one.name, pad) for one in chain if (pad := getattr(one.effect, "drawn", None)) is not None]
    if pads and "window" not in outputs:
        raise InputError(f"{pads[0][0]}: draw needs the window; add --to window")
    if len(pads) > 1:
        raise InputError(f"draw: of {' and '.join(name for name, _ in pads)} one only can be drawn for")
    return pads[0] if pads else None


def _frame_time(fps: float | None, milliseconds: float | None) -> float | None:
    """The seconds a frame may take by --target-fps or --target-ms; None without."""
    if fps is None and milliseconds is None:
        return None
    if fps is not None and milliseconds is not None:
        raise InputError("--target-fps and --target-ms say the same in two ways: give one")
    if not all(0 < target < math.inf for target in (fps, milliseconds) if target is not None):
        raise InputError("--target-fps and --target-ms need more than 0")
    return milliseconds / 1000 if milliseconds is not None else 1 / (fps or 1)


def _budget(chain: Sequence[Switch], seconds: float) -> "Budget":
    from gancam.budget import Budget

    return Budget(chain, seconds, told=_note)


def _check_recipe(recipe: jobs.Recipe, preset: Path | None = None) -> None:
    """Find what is wrong with effects, their parameters and how they are to run, before a model is opened."""
    _check_device(recipe.device, recipe.precision)
    with _told_of(preset):
        for spec in recipe.specs:
            effects.check(spec)


def _check_device(device: str, precision: str, *more: str) -> None:
    if device not in _DEVICES:
        raise InputError(f"device {device!r} must be auto, cpu or cuda")
    if precision not in (*_PRECISIONS, *more):
        raise InputError(
            f"precision {precision!r} must be {', '.join([*_PRECISIONS[:-1], *more])} or {_PRECISIONS[-1]}"
        )


def _check_log(path: Path | None, *, overwrite: bool) -> None:
    """Find what is in the way of a log that is written beside a video; None is no log."""
    if path is None:
        return
    if not path.absolute().parent.is_dir():
        raise SinkError(f"{path}: there is no folder {path.absolute().parent}")
    if path.exists() and not overwrite:
        raise OutputExists(f"{path}: exists; give another name, or --overwrite")


def _check_picture(path: Path | None, what: str, *, overwrite: bool) -> None:
    """Find what is in the way of an image that is not made of another; None is no image."""
    if path is None:
        return
    if path.suffix.lower() not in IMAGES:
        raise InputError(f"{path}: the {what} is an image, so it must end in {', '.join(IMAGES)}")
    jobs.check_image_output(path, overwrite=overwrite)


def _note(text: str) -> None:
    errors.print(f"note: {text}", markup=False)


def _warn(name: str, error: SinkError) -> None:
    _tell(f"{name} is left out, the others go on: {error}")


def _tell(warning: str) -> None:
    errors.print(f"warning: {' '.join(warning.split())}", markup=False)


def _source(text: str) -> str:
    """A live source's name, so far as it can be judged without opening it."""
    if os.path.isdir(text):
        raise SourceError(f"{text}: a folder, not a video file")
    if "://" in text or text == "test" or text.isdigit() or text.startswith("/dev/") or Path(text).exists():
        return text
    raise NotFound(f"{text}: no such file; a live source is a camera's index, a URL, a video file or test")


def _moment(text: str | None) -> Fraction | None:
    """Seconds of `10s`, `10.5` or `1:02:03`."""
    if text is None:
        return None
    try:
        parts = [Fraction(part) for part in text.removesuffix("s").split(":")]
        if len(parts) > 3:
            raise ValueError
    except (ValueError, ZeroDivisionError):
        raise InputError(f"time {text!r}: needs seconds, as 10s, or HOURS:MINUTES:SECONDS") from None
    return sum((part * 60**power for power, part in enumerate(reversed(parts))), Fraction(0))


def _size(text: str) -> tuple[int, int]:
    width, _, height = text.lower().partition("x")
    if not (width.isdecimal() and height.isdecimal() and int(width) and int(height)):
        raise InputError(f"size {text!r}: needs WIDTHxHEIGHT, as in 1280x720")
    return int(width), int(height)


@app.command()
def sample(
    name: Annotated[str, typer.Argument(help="A generator: its name, or the path of an .onnx.")],
    picture: Annotated[
        Path | None, typer.Argument(metavar="[SHEET]", help="The image to write, of all samples.")
    ] = None,
    count: Annotated[int, typer.Option("-n", "--count", help="How many.", min=1, max=100_000)] = 64,
    seed: Annotated[int, typer.Option(help="Of the first; each has the next number.", min=0, max=2**31)] = 0,
    truncation: TruncationOption = None,
    columns: Annotated[
        int | None, typer.Option(help="Samples in a row (default: about as many as rows).", min=1)
    ] = None,
    show: Annotated[bool, typer.Option("--show", help="Show the sheet in a window.")] = False,
    to: Annotated[Path | None, typer.Option(metavar="DIR", help="Write each sample as an image of its own.")] = None,
    device: DeviceOption = "auto",
    precision: PrecisionOption = "auto",
    threads: ThreadsOption = None,
    overwrite: OverwriteOption = False,
) -> None:
    """Pictures of a generator by seed: a sheet, a window, or files. The seeds are those of keyframes= and --seeds."""
    from gancam import gallery

    if picture is None and to is None and not show:
        raise InputError("nowhere to go: give a file for the sheet, --to DIR, or --show")
    _check_device(device, precision)
    effects.find(name)
    _check_picture(picture, "sheet", overwrite=overwrite)
    seeds = range(seed, seed + count)
    files = {one: to / f"{Path(name).stem}-{one:06d}.png" for one in seeds} if to is not None else {}
    _check_folder(to)
    for path in files.values():
        if path.exists() and not overwrite:
            raise OutputExists(f"{path}: exists; give another name, or --overwrite")
    model = gallery.open_generator(name, device=device, precision=precision, threads=threads)
    images = gallery.pictures(model, seeds, truncation=truncation)
    if to is not None:
        _make_folder(to)
    for one, path in files.items():
        write_image(path, images[one - seed], overwrite=overwrite)
    if files:
        print(f"wrote {count} images to {to}")
    columns = min(columns or math.ceil(math.sqrt(count)), count)
    sheet = gallery.sheet(images, columns)
    if picture is not None:
        write_image(picture, sheet, overwrite=overwrite)
        print(f"wrote {picture}: seeds {seed} to {seed + count - 1}, row by row, {columns} in a row")
    if show:
        _show(sheet)


@app.command()
def morph(
    name: Annotated[str, typer.Argument(help="A generator: its name, or the path of an .onnx.")],
    target: Annotated[Path, typer.Argument(metavar="OUT", help="The video to write.")],
    seeds: Annotated[str, typer.Option(metavar="1,5,9", help="The pictures to pass through, by seed.")] = "1,5,9",
    seconds: Annotated[float, typer.Option(help="How long one round takes.")] = 10.0,
    fps: Annotated[float, typer.Option(help="Frames a second.")] = 30.0,
    size: Annotated[int | None, typer.Option(metavar="PIXELS", help="Width and height (default: 480 or more).")] = None,
    ease: Annotated[str, typer.Option(help="linear, smooth or hold: how it passes each picture.")] = "linear",
    truncation: TruncationOption = None,
    codec: CodecOption = None,
    quality: Annotated[float | None, typer.Option(help="0 (small) to 100 (best), default 80.")] = None,
    device: DeviceOption = "auto",
    precision: PrecisionOption = "auto",
    threads: ThreadsOption = None,
    overwrite: OverwriteOption = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress bar, no report.")] = False,
) -> None:
    """A seamless loop through pictures of a generator, as a video of its own: its last frame leads into its first."""
    from gancam import gallery

    try:
        numbers = [int(part) for part in seeds.replace("/", ",").split(",")]
    except ValueError:
        raise InputError(f"--seeds {seeds!r}: needs whole numbers joined by commas, as 1,5,9") from None
    gallery.check_loop(numbers, seconds=seconds, fps=fps, size=size, ease=ease)
    if target.suffix.lower() in IMAGES or not target.suffix:
        raise InputError(f"{target}: a loop is a video, as in loop.mp4")
    check_output(target, codec=codec, quality=quality, overwrite=overwrite)
    _check_device(device, precision)
    model = gallery.open_generator(name, device=device, precision=precision, threads=threads)
    source = gallery.Loop(model, numbers, seconds=seconds, fps=fps, size=size, ease=ease, truncation=truncation)
    options: dict[str, Any] = {"overwrite": overwrite, "codec": codec, "quality": quality}
    sink = open_sink(str(target), fps=source.fps, size=source.size, **options)
    with _progress(source.frames, quiet) as progress:
        report = run(source, [], [sink], progress=progress)
    if not quiet:
        print("\n".join(report.text()))
        print(f"wrote {target} ({target.stat().st_size / 1e6:.1f} MB)")


def _show(image: Image) -> None:
    """In a window, until its user closes it."""
    from gancam.live import open_live
    from gancam.sinks.window import Window

    window = Window()
    with open_live(Still(image, frames=None, fps=25)) as feed:
        run(feed, [], [window])


@app.command()
def demo(
    to: Annotated[Path, typer.Option(help="Folder for the results; a free name near it is taken.")] = Path(
        "gancam-demo"
    ),
) -> None:
    """Upscale a short bundled clip and show the difference: no camera, display, network or GPU needed."""
    clip = _sample("city.mp4")
    folder = _free(to)
    folder.mkdir(parents=True)
    effect = effects.load("sr-x2")
    video, picture = folder / "city-x2.mp4", folder / "city-x2-comparison.png"
    report = Report()
    with _progress(None, False) as progress:
        jobs.process_video(clip, video, [effect], jobs.Task(), report, tell=_note, progress=progress)
    with VideoFile(clip) as source:
        frames = iter(source)
        frame = next(frames)
        for _ in range(24):
            frame = next(frames, frame)
    write_image(picture, _comparison(frame.image, effect), overwrite=False)
    print("\n".join(report.text()))
    print(f"video       {video}")
    print(f"comparison  {picture}")


@app.command()
def models(as_json: Annotated[bool, typer.Option("--json", help="A list of objects on stdout.")] = False) -> None:
    """What is on the menu, with measured quality and licence."""
    entries: list[dict[str, Any]] = []
    for name, path in effects.menu().items():
        files = variants(path)
        cards = {precision: read_card(file) for precision, file in files.items()}
        card = cards["fp32"]
        entries.append({
            "name": name, "effect": card.effect, "scale": card.scale, "licence": card.licence,
            "quality": dict(card.quality), "parameters": card.parameters, "summary": card.summary, "data": card.data,
            "recipe": card.recipe, "commit": card.commit, "receptive_field": card.receptive_field,
            "layout": card.layout, "resolution": card.resolution, "latent": card.latent, "layers": card.layers,
            "variants": {
                precision: {"bytes": files[precision].stat().st_size, "quality": dict(other.quality),
                            "parity": dict(other.parity)}
                for precision, other in cards.items()
            },
            "proved": {
                device: [asdict(one) for one in trials]
                for device in ("cpu", "cuda") if (trials := proof.remembered(files, device)) is not None
            },
        })  # fmt: skip
    if as_json:
        print(json.dumps(entries, indent=2))
        return
    for entry in entries:
        precisions = " ".join(entry["variants"])
        side = entry["resolution"]
        what = f"{side}x{side}" if entry["layout"] == "latent" else f"x{entry['scale']}"
        print(f"{entry['name']:12} {what}  {entry['effect']}, {precisions}, {entry['licence']}")
        print(f"{'':12} {entry['summary']}")
        for device, trials in entry["proved"].items():
            said = (f"{one['precision']} {one['ms']:.3g} ms, {one['psnr']:.0f} dB" for one in trials)
            print(f"{'':12} tried on {device}: {'; '.join(said)}")
            for note in proof.notes([proof.Trial(**one) for one in trials], device):
                print(f"{'':12} {note}")
        for images, figures in _by_images(entry["quality"]).items():
            print(f"{'':12} {images}: " + ", ".join(f"{name} {value:.4g}" for name, value in figures.items()))


@app.command()
def doctor(
    device: Annotated[str | None, typer.Option(help="Exit with 0 only if this works: auto, cpu or cuda.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The findings as one object on stdout.")] = False,
) -> None:
    """What will run where, proved by running it, and what to do about what won't."""
    from gancam.doctor import Finding, examine, works  # nobody else should pay for it

    _check_device(device or "auto", "auto")
    findings: list[Finding] = []
    with errors.status("looking at this machine ...") if errors.is_terminal and not as_json else nullcontext():
        findings.extend(examine())
    failure = None
    try:
        works(device or "cpu", findings)
    except GancamError as error:
        failure = error
    if as_json:
        entries = [finding.to_dict() for finding in findings]
        print(json.dumps({"device": device, "works": failure is None, "findings": entries}, indent=2))
    else:
        table = Table(box=None, pad_edge=False, show_header=False)
        colours = {"ok": "green", "warning": "yellow", "problem": "bold red", "absent": "dim"}
        for finding in findings:
            said = Text(finding.seen, overflow="fold")
            if finding.cure:
                said.append(f"\ndo: {finding.cure}", "bold" if finding.verdict in ("warning", "problem") else "dim")
            table.add_row(Text(finding.verdict, colours[finding.verdict]), finding.name, said)
        Console(highlight=False).print(table)
    if failure is not None:
        raise failure


@app.command()
def bench(
    names: Annotated[list[str] | None, typer.Argument(metavar="[NAME...]", help="Models (default: sr-x2).")] = None,
    size: Annotated[list[str] | None, typer.Option(metavar="WxH", help="Of the frames; repeat for several.")] = None,
    device: Annotated[list[str] | None, typer.Option(help="auto, cpu or cuda; repeat for several.")] = None,
    precision: Annotated[
        list[str] | None, typer.Option(help="auto, all, fp32, fp16 or int8; repeat for several.")
    ] = None,
    threads: ThreadsOption = None,
    rounds: Annotated[int, typer.Option(help="Of all cases in turn.", min=1, max=100)] = 3,
    seconds: Annotated[float, typer.Option(help="Of each case in each round.", min=0.05, max=60)] = 1.0,
    as_json: Annotated[bool, typer.Option("--json", help="Everything on stdout; what --compare takes.")] = False,
    picture: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the times as an image.")] = None,
    compare: Annotated[
        Path | None, typer.Option(metavar="BASELINE.json", help="Against an earlier --json: exit 1 if slower.")
    ] = None,
    slower: Annotated[
        float, typer.Option(help="By how much of its time a case must be slower than the baseline's.", min=0)
    ] = 0.1,
    overwrite: OverwriteOption = False,
) -> None:
    """How fast models are on this machine: all cases in turn, each in a process of its own."""
    from gancam import bench as room

    earlier = room.baseline(compare) if compare is not None else None
    _check_picture(picture, "picture", overwrite=overwrite)
    for where in device or ["auto"]:
        for one in precision or ["auto"]:
            _check_device(where, one, "all")
    cases = []
    for name in names or ["sr-x2"]:
        effects.find(name)
        for kind in precision or ["auto"]:
            kinds = list(variants(effects.find(name))) if kind == "all" else [kind]
            cases += [
                room.Case(name, _size(shape), where, one, threads)
                for shape in size or ["640x360"] for where in device or ["auto"] for one in kinds
            ]  # fmt: skip
    with errors.status("measuring ...") if errors.is_terminal else nullcontext() as status:
        say = (lambda words: status.update(words)) if status is not None else None
        results = room.measure(cases, rounds=rounds, seconds=seconds, progress=say)
    if picture is not None:
        write_image(picture, room.picture(results), overwrite=overwrite)
    changes, differs = room.compare(results, earlier) if earlier is not None else ([], [])
    worse = [change for change in changes if change.ratio > 1 + slower]
    if as_json:
        compared = [{"name": one.name, "before_ms": one.before_ms, "ratio": round(one.ratio, 3)} for one in changes]
        print(json.dumps(results.to_dict() | ({"compared": compared, "slower": slower} if changes else {}), indent=2))
    else:
        _print_rows(results)
        for note in results.notes:
            _note(note)
        for change in changes:
            print(f"{change.name}: {change.before_ms:.2f} ms then, {change.now_ms:.2f} now, {change.ratio:.2f} times")
    for one in differs:
        _note(f"the baseline is of another machine or version: {one}")
    if worse:
        _tell(f"slower than {compare} by more than {slower:.0%}: {', '.join(change.name for change in worse)}")
        raise typer.Exit(1)


def _print_rows(results: "Results") -> None:
    about = results.machine
    print(f"{about['cpu']}, {about['cores']} cores, GPU {about['gpu'] or 'none'}, ONNX Runtime {about['onnxruntime']}")
    heads = "model", "size", "device", "precision", "median ms", "95 %", "fps", "network", "conversion", "copies"
    table = Table(*heads, "rest", "over its convolutions", "cores", "peak MB", box=None, pad_edge=False)
    for row in results.rows:
        over = f"{row.over_convolutions:.2f}x" if row.over_convolutions else ""
        shares = [f"{share:.0%}" for share in (row.network, row.conversion, row.copies, row.rest)]
        table.add_row(
            row.model, f"{row.width}x{row.height}", row.device, row.precision, f"{row.median_ms:.2f}",
            f"{row.p95_ms:.2f}", f"{row.fps:.1f}", *shares, over, f"{row.cores:.2f}",
            f"{row.memory_mb:.0f}" if row.memory_mb else "",
        )  # fmt: skip
    Console(highlight=False, width=200 if not sys.stdout.isatty() else None).print(table)


def _by_images(quality: Mapping[str, float]) -> dict[str, dict[str, float]]:
    """Figures such as ``psnr_y_set14`` by the images they were measured on, or the network that looked."""
    grouped: dict[str, dict[str, float]] = {}
    for name, value in quality.items():
        figure = next((known for known in _FIGURES if name.startswith(f"{known}_")), "")
        images = name.removeprefix(f"{figure}_").replace("_", " ") if figure else "measured"
        grouped.setdefault(images, {})[figure or name] = value
    return grouped


def _specs(texts: Sequence[str] | None) -> tuple[EffectSpec, ...]:
    return tuple(EffectSpec.parse(text) for text in texts or ())


def _check_folder(path: Path | None) -> None:
    """Find what would keep `_make_folder` from making it; None is no folder."""
    if path is not None and path.exists() and not path.is_dir():
        raise SinkError(f"{path}: is no folder")
    if path is not None and not path.absolute().parent.is_dir():
        raise SinkError(f"{path}: there is no folder {path.absolute().parent}")


def _make_folder(path: Path) -> None:
    try:
        path.mkdir(exist_ok=True)
    except OSError as error:
        raise SinkError(f"{path}: cannot be made a folder ({error.strerror or error})") from error


@contextmanager
def _progress(frames: int | None, quiet: bool) -> Iterator[Any]:
    if quiet:
        yield None
        return
    columns = (
        BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[fps]:5.1f} fps"), TimeElapsedColumn(),
        TextColumn("ETA"), TimeRemainingColumn(),
    )  # fmt: skip
    bar = Progress(*columns, console=errors, transient=True, refresh_per_second=5)
    task = bar.add_task("", total=frames, fps=0.0)
    began, came = time.monotonic(), 0

    def advance(index: int, promised: int | None) -> None:
        nonlocal came
        came += 1
        bar.start()  # not before the first frame: an error comes alone
        seconds = time.monotonic() - began
        bar.update(task, completed=index + 1, total=promised, fps=came / seconds if seconds > 0 else 0.0)

    try:
        yield advance
    finally:
        if came:
            bar.stop()


def _comparison(image: Image, effect: Effect) -> Image:
    """The frame enlarged by bicubic interpolation (left of the bar) and by the effect (right of it), and below it the
    same detail of each, three times larger again."""
    sharp = effect(image)
    height, width = sharp.shape[:2]
    plain = cv2.resize(image, (width, height), interpolation=cv2.INTER_CUBIC)
    top = np.concatenate([plain[:, : width // 2], sharp[:, width // 2 :]], axis=1)
    top[:, width // 2 - 1 : width // 2 + 1] = 255
    tall, wide = height // 4, width // 6
    busy = cv2.boxFilter(np.abs(sharp.astype(np.float32) - plain).sum(2), -1, (wide, tall))
    inner = busy[tall // 2 : height - tall // 2, wide // 2 : width - wide // 2]
    y, x = np.unravel_index(int(inner.argmax()), inner.shape)  # the detail where the two differ most
    details = [
        cv2.resize(picture[y : y + tall, x : x + wide], (width // 2, tall * 3), interpolation=cv2.INTER_NEAREST)
        for picture in (plain, sharp)
    ]
    sheet = np.concatenate([top, np.concatenate(details, axis=1)])
    sheet[height:, width // 2 - 1 : width // 2 + 1] = 255
    for half, text in ((sheet[:, : width // 2], "bicubic"), (sheet[:, width // 2 :], f"gancam {effect.card.name}")):
        lettering.write(half, [text], "top left", height=20)
    return sheet


def _sample(name: str) -> Path:
    """A bundled sample: in the wheel below the package, in a checkout beside it."""
    package = Path(__file__).parent
    for path in (package / "samples" / name, package.parent / "samples" / name):
        if path.is_file():
            return path
    raise NotFound(f"the bundled sample {name} is missing from this installation: reinstall gancam")


def _free(folder: Path) -> Path:
    """`folder`, or the first of folder-2, folder-3 … that does not exist."""
    candidate, number = folder, 1
    while candidate.exists():
        number += 1
        candidate = folder.with_name(f"{folder.name}-{number}")
    return candidate


def _terminate(number: int, frame: FrameType | None) -> NoReturn:
    raise Terminated


def main(arguments: list[str] | None = None) -> NoReturn:
    """Run the command line and exit: 0 done, 2 an error told in one line, 130 and 143 after Ctrl-C and SIGTERM."""
    logging.basicConfig(format="%(message)s")
    if errors.is_terminal:  # that a model is tried for the first time takes a moment, and should be told
        logging.getLogger("gancam.proof").setLevel(logging.INFO)
    if signal.getsignal(signal.SIGTERM) != signal.SIG_IGN:  # who started us may want us to stay
        signal.signal(signal.SIGTERM, _terminate)
    try:
        code = app(args=arguments, standalone_mode=False)
        sys.exit(code if isinstance(code, int) else 0)
    except (KeyboardInterrupt, typer.Abort):
        sys.exit(130)
    except Terminated:
        sys.exit(143)
    except typer.TyperException as error:
        errors.print(f"gancam: {' '.join(error.format_message().split())}", markup=False)
        sys.exit(2)
    except GancamError as error:
        errors.print(f"gancam: {' '.join(str(error).split())}", markup=False)
        sys.exit(2)
    except BrokenPipeError:
        sys.exit(1)
